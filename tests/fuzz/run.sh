#!/bin/sh
# Fuzzes each target, as many at a time as there are processors (needs clang and libclang-rt-14-dev):
#
#     sh tests/fuzz/run.sh SECONDS [TARGET…]    into build-fuzz/
#
# New inputs go to build-fuzz/corpus/TARGET; those of tests/fuzz/corpus/TARGET are read first. The first input that
# crashes a target, or takes it more than 10 s, is written to build-fuzz/found/, and ends the run: mend it,
# and keep the input in tests/fuzz/corpus/TARGET. Its last line counts the inputs tried.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:?how many seconds for each target}
shift
[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/')

cmake -C tests/cmake/fuzz.cmake -G Ninja -B build-fuzz -S . -DPAYI_TESTS=ON >/dev/null
cmake --build build-fuzz --target $(printf 'fuzz_%s ' "$@") >build-fuzz/build.log || { cat build-fuzz/build.log; exit 1; }
counts=build-fuzz/counts
printf '%s\n' "$@" | xargs -P "$(nproc)" -I TARGET sh tests/fuzz/one.sh "$seconds" TARGET >"$counts" || { cat "$counts"; exit 1; }
cat "$counts"
awk '{ n += $2 } END { printf "%.0f inputs, none found anything\n", n }' "$counts"
