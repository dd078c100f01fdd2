#!/bin/bash
# test/sys/slowdisk.sh - a device whose disk takes longer for a sync than a path may be silent; one
# whose inbox takes a file and then no name for it
# This test may run beside others.
command -v strace >/dev/null || { echo "skip slowdisk: no strace"; exit 0; }
. test/sys/overlay.inc
# up: the overlay, the device's process, and its child that writes, of the nursery between them
up()
{
	overlay_up --faults 0
	server=$(child 'server --name dev')
	nursery=$(pgrep -P "$server")
	syncer=$(pgrep -P "$nursery")
}
up
head -c 300000 /dev/urandom >"$d/first"
head -c 300000 /dev/urandom >"$d/second"

head -c 30000000 /dev/urandom >"$d/large"

# traced PID STRACE-OPTION...: by an strace whose process is in $tracer, with its output in $d/trace
# unless an option says otherwise
traced()
{
	pid=$1
	shift
	strace -qq -p "$pid" -o "$d/trace" "$@" 2>"$d/strace" &
	tracer=$!
	until grep -q '^TracerPid:.*[1-9]' "/proc/$pid/status"; do
		[ -d "/proc/$pid" ] && kill -0 $tracer || return 1
		sleep 0.05
	done
}
# slow CALL: the child's next takes four seconds: a path that says nothing for three is dead.
slow()
{
	traced "$syncer" -e trace="$1" -e inject="$1":delay_enter=4000000:when=1
}
both_arrive()
{
	slow fsync
	strace -qq -p "$server" -e trace=fsync,syncfs,fdatasync -o "$d/server" 2>"$d/strace" &
	watcher=$!
	sleep 0.3
	send -q "$d/first" dev &
	one=$!
	sleep 0.5
	timeout 3 "$m" -C "$d/o/client" status | grep '^session' || return 1 # it still answers
	send -q "$d/second" dev && wait $one && cmp "$d/first" "$d/o/inbox/first" &&
		cmp "$d/second" "$d/o/inbox/second" && grep -q DELAYED "$d/trace" &&
		kill $watcher && wait $watcher
	[ $? -gt 128 ] && [ ! -s "$d/server" ] && [ "$(grep -c fsync "$d/trace")" -eq 4 ]
}
interrupted_meanwhile()
{
	kill $tracer 2>/dev/null
	slow fsync
	timeout -s INT 1 "$m" -C "$d/o/client" send -q - dev:gone <"$d/first"
	sleep 4
	send -q "$d/first" dev &&
		[ "$(ls -A "$d/o/inbox" | sort | paste -sd,)" = first,first.1,second ]
}
# More than the child's buffers and the receive window hold.
slow_write()
{
	kill $tracer 2>/dev/null
	slow pwrite64
	send -q "$d/large" dev &
	one=$!
	sleep 0.5
	send -q "$d/first" dev && wait $one && cmp "$d/large" "$d/o/inbox/large" &&
		cmp "$d/first" "$d/o/inbox/first.2" && grep -q DELAYED "$d/trace"
}
# What the child had of the file is written by the device itself.
child_dies_meanwhile()
{
	kill $tracer 2>/dev/null
	slow pwrite64
	send -q "$d/large" dev &
	one=$!
	sleep 1
	kill -9 "$syncer"
	wait $one && cmp "$d/large" "$d/o/inbox/large.1"
}
# Each file of a batch holds a descriptor; with few of them the batches are smaller.
few_descriptors()
{
	mkdir "$d/many" && for i in $(seq 100); do echo $i >"$d/many/$i"; done
	prlimit --pid "$server" --nofile=$(($(ls /proc/$server/fd | sort -n | tail -1) + 16)) &&
		send -q "$d"/many/* dev &&
		for i in $(seq 100); do cmp "$d/many/$i" "$d/o/inbox/$i" || return 1; done
}
another_takes_over()
{
	died=$syncer
	for _ in $(seq 100); do
		syncer=$(pgrep -P "$nursery") && [ "$syncer" != "$died" ] && break
		sleep 0.1
	done
	traced "$server" -e trace=fsync,syncfs,fdatasync,pwrite64 -o "$d/server" || return 1
	watcher=$tracer
	traced "$syncer" -e trace=fsync,pwrite64 || return 1
	sleep 0.3
	send -q "$d/large" dev && cmp "$d/large" "$d/o/inbox/large.2" || return 1
	kill $watcher $tracer
	wait $watcher $tracer
	sort "$d/trace" | cut -c 1-5 | uniq -c
	cat "$d/server"
	grep -q pwrite64 "$d/trace" && grep -q fsync "$d/trace" && ! grep sync "$d/server"
}
without_the_child()
{
	kill -9 "$nursery" "$syncer"
	send -q "$d/second" dev && cmp "$d/second" "$d/o/inbox/second.1" &&
		[ "$(grep -c 'until there is another' "$d/log")" -eq 2 ]
}
# It may have met an error that a second fsync would not see: the client must not say done.
child_dies_in_a_sync()
{
	overlay_down
	rm -rf "$d/o"
	up
	slow fsync
	send -q "$d/first" dev &
	one=$!
	sleep 1
	kill -9 "$syncer"
	! wait $one && [ -z "$(ls -A "$d/o/inbox")" ] && send -q "$d/first" dev &&
		cmp "$d/first" "$d/o/inbox/first"
}
# more_than BYTES: so much of the file that comes is written
more_than()
{
	until [ "$(stat -c %s "$d"/o/inbox/.machete-* 2>/dev/null || echo 0)" -gt "$1" ]; do
		kill -0 $one || return 1
		sleep 0.05
	done
}
# The second child is begun when 32 MiB of a file are written, and asked for the next.
syncs_ahead()
{
	for _ in $(seq 100); do
		syncer=$(pgrep -P "$nursery") && break
		sleep 0.1
	done
	[ -d "/proc/${syncer:-none}" ] && send -q "$d/huge" dev || return 1
	ahead=$(pgrep -P "$nursery" | grep -vx "$syncer")
	traced "$ahead" -e trace=fsync && send -q "$d/huge" dev || return 1
	kill $tracer
	wait $tracer
	cmp "$d/huge" "$d/o/inbox/huge" && cmp "$d/huge" "$d/o/inbox/huge.1" &&
		[ "$(grep -c '^fsync(.*= 0' "$d/trace")" -ge 1 ]
}
# The kernel tells of an error once, and told the second child.
an_error_ahead()
{
	traced "$ahead" -e trace=fsync -e inject=fsync:error=EIO:when=1 || return 1
	send -q "$d/huge" dev && return 1
	kill $tracer
	wait $tracer
	grep EIO "$d/trace" && grep 'cannot write to the inbox: I/O error' "$d/log" &&
		[ "$(ls -A "$d/o/inbox" | sort | paste -sd,)" = first,huge,huge.1 ]
}
ahead_dies()
{
	traced "$ahead" -e inject=fsync:delay_enter=4000000:when=1 -e trace=fsync || return 1
	send -q "$d/huge" dev &
	one=$!
	more_than 34000000 && sleep 0.2 && kill -9 "$ahead" || return 1
	! wait $one && [ "$(ls -A "$d/o/inbox" | sort | paste -sd,)" = first,huge,huge.1 ] &&
		send -q "$d/huge" dev && cmp "$d/huge" "$d/o/inbox/huge.2"
}
# A disk that takes its time ahead: nothing is called safe before it has answered.
slow_ahead()
{
	ahead=$(pgrep -P "$nursery" | grep -vx "$syncer")
	traced "$ahead" -e inject=fsync:delay_enter=4000000:when=1 -e trace=fsync || return 1
	send -q "$d/huge" dev &
	one=$!
	more_than 79000000 && sleep 1 && kill -0 $one && [ ! -e "$d/o/inbox/huge.3" ] && wait $one &&
		cmp "$d/huge" "$d/o/inbox/huge.3"
	r=$?
	kill $tracer
	wait $tracer
	grep -q DELAYED "$d/trace" && [ $r -eq 0 ]
}
# The file has ended when the last of its 32 MiB is written: that is for the sync at the end.
none_ahead_at_the_end()
{
	head -c 33554432 "$d/huge" >"$d/exact"
	traced "$ahead" -e trace=fsync -e inject=fsync:error=EIO || return 1
	second=$tracer
	traced "$syncer" -e trace=pwrite64 -e inject=pwrite64:delay_enter=2000000:when=1000 \
		-o "$d/first.trace" || return 1
	send -q "$d/exact" dev
	r=$?
	kill $tracer $second
	wait $tracer $second
	[ $r -eq 0 ] && grep -q DELAYED "$d/first.trace" && [ ! -s "$d/trace" ] &&
		cmp "$d/exact" "$d/o/inbox/exact"
}
# One process more is one too many here, which is known a second late: the first child does it all.
no_second_child()
{
	overlay_down
	rm -rf "$d/o"
	up
	traced "$nursery" -e trace=fork,clone,vfork \
		-e inject=fork,clone,vfork:error=EAGAIN:delay_enter=1000000 || return 1
	send -q "$d/huge" dev && send -q "$d/huge" dev && cmp "$d/huge" "$d/o/inbox/huge.1"
	r=$?
	kill $tracer
	wait $tracer
	[ $r -eq 0 ] && grep -c EAGAIN "$d/trace" && [ "$(pgrep -P "$nursery")" = "$syncer" ] &&
		send -q "$d/first" dev
}
ok a_slow_sync_ends_neither_session_nor_the_others both_arrive
ok a_client_that_goes_away_meanwhile_does_no_harm interrupted_meanwhile
ok with_few_descriptors_files_are_stored_in_small_batches few_descriptors
ok a_slow_write_ends_neither_session_nor_the_others slow_write
ok a_child_that_dies_while_it_writes_loses_nothing child_dies_meanwhile
ok another_child_takes_its_place another_takes_over
ok without_the_child_the_device_syncs_itself without_the_child
ok a_child_that_dies_in_a_sync_is_an_error child_dies_in_a_sync
head -c 80000000 /dev/urandom >"$d/huge"
ok of_a_large_file_much_is_synced_before_its_end syncs_ahead
ok an_error_that_the_second_child_meets_fails_the_transfer an_error_ahead
ok a_second_child_that_dies_in_a_sync_is_an_error ahead_dies
ok a_slow_sync_ahead_is_waited_for slow_ahead
ok the_last_bytes_of_a_file_are_left_to_the_last_sync none_ahead_at_the_end
ok without_a_second_child_the_first_does_it_all no_second_child
rm -f "$d"/o/inbox/huge*

# unnamed WHY COMMAND...: COMMAND runs in the middle of a transfer, which then fails and says WHY
unnamed()
{
	why=$1
	shift
	{
		cat "$d/large"
		for _ in $(seq 100); do
			find "$d/o/inbox" -name '.machete-*' -size +1000k | grep -q . && break
			sleep 0.1
		done
		"$@" >&2
		cat "$d/first"
	} | ends 1 timeout 60 "$m" -C "$d/o/client" send -q - dev:unnamed &&
		grep -q "cannot store what was received: $why" "$d/err" &&
		! ls -A "$d/o/inbox" | grep -v '^first$'
}
# refuses CALL...: the device's kernel does them no more
refuses()
{
	traced "$server" -e trace=renameat2,linkat $(printf ' -e inject=%s' "$@")
	echo $tracer >"$d/tracer"
}
allows()
{
	kill "$(cat "$d/tracer")"
	while grep -q '^TracerPid:.*[1-9]' /proc/$server/status; do sleep 0.05; done
}
by_link()
{
	refuses renameat2:error=ENOSYS
	send -q "$d/second" dev
	r=$?
	allows
	grep linkat "$d/trace" && [ $r -eq 0 ] && cmp "$d/second" "$d/o/inbox/second" && rm "$d/o/inbox/second"
}
ok an_inbox_that_became_read_only unnamed 'Read-only file system' refuses renameat2:error=EROFS
allows
ok without_rename_a_file_is_linked by_link
ok no_name_where_that_fails unnamed 'Read-only file system' refuses renameat2:error=ENOSYS linkat:error=EROFS
allows
ok an_inbox_that_was_removed unnamed 'No such file or directory' rm -r "$d/o/inbox"
ok which_later_senders_are_told ends 1 send -q "$d/first" dev
