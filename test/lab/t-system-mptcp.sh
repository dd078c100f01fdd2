#!/bin/sh
# Unmodified programs and `send --transport mptcp` over the kernel's MPTCP: eavesdroppers on every
# path see data on all of the chosen ones and nothing anywhere else; afterwards all is as it was.
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
need python3 tcpdump nft iperf3 mptcpize curl
python3 -c 'import socket; socket.socket(2, 1, 262)' 2>/dev/null || {
	echo "skip ${0##*/}: this kernel has no MPTCP"
	exit 0
}

# place TOPOLOGY MANAGER CLIENT DEVICE NODE...: that lab, and an overlay in it
place() {
	begin "$1"
	replica=$2 client=$3 device=$4
	shift 4
	nodes=$*
	for site in $client $device $nodes; do
		state $site >"$tmp/$site.before"
	done
	spread_replicas "" $replica
	parties $device "--expose 5201 --expose 8080" "--forward nat" $nodes
	at=$("$lab" addr $device)
	serve
}

# What a kernel has that anybody changes here.
state() {
	on $1 sh -c "ip -o addr | sed 's/ *valid_lft.*//'
		ip mptcp endpoint
		ip mptcp limits
		nft list ruleset
		grep -rs . /proc/sys/net/mptcp /proc/sys/net/ipv4 /proc/sys/net/ipv6"
}

as_before() {
	state $1 | diff "$tmp/$1.before" -
}

# Programs of the device that know nothing of MPTCP. HTTPServer would ask the DNS for a name.
serve() {
	on $device mptcpize run iperf3 -s >"$tmp/iperf3.out" 2>&1 &
	services=$!
	on $device mptcpize run python3 -c 'import http.server, os, socketserver, sys
os.chdir(sys.argv[1])
at = (sys.argv[2], 8080)
socketserver.ThreadingTCPServer(at, http.server.SimpleHTTPRequestHandler).serve_forever()' \
		"$tmp/inbox" $at >"$tmp/http.out" 2>&1 &
	services="$services $!"
	until_true 10 on $device sh -c 'ss -ltn | grep -q :5201 && ss -ltn | grep -q :8080'
}

# Eavesdroppers on the paths from the client, while a command runs.
spied() {
	for to in $nodes $device; do
		"$lab" pcap $client/$to "$tmp/$to.pcap"
	done
	"$@"
	spied=$?
	for to in $nodes $device; do
		"$lab" pcap $client/$to stop
	done
	return $spied
}

# carried src|dst SITE: bytes of contents, from the site or to it; its port 7200 is for asking
carried() {
	tcpdump -nq -r "$tmp/$2.pcap" tcp and $1 portrange 7201-8200 2>/dev/null |
		awk '{ b += $NF } END { print b + 0 }'
}

# by src|dst BYTES NODE...: so much went over these together, a part over each, and nothing else
# over any path
by() {
	way=$1 least=$2 sum=0
	shift 2
	for node in $nodes; do
		bytes=$(carried $way $node)
		sum=$((sum + bytes))
		echo "$node: $bytes"
		case " $* " in
		*" $node "*) [ $bytes -gt 5000 ] || return 1 ;;
		*) [ $bytes = 0 ] || return 1 ;;
		esac
	done
	[ $sum -ge $least ] && nothing_direct
}

nothing_direct() {
	! tcpdump -n -r "$tmp/$device.pcap" 2>/dev/null | head -n 5 | grep .
}

upload() {
	on $client mptcpize run iperf3 -c $at -n ${1}M
}

download() {
	rm -f "$tmp/got"
	on $client mptcpize run curl -sS -m 30 -o "$tmp/got" http://$at:8080/$1
	cmp "$tmp/got" "$tmp/inbox/$1"
}

# up OPTION...: $chosen are the nodes that it says
up() {
	role $client client up $device "$@"
	ready client || { fail "up $*" "$(tail -n 3 "$tmp/client.err")"; exit 1; }
	chosen=$(sed -n 's/.* goes over //; s/,//gp' "$tmp/client.out")
}

sends() {
	onm $client client send --json --transport mptcp -n 3 "$tmp/data" $device >"$tmp/receipt.json"
}

place two-paths manager client device n1 n2 n3
head -c 5000000 /dev/urandom >"$tmp/inbox/page"
check "without up, curl goes to the device directly" \
	eval 'spied download page && ! nothing_direct >/dev/null'
up -n 2
check "up chooses two nodes" [ "$(echo $chosen | wc -w)" = 2 ]
check "iperf3 under mptcpize" spied upload 10
check "... goes over both of them and nowhere else" by dst 8000000 $chosen
check "curl under mptcpize" spied download page
check "... comes over both of them and from nowhere else" by src 5000000 $chosen
check "up has nothing to complain of, four seconds after that" \
	eval '! until_true 4 [ -s "$tmp/client.err" ] || { cat "$tmp/client.err"; false; }'
kill -KILL "$(pid client)"
check "killed, it leaves something to take back" eval '! as_before client >/dev/null'
up -n 3
check "started again, over three nodes" spied upload 10
check "... goes over all of them" by dst 8000000 n1 n2 n3
check "down ends it" onm client client down $device
check "and the client is as before" as_before client
file data 10000000
check "send over MPTCP" spied sends
check "... is whole" arrived data
check "... over all nodes" by dst 10000000 n1 n2 n3
set -- $(json "$tmp/receipt.json" \
	'" ".join(str(p["bytes"]) for p in sorted(d["paths"], key=lambda p: p["node"]))')
near "... and the receipt has what was seen on the way to n1" "$1" "$(carried dst n1)" 50000
near "... to n2" "$2" "$(carried dst n2)" 50000
near "... and to n3" "$3" "$(carried dst n3)" 50000
check "and the client is as before" as_before client
"$lab" cut n2/device
sends 2>"$tmp/err"
check "a path that leads to its node and no farther is missed (status 3)" [ $? -eq 3 ]
"$lab" heal n2/device
kill $services
stop_roles
for site in $client $device $nodes; do
	check "$site is as before" as_before $site
done
