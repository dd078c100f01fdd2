#!/bin/bash
# test/sys/mptcp.sh - kernel MPTCP over nodes, with real processes in network namespaces: `up` and
# `down`, `send --transport mptcp`, what it changes at the client and that nothing of it is left,
# that no packet goes to the device directly, and what happens where MPTCP does not get through.
cd "$(dirname "$0")/../.." || exit 1
if [ -z "$MPTCP_SH_INSIDE" ]; then
	unshare -nm nft list tables >/dev/null 2>&1 || {
		echo "skip mptcp: it takes root, nft, and nf_tables in the kernel"
		exit 0
	}
	unshare -n python3 -c 'import socket; socket.socket(2, 1, 262)' 2>/dev/null || {
		echo "skip mptcp: this kernel has no MPTCP"
		exit 0
	}
	exec env MPTCP_SH_INSIDE=1 unshare -nm --kill-child "$0"
fi

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
		echo "ok mptcp: $text"
	else
		sed 's/^/# /' "$tmp/check" | tail -n 20
		echo "not ok mptcp: $text"
	fi
}

client() { at client timeout 60 "$m" -C "$tmp/client" "$@"; }

# All on one link. The manager has an address of its own, so that nothing else of the client's may
# go to the device's.
wire() {
	mount -t tmpfs none /run || exit 1
	ip link add hub type bridge && ip link set hub up
	for end in client:9 n1:11 n2:12 n3:13 device:2; do
		name=${end%:*}
		ip netns add "$name"
		ip link add "to-$name" master hub up type veth peer name eth0 netns "$name"
		ip -n "$name" link set lo up
		ip -n "$name" link set eth0 up
		ip -n "$name" addr add "10.5.0.${end#*:}/24" dev eth0
	done
	ip -n device addr add 10.5.0.3/24 dev eth0
	ip -n device addr add fd05::2/64 dev eth0 nodad
	ip -n client addr add fd05::9/64 dev eth0 nodad
	ip -n client mptcp limits set subflows 1 add_addr_accepted 2
	ip -n client mptcp endpoint add 10.5.0.99 id 5 subflow
	ip -n device mptcp endpoint add 10.5.0.3 signal
	at client nft add table ip users
}

# start NAMESPACE NAME COMMAND...; $pid is its process
start() {
	local ns=$1 name=$2
	shift 2
	: >"$tmp/$name.out" # what stands there is of the one before
	ip netns exec "$ns" "$@" >"$tmp/$name.out" 2>"$tmp/$name.log" &
	pid=$!
}

ready() {
	within 15 grep -q '^ready' "$tmp/$1.out" && return
	tail -n 5 "$tmp/$1.log" | sed 's/^/# /'
	echo "not ok mptcp: $1 is ready"
	exit 1
}

overlay() {
	"$m" -q cluster new --faults 0 --out "$tmp" 10.5.0.3:7100
	role device manager "$m" -C "$tmp/replica-0" manager
	manager_pid=$pid
	enrol client client
	mkdir "$tmp/inbox"
	enrol device dev
	start device dev "$m" -v -C "$tmp/dev" server --name dev --inbox "$tmp/inbox" \
		--advertise 10.5.0.2 --advertise fd05::2 --expose 5001 --expose 5002
	for n in n1 n2 n3; do
		enrol node $n
		start $n $n "$m" -v -C "$tmp/$n" node --name $n --forward nat
	done
	n3_pid=$pid
	for n in dev n1 n2 n3; do
		ready $n
	done
	head -c 5000000 /dev/urandom >"$tmp/data"
}

# What the client's kernel has: all that `up` changes.
state() {
	at client ip -o addr | sed 's/ *valid_lft.*//; s/ tentative//'
	at client ip mptcp endpoint
	at client ip mptcp limits
	at client nft list ruleset
	at client grep -r . /proc/sys/net/mptcp /proc/sys/net/ipv4/conf 2>/dev/null
}
as_before() { state | diff "$tmp/before" -; }

# Services of the device: port 5001 speaks MPTCP and sends back what it gets, 5002 is TCP alone.
serve() {
	ip netns exec device python3 - <<'P' &
import socket, threading
def echo(c):
    while True:
        b = c.recv(65536)
        if not b:
            break
        c.sendall(b)
    c.close()
def listen(port, proto):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("10.5.0.2", port))
    s.listen()
    while True:
        threading.Thread(target=echo, args=(s.accept()[0],), daemon=True).start()
