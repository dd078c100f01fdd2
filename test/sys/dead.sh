#!/bin/bash
# test/sys/dead.sh - a node that was killed stands in the directory until its lease ends: `send`
# finds out, and takes others
. test/sys/overlay.inc

# by NODES OPTION...: sends a file; the receipt, and how many paths it took
by()
{
	n=$1
	shift
	send --json "$@" "$d/file" dev >"$d/receipt" 2>"$d/err" || { cat "$d/receipt"; return 1; }
	nodes=$(grep -o '"node":"n[0-9]*"' "$d/receipt" | cut -d '"' -f 4 | sort -u)
	echo $nodes
	[ "$(wc -w <<<"$nodes")" -eq "$n" ]
}

# The set that was used before is preferred, so that whoever dies is of the next one too.
kill_one()
{
	dead=${nodes##*$'\n'}
	kill -9 "$(child "node --name $dead ")"
}

lives()
{
	kill_one && by "$@" && ! grep -x "$dead" <<<"$nodes"
}

fewer()
{
	by 3 && grep -q 'fewer paths than usual' "$d/receipt"
}

head -c 100000 /dev/urandom >"$d/file"
overlay_up --faults 0 --nodes 5
ok four_of_five_nodes by 4 -n 4
ok one_is_killed_and_the_others_do lives 4 -n 4
ok it_is_listed_still eval '"$m" -C "$d/o/admin" status | grep "^node *$dead "'
ok all_five_cannot_be_had ends 3 send -n 5 "$d/file" dev
ok nor_can_the_dead_one_by_name ends 3 send --via "$dead,$(head -n 1 <<<"$nodes")" "$d/file" dev
ok another_is_killed_and_three_do lives 3 -n 3
ok three_must_do_then_and_that_is_said fewer

# hung WHY COMMAND...: the device's host answers, and the device does not
hung()
{
	why=$1
	shift
	device=$(child ' server')
	if [ -n "$later" ]; then
		(sleep $later; kill -STOP "$device") &
	else
		kill -STOP "$device"
	fi
	ends 3 "$@"
	was=$?
	kill -CONT "$device"
	[ $was -eq 0 ] && grep -q "$why" "$d/err" && [ "$(wc -l <"$d/err")" -eq 1 ]
}

endless()
{
	while head -c 100000 /dev/zero 2>/dev/null; do sleep 0.1; done | send -q -n 2 - dev:endless
}
# Over one path and over two at the same time; what both say
both()
{
	send -q -n 1 "$d/file" dev 2>"$d/one" &
	send -q -n 2 "$d/file" dev 2>"$d/two"
	both=$?
	wait $!
	both="$both $?"
	sort -u "$d/one" "$d/two" >&2
	[ "$both" != '3 3' ] || return 3
}
ok a_device_that_hangs_is_named_and_no_node hung 'the device does not answer' both
# Ctrl-Z, and fg when the device has given up
stopped()
{
	(sleep 3; pkill -STOP -f 'send.*[d]ev:endless'; sleep 12; pkill -CONT -f 'send.*[d]ev:endless') &
	ends 3 endless && grep 'this process stood still for 1[0-9] s' "$d/err"
	was=$?
	kill $! 2>/dev/null
	return $was
}
ok one_that_stood_still_says_so stopped
later=3
ok in_the_middle_too hung 'nothing comes over any path' endless
