#!/bin/bash
# test/sys/nat.sh - a node that forwards in the kernel, with real processes in network namespaces:
# what it changes in its namespace and what of it is left, whatever way it ends; what it refuses;
# when it relays instead.
# This test may run beside others.
cd "$(dirname "$0")/../.." || exit 1
if [ -z "$NAT_SH_INSIDE" ]; then
	unshare -nm true 2>/dev/null || { echo "skip nat: network namespaces take root"; exit 0; }
	unshare -n nft list tables 2>/dev/null || {
		echo "skip nat: no nft, or no nf_tables in this kernel"
		exit 0
	}
	make -s build/sys/open_ctl || { echo "not ok nat: open_ctl does not build"; exit 1; }
	exec env NAT_SH_INSIDE=1 unshare -nm --kill-child "$0"
fi

bad=0
m=$(realpath "${MACHETE:-build/machete}")
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$tmp"' EXIT
unset MACHETE_HOME XDG_CONFIG_HOME
. test/sys/ns.inc

# check TEXT COMMAND...
check() {
	local text=$1
	shift
	if "$@" >"$tmp/check" 2>&1; then
		echo "ok nat: $text"
	else
		sed 's/^/# /' "$tmp/check" | tail -n 20
		echo "not ok nat: $text"
		bad=1
	fi
}

# link A ADDR B ADDR: a veth between two namespaces, named after the other end, IPv4 and IPv6
link() {
	ip link add "to-$3" netns "$1" type veth peer name "to-$1" netns "$3"
	for end in "$1 $3 $2" "$3 $1 $4"; do
		set -- $end
		ip -n "$1" addr add "$3/24" dev "to-$2"
		ip -n "$1" addr add "fd00::${3//./:}/112" dev "to-$2" nodad
		ip -n "$1" link set "to-$2" up
	done
}

# The manager is at the device's, and the client has a way to it of its own.
wire() {
	mount -t tmpfs none /run || exit 1
	for n in client node device; do
		ip netns add $n && ip -n $n link set lo up
	done
	link client 10.1.0.9 node 10.1.0.1
	for i in 8 21 22 23 24; do
		ip -n client addr add 10.1.0.$i/24 dev to-node
	done
	link device 10.2.0.2 node 10.2.0.1
	link client 10.3.0.9 device 10.3.0.2
	ip -n node route add 10.3.0.2 via 10.2.0.2
}

node() {
	role node node "$m" -v -C "$tmp/n1" node --name n1 --advertise 10.1.0.1 "$@"
	node_pid=$pid
}

# end SIGNAL: the node ends
end_node() {
	kill -"$1" "$node_pid"
	wait "$node_pid" 2>/dev/null
}

overlay() {
	"$m" -q cluster new --faults 0 --out "$tmp" 10.3.0.2:7100
	role device manager "$m" -C "$tmp/replica-0" manager
	enrol client client
	enrol node n1
	enrol device d1
	mkdir "$tmp/inbox"
	role device device "$m" -C "$tmp/d1" server --name d1 --inbox "$tmp/inbox" \
		--advertise 10.2.0.2 --advertise '[fd00::10:2:0:2]'
	head -c 3000000 /dev/urandom >"$tmp/data"
}

# send [OPTION...]: over n1; prints how it was forwarded
send() {
	rm -f "$tmp"/inbox/*
	timeout 60 ip netns exec client "$m" -C "$tmp/client" --json send -n 1 --via n1 "$@" \
		"$tmp/data" d1 >"$tmp/sent" 2>"$tmp/send.err" || { cat "$tmp/sent"; return 1; }
	cmp "$tmp/data" "$tmp/inbox/data" &&
		grep -o '"forward":"[a-z]*"' "$tmp/sent" | cut -d '"' -f 4
}

sent_by() {
	local way
	way=$(send "${@:2}")
	[ "$way" = "$1" ] && return
	echo "by $way"
	tail -n 5 "$tmp/sent" "$tmp/node.log"
	return 1
}

# --- what is looked at --------------------------------------------------------------------------

# The rules of somebody else, who was here before.
users_rules() {
	at node nft -f test/sys/users.nft
}

rules() {
	at node nft -s list ruleset
}

# All but the one that counts connections.
sysctls() {
	at node sysctl -a 2>/dev/null | grep '^net\.' | grep -v nf_conntrack_count
}

before() {
	rules >"$tmp/rules"
	sysctls >"$tmp/sysctls"
}

rules_as_before() {
	rules | diff "$tmp/rules" -
}

sysctls_as_before() {
	sysctls | diff "$tmp/sysctls" -
}

# The sysctls that are not as before, "NAME = VALUE" a line.
changed() {
	sysctls | diff "$tmp/sysctls" - | sed -n 's/^> //p'
}

users_rules_as_before() {
	for t in 'ip filter' 'ip nat'; do at node nft -s list table $t; done |
		diff <(grep . "$tmp/rules") <(grep . -)
}

is_nobody() {
	grep -qP '^Uid:\s65534\s65534\s65534\s65534' "/proc/$node_pid/status" &&
		grep -qP '^Gid:\s65534\s65534\s65534\s65534' "/proc/$node_pid/status"
}

# caps WORD HEX: one of the process's sets
caps() {
	[ "$(sed -n "s/^$1:\\s*0*//p" "/proc/$node_pid/status")" = "$2" ]
}

