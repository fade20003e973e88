#!/bin/sh
# Measures tracking, storing, idling, writing JSON, delivering and asking, beside their baselines and beside what a service could
# use instead, in one table:
#
#     sh tests/bench/run.sh [--quick] [--events N] [--only NAME] [--database FILE] [--question TEXT] [--json FILE] [--dir DIR] [PART …]
#
# Parts: track, threads, laps, size, processes, attach, peers, calls, store (N events, of the workload NAME), latency, sustained (3 minutes), growth
# (to N events), rings, idle, json, deliver, backlog (of up to N events), history (of N events); all when none is named. Needs what tests/run.sh installs; builds into build/. Takes some minutes, and a machine that does nothing else. --quick is a smoke run
# of seconds; --dir is where the database is made: transactions cost what that disk costs. plot.sh draws the JSON file.
# Leaves nothing behind, but the history of N events where --database names a FILE for it: another run asks that one, and of
# --question only those with TEXT in their names.
#
# Peers are measured where they are installed: liblttng-ust-dev and lttng-tools (before the build), rsyslog, syslog-ng-core
# (Debian lets one of the two be installed; a syslog-ng that PATH has elsewhere does as well), redis-server.
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
