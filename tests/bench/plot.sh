#!/bin/sh
# Draws what run.sh --json FILE has written, as one SVG (gnuplot-nox):
#
#     sh tests/bench/run.sh --json bench.jsonl && sh tests/bench/plot.sh bench.jsonl bench.svg
set -eu
[ $# = 2 ] || { echo "usage: $0 FILE.jsonl OUT.svg" >&2; exit 2; }
command -v gnuplot >/dev/null || { echo "$0: gnuplot is missing: apt-get install gnuplot-nox" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Rows of a section as "name<TAB>value<TAB>value"; a value that is null becomes NaN.
rows() { # section, member...
	section=$1
	shift
	grep "^{\"section\":\"$section\"," "$json" | while IFS= read -r line; do
		printf '%s' "$line" | sed 's/.*"name":"\([^"]*\)".*/\1/' | tr -d '\n'
		for member in "$@"; do
			printf '\t%s' "$(printf '%s' "$line" | sed -n "s/.*\"$member\":\([^,}]*\).*/\1/p" | sed 's/null/NaN/')"
		done
		echo
	done
}

json=$1
rows peers median_ns p99_ns p999_ns >"$dir/calls"
rows peers events_per_s >"$dir/rates"
rows track batch_ns p99_ns | sed -n 's/^payi_track, //p' >"$dir/threads" || true
rows threads events_per_s >"$dir/together"
rows laps cold_p999_ns warm_p999_ns >"$dir/laps"
rows size batch_ns memcpy_ns | sed 's/[^\t]*+ \([0-9]*\) bytes/\1/' >"$dir/sizes"
for file in calls rates threads together laps sizes; do
	[ -s "$dir/$file" ] || { echo "$0: $json lacks a part: run track, threads, laps, size and peers" >&2; exit 1; }
done

gnuplot <<END
set terminal svg noenhanced size 1200,1440 font "sans,11" background "white"
set output "$2"
set datafile separator "\t"
set multiplot layout 3,2
set grid y
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set xtics rotate by -30 font ",9"
set key outside top horizontal
set logscale y
set title "A call at 10,000 events/s, nanoseconds"
plot "$dir/calls" using 2:xtic(1) title "median", "" using 3 title "p99", "" using 4 title "p99.9"
set title "Until all are stored, events/s"
plot "$dir/rates" using 2:xtic(1) notitle
unset logscale y
set yrange [0:*]
set title "payi_track(), nanoseconds, in batches of 64"
plot "$dir/threads" using 2:xtic(1) notitle
set title "payi_track(), events/s of threads together"
plot "$dir/together" using 2:xtic(1) notitle
set logscale y
set yrange [*:*]
set title "p99.9 of a call, nanoseconds"
plot "$dir/laps" using 2:xtic(1) title "first lap", "" using 3 title "second lap"
set logscale xy
set style data linespoints
set xtics norotate autofreq
set key inside left
set title "A call by the size of the event, nanoseconds"
set xlabel "bytes"
plot "$dir/sizes" using 1:2 title "payi_track()", "" using 1:3 title "memcpy()"
unset multiplot
END
echo "$2"
