#!/bin/bash
# test/sys/slowdisk.sh - a device whose disk takes longer for a sync than a path may be silent
command -v strace >/dev/null || { echo "skip slowdisk: no strace"; exit 0; }
. test/sys/overlay.inc
overlay_up --faults 0
server=$(child 'server --name dev')
syncer=$(pgrep -P "$server")
head -c 300000 /dev/urandom >"$d/first"
head -c 300000 /dev/urandom >"$d/second"

# The next sync takes four seconds: a path that says nothing for three is dead.
slow_sync()
{
	strace -qq -p "$syncer" -e trace=fsync -e inject=fsync:delay_enter=4000000:when=1 \
		-o "$d/trace" 2>"$d/strace" &
	tracer=$!
	sleep 0.5
}
both_arrive()
{
	slow_sync
	send -q "$d/first" dev &
	one=$!
	sleep 0.5
	timeout 3 "$m" -C "$d/o/client" status | grep '^session' || return 1 # it still answers
	send -q "$d/second" dev && wait $one && cmp "$d/first" "$d/o/inbox/first" &&
		cmp "$d/second" "$d/o/inbox/second" && grep -q DELAYED "$d/trace"
}
interrupted_meanwhile()
{
	kill $tracer 2>/dev/null
	slow_sync
	timeout -s INT 1 "$m" -C "$d/o/client" send -q - dev:gone <"$d/first"
	sleep 4
	send -q "$d/first" dev && [ "$(ls -A "$d/o/inbox" | sort | paste -sd,)" = first,first.1,second ]
}
without_the_child()
{
	kill -9 "$syncer"
	send -q "$d/second" dev && cmp "$d/second" "$d/o/inbox/second.1" &&
		grep -q 'syncing myself from now on' "$d/log"
}
ok a_slow_sync_ends_neither_session_nor_the_others both_arrive
ok a_client_that_goes_away_meanwhile_does_no_harm interrupted_meanwhile
ok without_the_child_the_device_syncs_itself without_the_child