elements() {
	at node nft list map inet machete forward4 | grep -o expires | wc -l
}

known() {
	at node nft list set inet machete known4 | grep -o '10\.1\.0\.9' | wc -l
}

connections() {
	at node conntrack -L -d 10.1.0.1 -p tcp --orig-port-dst "$1" 2>/dev/null | wc -l
}

logged() {
	grep -q "$1" "$tmp/node.log"
}

# --- a client that may lie ----------------------------------------------------------------------

field() {
	at client "$m" -C "$tmp/client" tuple rdp "$@" | cut -f "$n" | sed s/hex://
}

# ask_begin [DEVICE [NODE]]: from now on `ask` is about this device
ask_begin() {
	local pub dev
	[ -z "$CTL_PID" ] || { kill "$CTL_PID"; wait "$CTL_PID" 2>/dev/null; }
	pub=$(n=4 field node n1 '*' '*' '*' '*' '*' '*')
	dev=$(n=3 field device "${1:-d1}" '*' '*' '*' '*' '*')
	coproc CTL { exec ip netns exec client build/sys/open_ctl "$tmp/client/key" \
		"${2:-10.1.0.1:7200}" "$pub" "$dev"; }
}

# ask WORDS...: one line to open_ctl, its answer into $answer
ask() {
	echo "$*" >&"${CTL[1]}"
	read -r -t 20 answer <&"${CTL[0]}"
}

# answers PATTERN WORDS...
answers() {
	local want=$1
	shift
	ask "$@"
	echo "$answer"
	# shellcheck disable=SC2254
	case $answer in $want) ;; *) return 1 ;; esac
}

# --- the tests ----------------------------------------------------------------------------------

t_traces() {
	check 'the node says what a firewall must let in' grep -q \
		'nat and relay; let TCP 7200 in, and 7201-8200 in and on' "$tmp/node.out"
	check 'it is uid 65534' is_nobody
	check 'it has CAP_NET_ADMIN' caps CapEff 1000
	check '... and nothing else to take' eval 'caps CapPrm 1000 && caps CapBnd "" &&
		caps CapAmb "" && caps NoNewPrivs 1'
	check 'before the first forward no sysctl is changed' sysctls_as_before
	check 'a file goes by nat' sent_by nat
	check 'forwarding is on where it is used, and nowhere else' eval '[ "$(changed)" = "$(
		printf "net.ipv4.conf.%s.forwarding = 1\n" to-client to-device)" ]'
	check 'ip_forward stays off' eval '[ "$(at node cat /proc/sys/net/ipv4/ip_forward)" = 0 ]'
	check 'what was changed is noted' eval \
		'grep -q to-client "$tmp/n1/undo" && grep -q to-device "$tmp/n1/undo"'
	check 'the forward was closed at the end' [ "$(elements)" = 0 ]
	check '... is forgotten soon' within 4 eval '[ "$(known)" = 0 ]'
	check '... with its connections' eval '[ "$(connections 7201)" = 0 ]'
	check 'nothing else is forwarded by the interfaces that were switched on' \
		eval '! at client timeout 1 bash -c "exec 3<>/dev/tcp/10.2.0.2/7300"'
	check "the user's own rules still work" eval 'at client python3 test/sys/echo.py say \
		10.1.0.1 7001 1 0 | grep -q 10.1.0.9'
	check "... and are as they were" users_rules_as_before
	kill -HUP "$node_pid"
	check 'SIGHUP reads the cluster file again, of a HOME that only root may read' \
		within 5 logged 'cluster file has not changed'
	moved=$(sed 's/:7100/:7109/' "$tmp/n1/cluster")
	echo "$moved" >"$tmp/n1/cluster"
	kill -HUP "$node_pid"
	check '... and goes where a replica is now' within 5 logged 'cluster file has changed'
	cp "$tmp/admin/cluster" "$tmp/n1/cluster"
	kill -HUP "$node_pid"
	check '... and back' within 5 eval \
		'[ "$(grep -c "cluster file has changed" "$tmp/node.log")" = 2 ]'
	end_node TERM
	check 'a clean stop leaves no rule of ours' rules_as_before
	check '... and no sysctl' sysctls_as_before
	check '... and nothing to undo' [ ! -s "$tmp/n1/undo" ]
}

