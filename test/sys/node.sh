#!/bin/bash
# test/sys/node.sh - a node and clients that it must refuse, each with a verdict of its own that is
# answered, logged and counted; limits; half-close
make -s build/sys/node_client || { echo "not ok node: node_client does not build"; exit 1; }
. test/sys/overlay.inc
overlay_up --faults 0
a=$d/o/admin

# A device of our own with two exposed ports: one is served, by a program that counts until the end
# of what comes and then answers; the other is not.
cat >"$d/counter.py" <<'P'
import asyncio, sys
async def serve(r, w):
    n = 0
    while data := await r.read(65536):
        n += len(data)
    w.write(b"had %d" % n)
    w.close()
async def main():
    s = await asyncio.start_server(serve, "127.0.0.2", 0, backlog=1000)
    print(s.sockets[0].getsockname()[1], flush=True)
    await s.serve_forever()
asyncio.run(main())
P
(ulimit -n 4096; exec python3 "$d/counter.py") >"$d/port" &
counter=$!
until [ -s "$d/port" ]; do sleep 0.1; done
port=$(cat "$d/port")
dead=$((port + 1))

# party ROLE NAME: a home with an admitted key
party()
{
	"$m" -C "$d/$2" key new >"$d/fp" && cp "$a/cluster" "$d/$2/" &&
		"$m" -C "$a" admit "$1" "$2" "$(cat "$d/fp")"
}
party device d2
"$m" -C "$d/d2" server --name d2 --inbox "$d/inbox2" --listen 127.0.0.2:0 --advertise 127.0.0.2 \
	--expose "$port" --expose $dead >"$d/d2.log" 2>&1 &
device=$!
trap 'kill $counter $device; overlay_end' EXIT
for i in $(seq 14); do party client "c$i"; done
"$m" -C "$d/stranger" key new >/dev/null
until grep -q '^ready' "$d/d2.log"; do sleep 0.1; done
sleep 1 # the node reads the directory: at once after a hint

# of TAG NAME FIELD: a field of the tuple of a node or device, in hexadecimal
of()
{
	wild=('*' '*' '*' '*')
	[ "$1" = device ] || wild+=('*')
	"$m" -C "$a" tuple rdp "$1" "$2" '*' "${wild[@]}" | cut -f "$3" | sed 's/^hex://'
}
node_fp=$(of node n1 3)
node_pub=$(of node n1 4)
boot=$(of node n1 6 | cut -c 1-32)
node_at=$("$m" -C "$a" status | awk '$1 == "node" && $2 == "n1" { print $3 }')
device_fp=$(of device d2 3)

# ask CLIENT VERB [N]: at node n1, for $dest of the device $for
dest=127.0.0.2:$port
for=$device_fp
ask()
{
	timeout 30 build/sys/node_client "$d/$1/key" "$node_fp" "$node_pub" "$boot" "$node_at" "$for" \
		"$dest" "${@:2}"
}

# counts: what the admin hears of n1, a line each
counts()
{
	"$m" -C "$a" --json status | python3 -c '
import json, sys
for l in sys.stdin:
    e = json.loads(l)
    if e["event"] == "node" and e["name"] == "n1":
        print(*("%s=%d" % c for c in e["counts"].items()), sep="\n")'
}

# answered "VERDICTS" ASK...: these and no others, in this order
declare -A expected
answered()
{
	got=$("${@:2}" | paste -sd,)
	IFS=, read -ra verdicts <<<"$got"
	for v in "${verdicts[@]}"; do expected[$v]=$((${expected[$v]:-0} + 1)); done
	[ "$got" = "$1" ] || { echo "answered $got, not $1"; return 1; }
}

