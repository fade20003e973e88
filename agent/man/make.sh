#!/bin/sh
# make.sh PAYI_AGENT SOURCE_DIR OUT_DIR: writes the manual of the agent and its commands below OUT_DIR, as man1, man5 and man7.
# All but payi-agent.1 is made of what --help, the settings and the database say of themselves.
set -eu
agent=$1 source=$2 out=$3
mkdir -p "$out/man1" "$out/man5" "$out/man7"
"$agent" manual conf >"$out/man5/payi-agent.conf.5"
date=$(sed -n 's/^\.Dd //p' "$out/man5/payi-agent.conf.5")
"$agent" manual commands >"$out/commands"
sed -e "s/@DATE@/$date/" -e "/^@COMMANDS@\$/{
r $out/commands
d
}" "$source/payi-agent.1" >"$out/man1/payi-agent.1"
sed -n 's/^\.It Xr payi-agent-\(.*\) 1$/\1/p' "$out/commands" | while read -r command; do
	"$agent" manual "$command" >"$out/man1/payi-agent-$command.1"
done
rm "$out/commands"
"$agent" manual views >"$out/man7/payi-agent-views.7"
