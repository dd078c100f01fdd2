#!/bin/sh
# Every pair of ports has the round trip of the table, within 2 ms; IPv4, IPv6, the second home.
. "$(dirname "$0")/lib.sh"
need ping
begin paper-dual

# rtt FROM TO_ADDR [ping options]: the median of five
rtt() {
	from=$1 to=$2
	shift 2
	on "$from" ping -n -c 5 -i 0.05 -W 2 "$@" "$to" |
		sed -n 's/.*time=\([0-9.]*\).*/\1/p' | sort -n | sed -n 3p
}

# ping prints whole milliseconds from 100 on, hence -0.5 below. All pairs at once would measure
# this machine; a row at a time does not.
row() {
	for to in $(cut -f1 "$here/data/rtt_ms.tsv" | sed 1d); do
		[ "$to" = "$1" ] || echo "$to $(rtt "$1" "$("$lab" addr "$to")")" >"$tmp/$to" &
	done
	wait
	sed "s/^/$1 /" "$tmp"/*-*[0-9] "$tmp"/lisbon 2>/dev/null
	rm -f "$tmp"/*
}

for from in $(cut -f1 "$here/data/rtt_ms.tsv" | sed 1d); do
	row "$from"
done >"/tmp/$LAB.rtt"
mv "/tmp/$LAB.rtt" "$tmp/rtt"
wrong=$(awk 'FNR == 1 && NR == 1 { for (i = 2; i <= NF; i++) name[i] = $i; next }
	NR == FNR { for (i = 2; i <= NF; i++) want[$1 " " name[i]] = $i; next }
	{ d = $3 - want[$1 " " $2]; n++ }
	$3 == "" || d < -0.5 || d > 2 { print $0, "wanted", want[$1 " " $2] }
	END { if (n != 90) print n, "pairs measured" }' "$here/data/rtt_ms.tsv" "$tmp/rtt")
name="90 round trips as in the table"
[ -z "$wrong" ] && pass "$name" || fail "$name" "$wrong"

near "the second home is 30 ms further" \
	"$(rtt lisbon "$("$lab" addr eu-west-1)" -I "$("$lab" addr lisbon-4g-vodafone)")" 79 1
near "IPv6 takes as long" "$(rtt lisbon "$("$lab" addr us-east-1 6)")" 114.7 1
near "the second home has IPv6" \
	"$(rtt lisbon "$("$lab" addr us-east-1 6)" -I "$("$lab" addr lisbon-4g-vodafone 6)")" \
	144.7 1
check "no site has a way out" sh -c '! '"$lab"' run lisbon ping -n -c 1 -W 1 192.0.2.1'
