#!/bin/sh
# test/sys/trace.sh - trace and ping over three real routers: namespaces in a row, IPv4 and IPv6
#
#	c --1-- r1 --2-- r2 --3-- r3 --4-- s	10.77.N.0/24, fd77:N::/64
#
# The oracle for hops is traceroute -T where it is installed. Prints one line a test.
cd "$(dirname "$0")/../.." || exit 1
m=$PWD/build/machete
dir=$(mktemp -d) || exit 1
export MACHETE_HOME="$dir/home"
chmod 755 "$dir"
bad=0

[ "$(id -u)" = 0 ] && ip netns list >/dev/null 2>&1 || {
	echo "skip trace: needs root for network namespaces"
	exit 0
}

down() {
	for n in c r1 r2 r3 s; do
		kill $(ip netns pids "probe-$n" 2>/dev/null) 2>/dev/null
		ip netns del "probe-$n" 2>/dev/null
	done
}
trap 'down; rm -rf "$dir"' EXIT
down 2>/dev/null

in_ns() {
	ns=$1
	shift
	ip netns exec "probe-$ns" "$@"
}
client() {
	in_ns c "$@"
}
nobody() {
	in_ns c setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"
}

namespace() {
	ip netns add "probe-$1"
	ip -n "probe-$1" link set lo up
	in_ns "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
}

# cable LEFT RIGHT N
cable() {
	ip -n "probe-$1" link add "e$3" type veth peer name "w$3" netns "probe-$2"
	ip -n "probe-$1" addr add "10.77.$3.1/24" dev "e$3"
	ip -n "probe-$2" addr add "10.77.$3.2/24" dev "w$3"
	ip -n "probe-$1" addr add "fd77:$3::1/64" dev "e$3" nodad
	ip -n "probe-$2" addr add "fd77:$3::2/64" dev "w$3" nodad
	ip -n "probe-$1" link set "e$3" up
	ip -n "probe-$2" link set "w$3" up
}

up() {
	for n in c r1 r2 r3 s; do
		namespace $n
	done
	cable c r1 1 && cable r1 r2 2 && cable r2 r3 3 && cable r3 s 4
	i=1
	for n in c r1 r2; do
		ip -n probe-$n route add 10.77.4.0/24 via 10.77.$i.2
		ip -n probe-$n -6 route add fd77:4::/64 via fd77:$i::2
		i=$((i + 1))
	done
	i=1
	for n in r1 r2 r3 s; do
		ip -n probe-$n route add default via 10.77.$i.1
		ip -n probe-$n -6 route add default via fd77:$i::1
		i=$((i + 1))
	done
}

# ok NAME COMMAND...: the command holds.
ok() {
	name=$1
	shift
	if "$@"; then
		echo "ok trace: $name"
	else
		sed 's/^/# /' "$dir/out" "$dir/err" 2>/dev/null
		echo "not ok trace: $name"
		bad=1
	fi
}

# run COMMAND...: output to $dir/out and $dir/err, exit status to $rc.
run() {
	"$@" >"$dir/out" 2>"$dir/err"
	rc=$?
}

# Lines of the last output with their times cut off.
hops() {
	sed 's/ [0-9.]*ms$//' "$dir/out"
}
printed() {
	[ "$rc" = "$1" ] && [ "$(hops)" = "$2" ]
}
has() {
	[ "$rc" = "$1" ] && grep -qF -- "$2" "$dir/out" "$dir/err"
}
as_traceroute() {
	a=$(sed -nE 's/^ *[0-9]+  \[[^]]*\] ([0-9a-f.:]+) .*/\1/p' "$dir/out")
	b=$(client traceroute -T -n -q 1 -p 7300 10.77.4.2 |
		sed -nE 's/^ *[0-9]+  ([0-9.]+) .*/\1/p' | grep -v '^10\.77\.4\.2$')
	[ -n "$a" ] && [ "$a" = "$b" ]
}

