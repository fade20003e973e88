#!/bin/sh
# Acts as a Kubernetes pod: application and agent as process 1 of a PID and mount namespace each, of different users
# without any right of root, on a read-only root; they share a tmpfs, as an emptyDir with fsGroup is, and nothing else.
#
#     pod.sh AGENT EXAMPLES_DIR       exit code 77: this host does not let us (not root, no namespaces)
set -eu

agent_uid=65532 app_uid=10001 group=65532

if [ "${PAYI_POD:-}" != inside ]; then
	[ "$(id -u)" = 0 ] && unshare --mount --pid --fork true 2>/dev/null || exit 77
	PAYI_POD=inside exec unshare --mount sh "$0" "$@"
fi

fail() {
	echo "pod: $*" >&2
	[ ! -f "$dir/agent.log" ] || cat "$dir/agent.log" >&2
	exit 1
}

dir=$(mktemp -d /tmp/payi-pod.XXXXXX)
inside= app=
clean_up() {
	for pid in $inside $app; do kill -9 "$pid" 2>/dev/null || true; done
	cd /
	umount -l /run/payi /var/lib/payi 2>/dev/null || true
	rm -rf "$dir"
}
trap clean_up EXIT

# ---- The pod's volumes, as the kubelet makes them: everybody's, with the group of fsGroup ----------------

chmod 755 "$dir"
mkdir "$dir/bin" "$dir/data"
cp "$1" "$2/genai_service" "$2/../libpayi.so.0" "$dir/bin/" # the build may be where these users may not look
chmod 755 "$dir/bin" "$dir"/bin/*
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir /run/payi /var/lib/payi
mount -t tmpfs -o size=64m,mode=2777,gid=$group tmpfs /run/payi
chgrp $group "$dir/data"
chmod 2777 "$dir/data"
mount --bind "$dir/data" /var/lib/payi

# container USER COMMAND...: as a container runtime would with readOnlyRootFilesystem and no capabilities.
container() {
	user=$1
	shift
	# shellcheck disable=SC2016 # for the inner shell
	env -i PATH="$dir/bin:/usr/bin:/bin" LD_LIBRARY_PATH="$dir/bin" HOME=/nowhere PAYI_RING_DIR=/run/payi/rings PAYI_DATA_DIR=/var/lib/payi/data \
		PAYI_CONFIG=/dev/null unshare --mount --pid --fork --kill-child --mount-proc sh -c '
		mount -o remount,bind,ro / || exit 78
		if touch /written 2>/dev/null; then exit 79; fi
		user=$1 group=$2
		shift 2
		exec setpriv --reuid "$user" --regid "$user" --groups "$group" --no-new-privs \
			--bounding-set=-all --inh-caps=-all "$@"' sh "$user" "$group" "$@"
}

# A probe is a process in the container, as its user.
probe() {
	nsenter --target "$inside" --mount --pid setpriv --reuid $agent_uid --regid $agent_uid --groups $group \
		env PATH="$dir/bin:/usr/bin:/bin" PAYI_RING_DIR=/run/payi/rings PAYI_DATA_DIR=/var/lib/payi/data PAYI_CONFIG=/dev/null \
		payi-agent "$@"
}

# Of the children of a process and theirs, the one that is process 1 in its namespace.
process_1() {
	pid=$1
	until grep -q '^NSpid:.*[^0-9]1$' "/proc/$pid/status" 2>/dev/null; do
		pid=$(pgrep -P "$pid" | head -n 1)
		[ -n "$pid" ] || return 1
	done
	echo "$pid"
}

# until_true WHAT COMMAND...: waits for it, but not for ever.
until_true() {
	what=$1 tries=0
	shift
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 400 ] || fail "waited in vain: $what"
		sleep 0.05
	done
}

# ---- The agent starts first --------------------------------------------------------------------------------

container $agent_uid payi-agent run --shutdown-flush-s=1 2>"$dir/agent.log" &
outside=$!
is_ready() {
	kill -0 $outside 2>/dev/null || fail "the agent has ended"
	inside=$(process_1 $outside) && probe health --ready >/dev/null 2>&1
}
until_true "the agent is ready" is_ready
[ "$(probe health)" = alive ] || fail "the liveness probe fails"
grep -q 'msg="agent is ready".* pid=1$' "$dir/agent.log" || fail "the agent is not process 1"
[ "$(stat -c '%a %g' /run/payi/rings)" = "3770 $group" ] || fail "the ring directory is $(stat -c '%a %u:%g' /run/payi/rings)"
[ "$(stat -c '%a' /var/lib/payi/data)" = 2700 ] || fail "the data directory is $(stat -c '%a' /var/lib/payi/data)"
grep -q '^CapEff:	0*$' "/proc/$inside/status" || fail "the agent has capabilities"

# ---- The application tracks, and ends ------------------------------------------------------------------------

container $app_uid genai_service --processes 2 --threads 2 --requests 500 --seed 1 >"$dir/app.log" || fail "the application: $(cat "$dir/app.log")"
tracked=$(sed -n 's/^\([0-9,]*\) events tracked by.*/\1/p' "$dir/app.log" | tr -d ,)
[ "${tracked:-0}" -gt 500 ] || fail "the application has not tracked: $(cat "$dir/app.log")"
events() { sqlite3 -readonly "$dir/data/data/payi.db" 'SELECT count(*) FROM events'; }
stored=$(events)
[ "$stored" = "$tracked" ] || fail "$tracked events were tracked, $stored are stored"

# ---- An application that is killed loses nothing, and its ring goes --------------------------------------------

container $app_uid genai_service --processes 2 --threads 2 --requests 100000000 >/dev/null 2>&1 &
app=$!
has_tracked() { [ "$(events)" -gt $((stored + 1000)) ]; }
until_true "the application tracks" has_tracked
kill -9 "$(process_1 $app)"
wait $app 2>/dev/null || true
app=
rings_are_gone() { probe status --json | grep -q '"rings":\[\]'; }
until_true "the rings of applications that have ended are removed" rings_are_gone
probe status | grep -q balanced || fail "the books do not balance: $(probe status)"

# ---- The pod is deleted: the agent stores, and ends well -------------------------------------------------------

kill -TERM "$inside"
code=0
wait $outside || code=$?
inside= app=
[ $code = 0 ] || fail "the agent ended with $code"
echo "pod: $tracked events from user $app_uid to user $agent_uid, over two PID and mount namespaces"
