# M29. Mistakes are planted, one at a time, and each must be found by the part of the suite that is meant to: plants/*.patch,
# which begin with what the mistake is, and by which program, of tests/prove/ or tests/, it is "caught by". A plant is the
# planted sources compiled as the build compiles them, and the program linked to these before all else; the agent, too. The
# short share plants three that are found in seconds.
#
#     sh prove_plants.sh short|all [NAME…]
set -u
share=$1
shift
here=$PROVE_SOURCE/tests/prove/plants
scratch=$PROVE_BUILD/prove/plants
tree=$scratch/source
rm -rf "$scratch"
mkdir -p "$tree" "$scratch/bin"
for folder in agent client include schema tests; do
	cp -r "$PROVE_SOURCE/$folder" "$tree/"
done

# Which.
all=$(cd "$here" && ls ./*.patch | sed 's|^\./||; s|\.patch$||')
n_all=$(printf '%s\n' "$all" | wc -l)
names=$all
if [ $# -gt 0 ]; then
	names=$*
elif [ "$share" = short ]; then
	names='given_back_before_commit lane_left_taken settled_before_sent'
fi

. "$PROVE_SOURCE/tests/prove/kit/changed.sh"

field() { sed -n "s/^$2: //p;/^--- /q" "$here/$1.patch"; }

plant() {
	program=$(field "$1" 'caught by')
	arguments=$(printf '%s' "$program" | sed 's/^[^ ]*//')
	program=${program%% *}
	case $program in
	prove_*) target=tests/prove/$program ;;
	*) target=tests/$program ;;
	esac
	objects=
	(cd "$tree" && patch -p1 -F 3 -s -f <"$here/$1.patch") || { echo "$1: the patch does not fit any more"; return 1; }
	for source in $(field "$1" compile); do
		compile "$source" || { echo "$1: $source does not compile"; return 1; }
	done
	link agent/payi-agent && link "$target" || { echo "$1: it does not link"; return 1; }
	# shellcheck disable=SC2046 # an environment is several words
	env $(field "$1" environment) AGENT_PROGRAM="$scratch/bin/payi-agent" PROVE_ONLY="$(field "$1" only)" \
		PROVE_AT="$(field "$1" at)" timeout 240 sh -c "$scratch/bin/$program $arguments" >"$scratch/$1.log" 2>&1
	status=$?
	end_left
	# A program that hangs has found what hangs, if that is how it is to be found; else it was slow, or waited in vain.
	if [ "$status" = 124 ]; then
		[ "$(field "$1" 'found by')" = hanging ] && return 0
		echo "$1: $program has not ended within 240 s, which is no finding: $(head -n 1 "$here/$1.patch")"
		return 1
	fi
	# Found in words, or crashed; a program that could not work at all has found nothing.
	if [ "$status" != 0 ] && { [ "$status" -ge 128 ] || grep -qE 'FOUND|FAIL|CRASH' "$scratch/$1.log"; }; then
		return 0
	fi
	echo "$1: $program ended with $status, and has not found it: $(head -n 1 "$here/$1.patch")"
	return 1
}

caught=0
n=0
survivors=
for name in $names; do
	n=$((n + 1))
	began=$(date +%s)
	if plant "$name"; then
		caught=$((caught + 1))
		echo "$name: caught after $(($(date +%s) - began)) s"
	else
		survivors="$survivors $name"
	fi
	(cd "$tree" && patch -p1 -R -F 3 -s -f <"$here/$name.patch") || {
		rm -rf "$tree"
		mkdir -p "$tree"
		for folder in agent client include schema tests; do cp -r "$PROVE_SOURCE/$folder" "$tree/"; done
	}
done

verdict=MISSED
[ -z "$survivors" ] && verdict=proved
goal="$n_all planted mistakes, each caught by the part that is meant for it"
[ "$share" = all ] || goal="$n of $n_all planted mistakes, each caught by the part that is meant for it"
echo "row|M29|$goal|$caught of $n caught${survivors:+, survived:$survivors}|$verdict"
[ "$verdict" = proved ]
