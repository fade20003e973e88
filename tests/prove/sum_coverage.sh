# M30. What of the code the unit and integration tests reach, by gcov, in a build of its own (build-coverage/ beside the build
# directory): lines, and branches that were taken at least once. Counted are the reader of rings, the drain, the store and the
# batches, in each of which every branch is to be taken, and the agent as a whole. What is missing is mostly what to do when a
# call fails, which kills, failing calls and failing allocations go through without leaving a trace here.
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

# For each source of the agent: file, lines reached, lines, branches taken, branches.
sums=$build/coverage.txt
(cd "$build" && find . -path '*payi_agent_core.dir*' -name '*.gcda' | xargs gcov -b -n 2>/dev/null) | awk -v root="$PROVE_SOURCE/" '
	/^File / { file = substr($0, 7, length($0) - 7); sub(root, "", file); sub(/^(\.\.\/)+/, "", file) }
	/^Lines executed/ { split($0, part, /[:% ]+/); lines = part[5]; reached = part[3] * lines / 100 }
	/^Taken at least once/ { split($0, part, /[:% ]+/); print file, reached, lines, part[5] * part[7] / 100, part[7] }
	/^No branches/ { print file, reached, lines, 0, 0 }' | grep '^agent/.*\.c ' | sort >"$sums"

awk -v goal="$goal" '
	function percent(a, b) { return b ? sprintf("%.1f", 100 * a / b) : "0" }
	{ part = "rest" }
	/^agent\/ring\/ring_reader/ { part = "ring reader" }
	/^agent\/drain\// { part = "drain" }
	/^agent\/store\// { part = "store" }
	/^agent\/sink\/payi\/batch/ { part = "batches" }
	{
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
		printf "row|M30|%s|%% of lines/branches: %sagent %s/%s|%s\n", goal, text, percent(all[1], all[2]),
			percent(all[3], all[4]), good ? "proved" : "MISSED"
		exit !good
	}' "$sums"
