#!/bin/sh
# manual.sh PAYI_AGENT AGENT_MAN_DIR CLIENT_MAN_DIR: each page is well-formed, by mandoc and man where they are installed, and
# has every option that --help has.
set -u
agent=$1 pages=$2 client=$3
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

dates=$(sed -n 's/^\.Dd //p' "$pages"/man?/* "$client"/man3/* | sort -u)
[ "$(printf '%s\n' "$dates" | wc -l)" = 1 ] && date -d "$dates" >/dev/null || echo "pages are of several days, or of none: $dates" >>"$bad"

for page in "$pages"/man?/* "$client"/man3/*; do
	[ -s "$page" ] || echo "$page: empty" >>"$bad"
	if command -v mandoc >/dev/null; then
		mandoc -Tlint -Wwarning "$page" 2>&1 | grep -v 'referenced manual not found' >>"$bad"
	fi
	if command -v man >/dev/null && [ -x "$(command -v groff)" ]; then
		LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>>"$bad" >/dev/null
	fi
done

n=0
for command in $("$agent" manual commands | sed -n 's/^\.It Xr payi-agent-\(.*\) 1$/\1/p'); do
	page=$pages/man1/payi-agent-$command.1
	# (argp loses its columns where a text goes over the end of its buffer: one of another length helps.)
	"$agent" "$command" --help | grep -E '^ +--[a-z-]+ +=|^[a-z]+ people' | sed "s/^/$command --help is not laid out: /" >>"$bad"
	[ -f "$page" ] || { echo "$command has no page" >>"$bad"; continue; }
	for option in $("$agent" "$command" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE '[a-z]+[a-z-]*$'); do
		case $option in help | usage | version) continue ;; esac
		n=$((n + 1))
		grep -q "^\.It Fl \\\\-$option\$\|^\.It Fl \\\\-$option " "$page" || echo "$page: no --$option" >>"$bad"
	done
done
[ "$n" -gt 100 ] || echo "only $n options were looked for" >>"$bad"

for name in $("$agent" config sample | sed -n 's/^# *\([a-z_]*\) = .*/\1/p'); do
	grep -q "^\.It Ic $name\$" "$pages/man5/payi-agent.conf.5" || echo "payi-agent.conf.5: no $name" >>"$bad"
done

if [ -s "$bad" ]; then
	cat "$bad"
	exit 1
fi
echo "manual: fine, $n options"
