# The models of the ring and their mutants, and the ring under ThreadSanitizer: ctest's labels model and tsan.
set -eu
share=$1
list=$(mktemp)
trap 'rm -f "$list"' EXIT
ctest --test-dir "$PROVE_BUILD" -L 'model|tsan' -j 2 --timeout 240 >"$list" || true
cat "$list"

# row NUMBER GOAL PATTERN_OF_PROOFS PATTERN_OF_MUTANTS WANTED_PROOFS WANTED_MUTANTS
row() {
	proofs=$(grep -E "$3" "$list" | grep -v finds | grep -c Passed || true)
	mutants=$(grep -E "$4" "$list" | grep finds | grep -c Passed || true)
	failed=$(grep -E "$3|$4" "$list" | grep -cE 'Failed|Timeout|Not Run' || true)
	verdict=MISSED
	[ "$failed" = 0 ] && [ "$proofs" -ge "$5" ] && [ "$mutants" -ge "$6" ] && verdict=proved
	echo "row|$1|$2|$proofs explored, $mutants mutants found, $failed failed|$verdict"
	[ "$verdict" = proved ]
}

status=0
row M32 'the models hold, 5 mutants and more do not' ' model_' ' model_finds_' 4 18 || status=1
row M31 'ThreadSanitizer: the ring is clean, each order weakened is found' ' tsan_' ' tsan_.*_finds_' 1 6 || status=1
exit $status