up >"$dir/up" 2>&1 || {
	sed 's/^/# /' "$dir/up"
	echo "not ok trace: the namespaces stand"
	exit 1
}
in_ns s python3 -c '
import socket
for f, a in ((socket.AF_INET, "10.77.4.2"), (socket.AF_INET6, "fd77:4::2")):
	s = socket.socket(f)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	s.bind((a, 7300))
	s.listen(64)
	globals()["keep" + a] = s
print("up", flush=True)
__import__("signal").pause()' >"$dir/server" &
server=$!
until grep -q up "$dir/server"; do kill -0 $server || exit 1; done

printf '10.77.1.0/24\t5516\n10.77.2.0/24\t1930\n10.77.3.0/24\t20965_174\n' >"$dir/table"
run "$m" asn import --keep-bogons "$dir/table"

run client "$m" trace 10.77.4.2:7300
ok "one flow names every router and AS" printed 0 "TTL machete trace to 10.77.4.2:7300/tcp
 1  [5516] 10.77.1.2
 2  [1930] 10.77.2.2
 3  [20965_174] 10.77.3.2
 4  [AS?] [target open] 10.77.4.2:7300"
if command -v traceroute >/dev/null; then
	ok "traceroute sees the same routers" as_traceroute
else
	echo "skip trace: traceroute sees the same routers: not installed"
fi

run client "$m" trace '[fd77:4::2]:7300'
ok "the same over IPv6" printed 0 "TTL machete trace to [fd77:4::2]:7300/tcp
 1  [AS?] fd77:1::2
 2  [AS?] fd77:2::2
 3  [AS?] fd77:3::2
 4  [AS?] [target open] [fd77:4::2]:7300"

run client "$m" trace 10.77.4.2:7399
ok "a closed port is reached too" has 0 "[target closed] 10.77.4.2:7399"

run nobody "$m" trace -C "$dir/none" -q 10.77.4.2:7300
ok "without privilege, from neighbouring ports" printed 0 \
	"TTL machete trace to 10.77.4.2:7300/tcp, ports vary
 1  [AS?] 10.77.1.2
 2  [AS?] 10.77.2.2
 3  [AS?] 10.77.3.2
 4  [AS?] [target open] 10.77.4.2:7300"
run nobody "$m" trace -C "$dir/none" -q --exact '[fd77:4::2]:7300'
ok "without privilege, one port, IPv6" printed 0 \
	"TTL machete trace to [fd77:4::2]:7300/tcp, exact
 1  [AS?] fd77:1::2
 2  [AS?] fd77:2::2
 3  [AS?] fd77:3::2
 4  [AS?] [target open] [fd77:4::2]:7300"

one_port() {
	n=$(sed -nE 's/.*IP 10\.77\.1\.1\.([0-9]+) > 10\.77\.4\.2.*/\1/p' "$dir/syns")
	[ "$(echo "$n" | wc -l)" -ge 4 ] && [ "$(echo "$n" | sort -u | wc -l)" = 1 ]
}
# A router that answers late makes trace ask again, from a new port: so a busy machine has more than
# one try.
capture() {
	client timeout 20 tcpdump -nn --immediate-mode -c 4 -i e1 \
		'tcp[tcpflags] == tcp-syn and dst host 10.77.4.2' >"$dir/syns" 2>"$dir/dump" &
	dump=$!
	until grep -q listening "$dir/dump"; do kill -0 $dump || break; done
	run client "$m" trace $way 10.77.4.2:7300
	wait $dump
}
for way in '' --exact; do
	for try in 1 2 3; do
		capture
		one_port && break
	done
	ok "every probe has one source port ${way:-(one flow)}" one_port
done

