# M31. The tests under AddressSanitizer and UBSan, as `sh tests/run.sh asan` builds and runs them, and an agent from its start over
# rings, a stand-in and questions to its end under valgrind.
set -eu
share=$1
asan='AddressSanitizer, UBSan: every test passes, nothing is reported'
memcheck='valgrind: an agent from its start to its end, no error'
if [ "$share" != all ]; then
	echo "row|M31|$asan|with --all|skipped"
	exit 0
fi
status=0
log=$PROVE_BUILD/prove/asan.txt
(cd "$PROVE_SOURCE" && sh tests/run.sh asan) >"$log" 2>&1 || status=1
cat "$log"
reports=$(grep -cE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$log" || true)
verdict=MISSED
[ "$status" = 0 ] && [ "$reports" = 0 ] && verdict=proved
echo "row|M31|$asan|$(tail -n 1 "$log"), $reports reports|$verdict"

if ! command -v valgrind >/dev/null; then
	echo "row|M31|$memcheck|it wants valgrind|skipped"
	exit "$status"
fi
place=$(mktemp -d /dev/shm/payi-prove-XXXXXX)
trap 'rm -rf "$place"' EXIT
mkdir -m 700 "$place/rings" "$place/data"
valgrind --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --log-file="$place/valgrind.%p" \
	"$PROVE_BUILD/agent/payi-agent" run --data-dir "$place/data" --ring-dir "$place/rings" >"$place/agent.log" 2>&1 &
agent=$!
for i in $(seq 600); do
	grep -q 'agent is ready' "$place/agent.log" && break
	sleep 0.1
done
ask() { "$PROVE_BUILD/agent/payi-agent" "$@" --data-dir "$place/data" >/dev/null; }
wrong=0
for i in $(seq 20); do
	printf '{"category":"system.openai","resource":"gpt-4o","units":{"text":{"input":10,"output":5}},"use_case_name":"proof","use_case_id":"%s"}\n' "$i"
done | "$PROVE_BUILD/agent/payi-agent" track --quiet --wait 60 --ring-dir "$place/rings" --data-dir "$place/data" || wrong=1
for question in events use-cases usage; do ask "$question" || wrong=$((wrong + 1)); done
ask status || [ $? = 3 ] || wrong=$((wrong + 1)) # 3: without a key it has something to say
curl -s --unix-socket "$place/data/agent.sock" http://localhost/metrics >/dev/null || wrong=$((wrong + 1))
kill -TERM "$agent"
code=0
wait "$agent" || code=$?
errors=$(sed -n 's/.*ERROR SUMMARY: \([0-9]*\) errors.*/\1/p' "$place"/valgrind.* | awk '{ n += $1 } END { print n + 0 }')
cat "$place/agent.log" "$place"/valgrind.*
verdict=MISSED
if [ "$code" = 0 ] && [ "$wrong" = 0 ] && [ "$errors" = 0 ]; then verdict=proved; else status=1; fi
echo "row|M31|$memcheck|ended with $code, $errors errors, $wrong commands failed|$verdict"
exit "$status"
