#!/bin/sh
# Builds agent/packaging/Containerfile and runs the image as a sidecar: an agent and an application in a container
# each, of different users, on read-only roots, with nothing in common but a tmpfs. Kills the agent, has its health
# asked, and stops it.
#
#     sh tests/packaging/container.sh [ROOT]     as root; ROOT: a bare Debian 12 as base image, else debootstrap makes one
#
# Wants buildah, podman and runc. Not among the tests of ctest, since it takes minutes and a mirror.
set -eu
cd "$(dirname "$0")/../.."

for tool in buildah podman runc; do
	command -v $tool >/dev/null || { echo "container: there is no $tool; apt-get install buildah podman runc" >&2; exit 2; }
done
dir=$(mktemp -d /tmp/payi-container.XXXXXX)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs CONTAINERS_STORAGE_CONF="$dir/storage.conf"
cat >"$CONTAINERS_STORAGE_CONF" <<EOF
[storage]
driver = "vfs"
graphroot = "$dir/storage"
runroot = "$dir/run"
EOF

clean_up() {
	podman rm --force --all >/dev/null 2>&1 || true
	umount "$dir/rings" 2>/dev/null || true
	rm -rf --one-file-system "$dir"
}
trap clean_up EXIT

fail() {
	echo "container: $*" >&2
	podman logs agent >&2 || true
	exit 1
}

# ---- The image ------------------------------------------------------------------------------------------

root=${1:-$dir/root}
if [ $# = 0 ]; then
	debootstrap --variant=minbase bookworm "$root" "$(apt-get indextargets --format '$(SITE)' | sort -u | head -n 1)"
fi
base=$(buildah from scratch)
buildah copy -q "$base" "$root" /
for name in debian:12 debian:12-slim; do
	buildah commit -q "$base" "docker.io/library/$name"
done
# (For docker's format: the other has no health check.)
buildah bud --format docker --pull=never --network host -f agent/packaging/Containerfile -t payi-agent .

# ---- The pod --------------------------------------------------------------------------------------------

mkdir "$dir/rings" "$dir/data"
mount -t tmpfs -o size=64m tmpfs "$dir/rings"
chown 65532:65532 "$dir/rings" "$dir/data"
chmod 2770 "$dir/rings"

# container USER ARGUMENTS...: what an orchestrator would give it, and no more.
container() {
	user=$1
	shift
	podman --runtime runc --cgroup-manager cgroupfs run --network none --read-only --cap-drop all --security-opt no-new-privileges \
		--no-healthcheck --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --user "$user:65532" -v "$dir/rings:/run/payi" "$@"
}

# Tracks $1 events in a container of another user.
track() {
	seq "$1" | sed 's/.*/{"category":"system.openai","resource":"gpt-4o","units":{"text":{"input":10,"output":&}},"use_case_name":"pod"}/' |
		container 10001 --interactive --rm payi-agent track
}

stored() {
	podman exec agent payi-agent sql --format csv 'SELECT count(*) FROM event_history' | tail -n 1 | tr -d '\r'
}

# await SECONDS COMMAND...
await() {
	left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || fail "waited in vain for: $*"
		sleep 0.1
	done
}

container 65532 --detach --name agent -v "$dir/data:/var/lib/payi" payi-agent >/dev/null
await 20 podman exec agent payi-agent health --ready
track 100 || fail "the application's container cannot track"
[ "$(stored)" = 100 ] || fail "stored $(stored) of 100"

# Killed: what is tracked meanwhile waits for the next one.
podman kill --signal KILL agent >/dev/null
podman wait agent >/dev/null
track 50 || true # says that no agent has stored them
podman start agent >/dev/null
await 20 podman exec agent payi-agent health --ready
await 20 sh -c "podman exec agent payi-agent sql --format csv 'SELECT count(*) FROM event_history' | grep -q 150"

# What is shipped as a health check is one.
check=$(podman image inspect payi-agent --format '{{index .HealthCheck.Test 1}} {{index .HealthCheck.Test 2}}' 2>/dev/null ||
	podman image inspect payi-agent --format '{{index .Healthcheck.Test 1}} {{index .Healthcheck.Test 2}}')
# shellcheck disable=SC2086
podman exec agent $check >/dev/null || fail "health check: $check"

podman stop --time 10 agent >/dev/null
[ "$(podman inspect agent --format '{{.State.ExitCode}}')" = 0 ] || fail "ended with $(podman inspect agent --format '{{.State.ExitCode}}')"
podman logs agent 2>&1 | grep -q 'agent has ended' || fail "stopped, it did not end by itself"
[ "$(find "$dir/data" -name payi.db -perm 0600 -user 65532 | wc -l)" = 1 ] || fail "no database of its own on the volume"
echo "container: built; 150 events of another user's container stored, 50 of them while the agent was dead"
