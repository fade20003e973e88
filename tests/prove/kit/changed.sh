# To be sourced: one changed source in the place of the build's own. Wants $PROVE_SOURCE, $PROVE_BUILD, $tree, where the changed
# sources lie, and $scratch, where objects and programs go.

# The command by which the build compiles a source, for the planted one. Its warnings are not the point.
compile() {
	object=$scratch/$(echo "$1" | tr / _).o
	command=$(grep -B 3 "\"file\": \"$PROVE_SOURCE/$1\"" "$PROVE_BUILD/compile_commands.json" |
		sed -n 's/^ *"command": "\(.*\)",$/\1/p' | sed 's/\\"/"/g; s/\\\\/\\/g' | head -n 1)
	command=$(printf '%s' "$command" | sed "s| -o [^ ]* -c [^ ]*| -w -Wno-error -o $object -c $tree/$1|;
		s|-I$PROVE_SOURCE |-I$tree |g; s|-I$PROVE_SOURCE/\([a-z]*\) |-I$tree/\1 |g")
	(cd "$PROVE_BUILD" && eval "$command") || return 1
	objects="$objects $object"
}

# The command by which the build links a program, with the planted objects first: they win over the libraries.
link() {
	command=$(cd "$PROVE_BUILD" && ninja -t commands "$1" | tail -n 1 | sed "s| -o $1 | $objects -o $scratch/bin/$(basename "$1") |")
	(cd "$PROVE_BUILD" && eval "$command")
}

# Ends what a program has left that was stopped, or has crashed: workers have sessions of their own.
end_left() {
	find /proc -maxdepth 2 -name exe -lname "$scratch/bin/*" 2>/dev/null | while IFS=/ read -r _ _ process _; do
		kill -KILL "$process"
	done
}
