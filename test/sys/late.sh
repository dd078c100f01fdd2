#!/bin/bash
# test/sys/late.sh - a device that cannot hear of a new client says so, and its word gets through
# This test may run beside others.
[ "$(id -u)" = 0 ] || { echo "skip late: needs root for namespaces"; exit 0; }
. test/sys/overlay.inc
A=late-$$-a D=late-$$-d
pids=

late_end()
{
	kill $pids 2>/dev/null
	wait
	ip netns del $A 2>/dev/null
	ip netns del $D 2>/dev/null
	overlay_end
}
trap late_end EXIT

# in NS HOME COMMAND...
in_ns()
{
	ns=$1 home=$2
	shift 2
	ip netns exec $ns "$m" -C "$d/$home" "$@"
}

# role NS HOME COMMAND...: in the background, up to its line "ready"
role()
{
	ns=$1 home=$2
	shift 2
	: >"$d/$home.log" # what stands there is of the one before
	ip netns exec $ns "$m" -C "$d/$home" "$@" >"$d/$home.log" 2>&1 &
	pids="$pids $!"
	for _ in $(seq 200); do
		grep -q '^ready' "$d/$home.log" && return
		sleep 0.1
	done
	sed 's/^/# /' "$d/$home.log"
	echo "not ok late: $home does not start"
	exit 1
}

# enrol ROLE NAME
enrol()
{
	mkdir -p "$d/$2" && cp "$d/admin/cluster" "$d/$2/"
	in_ns $A admin admit "$1" "$2" "$(in_ns $A "$2" key new)" >/dev/null
}

# The manager has an address of its own, which the device can lose.
ip netns add $A && ip netns add $D &&
	ip link add late0 netns $A type veth peer name late0 netns $D || {
	echo "skip late: no network namespaces here"
	exit 0
}
for ns in $A $D; do
	ip -n $ns link set lo up
	ip -n $ns link set late0 up
done
ip -n $A addr add 10.88.0.1/24 dev late0
ip -n $A addr add 10.88.1.1/32 dev lo
ip -n $D addr add 10.88.0.2/24 dev late0
ip -n $D route add 10.88.1.1/32 via 10.88.0.1
"$m" -q cluster new --faults 0 --out "$d" 10.88.1.1:7100 >/dev/null
role $A replica-0 manager
for i in 1 2; do
	enrol node n$i
	role $A n$i node --name n$i --listen 10.88.0.1:720$i
done
enrol device d1
role $D d1 server --name d1 --inbox "$d/inbox" --listen 10.88.0.2:7300
enrol client known
echo hello >"$d/file"
ok late_a_client_in_time ends 0 in_ns $A known send -q "$d/file" d1

# The node learns of this one, the device cannot. Its refusal comes while the client still talks.
ip -n $D route replace blackhole 10.88.1.1/32
enrol client late
refused()
{
	ends 4 in_ns $A late send "$d/file" d1 && grep -q 'this key is not admitted' "$d/err" &&
		grep -q 'trying for some seconds more' "$d/err"
}
ok late_the_refusal_is_read refused
