#!/bin/sh
# An eavesdropper in an AS sees all that crosses it and nothing else; tcpdump reads what it wrote.
. "$(dirname "$0")/lib.sh"
need ping tcpdump traceroute
begin two-paths

# count FILE FILTER...
count() {
	file=$1
	shift
	tcpdump -n -r "$tmp/$file" "$@" 2>/dev/null | wc -l
}

pings() {
	for to in n1 n2 n3 device; do
		on client ping -n -q -c "$1" -i 0.02 "$("$lab" addr $to)"
	done >/dev/null
}

"$lab" pcap as64501 "$tmp/as"
"$lab" pcap as64501,as64502 "$tmp/two"
"$lab" pcap client/n2 "$tmp/path"
"$lab" pcap 'client>n2' "$tmp/oneway"
pings 5
on client ping -n -q -c 5 -i 0.02 "$("$lab" addr n1 6)" >/dev/null
on client traceroute -n -q 1 -N 1 -f 4 -m 4 "$("$lab" addr n1)" >/dev/null
check "a second capture of the same is refused" eval '! "$lab" pcap as64501 "$tmp/again"'
for tap in as64501 as64501,as64502 client/n2 'client>n2'; do
	"$lab" pcap "$tap" stop
done
pings 1

near "n1, n3 and device are reached through the AS" "$(count as icmp and ip host 10.30.0.10)" 31 0
near "n2 is not" "$(count as host "$("$lab" addr n2)")" 0 0
near "IPv6 is seen too" "$(count as icmp6)" 10 0
near "a router's answer from behind crosses it" "$(count as src 10.41.0.1)" 1 0
near "the probe has a TTL there that fits" "$(count as 'udp and ip[8] = 3')" 1 0
near "one eavesdropper in two ASes" "$(count two icmp and host "$("$lab" addr n2)")" 10 0
near "a path" "$(count path)" 10 0
near "one direction" "$(count oneway)" 5 0
check "an unknown AS is refused" eval '! "$lab" pcap as1 "$tmp/none"'

# The request enters the AS 3 ms after the client sent it, the answer on the other side 11 ms later.
tcpdump -n -tt --nano -r "$tmp/as" icmp and host "$("$lab" addr n1)" 2>/dev/null |
	awk '/request/ { t = $1 } /echo reply/ { print ($1 - t) * 1000 }' |
	sort -n | sed -n 3p >"$tmp/gap"
near "at the time when it passes" "$(cat "$tmp/gap")" 11.2 1
tcpdump -n -tt --nano -r "$tmp/two" 2>/dev/null | cut -d' ' -f1 >"$tmp/times"
check "in the order of time" sort -n -c "$tmp/times"
check "every checksum is right" eval \
	'! tcpdump -n -vv -r "$tmp/two" 2>/dev/null | grep -iE "bad|wrong|incorrect"'
