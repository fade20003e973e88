#!/bin/sh
# Rules that a machine can check. lint.sh CHECK SOURCE_DIR [BUILD_DIR]; prints what breaks the rule, and fails.
set -eu
check=$1
cd "$2"
build=${3:-build}
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

sources() { git ls-files --cached --others --exclude-standard -- "$@" 2>/dev/null || find "$@" -name '*.[ch]'; }

case $check in
layers) # each quoted include is allowed by the first line of layers.txt that matches the file
	sources 'agent/*.[ch]' 'client/*.[ch]' 'include/*.h' 'schema/*.h' | while read -r file; do
		[ -f "$file" ] || continue
		allowed=$(awk -v f="$file" '!/^#/ && NF && index(f, $1) == 1 {
			sub(/^[^=]*= */, ""); print; found = 1; exit } END { if (!found) print "NONE" }' tests/lint/layers.txt)
		if [ "$allowed" = NONE ]; then
			echo "$file: no line of tests/lint/layers.txt says what it may include" >>"$bad"
			continue
		fi
		sed -n 's/^#include "\(.*\)"$/\1/p' "$file" | while read -r header; do
			ok=no
			for prefix in $allowed; do
				case $header in "$prefix"*) ok=yes ;; esac
				# ./ stands for the file's own folder
				[ "$prefix" = ./ ] && [ -f "$(dirname "$file")/$header" ] && ok=yes
			done
			[ $ok = yes ] || echo "$file includes \"$header\", which its layer does not know" >>"$bad"
		done
	done
	# libraries have one home each
	for rule in 'sqlite3.h agent/store/' 'curl/curl.h agent/sink/payi/' 'microhttpd.h agent/http/'; do
		header=${rule% *} home=${rule#* }
		sources 'agent/*.[ch]' 'client/*.[ch]' | xargs grep -l "#include <$header>" 2>/dev/null |
			grep -v "^$home" | grep -v '^agent/cli/version' |
			sed "s|\$| includes <$header>, which belongs to $home|" >>"$bad" || true
	done
	;;
headers) # each header can be included first; the public API also from C++
	sources 'agent/*.h' 'client/*.h' 'include/*.h' 'schema/*.h' | while read -r file; do
		[ -f "$file" ] || continue
		case $file in client/examples/*) continue ;; esac
		${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -fsyntax-only -Wall -Wextra -Werror -I. -Iinclude -Iagent \
			-x c -include "$file" /dev/null 2>>"$bad" || echo "$file does not compile alone" >>"$bad"
	done
	for std in c++11 c++20; do
		c++ -std=$std -fsyntax-only -Wall -Wextra -Wpedantic -Werror -Iinclude -x c++ include/payi/payi.h 2>>"$bad" ||
			echo "payi/payi.h does not compile as $std" >>"$bad"
	done
	;;
symbols) # libpayi.so exports payi_*, and needs nothing but libc; the hot path calls no allocator and no stdio
	library=$build/client/libpayi.so
	nm -D --defined-only "$library" | awk '$2 != "A" && $3 !~ /^payi_[a-z]/ {print "exported: " $3}' >>"$bad"
	objdump -p "$library" | awk '/NEEDED/ && $2 !~ /^(libc\.so|ld-linux)/ {print "needed: " $2}' >>"$bad"
	for object in track encode text error; do
		nm -u "$build"/client/CMakeFiles/payi_objects.dir/$object.c.o |
			awk -v o=$object '$2 ~ /^(malloc|calloc|realloc|free|printf|snprintf|fprintf|pthread_mutex_lock)$/ {
				print o ".c calls " $2}' >>"$bad"
	done
	;;
format) # clang-format has nothing to change
	sources 'agent/*.[ch]' 'client/*.[ch]' 'include/*.h' 'schema/*.h' 'tests/*.[ch]' | sort -u |
		while read -r file; do [ -f "$file" ] && echo "$file"; done |
		xargs -P 2 -n 20 clang-format --dry-run -Werror >"$bad.2" 2>&1 || true
	sed -n 's/^\([^ :]*\):[0-9:]* error: .*/\1: run clang-format -i/p' "$bad.2" | sort -u >>"$bad"
	rm -f "$bad.2"
	;;
tidy) # clang-tidy, as .clang-tidy has it
	sources 'agent/*.c' 'client/*.c' | grep -v '^client/examples/' | while read -r file; do
		[ -f "$file" ] && echo "$file"
	done | xargs -P 2 -n 4 clang-tidy --quiet -p "$build" >>"$bad" 2>/dev/null || true
	grep -E '(warning|error):' "$bad" >"$bad.2" || true
	mv "$bad.2" "$bad"
	;;
habits) # what this code base does not do
	grep -rnE 'atomic_thread_fence|\bvolatile\b' agent client include --include='*.[ch]' |
		grep -v 'No fences' | grep -vE '^[^:]*:[0-9]+: \*' >>"$bad" || true
	grep -rnE '\b(strcpy|strcat|sprintf|strtok|atoi|gets|alloca)\(' agent client include --include='*.[ch]' >>"$bad" || true
	grep -rnwE 'TO[D]O|FIX[M]E|X[X]X|HA[C]K' agent client include schema tests --include='*.[ch]' --include='*.cpp' \
		--include='*.pml' --include='*.sql' --include='CMakeLists.txt' >>"$bad" || true
	sources 'agent/*.[ch]' 'client/*.[ch]' 'tests/*.[ch]' | while read -r file; do
		[ -f "$file" ] || continue
		lines=$(wc -l <"$file")
		[ "$lines" -le 700 ] || echo "$file: $lines lines; more than one idea?" >>"$bad"
	done
	git ls-files 2>/dev/null | cut -d/ -f1 | sort -u | grep -v '^\.' |
		grep -vxE 'CMakeLists.txt|agent|client|include|schema|tests|README.md' | sed 's/^/at the top: /' >>"$bad" || true
	;;
*)
	echo "lint.sh: no check is called $check" >&2
	exit 2
	;;
esac
if [ -s "$bad" ]; then
	cat "$bad"
	exit 1
fi
echo "$check: fine"
