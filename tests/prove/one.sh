#!/bin/sh
# Runs one of the proofs for tests/prove.sh: one.sh SHARE NAME. All that it says is then in BUILD/prove/NAME.log, its rows in NAME.rows.
set -eu
share=$1 name=$2
log=$PROVE_BUILD/prove/$name.log
rows=$PROVE_BUILD/prove/$name.rows

run() {
	for script in tests/prove/prove_"$name".sh tests/prove/sum_"$name".sh; do
		[ ! -f "$script" ] || { sh "$script" "$share"; return; }
	done
	"$PROVE_BUILD/tests/prove/prove_$name" "$share"
}

began=$(date +%s)
status=0
run >"$log" 2>&1 || status=$?
sed -n 's/^row|//p' "$log" >"$rows"
# What broke down, or said nothing, has a row of its own.
if [ "$status" != 0 ] || ! grep -q '^row|' "$log"; then
	grep -q '^row|.*|MISSED$' "$log" || echo "-|$name|broke down: see $log|MISSED" >>"$rows"
fi
printf '%-24s%4d s\n' "$name" $(($(date +%s) - began)) >&2
