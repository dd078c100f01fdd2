#!/bin/sh
# Registration and sending with real processes: files arrive whole, by the nodes asked for, over
# IPv4 and IPv6 and to a device's other prefix; who taps one path learns nothing; names vanish with
# a clean stop.
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
need python3 tcpdump
begin two-paths

nodes_seen() {
	onm client client status | grep -c '^node'
}

# receipt EXPRESSION of the last send; d is the done event
receipt() {
	json "$tmp/receipt.json" "$1"
}

spread_replicas "" manager manager manager manager
party client client
mkdir "$homes/n1"
cp "$homes/admin/cluster" "$homes/n1"
fingerprint=$(m n1 key new)
role n1 n1 node --name n1
check "a node that is not admitted prints the line to run" \
	until_true 20 grep -q "admit node n1 $fingerprint" "$tmp/n1.err"
m_admin admit node n1 "$fingerprint" >/dev/null
check "... and is ready soon after it was run" ready n1 20
for node in n2 n3; do
	party node $node >/dev/null
	role $node $node node --name $node $([ $node = n2 ] && echo --forward relay)
done
party device device >/dev/null
mkdir "$tmp/inbox"
role device device server --name device --inbox "$tmp/inbox"
must_ready n2 n3 device

file small 1000
check "a small file is sent" send receipt "$tmp/small" device
check "... and has arrived" arrived small
file big 20000000
check "a big file over two named nodes" send receipt --via n1,n2 "$tmp/big" device
check "... has arrived" arrived big
check "the receipt names the nodes" \
	[ "$(receipt '" ".join(sorted(p["node"] for p in d["paths"]))')" = "n1 n2" ]
check "... which forward as each can, in the kernel and by relay" \
	[ "$(receipt '" ".join(sorted(p["node"] + " " + p["forward"] for p in d["paths"]))')" \
	= "n1 nat n2 relay" ]
check "no path carried all" [ "$(receipt 'd["max_path_share"] < 0.9')" = True ]
check "strict: halves" eval 'send receipt --scheduler strict --via n1,n2 "$tmp/big" device &&
	[ "$(receipt "0.49 < d[\"max_path_share\"] < 0.52")" = True ]'
check "stdin" eval 'send receipt - device:piped <"$tmp/small" && arrived small piped'

# opening FILE: a line for what goes before a path by nat, seen on the way to its node: "TRIPS MS",
# the round trips (turns of direction, packet by packet, up to the answer) and the time from the first
# SYN of the connection that asks for the forward to the first SYN that uses it.
opening() {
	tcpdump -n -tt -r "$1" tcp 2>/dev/null | awk '
		function port(s) { sub(/.*\./, "", s); return s + 0 }
		{ from = port($3); to = port($5) }
		to == 7200 && /Flags \[S\],/ { asking = from; trips = back = last = 0; at = $1 }
		from == 7200 && to == asking { trips += !back; back = 1 }
		from == 7200 && to == asking && /length [1-9]/ { last = trips }
		to == 7200 && from == asking { back = 0 }
		to > 7200 && to <= 8200 && /Flags \[S\],/ && !(from in seen) {
			seen[from] = 1
			printf "%d %.1f\n", last, ($1 - at) * 1000
		}'
}

"$lab" pcap client/n1 "$tmp/way"
check "a forward is asked for and used" send receipt --via n1,n2 "$tmp/small" device
"$lab" pcap client/n1 stop
check "... after two round trips" eval \
	'opening "$tmp/way" >"$tmp/trips"; cat "$tmp/trips"; grep -qx "2 .*" "$tmp/trips"'
check "... which took no less than two round trips to the node do" awk -v rtt=20 \
	'{ print } $2 < 2 * rtt - 1 { bad = 1 } END { exit bad || NR != 1 }' "$tmp/trips"
echo "# round trips and ms until the forward was used, round trip 20 ms: $(cat "$tmp/trips")"

# The eavesdropper has all of n2's transit; n1's path is not his.
{ yes SECRETMARK | head -c 200000; } >"$tmp/marked"
"$lab" pcap as64502 "$tmp/tap"
check "sent while one path is tapped" send receipt --via n1,n2 "$tmp/marked" device
"$lab" pcap as64502 stop
check "the tap saw packets of the path" \
	[ "$(tcpdump -n -r "$tmp/tap" tcp port 7200 2>/dev/null | wc -l)" -gt 20 ]
check "... and nothing of the contents nor of the name" eval \
	'! grep -aq -e SECRETMARK -e marked "$tmp/tap"'
check "no packet between the client and the device" eval \
	'! tcpdump -n -r "$tmp/tap" host "$("$lab" addr device)" 2>/dev/null | grep -q .'

near "three nodes are registered" "$(nodes_seen)" 3 0
kill -TERM "$(pid n3)"
check "a node that stops cleanly is gone" until_true 5 eval '[ "$(nodes_seen)" = 2 ]'

kill -TERM "$(pid device)"
wait "$(pid device)"
role device device server --name device --inbox "$tmp/inbox" --advertise "$("$lab" addr device-b)"
must_ready device
"$lab" pcap as64506 "$tmp/other"
check "the device behind its other prefix" send_as again receipt small --via n1,n2
"$lab" pcap as64506 stop
check "... has the file" arrived small again
check "... by way of the other provider" \
	[ "$(tcpdump -n -r "$tmp/other" 2>/dev/null | wc -l)" -gt 10 ]
stop_roles
rm -rf "$homes" "$tmp/inbox"
overlay 6 >/dev/null
check "a file over IPv6" send receipt --via n1,n3 "$tmp/big" device
check "... has arrived" arrived big
