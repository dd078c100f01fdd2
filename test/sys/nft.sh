#!/bin/bash
# test/sys/nft.sh - forwards in the kernel, with a client, a node and a device in network
# namespaces: what net/nft, net/ct and net/sysctl promise, looked at with nft, conntrack and TCP.
# This test may run beside others.
cd "$(dirname "$0")/../.." || exit 1
if [ -z "$NFT_SH_INSIDE" ]; then
	unshare -nm true 2>/dev/null || { echo "skip nft: network namespaces take root"; exit 0; }
	make -s build/sys/nft_ctl || { echo "not ok nft: nft_ctl does not build"; exit 1; }
	exec env NFT_SH_INSIDE=1 unshare -nm --kill-child "$0"
fi

bad=0
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT
ctl=$PWD/build/sys/nft_ctl
echo=$PWD/test/sys/echo.py

# check TEXT COMMAND...
check() {
	local text=$1
	shift
	if "$@"; then
		echo "ok nft: $text"
	else
		echo "not ok nft: $text"
		bad=1
	fi
}

in_node() { ip netns exec node "$@"; }
in_client() { ip netns exec client "$@"; }

wire() {
	mount -t tmpfs none /run || exit 1
	for n in client node device; do
		ip netns add $n && ip -n $n link set lo up
	done
	ip link add c0 netns client type veth peer name nc netns node
	ip link add d0 netns device type veth peer name nd netns node
	ip -n client addr add 10.1.0.9/24 dev c0
	ip -n client addr add 10.1.0.8/24 dev c0
	ip -n client addr add fd01::9/64 dev c0 nodad
	ip -n node addr add 10.1.0.1/24 dev nc
	ip -n node addr add fd01::1/64 dev nc nodad
	ip -n node addr add 10.2.0.1/24 dev nd
	ip -n node addr add fd02::1/64 dev nd nodad
	ip -n device addr add 10.2.0.2/24 dev d0
	ip -n device addr add fd02::2/64 dev d0 nodad
	for l in client/c0 node/nc node/nd device/d0; do
		ip -n "${l%/*}" link set "${l#*/}" up
	done
	ip -n client route add default via 10.1.0.1
	ip -n device route add 10.1.0.0/24 via 10.2.0.1
	for at in device/10.2.0.2/9000 device/fd02::2/9000 device/10.2.0.2/7201 \
		node/10.1.0.1/7000; do
		IFS=/ read -r n a p <<<"$at"
		ip netns exec "$n" python3 "$echo" serve "$a" "$p" &
	done
}

# The rules of somebody else, who was here before.
users_rules() {
	in_node nft -f test/sys/users.nft
	in_node nft -s list ruleset >"$tmp/before"
}

start() {
	coproc CTL { exec ip netns exec node "$ctl"; }
	ctl_pid=$CTL_PID
	read -r -t 5 answer <&"${CTL[0]}"
}

stop() {
	eval "exec ${CTL[1]}>&-"
	wait "$ctl_pid" 2>/dev/null
}

# ask WORDS...: one line to nft_ctl, its answer into $answer.
ask() {
	echo "$*" >&"${CTL[1]}"
	read -r -t 20 answer <&"${CTL[0]}"
}

# says WANT ...: what a client hears on its first line.
says() {
	local want=$1
	shift
	[ "$(in_client python3 "$echo" say "$@" 2>&1 | head -n 1)" = "$want" ]
}

answers() { [ "$answer" = "$1" ]; }

connections() {
	in_node conntrack -L -s 10.1.0.9 -d 10.1.0.1 -p tcp --orig-port-dst 7201 2>/dev/null | wc -l
}

our_tables() { in_node nft list tables | grep -c machete; }

as_before() {
	in_node nft -s list ruleset | diff "$tmp/before" - >&2
}

users_as_before() {
	for t in 'ip filter' 'ip nat'; do in_node nft -s list table $t; done |
		diff <(grep . "$tmp/before") <(grep . -) >&2
}

wait_ready() {
	for _ in $(seq 50); do
		ip -n client route get 10.2.0.2 >/dev/null 2>&1 && ip netns exec device \
			python3 "$echo" say 10.2.0.2 9000 1 0 >/dev/null 2>&1 && return
		sleep 0.1
	done
}

t_forward() {
	for i in nc nd; do ask forwarding 4 $i 1; done
	check 'a sysctl reads back' eval 'ask forwarding 4 nc; answers 1'
	ask add 10.1.0.9 10.1.0.1:7201 10.2.0.2:9000 600000
	check 'a forward is added' answers 0
	ask add 10.1.0.9 10.1.0.1:7201 10.2.0.2:9000 600000
	check 'the same twice is refused' answers -17
	ask list
	check 'the table reads back' answers '10.1.0.9 10.1.0.1:7201 10.2.0.2:9000; 0'
	check 'a connection goes through, and comes from the node' \
		says '10.2.0.1 line 0' 10.1.0.1 7201 1 0
	check 'ip_forward is not needed' \
		eval '[ "$(in_node cat /proc/sys/net/ipv4/ip_forward)" = 0 ]'
	check 'another client is not forwarded' \
		says '[Errno 111] Connection refused' 10.1.0.1 7201 1 0 10.1.0.8
	check 'other ports of the node stay its own' says '10.1.0.9 line 0' 10.1.0.1 7000 1 0
	check 'what only passes the node is not taken' says '10.1.0.9 line 0' 10.2.0.2 7201 1 0
	check 'the rules of others still work' says '10.1.0.9 line 0' 10.1.0.1 8080 1 0
	ask add 10.1.0.9 10.1.0.1:7202 [fd02::2]:9000 600000
	check 'families do not mix' answers -97
}