# Every verdict that a client heard stands in the counts and, but for ok, in the log, as often.
counted_and_logged()
{
	counts >"$d/counts"
	cat "$d/counts"
	for v in "${!expected[@]}"; do
		[ "$v" = closed ] && continue
		grep -qx "OPEN: $v=${expected[$v]}" "$d/counts" || { echo "$v, ${expected[$v]}"; return 1; }
		[ "$v" = ok ] || [ "$(grep -c "OPEN of .* refused: $v" "$d/log")" -eq "${expected[$v]}" ] ||
			{ grep "refused: $v" "$d/log"; return 1; }
	done
	[ ${#expected[@]} -ge 12 ]
}

# elsewhere DEST DEVICE ASK...: for another destination
elsewhere()
{
	dest=$1 for=$2 ask "${@:3}"
}

# These take as long as a node's patience: they wait beside the others.
ask c1 silent 0 >"$d/silent0" &
silent=$!
ask c1 silent 100 >"$d/silent100" &
silent="$silent $!"
ask c1 mute >"$d/mute" &
silent="$silent $!"
expected[ok]=1

ok an_admitted_client_is_let_through answered ok ask c1 open
ok an_unknown_client_is_not answered 'client not admitted' ask stranger open
ok an_unregistered_device answered 'no such registered device' \
	elsewhere "$dest" "$(echo "$device_fp" | rev)" c1 open
ok another_address_than_the_registered answered 'no such registered device' \
	elsewhere "127.0.0.3:$port" "$device_fp" c1 open
ok a_port_that_is_not_registered answered 'port not registered' \
	elsewhere "127.0.0.2:$((port - 1))" "$device_fp" c1 open
ok the_metadata_service_of_a_cloud answered 'destination not allowed' \
	elsewhere 169.254.169.254:80 "$device_fp" c1 open
ok nobody_listens_at_the_device answered 'device unreachable' \
	elsewhere 127.0.0.2:$dead "$device_fp" c1 open
ok a_seal_with_a_wrong_bit answered 'seal does not open' ask c1 spoil 150
ok another_client_under_this_seal answered 'client not admitted' ask c1 spoil 30
ok a_replayed_nonce answered 'ok,replayed nonce' ask c1 replay
ok a_stale_boot answered 'stale boot' ask c1 stale
ok a_version_that_we_do_not_speak answered malformed ask c1 spoil 1
ok an_operation_that_we_do_not_know answered malformed ask c1 spoil 2
ok a_length_that_does_not_fit answered malformed ask c1 spoil 4
ok a_frame_that_is_too_long answered malformed ask c1 long
ok a_forward_that_is_not_there answered 'no such forward' ask c1 close-unknown
ok a_forward_ends_with_its_close answered 'ok,ok,closed' ask c1 close

half_close()
{
	expected[ok]=$((${expected[ok]} + 1))
	[ "$(ask c1 talk 3000000 | paste -sd,)" = "ok,had 3000000 end" ]
}
ok half_close_is_carried_over_both_ways half_close

evicted()
{
	"$m" -C "$a" evict c5 && for _ in $(seq 20); do
		answered 'client not admitted' ask c5 open && return 0
		sleep 0.5
	done
	return 1
}
ok an_evicted_client_is_refused evicted

# Limits: 256 forwards a client and as many as are left for others, 1024 in all.
# hold CLIENT N ASKED: it gets N
hold()
{
	mkfifo "$d/$1.in"
	(ask "$1" many "$3" <"$d/$1.in" >"$d/$1.out") &
	exec {fd}>"$d/$1.in"
	holds+=("$fd")
	for _ in $(seq 200); do
		grep -q held "$d/$1.out" && break
		sleep 0.1
	done
	sort "$d/$1.out" | uniq -c
	expected[ok]=$((${expected[ok]} + $2))
	expected["client's quota exceeded"]=$((${expected["client's quota exceeded"]:-0} + $3 - $2))
	[ "$(grep -cx ok "$d/$1.out")" -eq "$2" ] &&
		[ "$(grep -cx "client's quota exceeded" "$d/$1.out")" -eq $(($3 - $2)) ]
}
others_find_room()
{
	hold c2 256 256 && hold c3 256 256 && hold c4 128 200 && hold c6 64 65 && hold c7 32 33 &&
		hold c8 16 17 && hold c9 8 9 && hold c10 4 5 && hold c11 2 3 && hold c12 1 2 &&
		hold c13 1 1 && counts | grep -x forwards=1024
}
unused()
{
	wait $silent
	[ "$(paste -sd, "$d/mute")" = ok,closed ] && grep 'was idle too long' "$d/log"
}
silent_ones()
{
	wait $silent
	[ "$(cat "$d/silent0" "$d/silent100")" = "$(printf 'closed\nclosed')" ] &&
		counts | grep -x silent=2 && [ "$(grep -c 'said no OPEN in time' "$d/log")" -eq 2 ]
}
all_end()
{
	for fd in "${holds[@]}"; do exec {fd}>&-; done
	for _ in $(seq 50); do
		counts >"$d/counts"
		grep -qx forwards=0 "$d/counts" && grep -qx connections=0 "$d/counts" && break
		sleep 0.1
	done
	cat "$d/counts"
	grep -qx forwards=0 "$d/counts" && grep -qx connections=0 "$d/counts" && answered ok ask c14 open
}
ok a_forward_that_is_not_used_ends_soon unused
ok a_client_has_256_forwards_and_no_more hold c1 256 257
ok others_find_room_until_there_are_1024 others_find_room
ok then_the_node_is_full answered 'node is full' ask c14 open
ok silent_connections_are_ended silent_ones
ok when_they_end_there_is_room_again all_end
ok each_verdict_was_counted_and_logged counted_and_logged

# crowded: a node without descriptors says so once, rests, and serves again when it has some
crowded()
{
	party node n9 || return 1
	(ulimit -n 24; exec "$m" -C "$d/n9" node --name n9 --listen 127.0.0.9:0 --advertise 127.0.0.9 --forward relay) \
		>"$d/n9.log" 2>&1 &
	n9=$!
	until grep -q '^ready' "$d/n9.log"; do sleep 0.1; done
	python3 -c '
import socket, sys, time
at = (sys.argv[1], int(sys.argv[2]))
keep = [socket.create_connection(at) for i in range(40)]
time.sleep(1)
for s in keep:
    s.close()
s = socket.create_connection(at)
s.settimeout(9)
s.send(b"no OPEN" * 9)
sys.exit(not s.recv(99))' $(sed -n 's/^ready node n9 at \(.*\):\([0-9]*\),.*/\1 \2/p' "$d/n9.log")
	r=$?
	kill $n9
	wait $n9
	cat "$d/n9.log"
	[ $r -eq 0 ] && [ "$(grep -c 'no connection can be taken' "$d/n9.log")" -eq 1 ]
}
ok a_node_without_descriptors_rests crowded

# second: another of the same HOME would take the tuple over, and remove it when it stops; so it would
# after the cluster file was replaced
second()
{
	cp "$d/d2/cluster" "$d/d2/new" && mv "$d/d2/new" "$d/d2/cluster" &&
		ends 1 timeout 20 "$m" -C "$d/d2" server --name d2 --inbox "$d/inbox3" --listen 127.0.0.2:0 --advertise 127.0.0.2 &&
		grep 'another device' "$d/err" && kill -0 $device && [ "$(of device d2 3)" = "$device_fp" ]
}
beside()
{
	timeout 3 "$m" -C "$d/d2" node --name n2 --listen 127.0.0.2:0 --advertise 127.0.0.2 2>&1 |
		grep 'admit node n2'
}
ok one_device_a_home second
ok a_node_may_share_it beside