threading.Thread(target=listen, args=(5001, 262), daemon=True).start()
listen(5002, 0)
P
	within 5 at device python3 -c 'import socket; socket.create_connection(("10.5.0.2", 5002))'
}

# What the client sends: one line for every TCP packet, "SOURCE DESTINATION PORT BYTES".
sniff() {
	ip netns exec client python3 - "$tmp/packets" 2>/dev/null <<'P' &
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 28) # SO_RCVBUFFORCE
s.bind(("eth0", 3))
out = open(sys.argv[1], "w", buffering=1)
while True:
    p, a = s.recvfrom(65536)
    if a[2] == 4 and p[12:14] == b"\x86\xdd" and p[20] == 6:
        print("- fd05::2" if p[53] == 2 else "- other", 0, 0, file=out)
    if a[2] == 4 and p[12:14] == b"\x08\0" and p[23] == 6:
        ip = p[14:]
        size = struct.unpack(">H", ip[2:4])[0] - 20 - (ip[32] >> 4) * 4
        print(socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20]),
              struct.unpack(">H", ip[22:24])[0], size, file=out)
P
	within 5 test -e "$tmp/packets"
}

# talk PROTOCOL PORT BYTES: sends and gets them back
talk() {
	at client timeout 20 python3 - "$@" <<'P'
import socket, sys, threading, time
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, int(sys.argv[1]))
s.connect(("10.5.0.2", int(sys.argv[2])))
n = int(sys.argv[3])
s.sendall(b"x")
s.recv(1)
time.sleep(0.5)
threading.Thread(target=lambda: s.sendall(b"y" * n)).start()
got = 0
while got < n:
    b = s.recv(65536)
    if not b:
        sys.exit("it ended early")
    got += len(b)
s.close()
P
}

# A program that goes on connecting, from now on; $tmp/got says that it got through again.
trying() {
	ip netns exec client python3 - "$tmp/got" <<'P' &
import socket, sys, time
while True:
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    s.settimeout(0.02)
    try:
        s.connect(("10.5.0.2", 5001))
        s.sendall(b"x")
        if s.recv(1):
            open(sys.argv[1], "w").write("x")
    except OSError:
        time.sleep(0.001)
    s.close()
P
	trying_pid=$!
	within 5 test -s "$tmp/got" # over the nodes, while their leases last
	rm -f "$tmp/got"
}

# Connections that are in use, idle, half closed, and closed.
live() {
	ip netns exec client python3 - "$tmp/live" <<'P' &
import socket, sys, threading, time
def conn():
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    s.connect(("10.5.0.2", 5001))
    s.sendall(b"x")
    s.recv(1)
    return s
def pump(s):
    try:
        while s.sendall(b"y" * 65536) is None:
            s.recv(1000000)
            time.sleep(0.01)
    except OSError:
        s.close()
keep = [conn() for i in range(5)]
for s in keep[:3]:
    threading.Thread(target=pump, args=(s,), daemon=True).start()
keep[3].shutdown(socket.SHUT_WR)
conn().close()
open(sys.argv[1], "w")
time.sleep(60)
P
	within 5 test -e "$tmp/live"
}

nothing_direct() {
	# The device has a second address, which it announces; the manager is there too.
	awk '$2 == "fd05::2" || $2 == "10.5.0.2" || ($2 == "10.5.0.3" && $3 != 7100) { print; bad = 1 }
		END { exit bad || !NR }' "$tmp/packets" || return 1
	! grep -q '^198\.' "$tmp/packets"
}

# Data went to every node; how much is for the kernel to say.
all_paths() {
	for n in 11 12 13; do
		awk -v to="10.5.0.$n" '$2 == to && $3 != 7200 { b += $4 }
			END { print to, b; exit !b }' "$tmp/packets" || return 1
	done
}

