# Fuzzes one target that is built; for run.sh: SECONDS TARGET
set -eu
seconds=$1
target=$2
mkdir -p "build-fuzz/corpus/$target" build-fuzz/found
log=build-fuzz/$target.log
# Memory that was freed need not be kept for long, as each input begins anew, nor each allocation's whole way to be remembered: an
# input that is found is run again without these.
ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=4 "build-fuzz/tests/fuzz/fuzz_$target" \
	-max_total_time="$seconds" -timeout=10 -max_len=4096 -rss_limit_mb=1024 \
	-print_final_stats=1 -artifact_prefix="build-fuzz/found/$target-" \
	"build-fuzz/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1 || {
	tail -40 "$log"
	echo "fuzz_$target found something: see build-fuzz/found/"
	exit 255 # xargs begins no other
}
echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
