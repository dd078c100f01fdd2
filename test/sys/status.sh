#!/bin/bash
# test/sys/status.sh - what an admin, a client and a stranger hear of sessions, forwards and counts
. test/sys/overlay.inc
a=$d/o/admin

status()
{
	"$m" -C "$d/o/$1" "${@:2}" status
}

# during_a_session COMMAND...: the command succeeds while a stream of one client is on its way
during_a_session()
{
	mkfifo "$d/fifo" 2>/dev/null
	(head -c 3000000 /dev/zero; exec sleep 20) >"$d/fifo" &
	writer=$!
	send -q - dev:stream <"$d/fifo" &
	sender=$!
	for _ in $(seq 100); do
		find "$d/o/inbox" -name '.machete-*' -size +2000k | grep -q . && break
		sleep 0.1
	done
	"$@"
	rc=$?
	kill $writer 2>/dev/null
	wait $writer $sender
	return $rc
}

admin_and_client_hear()
{
	status admin --json >"$d/admin" && status client --json >"$d/client" && status admin
}

# events WHO EVENT NUMBER: how often it stands in what WHO heard
events()
{
	[ "$(grep -c "\"event\":\"$2\"" "$d/$1")" -eq "$3" ] || { cat "$d/$1"; return 1; }
}

the_session_is_described()
{
	python3 - "$d/admin" "$d/client" <<'P'
import json, socket, sys
try:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    mptcp = True
except OSError:
    mptcp = False
for f in sys.argv[1:]:
    e = [json.loads(l) for l in open(f)]
    s = [x for x in e if x["event"] == "session"]
    assert len(s) == 1 and 2000000 < s[0]["bytes"] <= 3000000 and s[0]["paths"] == 4, s
    assert s[0]["client"] == "client" and s[0]["device"] == "dev" and len(s[0]["session"]) == 32, s
    fw = [x for x in e if x["event"] == "forward"]
    assert sorted(x["node"] for x in fw) == ["n1", "n2", "n3", "n4"], fw
    assert sum(x["bytes"] for x in fw) > 2000000, fw
    k = [x for x in e if x["event"] == "kernel"]
    assert len(k) == 1 and k[0]["mptcp"] == mptcp, k
    assert all(x["state"] == "ok" for x in e if x["event"] in ("node", "device")), e
    counts = [x["counts"] for x in e if x["event"] == "node"]
    assert all((c.get("OPEN: ok") == 1) == ("admin" in f) for c in counts), counts
P
}

another_client_hears_nothing_of_it()
{
	"$m" -C "$d/o/other" key new >"$d/fp" && cp "$a/cluster" "$d/o/other/" &&
		"$m" -C "$a" admit client other "$(cat "$d/fp")" && sleep 1
	during_a_session eval 'status other --json >"$d/other"' && events other node 4 &&
		events other session 0 && events other forward 0
}

a_dead_node_is_silent()
{
	kill -9 "$(child 'node --name n1 ')" && status admin >"$d/text" &&
		[ "$(grep -c 'silent (cannot connect' "$d/text")" -eq 1 ] && grep '^node *n1 .*silent' "$d/text"
}

# A party that was admitted, evicted and is still listed elsewhere may not ask.
an_evicted_party_is_not_answered()
{
	cp -r "$d/o/client" "$d/o/gone" && "$m" -C "$a" evict client && ends 4 status gone
}

overlay_up --faults 0
ok a_session_is_shown during_a_session admin_and_client_hear
ok to_the_admin_at_its_device events admin session 1
ok and_at_every_node events admin forward 4
ok to_the_client_its_own events client session 1
ok with_its_bytes_and_parties the_session_is_described
ok another_client_hears_nothing_of_it another_client_hears_nothing_of_it
ok a_dead_node_is_silent a_dead_node_is_silent
ok an_evicted_party_is_not_answered an_evicted_party_is_not_answered
