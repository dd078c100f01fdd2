#!/bin/bash
# test/sys/share.sh - one client cannot take all sessions of a device: it may hold as many as are
# left for others
. test/sys/overlay.inc
IDLE=40
one="--via n1 - dev:x"

# Senders that say nothing, and keep their sessions until the pipe closes.
many()
{
	mkfifo "$d/pipe"
	exec 7<>"$d/pipe"
	for i in $(seq $IDLE); do
		send -q $one <"$d/pipe" >"$d/idle.$i" 2>&1 7>&- &
	done
	for tries in $(seq 200); do
		refused=$(cat "$d"/idle.* | grep -c 'no more sessions for this client')
		[ "$refused" -ge $((IDLE - 32)) ] && break
		sleep 0.1
	done
	echo "$refused of $IDLE were refused"
	cat "$d"/idle.*
	[ "$refused" -eq $((IDLE - 32)) ]
}

other()
{
	timeout 100 "$m" -C "$d/o/admin" send --via n1 "$d/file" dev
}

head -c 1000 /dev/urandom >"$d/file"
overlay_up --faults 0 --nodes 1
# The directory is in the cache then, and the one replica is not asked by all at once.
ok a_file_is_sent send --via n1 "$d/file" dev
ok a_client_gets_half_of_the_sessions many
ok the_next_one_is_told ends 8 send --via n1 "$d/file" dev
ok another_client_still_gets_one other
exec 7>&-
