#!/bin/sh
# Proves what payi-agent promises by breaking it on purpose, and prints a table: row, goal, reached, verdict.
#
#     sh tests/prove.sh              the share that tests/run.sh runs, too: some two minutes
#     sh tests/prove.sh --all        all of it: under an hour with two processors
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
alone='stop'
mkdir -p "$logs"

# All there are, unless some were named; those that take longest first.
names() {
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@"
	else
		(cd tests/prove && ls sum_*.sh && ls prove_*.sh prove_*.c) | sed 's/^[a-z]*_//; s/\.[a-z]*$//'
	fi
}

# One for each processor, at a time; but what has to come in time has them to itself.
names "$@" >"$logs/names"
{ grep -vx "$alone" "$logs/names" || true; } | xargs -r -n 1 -P "$(nproc)" sh tests/prove/one.sh "$share"
{ grep -x "$alone" "$logs/names" || true; } | xargs -r -n 1 sh tests/prove/one.sh "$share"
while read -r name; do cat "$logs/$name.rows"; done <"$logs/names" >"$rows"

echo
sort -t'|' -k1.2,1n -s "$rows" | awk -F'|' '
	{ for (i = 1; i <= 4; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } }
	function line(a, b, c, d) { printf "%-*s  %-*s  %-*s  %s\n", width[1], a, width[2], b, width[3], c, d }
	END { line("row", "goal", "reached", "verdict")
		for (n = 1; n <= NR; n++) line(cell[n, 1], cell[n, 2], cell[n, 3], cell[n, 4]) }'
! grep -q '|MISSED$' "$rows"
