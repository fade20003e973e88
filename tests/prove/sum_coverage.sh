# M30. What of the code the unit and integration tests reach, by gcov, in a build of its own (build-coverage/ beside the build
# directory): lines, and branches that were taken at least once. Counted are the reader of rings, the drain, the store without what
# only answers questions, and the batches, in each of which every branch is to be taken, and the agent as a whole. A line that
# has "gcov: " and a reason in a comment may have one branch that is never taken, which is not counted: how many such lines there
# are is told. Most are the way out of a switch over all values of an enumeration.
set -eu
share=$1
goal='ring reader, drain, store, batches: every branch; agent: 90 % of lines, 80 % of branches'
if [ "$share" != all ]; then
	echo "row|M30|$goal|with --all|skipped"
	exit 0
fi
command -v gcov >/dev/null || { echo "row|M30|$goal|it wants gcov|skipped"; exit 0; }
build=$(dirname "$PROVE_BUILD")/build-coverage
cmake -C "$PROVE_SOURCE/tests/cmake/coverage.cmake" -G Ninja -B "$build" -S "$PROVE_SOURCE" -DPAYI_TESTS=ON
cmake --build "$build"
find "$build" -name '*.gcda' -delete
ctest --test-dir "$build" -L 'unit|integration' -j 2 --timeout 300 || true

# For each source of the agent: file, lines reached, lines, branches taken, branches, lines set apart.
sums=$build/coverage.txt
(cd "$build" && find . -path '*payi_agent_core.dir*' -name '*.gcda' | xargs gcov -b -c -t 2>/dev/null) | awk -v root="$PROVE_SOURCE/" '
	function tell() { if (file ~ /^agent\/.*\.c$/) print file, reached + 0, lines + 0, taken + 0, branches + 0, apart + 0 }
	/^ *-: *0:Source:/ {
		tell()
		file = $0
		sub(/^[^:]*:[^:]*:Source:/, "", file)
		sub(root, "", file)
		reached = lines = taken = branches = apart = 0
	}
	/^ *[^ :]+: *[1-9][0-9]*:/ {
		mark = /gcov: /
		split($0, part, ":")
		lines += part[1] !~ /-$/
		reached += part[1] !~ /[-#=]$/
	}
	/^branch/ {
		missed = /never executed|taken 0/
		if (missed && mark) {
			apart += mark
			mark = 0
		} else {
			branches++
			taken += !missed
		}
	}
	END { tell() }' | sort >"$sums"

awk -v goal="$goal" '
	function percent(a, b) { return b ? sprintf("%.1f", 100 * a / b) : "0" }
	{ part = "rest" }
	/^agent\/ring\/ring_reader/ { part = "ring reader" }
	/^agent\/drain\// { part = "drain" }
	/^agent\/store\// { part = "store" }
	/^agent\/store\/(functions|percentiles|price_book|spreads|sums|tally|usage_parts|wal)\.c/ { part = "questions" }
	/^agent\/sink\/payi\/batch/ { part = "batches" }
	{
		apart += $6
		reached[part] += $2; lines[part] += $3; taken[part] += $4; branches[part] += $5
		all[1] += $2; all[2] += $3; all[3] += $4; all[4] += $5
	}
	END {
		n = split("ring reader,drain,store,batches", parts, ",")
		good = all[2] > 0 && all[1] / all[2] >= 0.9 && all[3] / all[4] >= 0.8
		for (i = 1; i <= n; i++) {
			p = parts[i]
			text = text sprintf("%s %s/%s, ", p, percent(reached[p], lines[p]), percent(taken[p], branches[p]))
			good = good && taken[p] == branches[p]
		}
		printf "row|M30|%s|%% of lines/branches: %sagent %s/%s, %d lines set apart|%s\n", goal, text, percent(all[1], all[2]),
			percent(all[3], all[4]), apart, good ? "proved" : "MISSED"
		exit !good
	}' "$sums"
