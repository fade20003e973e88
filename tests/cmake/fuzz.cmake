# libFuzzer with AddressSanitizer and UBSan: cmake -C tests/cmake/fuzz.cmake -B build-fuzz; tests/fuzz/run.sh does it
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(PAYI_SANITIZER "fuzzer,address,undefined" CACHE STRING "")
set(PAYI_LIBFUZZER ON CACHE BOOL "")
set(CMAKE_C_FLAGS "-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fsanitize-coverage-ignorelist=${CMAKE_CURRENT_LIST_DIR}/../fuzz/not_counted.txt -fno-sanitize-recover=all -fno-omit-frame-pointer" CACHE STRING "")
set(CMAKE_EXE_LINKER_FLAGS "-fsanitize=address,undefined" CACHE STRING "")
set(CMAKE_SHARED_LINKER_FLAGS "-fsanitize=address,undefined" CACHE STRING "")
