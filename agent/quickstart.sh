#!/bin/sh
# From a checkout to a first look, on Debian 12: installs what the build needs, builds, starts an agent
# offline on temporary directories, runs an example service, and shows what was stored.
#
#     sh agent/quickstart.sh
#
# As root, or with sudo. Needs no key and no server. What it installs and builds stays; nothing else does:
# no process, no data, also when it fails or is interrupted.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

# Shows a command, as one would type it, and runs it.
show() {
	printf '\n$'
	for word in "$@"; do
		case $word in
		*[!A-Za-z0-9./_-]*) printf ' "%s"' "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\n'
	"$@"
}

agent=
rings=
data=

clean_up() {
	status=$?
	trap - EXIT HUP INT TERM
	if [ -n "$agent" ] && kill "$agent" 2>/dev/null; then
		wait "$agent" || true
	fi
	if [ "$status" -ne 0 ] && [ "$status" -lt 128 ] && [ -n "$data" ] && [ -s "$data/agent.log" ]; then
		say "The agent's log" >&2
		cat "$data/agent.log" >&2
	fi
	if [ -n "$rings" ]; then rm -rf "$rings"; fi
	if [ -n "$data" ]; then rm -rf "$data"; fi
	exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- Packages ------------------------------------------------------------------------------------------

packages='cmake ninja-build gcc libc6-dev pkg-config sqlite3
libuv1-dev libcurl4-openssl-dev libmicrohttpd-dev libsqlite3-dev libjansson-dev libinih-dev
zlib1g-dev'

missing=
for package in $packages; do
	dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
	say "Installing packages:$missing"
	sudo=
	if [ "$(id -u)" != 0 ]; then
		sudo=sudo
		command -v sudo >/dev/null || {
			echo "quickstart: run me as root, or install sudo, or install these packages first" >&2
			exit 1
		}
	fi
	$sudo apt-get update -q
	# shellcheck disable=SC2086 # a list of words
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
else
	say "All packages are installed"
fi

# ---- Build ---------------------------------------------------------------------------------------------

say "Building libpayi, the agent and the examples into build/"
cmake -G Ninja -B build -S . -DPAYI_TESTS=OFF
cmake --build build

# ---- Run -----------------------------------------------------------------------------------------------

rings=$(mktemp -d /dev/shm/payi-quickstart.XXXXXX)
data=$(mktemp -d /tmp/payi-quickstart.XXXXXX)
PATH=$PWD/build/agent:$PWD/build/client/examples:$PATH
PAYI_RING_DIR=$rings
PAYI_DATA_DIR=$data
PAYI_CONFIG=/dev/null
export PATH PAYI_RING_DIR PAYI_DATA_DIR PAYI_CONFIG
unset PAYI_API_KEY PAYI_API_KEY_FILE ASCERTA_API_KEY

say "Starting an agent: rings in $rings, database in $data, no key, so it works offline"
printf '\n$ payi-agent run &\n'
payi-agent run 2>"$data/agent.log" &
agent=$!

say "Running an example service: 3 processes of 4 threads, four use cases (client/examples/)"
show genai_service --processes 3 --threads 4 --requests 2000

# ---- Look ----------------------------------------------------------------------------------------------

say "What the agent has of it"
show payi-agent status
show payi-agent use-cases --limit 5
show payi-agent events --limit 5
show payi-agent usage --by day --limit 8

say "One ticket, as it came back over days, in whatever process"
show payi-agent events --id ticket-4711 --limit 5

say "The database is plain SQLite with documented views; these are the service's own sums, above"
show sqlite3 -readonly -box "$data/payi.db" "SELECT use_case_name, count(*) AS instances, sum(events) AS events,
    sum(failures) AS failures, sum(input_units) AS input_units, sum(output_units) AS output_units
  FROM use_case_history GROUP BY use_case_name"

# ---- Stop ----------------------------------------------------------------------------------------------

say "Stopping the agent (SIGTERM), removing the temporary directories"
kill "$agent"
status=0
wait "$agent" || status=$?
agent=
if [ "$status" -ne 0 ]; then
	echo "quickstart: the agent ended with status $status" >&2
	exit 1
fi

say "Done. Where to go next"
cat <<'END'
  README.md                          what it promises, how it works, the source in reading order
  client/examples/minimal.c          ten lines that track an event
  client/examples/use_cases.c        every call of a service, tracked
  include/payi/payi.h                the whole API, with its rules
  build/agent/payi-agent help        the commands; `config sample` prints a commented configuration file
  PAYI_API_KEY=… payi-agent run      the same agent, sending to Pay-i
  sh tests/run.sh                    the tests
END
