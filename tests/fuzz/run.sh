#!/bin/sh
# Fuzzes each target in turn (needs clang and libclang-rt-14-dev):
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
for target in "$@"; do
	cmake --build build-fuzz --target "fuzz_$target" >build-fuzz/build.log || { cat build-fuzz/build.log; exit 1; }
done
mkdir -p build-fuzz/found
total=0
for target in "$@"; do
	mkdir -p "build-fuzz/corpus/$target"
	dictionary=tests/fuzz/$target.dict
	[ -f "$dictionary" ] && dictionary="-dict=$dictionary" || dictionary=
	log=build-fuzz/$target.log
	# shellcheck disable=SC2086 # no dictionary is no word
	"build-fuzz/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -max_len=4096 -rss_limit_mb=1024 \
		-print_final_stats=1 -artifact_prefix="build-fuzz/found/$target-" $dictionary \
		"build-fuzz/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1 || {
		tail -40 "$log"
		echo "fuzz_$target found something: see build-fuzz/found/"
		exit 1
	}
	n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	echo "$target: $n inputs"
	total=$((total + n))
done
echo "$total inputs, none found anything"
