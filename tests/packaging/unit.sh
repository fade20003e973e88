#!/bin/sh
# The systemd unit, user and directories: what systemd itself says of them.
#
#     unit.sh SOURCE_DIR AGENT       exit code 77: there is no systemd here
set -eu
packaging=$1/agent/packaging
agent=$2
command -v systemd-analyze >/dev/null || exit 77

dir=$(mktemp -d /tmp/payi-unit.XXXXXX)
trap 'rm -rf "$dir"' EXIT
bin=$(dirname "$agent")
sed "s|@CMAKE_INSTALL_FULL_BINDIR@|$bin|" "$packaging/payi-agent.service.in" >"$dir/payi-agent.service"

# The user payi need not exist where this is built, nor its manual page.
systemd-analyze verify --man=no "$dir/payi-agent.service" 2>"$dir/said" || true
if grep -F payi-agent.service "$dir/said"; then
	echo "unit: systemd-analyze verify complains" >&2
	exit 1
fi

# From 0, a sandbox without a hole, to 100.
if ! systemd-analyze security --offline=true --threshold=20 "$dir/payi-agent.service" >"$dir/security"; then
	cat "$dir/security"
	exit 1
fi
tail -1 "$dir/security"

mkdir -p "$dir/root/etc"
systemd-sysusers --root="$dir/root" "$packaging/sysusers.conf"
grep -q '^payi:' "$dir/root/etc/passwd" && grep -q '^payi:' "$dir/root/etc/group"
[ "$(id -u)" = 0 ] || exit 0
systemd-tmpfiles --root="$dir/root" --create "$packaging/tmpfiles.conf"
gid=$(sed -n 's/^payi:[^:]*:\([0-9]*\):.*/\1/p' "$dir/root/etc/group")
[ "$(stat -c '%a %g' "$dir/root/run/payi/rings")" = "3770 $gid" ] || {
	echo "unit: the ring directory is $(stat -c '%a %g' "$dir/root/run/payi/rings")" >&2
	exit 1
}
