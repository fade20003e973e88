#!/bin/sh
# Builds the Debian packages, boots a bare Debian 12 in namespaces, with systemd as its process 1, and is its operator:
# installs, tracks as another user, reloads, kills, upgrades, removes, purges; at last nothing is left.
#
#     sh tests/packaging/deb.sh [ROOT]     as root; ROOT: a bare root to copy, else debootstrap makes one (minutes)
#
# Not among the tests of ctest, since it takes minutes and a mirror.
set -eu
cd "$(dirname "$0")/../.."

if [ "${PAYI_DEB:-}" = boot ]; then # as process 1 of new namespaces; becomes systemd
	root=$1
	mount --make-rprivate /
	mount --rbind "$root" "$root"
	cd "$root"
	mount -t proc proc proc
	mount -t sysfs -o ro sysfs sys
	mount -t cgroup2 cgroup2 sys/fs/cgroup
	mount -t tmpfs -o mode=755 tmpfs run
	mount -t tmpfs -o mode=1777 tmpfs tmp
	mount -t tmpfs -o mode=755 tmpfs dev
	for device in null zero full random urandom tty; do
		touch dev/$device
		mount --bind /dev/$device dev/$device
	done
	mkdir dev/pts dev/shm
	mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
	mount -t tmpfs -o mode=1777 tmpfs dev/shm
	ln -s pts/ptmx dev/ptmx
	ln -s /proc/self/fd dev/fd
	mount --make-rshared "$root" # or credentials do not reach services
	exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd \
		--log-target=console systemd.unit=multi-user.target
fi

sh agent/packaging/deb.sh

# What the agent links to is what the container file installs.
for library in $(dpkg-deb -f build-deb/payi-agent_*.deb Depends | tr ',' '\n' | sed 's/ *(.*//; s/^ *//' | grep -E '^(lib|zlib)' | grep -vx libc6); do
	grep -qE "^ .*[ ]$library( |\$)" agent/packaging/Containerfile || { echo "deb: the container file has no $library" >&2; exit 1; }
done

# Nothing that Debian's own checker finds, but that nobody has been named who answers for the packages.
if command -v lintian >/dev/null; then
	lintian --fail-on error --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog,root-in-contact build-deb/*.deb
fi
# They say of themselves which version they are.
version=$(dpkg-deb -f build-deb/payi-agent_*.deb Version)
dpkg-parsechangelog -l agent/packaging/deb/changelog -S Version | grep -qx "$version"

dir=$(mktemp -d /tmp/payi-deb.XXXXXX)
box=
clean_up() {
	[ -z "$box" ] || kill -9 "$box" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf --one-file-system "$dir"
}
trap clean_up EXIT

if [ $# -gt 0 ]; then
	cp -a "$1" "$dir/root"
else
	mirror=$(apt-get indextargets --format '$(SITE)' | sort -u | head -n 1)
	debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus bookworm "$dir/root" "$mirror"
fi
mkdir -p "$dir/root/debs" "$dir/old"
cp build-deb/*.deb "$dir/root/debs/"

# The first source that packages were made of, with the first tables: what is upgraded from.
first=$(git log --diff-filter=A --format=%H -- agent/packaging/deb.sh 2>/dev/null | tail -n 1)
if [ -n "$first" ]; then
	git archive "$first" | tar -x -C "$dir/old"
	sed -i 's/cpack -G DEB/cpack -G DEB -D CPACK_PACKAGE_VERSION=0.0.9/' "$dir/old/agent/packaging/deb.sh"
	sh "$dir/old/agent/packaging/deb.sh"
	mkdir "$dir/root/debs/old"
	cp "$dir/old/build-deb/payi-agent_0.0.9_"*.deb "$dir/old/build-deb/libpayi0_0.0.9_"*.deb "$dir/root/debs/old/"
fi
cp build-deb/client/examples/genai_service "$dir/root/debs/"

PAYI_DEB=boot unshare --mount --pid --fork --uts --ipc --cgroup --kill-child sh "$0" "$dir/root" </dev/null >"$dir/boot.log" 2>&1 &
box=$!

# Runs standard input as a shell script in the box.
inside() {
	nsenter --target "$(pgrep -P $box)" --mount --pid --uts --ipc --cgroup --root --wd \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb DEBIAN_FRONTEND=noninteractive sh -eux
}

tries=0
until echo 'systemctl is-system-running' | inside 2>/dev/null | grep -qE 'running|degraded'; do
	tries=$((tries + 1))
	[ $tries -lt 120 ] || { cat "$dir/boot.log"; echo "deb: the box does not boot" >&2; exit 1; }
	sleep 0.5
done

cat >"$dir/root/debs/functions" <<'END'
# Waits for a command to succeed; not for ever.
soon() {
	n=0
	until "$@" >/dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 150 ] || return 1
		sleep 0.1
	done
}
status_has() { systemctl show -p StatusText --value payi-agent | grep -qF "$1"; }
as_payi() { setpriv --reuid payi --regid payi --clear-groups "$@"; }
END

inside <<'END'
. /debs/functions
apt-get update -q >/dev/null
apt-get install -q -y --no-install-recommends sqlite3 /debs/*.deb >/debs/log 2>&1 || { cat /debs/log; exit 1; }
systemctl is-active payi-agent
systemctl is-enabled payi-agent
status_has 'drains and stores'
[ "$(stat -c '%a %U %G' /run/payi/rings)" = '3770 payi payi' ]
[ "$(stat -c '%a %U' /var/lib/payi /var/lib/payi/payi.db | tr '\n' ' ')" = '700 payi 600 payi ' ]
payi-agent version
systemd-analyze verify --man=no payi-agent.service
systemd-analyze security --threshold=20 payi-agent.service >/dev/null
grep -q '^CapEff:	0*$' "/proc/$(systemctl show -p MainPID --value payi-agent)/status"

# An application of another user, in the group; and one that is not, which sees nothing.
useradd --groups payi app
useradd stranger
setpriv --reuid app --regid app --init-groups /debs/genai_service --requests 300 >/debs/app.log
grep 'events tracked by' /debs/app.log
tracked=$(sed -n 's/^\([0-9,]*\) events tracked by.*/\1/p' /debs/app.log | tr -d ,)
[ "$(as_payi sqlite3 -readonly /var/lib/payi/payi.db 'SELECT count(*) FROM events')" = "$tracked" ]
as_payi payi-agent status | grep -q balanced
as_payi payi-agent health --ready
! setpriv --reuid stranger --regid stranger --clear-groups ls /run/payi/rings

