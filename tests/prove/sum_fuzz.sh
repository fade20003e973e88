# M10. Hostile bytes: libFuzzer on every parser of foreign bytes, from the corpora that are kept, under ASan and UBSan.
set -eu
share=$1
[ "$share" = all ] && { seconds=90 wanted=50000000; } || { seconds=3 wanted=200000; }
goal="$wanted inputs to the parsers of foreign bytes: no crash, no hang, no read beyond"
if ! command -v clang >/dev/null || ! ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a >/dev/null 2>&1; then
	echo "row|M10|$goal|needs clang and libclang-rt-14-dev|skipped"
	exit 0
fi
status=0
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
[ "$status" = 0 ] && [ "$n" -ge $wanted ] && verdict=proved
[ "$status" = 0 ] && found="$n inputs to $targets targets" || found=$(tail -n 1 "$log")
echo "row|M10|$goal|$found|$verdict"
[ $verdict = proved ]