in_ns r2 nft add table ip quiet
in_ns r2 nft 'add chain ip quiet out { type filter hook output priority 0; }'
in_ns r2 nft add rule ip quiet out ip protocol icmp drop
for who in client nobody; do
	run $who "$m" trace -C "$dir/none" -q 10.77.4.2:7300
	ok "a silent router is a gap, not the end ($who)" \
		has 0 "**  [neglected] no reply packets received from TTL 2"
done
run client "$m" trace --json 10.77.4.2:7300
as_json() {
	[ $rc = 0 ] && python3 -c '
import json, sys
t = json.load(open(sys.argv[1]))
assert t["event"] == "trace" and t["stop_reason"] == "COMPLETED" and t["hop_count"] == 4, t
assert [h["probe_ttl"] for h in t["hops"]] == [1, 3, 4], t
assert t["hops"][0]["asn"] == [5516] and t["hops"][1]["asn"] == [20965, 174], t
assert t["hops"][0]["icmp_type"] == 11 and t["hops"][0]["reply_ttl"] == 64, t
assert t["hops"][2]["addr"] == "10.77.4.2" and t["hops"][2]["port_state"] == "open", t
assert t["as_path"] == [5516] and t["dport"] == 7300 and t["way"] == "one flow", t' "$dir/out"
}
ok "as JSON, with the names of scamper" as_json
in_ns r2 nft delete table ip quiet

in_ns s nft add table ip quiet
in_ns s nft 'add chain ip quiet in { type filter hook input priority 0; }'
in_ns s nft add rule ip quiet in tcp dport 7300 drop
run client "$m" trace -t 100 10.77.4.2:7300
ok "a target that says nothing is exit status 3" has 3 "**  [7300/tcp no reply from target]"
run client "$m" ping -t 100 -c 3 10.77.4.2:7300
ok "and loses every ping" has 3 "3 sent, 3 lost"
in_ns s nft delete table ip quiet

run client "$m" ping --json -c 5 -i 10 10.77.4.2:7300
ok "ping over one flow" has 0 '"sent":5,"lost":0'
run nobody "$m" ping -c 5 -i 10 10.77.4.2:7399
ok "ping without privilege, on a closed port" has 0 "port closed"

ip -n probe-r3 route add unreachable 10.77.4.2
for try in 1 2 3; do # the router limits how often it says so
	run client "$m" trace -t 100 10.77.4.2:7300
	has 3 "[unreachable]" && break
	sleep 1
done
ok "an unreachable target ends the trace" has 3 "[unreachable] 10.77.3.2"
ip -n probe-r3 route del unreachable 10.77.4.2

# ICMPv6 type 1, code 0: no route to destination
ip -n probe-r3 -6 route add unreachable fd77:4::2
no_route() {
	[ $rc = 3 ] && python3 -c '
import json, sys
t = json.loads(open(sys.argv[1]).readline())
h = t["hops"][-1]
assert t["stop_reason"] == "UNREACH" and not t["reached"], t
assert (h["addr"], h["icmp_type"], h["icmp_code"]) == ("fd77:3::2", 1, 0), h
assert [x["addr"] for x in t["hops"][:-1]] == ["fd77:1::2", "fd77:2::2"], t' "$dir/out" 2>"$dir/err"
}
for who in client nobody; do
	run $who "$m" trace -C "$dir/none" -q --json -t 100 '[fd77:4::2]:7300'
	ok "a router without a route ends the trace over IPv6 ($who)" no_route
done
ip -n probe-r3 -6 route del unreachable fd77:4::2

ip -n probe-r2 route replace 10.77.4.0/24 via 10.77.2.1
run client "$m" trace -t 100 10.77.4.2:7300
ok "routers that send to each other are a loop" has 3 "**  [loop]"
ip -n probe-r2 route replace 10.77.4.0/24 via 10.77.3.2

run client "$m" trace --local 10.77.1.9 10.77.4.2:7300
ok "an address that is not ours is an error" has 3 "Address not available"
run client "$m" trace 203.0.113.1
ok "no route is an error at once" has 3 "Network unreachable"
exit $bad
