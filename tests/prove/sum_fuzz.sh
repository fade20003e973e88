# M10. Hostile bytes: each value in each word of a ring, and libFuzzer on every reader of foreign bytes, from the corpora that are
# kept, under ASan and UBSan.
set -eu
share=$1
[ "$share" = all ] && { seconds=90 wanted=50000000; } || { seconds=3 wanted=200000; }
goal="500 forged rings, $wanted inputs to the readers of foreign bytes: no crash, no hang, no read beyond"
if ! command -v clang >/dev/null || ! ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a >/dev/null 2>&1; then
	echo "row|M10|$goal|needs clang and libclang-rt-14-dev|skipped"
	exit 0
fi
status=0
if ! rings=$("$PROVE_BUILD/tests/test_hostile_ring" --filter='hostile_ring/any_value*'); then
	echo "row|M10|$goal|a forged ring did harm: test_hostile_ring|MISSED"
	exit 1
fi
rings=$(printf '%s\n' "$rings" | awk '/ forged rings$/ { n += $1 } END { print n + 0 }')
log=$PROVE_BUILD/prove/fuzz.out
n=0
# On a machine that does other things as well, again, up to three times.
for try in 1 2 3; do
	sh "$PROVE_SOURCE/tests/fuzz/run.sh" $seconds >"$log" 2>&1 || status=$?
	cat "$log"
	more=$(sed -n 's/^\([0-9]*\) inputs, none found anything$/\1/p' "$log")
	n=$((n + ${more:-0}))
	{ [ "$status" = 0 ] && [ "$n" -lt $wanted ]; } || break
done
targets=$(grep -c '^[a-z]*: [0-9]* inputs$' "$log" || true)
verdict=MISSED
[ "$status" = 0 ] && [ "$rings" -ge 500 ] && [ "$n" -ge $wanted ] && verdict=proved
[ "$status" = 0 ] && found="$rings forged rings, $n inputs to $targets targets" || found=$(tail -n 1 "$log")
echo "row|M10|$goal|$found|$verdict"
[ $verdict = proved ]
