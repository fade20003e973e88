#!/bin/sh
# Measures tracking, storing, idling, writing JSON and delivering, beside their baselines, in one table:
#
#     sh tests/bench/run.sh [--quick] [--json FILE] [--dir DIR] [track] [calls] [store] [idle] [json] [deliver]
#
# Needs what tests/run.sh installs; builds into build/. Takes a minute or two, and a machine that does nothing
# else. --quick is a smoke run of seconds; --dir is where the database is made: transactions cost what that
# disk costs. Leaves nothing behind.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)

log=$(mktemp)
trap 'rm -f "$log"' EXIT
{
	cmake -G Ninja -B "$root/build" -S "$root" -DPAYI_TESTS=ON &&
		cmake --build "$root/build" --target payi-bench payi-agent
} >"$log" 2>&1 || {
	cat "$log" >&2
	exit 1
}
"$root/build/tests/bench/payi-bench" "$@"