t_killed() {
	node
	check 'sent again' sent_by nat
	end_node KILL
	check 'kill -9 leaves no table of ours' rules_as_before
	check '... and the sysctls' eval '[ "$(changed | wc -l)" = 2 ]'
	role device node "$m" -v -C "$tmp/n1" node --name n1 --advertise 10.2.0.2 --forward relay
	kill "$pid"
	wait "$pid"
	check '... which a start elsewhere leaves alone' eval '[ "$(changed | wc -l)" = 2 ]'
	check '... and noted' [ "$(grep -c ' to-' "$tmp/n1/undo")" = 2 ]
	node --forward relay
	check 'the next start undoes them' sysctls_as_before
	check '... and forgets that' [ ! -s "$tmp/n1/undo" ]
	check 'a node that relays has no capability' eval 'is_nobody && caps CapPrm ""'
	check 'a file goes by relay' sent_by relay
	end_node KILL
	printf '%s\n%s\n' 'another boot 1' '2 to-client' >"$tmp/n1/undo"
	at node sysctl -qw net.ipv4.conf.to-client.forwarding=1
	node --forward relay
	check "another boot's notes are not acted upon" eval \
		'[ "$(at node cat /proc/sys/net/ipv4/conf/to-client/forwarding)" = 1 ]'
	at node sysctl -qw net.ipv4.conf.to-client.forwarding=0
	end_node TERM
}

# Somebody switches off what we switched on.
switched_off() {
	at node sysctl -qw net.ipv4.conf.to-client.forwarding=0
	answers 'ok *' open nat 10.2.0.2:7300 10
}

t_switched_off() {
	check 'forwarding that was switched off is switched on for the next forward' eval \
		'switched_off && switched_off && [ "$(changed | wc -l)" = 2 ]'
	check '... and noted once' [ "$(grep -c to-client "$tmp/n1/undo")" = 1 ]
}

t_ports() {
	node --forward nat --ports 7001-7003
	check 'ports that the host uses are skipped' eval 'ask_begin
		answers "ok * 7002 20" open nat 10.2.0.2:7300 20 &&
		answers "ok * 7003 20" open nat 10.2.0.2:7300 20'
	check '... and a client that has them all is told so' \
		answers 'node is full' open nat 10.2.0.2:7300 20
	check '... which is nothing to a client from elsewhere' \
		answers 'ok * 7002 20' open nat 10.2.0.2:7300 20 10.1.0.8
	check 'a relay is refused where there is none' \
		answers 'kind of forwarding not offered' open relay 10.2.0.2:7300 20
	end_node TERM
}

# An admitted device that lists what no node must forward to, four addresses at a time.
lying_device() {
	local name=$1 addrs
	shift
	enrol device "$name"
	addrs=$(python3 -c 'import ipaddress, sys
for a in sys.argv[1:]:
	i = ipaddress.ip_address(a)
	print((i.packed if i.version == 6 else b"\0" * 10 + b"\xff\xff" + i.packed).hex() + "1c84", end="")' "$@")
	at device "$m" -C "$tmp/$name" tuple --ttl 600 out device "$name" \
		"hex:$("$m" -C "$tmp/$name" key show | tr -- -_ +/ | base64 -d 2>/dev/null |
		xxd -p -c 64)" "hex:$addrs" hex: int:0 lie
}

refused_both_ways() {
	answers 'destination not allowed' open nat "$1" 20 &&
		answers 'destination not allowed' open relay "$1" 20
}

t_destinations() {
	local name a i=2
	set -- '127.0.0.1 127.9.9.9 169.254.169.254 169.254.0.1' \
		'0.0.0.0 0.1.2.3 224.0.0.1 255.255.255.255' \
		'100.100.100.200 192.0.0.192 168.63.129.16 fd00:ec2::254' \
		':: ::1 fe80::1 ff02::1' \
		'::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::1 2001:0:102:304::1'
	for a; do
		lying_device d$i $a
		i=$((i + 1))
	done
	i=2
	for list; do
		ask_begin d$i
		for a in $list; do
			case $a in *:*) to="[$a]:7300" ;; *) to=$a:7300 ;; esac
			within 5 answers 'destination not allowed' open nat "$to" 20
			check "nobody is forwarded to $a, even if a device lists it" \
				refused_both_ways "$to"
		done
		i=$((i + 1))
	done
	check 'none of that reached the kernel' eval '[ -z "$(at node nft list map inet machete \
		forward4 | grep -o ": [0-9.]* [.] 7300" | grep -v 10.2.0.2)" ]'
}

