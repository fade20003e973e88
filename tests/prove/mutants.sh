# Which guards and comparisons of a source no test misses: each mutant of it has one `if` that is never taken, or one comparison
# that is another, and is to be found by one of these tests, which are tried in their order. Those that survive are printed, to be
# judged by a person: a guard may be there for what cannot be tested, or be one of two.
#
#     PROVE_SOURCE=$PWD PROVE_BUILD=$PWD/build sh tests/prove/mutants.sh agent/ring/ring_reader.c test_ring_reader test_drain
#
# PROVE_EVERY: only each so many-th mutant.
set -u
source=$1
shift
every=${PROVE_EVERY:-1}
scratch=$PROVE_BUILD/prove/mutants/$(echo "$source" | tr / _)
tree=$scratch/source
rm -rf "$scratch"
mkdir -p "$tree" "$scratch/bin"
for folder in agent client include schema tests; do
	cp -r "$PROVE_SOURCE/$folder" "$tree/"
done
. "$PROVE_SOURCE/tests/prove/kit/changed.sh"

# Mutant n of the source to standard output, and what it is to the file; without n as many lines as there are mutants.
mutate() {
	awk -v want="$1" -v said="$2" '
		function tell(text) {
			n++
			if (!want)
				print n
			if (n == want) {
				print FILENAME ":" FNR ": " $0 "  ->  " text >said
				line = text
			}
		}
		BEGIN {
			split("< <= > >= == !=", from, " ")
			split("<= < >= > != ==", to, " ")
		}
		{
			line = $0
			code = $0 ~ /^\t/ && $0 !~ /^[\t ]*(\*|\/\*)/ && $0 !~ /assert\(/
			if (code && $0 ~ /^\t+(} else )?if \(.*\)( \{)?$/) {
				text = $0
				sub(/if \(/, "if (0 \\&\\& (", text)
				sub(/\)( \{)?$/, ")&", text)
				tell(text)
			}
			for (k = 1; code && k <= 6; k++) {
				rest = $0
				before = ""
				while ((at = index(rest, " " from[k] " ")) > 0) {
					tell(before substr(rest, 1, at) to[k] substr(rest, at + 1 + length(from[k])))
					before = before substr(rest, 1, at + length(from[k]))
					rest = substr(rest, at + 1 + length(from[k]))
				}
			}
			if (want)
				print line
		}' "$PROVE_SOURCE/$source"
}

# 0: found; 1: survived; 2: it does not compile, which finds it as well.
try() {
	objects=
	mutate "$1" "$scratch/said" >"$tree/$source"
	compile "$source" 2>/dev/null || return 2
	for program in $tests; do
		case $program in
		prove_*) target=tests/prove/$program arguments=short ;;
		*) target=tests/$program arguments='--jobs 2 --fail-fast' ;;
		esac
		case $program in prove_*) link agent/payi-agent || return 2 ;; esac
		link "$target" || return 2
		status=0
		AGENT_PROGRAM="$scratch/bin/payi-agent" timeout 100 sh -c "$scratch/bin/$program $arguments" \
			>"$scratch/log" 2>&1 || status=$?
		end_left
		[ "$status" = 0 ] || return 0
	done
	return 1
}

tests=$*
n=$(mutate '' '' | wc -l)
tried=0
found=0
i=1
while [ "$i" -le "$n" ]; do
	try "$i"
	case $? in
	0) found=$((found + 1)) ;;
	1) sed "s|$PROVE_SOURCE/||; s|^|survived: |" "$scratch/said" ;;
	2) tried=$((tried - 1)) ;;
	esac
	tried=$((tried + 1))
	i=$((i + every))
done
echo "$source: $n mutants, $tried tried, $found found"
