#!/bin/bash
# completion.sh PAYI_AGENT COMPLETION_DIR: what bash and zsh would offer, by their own rules.
set -u
agent=$1 dir=$2
export PATH=$(dirname "$agent"):$PATH
failed=0

source "$dir/payi-agent" || exit 1

# What Tab would offer for a line; its last word is the one under the cursor.
offer() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_payi_agent payi-agent
	echo "${COMPREPLY[*]}"
}

expect() {
	local expected=$1 got
	shift
	got=$(offer "$@")
	if [[ $got != $expected ]]; then
		echo "$*: '$got' and not '$expected'"
		failed=1
	fi
}

expect 'status' payi-agent sta
expect '*events tail *help' payi-agent ''
expect 'events' payi-agent help ev
expect '--since' payi-agent events --si
expect 'table json jsonl csv' payi-agent events --format ''
expect 'json jsonl' payi-agent events --format j
expect 'json jsonl' payi-agent events --format = j
expect 'table json jsonl csv' payi-agent events --format =
expect 'units events latency failures last cost' payi-agent use-cases --sort ''
expect 'hour day user step' payi-agent usage --by ''
expect 'use-cases resources instances rings' payi-agent top --view ''
expect 'debug info warn error' payi-agent run --log-level ''
expect 'full normal' payi-agent run --sync ''
expect 'list show retry drop' payi-agent dead ''
expect '--reason' payi-agent dead list --rea
expect 'sample check show' payi-agent config ''
expect '--base-url' payi-agent config show --base
expect 'bash zsh' payi-agent completion ''
expect '' payi-agent nonsense ''
expect '' payi-agent events --user ''
cd "$dir" && expect 'payi-agent' payi-agent run --config pay
cd / && expect 'usr' payi-agent run --data-dir us

# Of what was tracked, what may stand in a command line as it is.
site=$(mktemp -d)
rings=$(mktemp -d /dev/shm/payi-completion-XXXXXX)
export PAYI_DATA_DIR=$site PAYI_RING_DIR=$rings
for use_case in support_ticket support_chat support_chat billing; do
	printf '{"category":"system.openai","resource":"gpt 4 $(x)","units":{},"use_case_name":"%s","use_case_id":"1"}\n' $use_case
done | "$agent" track --wait 0 2>/dev/null
"$agent" run --log-level error &
pid=$!
for _ in $(seq 200); do
	[ "$("$agent" sql --format csv 'SELECT count(*) FROM events' 2>/dev/null | tail -1 | tr -d '\r')" = 4 ] && break
	sleep 0.05
done
expect 'support_chat support_ticket' payi-agent events --use-case supp
expect 'system.openai' payi-agent usage --category ''
expect '' payi-agent events --resource ''
kill $pid
wait $pid
rm -rf "$site" "$rings"

if command -v zsh >/dev/null; then
	zsh -n "$dir/_payi-agent" || failed=1
fi
[ $failed = 0 ] && echo "completion: fine"
exit $failed