t_ipv6() {
	in_node sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	ask add fd01::9 [fd01::1]:7201 [fd02::2]:9000 600000
	check 'an IPv6 forward is added' answers 0
	check 'IPv6 goes through too' says 'fd02::1 line 0' fd01::1 7201 1 0
	ask remove fd01::9 [fd01::1]:7201 [fd02::2]:9000 0
	check 'an IPv6 forward is removed' answers 0
}

# cut_after STATUS MIN MAX FILE: a client ended without an answer, after MIN to MAX of them.
cut_after() {
	local n
	n=$(grep -c line "$4")
	[ "$1" = 1 ] && [ "$n" -ge "$2" ] && [ "$n" -le "$3" ] && return
	echo "# status $1, $n answers"
	return 1
}

# talk PORT COUNT FILE: a client in the background, which has heard its first answer on return.
talk() {
	in_client python3 "$echo" say 10.1.0.1 "$1" "$2" 0.2 >"$3" &
	say=$!
	for _ in $(seq 150); do
		grep -q line "$3" && return
		sleep 0.1
	done
}

t_lease() {
	ask add 10.1.0.9 10.1.0.1:7203 10.2.0.2:9000 10000
	talk 7203 80 "$tmp/expires"
	wait $say
	check 'a flow ends with its lease' cut_after $? 1 60 "$tmp/expires"
	ask add 10.1.0.9 10.1.0.1:7203 10.2.0.2:9000 10000
	check 'what expired can be added again' answers 0
	talk 7203 60 "$tmp/renewed"
	for _ in 1 2 3 4; do
		ask renew 10.1.0.9 10.1.0.1:7203 10.2.0.2:9000 10000
		sleep 3
	done
	check 'renewal is accepted' answers 0
	check 'a renewed flow goes on' wait $say
	ask add 10.1.0.9 10.1.0.1:7204 10.2.0.2:9000 100
	sleep 0.5
	ask renew 10.1.0.9 10.1.0.1:7204 10.2.0.2:9000 5000
	check 'renewal of what expired makes it anew' answers 0
}

t_remove() {
	talk 7201 50 "$tmp/removed"
	ask remove 10.1.0.9 10.1.0.1:7201 10.2.0.2:9000 0
	check 'a forward is removed' answers 0
	wait $say
	check 'removal ends the flow at once' cut_after $? 1 12 "$tmp/removed"
	check 'its connection is still known' eval '[ "$(connections)" -gt 0 ]'
	ask purge 10.1.0.9 10.1.0.1:7201
	check 'a purge finds it' eval '[ "$answer" -gt 0 ]'
	check 'a purge forgets it' eval '[ "$(connections)" = 0 ]'
	ask purge 10.1.0.9 10.1.0.1:7201
	check 'a purge forgets nothing else' answers 0
	ask remove 10.1.0.9 10.1.0.1:7201 10.2.0.2:9000 0
	check 'there is nothing to remove twice' answers -2
	ask forget 10.1.0.9 10.1.0.1:7201 10.2.0.2:9000 0
	check 'what has ended is forgotten' answers 0
}

t_many() {
	ask many 20000
	check '20,000 forwards are added' answers 0
	ask add 10.1.0.9 10.1.0.1:7201 10.2.0.2:9000 600000
	check 'one more among them works' says '10.2.0.1 line 0' 10.1.0.1 7201 1 0
	check 'they cost the process less than 4 MiB' \
		eval '[ "$(awk "/^VmRSS/ { print \$2 }" /proc/$ctl_pid/status)" -lt 4096 ]'
	ask clear
	check 'all are removed together' answers 0
	ask list
	check 'none is left' answers 0
}

t_guard() {
	check 'what is routed passes before the guard' says '10.1.0.9 line 0' 10.2.0.2 9000 1 0
	ask guard "$(in_node cat /sys/class/net/nc/ifindex)"
	ask add 10.1.0.9 10.1.0.1:7201 10.2.0.2:9000 600000
	check 'the guard drops what is no forward' says 'timed out' 10.2.0.2 9000 1 0
	check 'the guard lets forwards pass' says '10.2.0.1 line 0' 10.1.0.1 7201 1 0
	ask foreign
	check 'chains that accept are no firewall' answers 0
	in_node nft 'chain ip filter FORWARD { policy drop; }'
	ask foreign
	check "somebody else's policy of dropping is seen" answers 1
	in_node nft 'chain ip filter FORWARD { policy accept; }'
}

t_owner() {
	check 'a second owner is turned away' \
		eval '[ "$(in_node "$ctl" </dev/null)" = -16 ]'
	check 'nobody else may change the table' eval '! in_node nft flush ruleset 2>/dev/null ||
		[ "$(our_tables)" = 1 ]'
	in_node nft -f "$tmp/before"
	check 'the rules of others are as they were' users_as_before
	stop
	check 'a clean stop leaves nothing' as_before
	in_node nft add table inet machete
	start
	check 'a table left behind is replaced' answers 0
	kill -9 "$ctl_pid"
	wait "$ctl_pid" 2>/dev/null
	check 'kill -9 leaves nothing' as_before
	check 'without CAP_NET_ADMIN it is refused' \
		eval '[ "$(in_node setpriv --bounding-set=-net_admin "$ctl" </dev/null)" = -1 ]'
}

wire
users_rules
wait_ready
start
check 'the table is installed' answers 0
t_forward
t_ipv6
t_lease
t_remove
t_many
t_guard
t_owner
exit $bad
