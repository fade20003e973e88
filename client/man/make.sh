#!/bin/sh
# make.sh HEADER SOURCE_DIR OUT_DIR DATE: writes the manual of the library to OUT_DIR/man3: a page for each function, from the header's
# declarations and comments, and payi.3, which lists them.
set -eu
header=$1 source=$2 out=$3 date=$4
mkdir -p "$out/man3"
awk -v dir="$out/man3" -v date="$date" -f "$source/api.awk" "$header" >"$out/names"
while read -r name; do
	printf '.It Xr %s 3\n' "$name"
	sed -n 's/^\.Nd \(.*\)/\1./p' "$out/man3/$name.3"
done <"$out/names" >"$out/functions"
sed -e "s/@DATE@/$date/" -e "/^@FUNCTIONS@\$/{
r $out/functions
d
}" "$source/payi.3" >"$out/man3/payi.3"
rm "$out/names" "$out/functions"
