#!/bin/sh
# Makes the Debian packages of this source: payi-agent, libpayi0 and libpayi-dev, into build-deb/.
#
#     sh agent/packaging/deb.sh
#
# Needs what building needs (README, Installing) and dpkg-dev.
set -eu
cd "$(dirname "$0")/../.."
build=build-deb
cmake -G Ninja -B $build -S . -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_INSTALL_PREFIX=/usr -DPAYI_TESTS=OFF
cmake --build $build
rm -f $build/*.deb
(cd $build && cpack -G DEB)
ls -l $build/*.deb