# told HOME N LEASE: `status` lists N forwards in the kernel; the longest lease is LEASE or somewhat
# less, and all else of them is right
told() {
	at client "$m" --json -C "$tmp/$1" status >"$tmp/status"
	python3 - "$tmp/status" "$2" "$3" <<'P'
import json, sys
e = [json.loads(l) for l in open(sys.argv[1])]
f = [x for x in e if x["event"] == "forward"]
print(f)
assert len(f) == int(sys.argv[2]) == len({x["forward"] for x in f})
assert all((x["node"], x["client"], x["device"], x["kind"]) == ("n1", "client", "d1", "nat") and
           x["seconds"] < 60 and "bytes" not in x for x in f)
lease = int(sys.argv[3])
assert lease - 10 <= max(x["lease"] for x in f) <= lease + 1
P
}

t_requests() {
	ask_begin
	check 'an OPEN is answered with a port' answers 'ok * 72[0-9][0-9] 10' \
		open nat 10.2.0.2:7300 3
	short=${answer#ok } short=${short%% *}
	check 'the same OPEN again is no second one' answers 'replayed nonce' again
	check 'a forged one is refused' answers 'seal does not open' forged nat 10.2.0.2:7300 60
	check 'an address that is not registered is refused' \
		answers 'no such registered device' open nat 10.2.0.3:7300 60
	check 'a port that is not registered is refused' \
		answers 'port not registered' open nat 10.2.0.2:22 60
	check 'an unknown kind is refused' \
		answers 'kind of forwarding not offered' open other 10.2.0.2:7300 60
	check 'IPv4 is not forwarded to IPv6' \
		answers 'kind of forwarding not offered' open nat '[fd00::10:2:0:2]:7300' 60
	check 'a lease is granted as long as an hour' \
		answers 'ok * 72[0-9][0-9] 3600' open nat 10.2.0.2:7300 4000000000
	long=${answer#ok } long=${long%% *}
	check 'it is renewed' answers "ok $long * 50" renew "$long" 50
	check 'what does not exist is not' answers 'no such forward' renew 12345 50
	check 'both are in the kernel' [ "$(elements)" = 2 ]
	check 'its client is told of both, and how long they last' told client 2 50
	check '... and so is an admin' told admin 2 50
	check '... in words too' eval 'at client "$m" -C "$tmp/client" status |
		grep -qE "^forward $long +client to d1, in the kernel, [0-9]+ s, [1-5]?[0-9] s more"'
	check 'it is closed' answers "ok $long *" close "$long"
	check '... once' answers 'no such forward' close "$long"
	check '... and the other one stays' [ "$(elements)" = 1 ]
	check '... and is told of alone' told client 1 10
}

t_crowd() {
	ask_begin
	check 'four strangers hold 100 connections each with half an OPEN' \
		answers 400 half 400 10.1.0.21 4
	check '... and a client is answered all the same' answers 'ok *' open nat 10.2.0.2:7300 10
}

t_ipv6() {
	ask_begin d1 '[fd00::10:1:0:1]:7200'
	check 'no IPv6 forwards where it is off' \
		answers 'kind of forwarding not offered' open nat '[fd00::10:2:0:2]:7300' 20
	at node sysctl -qw net.ipv6.conf.all.forwarding=1
	check 'where it is on, there are' answers 'ok *' open nat '[fd00::10:2:0:2]:7300' 20
	at node sysctl -qw net.ipv6.conf.all.forwarding=0
	at node sysctl -qw net.ipv6.conf.default.forwarding=0
}

# trickle NAME SECONDS: a file that grows for so long, over n1; its process is $pid
trickle() {
	(for ((i = 0; i < $2; i++)); do echo "$i"; sleep 1; done) |
		ip netns exec client "$m" -C "$tmp/client" --json send -n 1 --via n1 - "d1:$1" \
			>"$tmp/$1" 2>&1 &
	pid=$!
}

# The client asks for 120 s and gets 10. The first transfer lasts longer than the lease of the
# second, which is asked for after the first one's.
t_lease() {
	node --lease 10
	trickle lasting 15
	local lasting=$pid
	within 5 eval '[ "$(elements)" = 1 ]'
	trickle killed 60
	check 'two transfers, two forwards' within 5 eval '[ "$(elements)" = 2 ]'
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	check 'one ends with its lease, for its client was killed' \
		within 14 eval '[ "$(elements)" = 1 ]'
	check '... and the other one goes on' kill -0 "$lasting"
	check '... to its end' wait "$lasting"
	check '... by nat all the way' grep -q '"forward":"nat"' "$tmp/lasting"
	check '... with all that was sent' eval 'seq 0 14 | cmp - "$tmp/inbox/lasting"'
	check '... and gives its forward back' within 2 eval '[ "$(elements)" = 0 ]'
	end_node TERM
}

# The client of t_requests' first forward went without goodbye; it asked for 3 s and got 10.
t_vanished() {
	ask_begin
	check 'a forward that nobody renews dies by itself' within 12 eval '[ "$(elements)" = 0 ]'
	check '... and is forgotten' within 5 eval '[ "$(known)" = 0 ]'
	check '... for good' answers 'no such forward' renew "$short" 50
}

t_evicted() {
	answers 'ok *' open nat 10.2.0.2:7300 600 >/dev/null
	check 'a forward with a long lease' [ "$(elements)" = 1 ]
	at device "$m" -q -C "$tmp/admin" evict client
	check 'an evicted client has none for long' within 10 eval '[ "$(elements)" = 0 ]'
	end_node TERM
	check 'after all that, no rule of ours is left' rules_as_before
	check '... and no sysctl' sysctls_as_before
}

# How many did not get in by the port.
packets() {
	at node nft list table inet foreign | sed -n 's/.* packets \([0-9]*\) .*/\1/p'
}

t_relays() {
	at node nft 'chain ip filter FORWARD { policy drop; }'
	node
	check 'a firewall that drops what is forwarded is seen' within 5 logged 'a firewall here drops'
	check '... and the node relays' sent_by relay
	end_node TERM
	at node nft 'chain ip filter FORWARD { policy accept; }'
	role node node setpriv --bounding-set=-net_admin "$m" -C "$tmp/n1" node --name n1 \
		--advertise 10.1.0.1
	node_pid=$pid
	check 'without CAP_NET_ADMIN it relays and says why' eval \
		'logged "CAP_NET_ADMIN is missing" && sent_by relay'
	end_node TERM
	at node timeout 10 setpriv --bounding-set=-net_admin "$m" -C "$tmp/n1" node --name n1 \
		--advertise 10.1.0.1 --forward nat 2>"$tmp/node.log"
	check '... or ends, where nat was asked for' eval "[ $? = 2 ]"
	node --listen 127.0.0.1:7200
	check 'a loopback listener relays' logged 'loopback'
	end_node TERM
	at node nft 'table inet foreign { chain closed { type filter hook prerouting priority raw
		tcp dport 7201-8200 counter drop; }; }'
	node
	at client "$m" -C "$tmp/client" status >"$tmp/status" # its directory knows of the ports
	check 'a client that does not get in by the port is relayed' sent_by relay
	check '... and gives its forward back' within 2 eval '[ "$(elements)" = 0 ]'
	turned_away=$(packets)
	check '... and asks for a relay at once next time' \
		eval 'sent_by relay && [ "$turned_away" -gt 0 ] && [ "$(packets)" = "$turned_away" ]'
	at node nft delete table inet foreign
	check '... for an hour' sent_by relay
	date -d '5 seconds ago' +%s >"$tmp/client/cache/relay-n1"
	check '... and not for longer' sent_by nat
	mkdir "$tmp/n1b" && cp -p "$tmp/n1/key" "$tmp/n1/cluster" "$tmp/n1b/"
	at node timeout 10 "$m" -C "$tmp/n1b" node --name n1 --advertise 10.1.0.1 --forward nat \
		--listen 10.1.0.1:7999 >"$tmp/second" 2>&1
	check 'a second node on the host does not take over' eval \
		"[ $? = 2 ] && grep -q 'another process' '$tmp/second'"
	check '... and the first goes on' sent_by nat
	end_node TERM
}

wire
ip netns exec node python3 test/sys/echo.py serve 10.1.0.1 7001 &
users_rules
overlay
before
node
t_traces
t_killed
t_ports
t_relays
t_lease
node
t_requests
t_switched_off
t_destinations
t_crowd
t_ipv6
t_vanished
t_evicted
exit $bad
