#!/bin/sh
# Proves what payi-agent promises by breaking it on purpose, and prints a table: row, goal, reached, verdict.
#
#     sh tests/prove.sh              the share that tests/run.sh runs, too: some two minutes
#     sh tests/prove.sh --all        all of it: under an hour
#     sh tests/prove.sh --all NAME…  some of it, by the names of what lies in tests/prove/ (producer_steps)
#     PROVE_SEED=N sh tests/prove.sh …   one run again: every run prints its seed
#
# It wants a build of the tests in build/, or in the directory that PROVE_BUILD names, and brings it up to date.
# What the programs have to say beside their rows is in BUILD/prove/NAME.log. Exit code 1: a goal was missed.
# How to add a row: tests/prove/README.md.
set -eu
cd "$(dirname "$0")/.."
share=short
[ "${1:-}" != --all ] || { share=all; shift; }
PROVE_SOURCE=$PWD
PROVE_BUILD=$(mkdir -p "${PROVE_BUILD:-build}" && cd "${PROVE_BUILD:-build}" && pwd)
export PROVE_SOURCE PROVE_BUILD

[ -f "$PROVE_BUILD/CMakeCache.txt" ] || cmake -G Ninja -B "$PROVE_BUILD" -S . -DPAYI_TESTS=ON >/dev/null
cmake --build "$PROVE_BUILD" >"$PROVE_BUILD/prove-build.log" 2>&1 || { tail -n 40 "$PROVE_BUILD/prove-build.log"; exit 1; }
logs=$PROVE_BUILD/prove
rows=$logs/rows
mkdir -p "$logs"
: >"$rows"

# All there are, unless some were named.
names() {
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@"
	else
		(cd tests/prove && ls prove_*.c prove_*.sh sum_*.sh 2>/dev/null) | sed 's/^[a-z]*_//; s/\.[a-z]*$//'
	fi
}

run() {
	for script in tests/prove/prove_"$1".sh tests/prove/sum_"$1".sh; do
		[ ! -f "$script" ] || { sh "$script" "$share"; return; }
	done
	"$PROVE_BUILD/tests/prove/prove_$1" "$share"
}

for name in $(names "$@"); do
	printf '%-24s' "$name" >&2
	began=$(date +%s)
	status=0
	run "$name" >"$logs/$name.log" 2>&1 || status=$?
	printf '%4d s\n' $(($(date +%s) - began)) >&2
	sed -n 's/^row|//p' "$logs/$name.log" >>"$rows"
	# What broke down, or said nothing, has a row of its own.
	if [ "$status" != 0 ] || ! grep -q '^row|' "$logs/$name.log"; then
		grep -q '^row|.*|MISSED$' "$logs/$name.log" || echo "-|$name|broke down: see $logs/$name.log|MISSED" >>"$rows"
	fi
done

echo
sort -t'|' -k1.2,1n -s "$rows" | awk -F'|' '
	{ for (i = 1; i <= 4; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } }
	function line(a, b, c, d) { printf "%-*s  %-*s  %-*s  %s\n", width[1], a, width[2], b, width[3], c, d }
	END { line("row", "goal", "reached", "verdict")
		for (n = 1; n <= NR; n++) line(cell[n, 1], cell[n, 2], cell[n, 3], cell[n, 4]) }'
! grep -q '|MISSED$' "$rows"