# up WORD...: in the foreground; $pid
up() {
	role client up "$m" -v -C "$tmp/client" up "$@"
	up_pid=$pid
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# fails CODE TEXT COMMAND...: ends with it, saying one line with that text
fails() {
	local code=$1 text=$2
	"${@:3}" 2>"$tmp/err"
	got=$?
	cat "$tmp/err"
	[ "$got" -eq "$code" ] && [ "$(grep -c '^machete: ' "$tmp/err")" -eq 1 ] &&
		grep -q "$text" "$tmp/err"
}

wire
overlay
serve
state >"$tmp/before"
sniff

up dev:5001 -n 3
check "up says where MPTCP goes" grep -q 'port 5001, goes over n[123], n[123], n[123]$' "$tmp/up.out"
check "a program's MPTCP gets through" talk 262 5001 3000000
check "over all nodes" all_paths
check "its addresses end by themselves" \
	grep -q valid_lft.*sec <(at client ip -o addr show dev lo | grep 198.18)
check "a program's TCP is refused" bash -c "$(declare -f at talk); talk 0 5001 1 2>&1 | grep refused"
check "and told of" within 3 grep -q 'not MPTCP, or fell back, were reset' "$tmp/up.log"
check "another up has to wait" fails 3 'another process has paths up' client up dev:5001
check "down of another device is refused" fails 1 'dev is up' client down other
talk6() {
	at client python3 -c 'import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 262)
s.settimeout(0.1)
s.connect(("fd05::2", 5001))'
}
talk6 2>/dev/null
check "and is told of" within 3 grep -q 'would have gone there directly' "$tmp/up.log"
check "down ends it" client down dev
check "at once" within 2 gone "$up_pid"
check "and all is as before" as_before
check "down of what is not up fails" fails 1 'not up' client down dev

up dev:5001 -n 2
kill -9 "$up_pid"
talk 262 5001 10 >/dev/null 2>&1 # over the nodes, while their leases last
check "after kill -9 nothing leaves untranslated" nothing_direct
check "but down takes all back" client down dev
check "as it was before" as_before
up dev:5001 -n 3
kill -9 "$up_pid"
trying # from before the next `up` begins to when it has paths
check "a new up after kill -9 works, in the background" client up dev:5001 -n 3 --detach
check "what goes on connecting meanwhile gets through in the end" within 5 test -s "$tmp/got"
kill "$trying_pid"
check "and never went directly" nothing_direct
check "with all its paths" talk 262 5001 100000
live
check "and can be ended under connections that live" client down dev
check "with all as it was before" as_before

at client ip mptcp endpoint add 198.18.0.1 id 7 subflow
state >"$tmp/before"
check "an endpoint of the user's in that range is gone round" client up dev:5001 -n 2 --detach
check "and can be ended" client down dev
check "with all as it was before, that endpoint too" as_before
at client ip mptcp endpoint delete id 7
state >"$tmp/before"

check "one path is a path too" client up dev:5001 -n 1 --detach
check "and can be ended" client down dev
check "with all as it was before" as_before

got() { cmp "$tmp/data" "$tmp/inbox/data"; }
receipt() {
	python3 - "$tmp/receipt" <<'P'
import json, sys
r = [json.loads(l) for l in open(sys.argv[1])][-1]
assert r["event"] == "done" and r["transport"] == "mptcp" and r["split"] == "kernel", r
assert r["scheduler"] == "default" and "the kernel chose" in r["guarantee"], r
p = r["paths"]
assert sorted(x["node"] for x in p) == ["n1", "n2", "n3"], p
assert all(x["forward"] == "nat" for x in p) and sum(x["bytes"] for x in p) > 5000000, p
assert sum(x["local"].startswith("198.18.") for x in p) == 2, p
P
}
check "send goes over MPTCP" \
	bash -c "$(declare -f at); at client '$m' -C '$tmp/client' --json send --transport mptcp -n 3 \
		'$tmp/data' dev >'$tmp/receipt'"
check "whole" got
check "its receipt has the bytes of each path" receipt
check "and all is as before again" as_before
check "another scheduler than the kernel's is told" \
	fails 2 'no fast, but: default' client send --transport mptcp --scheduler fast "$tmp/data" dev

# It gets no further than to try the port: what it changes in the kernel is there already.
bends() { at client ip mptcp endpoint | grep -q 198.18; }
stuck() {
	start client up "$m" -C "$tmp/client" up dev:5001 -n 3 "$@"
	within 5 bends
}
at device nft -f - <<'N'
table ip deaf {
	chain input {
		type filter hook input priority 0
		tcp dport 5001 drop
	}
}
N
stuck
kill -9 "$pid"
check "killed before it is ready, it leaves something" bends
check "that down takes back" client down dev
check "as it was before" as_before
stuck
kill -HUP "$pid"
check "the end of its terminal ends it" within 2 gone "$pid"
check "with all as it was before" as_before
stuck --detach
kill -9 "$pid"
check "who waits for --detach is killed, and the rest ends too" within 2 as_before
at device nft delete table ip deaf

# An ordinary user, to whom home and program belong. A node hears of him after he has asked it.
chmod 711 "$tmp"
kill -STOP $n3_pid
enrol client user
cp "$m" "$tmp/machete"
chown -R 65534:65534 "$tmp/user"
user() {
	at client setpriv --reuid 65534 --regid 65534 --clear-groups "${caps[@]}" \
		timeout 60 "$tmp/machete" -C "$tmp/user" "$@"
}
check "an ordinary user is told what it takes" fails 2 'setcap cap_net_admin+ep' user up dev:5001
caps=(--inh-caps=+net_admin --ambient-caps=+net_admin)
(sleep 0.5 && kill -CONT $n3_pid) &
check "with that it works, as soon as he is admitted" user up dev:5001 --via n2,n3 --detach
check "another home's up is told" fails 3 'is there already' client up dev:5001
talk 0 5001 1 >/dev/null 2>&1
check "and what --detach has to say is in a file" \
	within 3 grep -q 'not MPTCP, or fell back, were reset' "$tmp/user/mptcp.log"
check "and can be ended" user down dev
check "with all as it was before" as_before
check "a device lets MPTCP have all the paths that its kernel can" \
	grep -q 'subflows 8' <(ip -n device mptcp limits)
check "no port is taken for one" fails 2 'no port' client up dev:5001x
check "a port that speaks TCP alone is told" fails 3 '5002' client up dev:5002 -n 2
check "a port that is not exposed is told" fails 2 'not exposed' client up dev:22 -n 2
check "a node that only one path leads to is told" fails 3 '.' client up dev:5001 -n 4
strip() {
	at "$1" nft -f - <<'N'
table ip strip {
	chain forward {
		type filter hook forward priority 0
		reset tcp option mptcp
	}
}
N
}
strip n2
check "options that are removed on one path are told" \
	fails 3 '2 of 3\|not get through' client up dev:5001 --via n1,n2,n3
strip n1
check "by send too" fails 3 '2 of 3\|not get through' client send --transport mptcp -n 3 "$tmp/data" dev
check "and on all" fails 3 'does not get through' client up dev:5001 --via n1,n2
at n1 nft delete table ip strip
at n2 nft delete table ip strip
at client sysctl -qw net.mptcp.enabled=0
check "no MPTCP in the kernel is told" fails 3 'no MPTCP' client up dev:5001
at client sysctl -qw net.mptcp.enabled=1
interrupted() {
	kill -STOP "$manager_pid"
	(sleep 1.5; pkill -INT -f ' up [d]ev:5001 -n 2$') &
	fails 7 'interrupted by the user' client up dev:5001 -n 2
	local was=$?
	kill -CONT "$manager_pid"
	return $was
}
check "Ctrl-C ends it while it waits for the manager" interrupted
check "after all that is as before" as_before
up dev:5001 -n 3
kill -9 "$n3_pid"
at client python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
s.connect(("10.5.0.2", 5001))
s.sendall(b"x")
time.sleep(8)' &
check "a connection that lacks a path is told of" \
	within 8 grep -q 'a connection to port 5001 has 2 of 3 paths' "$tmp/up.log"
check "and of no other" test "$(grep -c ' of 3 paths' "$tmp/up.log")" -eq 1
at client nft flush ruleset
at client nft add table ip users
check "whoever loads a firewall anew leaves the table there" \
	within 3 at client nft list table inet machete-client
ip -n client mptcp limits set subflows 3 add_addr_accepted 1
limits() { ip -n client mptcp limits | grep -q "$1"; }
check "limits that somebody else sets do not stay" within 3 limits 'subflows 8'
kill "$up_pid"
check "SIGTERM ends it" within 3 gone "$up_pid"
check "but are put back" limits 'subflows 3'
ip -n client mptcp limits set subflows 1 add_addr_accepted 2
check "with all as it was before" as_before
check "no packet went to the device directly, nor from a virtual address" nothing_direct
