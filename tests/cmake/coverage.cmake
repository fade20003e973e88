# Line and branch coverage: cmake -C tests/cmake/coverage.cmake -B build-coverage, ctest, then gcov
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(PAYI_SANITIZER "coverage" CACHE STRING "")
set(CMAKE_C_FLAGS "-O0 -g --coverage -fprofile-update=atomic" CACHE STRING "")
set(CMAKE_EXE_LINKER_FLAGS "--coverage" CACHE STRING "")
set(CMAKE_SHARED_LINKER_FLAGS "--coverage" CACHE STRING "")
