# The other compiler: cmake -C tests/cmake/clang.cmake -B build-clang
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
