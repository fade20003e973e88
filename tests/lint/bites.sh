#!/bin/sh
# Shows that lint.sh can fail: plants one offence at a time in a small copy of the tree.
set -eu
source=$1
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
failed=0

plant() { # check, file, line: the check must fail with this line added, naming the file
	rm -rf "$copy/tree"
	mkdir -p "$copy/tree/tests"
	cp -r "$source/agent" "$source/client" "$source/include" "$source/schema" "$copy/tree"
	cp -r "$source/tests/lint" "$copy/tree/tests"
	mkdir -p "$(dirname "$copy/tree/$2")"
	printf '%s\n' "$3" >>"$copy/tree/$2"
	(cd "$copy/tree" && git init -q . && git add -A) >/dev/null 2>&1
	if out=$(sh "$copy/tree/tests/lint/lint.sh" "$1" "$copy/tree" 2>&1); then
		echo "$1 did not see: $3 in $2"
		failed=1
	else
		case $out in *"$2"*) ;; *) echo "$1 failed, but not for $2: $out"; failed=1 ;; esac
	fi
}

plant layers agent/drain/drain.c '#include "history/filters.h"'
plant layers agent/base/buf.c '#include "store/store.h"'
plant layers client/track.c '#include "store/store.h"'
plant layers agent/cli/status.c '#include <sqlite3.h>'
plant layers agent/drain/drain.c '#include <curl/curl.h>'
plant layers agent/nowhere/new.c '#include "base/buf.h"'
plant habits client/track.c 'static volatile int x;'
plant habits agent/drain/drain.c 'int y = atoi(text);'
[ $failed = 0 ] && echo "every planted offence was seen"
exit $failed
