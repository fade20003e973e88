# As it is installed: cmake -C tests/cmake/release.cmake -B build-release
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(PAYI_TESTS OFF CACHE BOOL "")
