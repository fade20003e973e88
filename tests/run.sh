#!/bin/sh
# Installs what the build and the tests need (Debian 12), builds, and passes the tests:
#
#     sh tests/run.sh            everything, into build/
#     sh tests/run.sh asan       the same under AddressSanitizer and UBSan, into build-asan/
#     sh tests/run.sh clang      the same with the other compiler, into build-clang/
#
# Leaves nothing running. Its last line counts the tests: "N passed, N failed".
set -eu
cd "$(dirname "$0")/.."
variant=${1:-}

say() { printf '\n== %s\n' "$*"; }

packages='cmake ninja-build gcc g++ libc6-dev pkg-config git binutils sqlite3 strace
libuv1-dev libcurl4-openssl-dev libsqlite3-dev libjansson-dev libinih-dev zlib1g-dev
libcriterion-dev libmsgpack-dev libmicrohttpd-dev relacy-dev spin clang-format mandoc
systemd prometheus procps python3 python3-yaml curl openssl patch ca-certificates'
[ "$variant" = clang ] && packages="$packages clang"

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo

# Installs those that are missing.
install() {
	missing=
	for package in "$@"; do
		dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	say "Installing$missing"
	# shellcheck disable=SC2086 # a list of words
	$sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -q -y --no-install-recommends $missing
}

# shellcheck disable=SC2086
install $packages
install chromium chromium-driver || say "No browser can be installed here: test_browser skips its tests"

case $variant in
'') build=build cache= ;;
asan | clang) build=build-$variant cache="-C tests/cmake/$variant.cmake" ;;
*)
	echo "tests/run.sh: '$variant' is none of: asan, clang" >&2
	exit 2
	;;
esac

say "Building into $build/"
# shellcheck disable=SC2086
cmake $cache -G Ninja -B "$build" -S . -DPAYI_TESTS=ON >"$build.configure.log" 2>&1 || {
	cat "$build.configure.log"
	rm -f "$build.configure.log"
	exit 1
}
rm -f "$build.configure.log"
cmake --build "$build"

say "Testing"
log=$build/tests.log
status=0
ctest --test-dir "$build" --output-on-failure --timeout 240 -j 2 -LE bench >"$log" 2>&1 || status=$?
cat "$log"
total=$(sed -n 's/.* tests failed out of \([0-9]*\).*/\1/p' "$log")
failed=$(sed -n 's/.*passed, \([0-9]*\) tests failed.*/\1/p' "$log")
[ -n "$total" ] || { echo "0 passed, 1 failed"; exit 1; }
echo "$((total - failed)) passed, $failed failed"
[ "$total" -gt 0 ] || exit 1
exit "$status"