# A key is handed over; a wrong configuration is not taken, and the next one is.
status_has 'the sink is offline'
(umask 077; echo sk-test >/etc/payi/key)
systemctl restart payi-agent
has_key() { ! status_has 'the sink is offline' && ! status_has 'the sink is starting'; }
soon has_key
printf '[agent]\nlog_level = debgu\n' >/etc/payi/agent.conf.d/mine.conf
systemctl reload payi-agent
soon status_has 'mine.conf:2'
systemctl is-active payi-agent
printf '[agent]\nlog_level = debug\n' >/etc/payi/agent.conf.d/mine.conf
systemctl reload payi-agent
soon status_has 'drains and stores; events since the start: 0 stored, 0 delivered'
! status_has 'mine.conf'

# Killed, it comes back; stopped, it leaves the rings, where an application goes on.
kill -9 "$(systemctl show -p MainPID --value payi-agent)"
restarted() { [ "$(systemctl show -p NRestarts --value payi-agent)" = 1 ] && systemctl is-active payi-agent; }
soon restarted
systemctl stop payi-agent
# While it cannot begin it is tried again and again, and begins when it can.
mv /var/lib/payi/payi.db /var/lib/payi/kept
mkdir /var/lib/payi/payi.db
! systemctl start payi-agent 2>/debs/log
tried() { [ "$(systemctl show -p NRestarts --value payi-agent)" -ge 7 ]; }
soon tried
rmdir /var/lib/payi/payi.db
mv /var/lib/payi/kept /var/lib/payi/payi.db
soon systemctl is-active payi-agent
systemctl stop payi-agent
systemctl show -p Result --value payi-agent | grep -qx success
[ -d /run/payi/rings ]
setpriv --reuid app --regid app --init-groups payi-agent track --data-dir /tmp </dev/null
apt-get install -q -y --reinstall /debs/payi-agent_*.deb >/dev/null
soon systemctl is-active payi-agent

# From an old version: what was tracked, what is set, and an application that goes on tracking meanwhile, stay.
if [ -d /debs/old ]; then
	dpkg --purge payi-agent libpayi-dev libpayi0 >/debs/log 2>&1 || { cat /debs/log; exit 1; }
	dpkg -i /debs/old/*.deb >/debs/log 2>&1 || { cat /debs/log; exit 1; }
	soon systemctl is-active payi-agent
	payi-agent version | grep -q 'payi-agent 0'
	printf '[agent]\nlog_level = debug\n' >/etc/payi/agent.conf.d/mine.conf
	usermod -aG payi app
	stored() { as_payi sqlite3 -readonly /var/lib/payi/payi.db 'SELECT count(*) FROM events'; }
	migration() { as_payi sqlite3 -readonly /var/lib/payi/payi.db 'PRAGMA user_version'; }
	setpriv --reuid app --regid app --init-groups /debs/genai_service --requests 200 >/debs/app.log
	before=$(stored)
	old=$(migration)
	[ "$before" -gt 200 ]
	setpriv --reuid app --regid app --init-groups /debs/genai_service --requests 3000 >/debs/app.log &
	apt-get install -q -y --no-install-recommends /debs/payi-agent_*.deb /debs/libpayi0_*.deb >/debs/log 2>&1 || { cat /debs/log; exit 1; }
	wait $!
	soon systemctl is-active payi-agent
	systemctl is-enabled payi-agent
	[ "$(migration)" -gt "$old" ]
	meanwhile=$(sed -n 's/^\([0-9,]*\) events tracked by.*/\1/p' /debs/app.log | tr -d ,)
	all_stored() { [ "$(stored)" = $((before + meanwhile)) ]; }
	soon all_stored
	as_payi payi-agent status | grep -q balanced
	grep -q debug /etc/payi/agent.conf.d/mine.conf
	as_payi payi-agent config show --config /etc/payi/agent.conf | grep -q 'log_level = debug'
	[ -z "$(find /var/lib/payi -name '*.corrupt*')" ]
fi

# Removing keeps what is the operator's; purging keeps nothing.
apt-get remove -q -y payi-agent libpayi0 >/dev/null
! systemctl is-active payi-agent
[ -f /var/lib/payi/payi.db ] && [ -f /etc/payi/agent.conf ]
dpkg --purge payi-agent libpayi-dev libpayi0 >/debs/log 2>&1 || { cat /debs/log; exit 1; }
rm -r /debs
userdel app
[ -z "$(find / -xdev -name '*payi*' -not -path '/proc/*' -not -path '/var/log/*' | tee /dev/stderr)" ]
[ ! -e /run/payi ]
! getent passwd payi
! getent group payi
systemctl --failed --no-legend | tee /dev/stderr | grep -q payi && exit 1
echo 'deb: installed, run, removed; nothing is left'
END
