#!/bin/bash
# test/sys/replicas.sh - real replicas under load while one after the other is killed, stopped,
# wiped, filled, damaged, replaced, or lies: no acknowledged tuple is lost or there twice
if [ -z "$REPLICAS_SH_INSIDE" ]; then
	unshare -nm true 2>/dev/null || { echo "skip replicas: namespaces take root"; exit 0; }
	make -s build/space build/liar || { echo "not ok replicas: build"; exit 1; }
	exec env REPLICAS_SH_INSIDE=1 unshare -nm --kill-child "$0"
fi
ip link set lo up
. test/sys/manager.inc

# cluster DIR FAULTS: a new one, its homes in $d/DIR; sets c and a
cluster()
{
	c=$d/$1
	a=$c/admin
	addrs=
	for i in $(seq 0 $((3 * $2))); do
		next_port
		addrs="$addrs 127.0.0.1:$port"
	done
	"$m" cluster new --faults "$2" --out "$c" $addrs >/dev/null
}

# hold: eight clients at work, until held
hold()
{
	build/space "$a" hold 8 >"$c/held" 2>&1 &
	holder=$!
	pid[holder]=$holder
}

# held: they stop; every promise was kept
held()
{
	kill $holder
	wait $holder
	rc=$?
	unset "pid[holder]"
	sed 's/^/# /' "$c/held"
	return $rc
}

# The replica that most of those who answer take for the leader.
leader()
{
	"$m" --json -C "$a" status | grep -o '"leader":[0-9]*' | sort | uniq -c | sort -rn |
		sed -n '1s/.*://p'
}

# All four are at most a moment behind the load.
all_follow()
{
	[ "$("$m" --json -C "$a" status | grep -cE '"behind":[0-9]{1,2},')" = 4 ]
}

# led_by_other I: somebody else leads
led_by_other()
{
	l=$(leader)
	[ -n "$l" ] && [ "$l" != "$1" ]
}

# new_key I: another key in the place of replica I
new_key()
{
	rm -rf "${c:?}/replica-$1"
	mkdir "$c/replica-$1"
	fp=$("$m" -C "$c/replica-$1" key new)
	ends 0 -C "$a" cluster replace "$1" "$fp" && cp "$a/cluster" "$c/replica-$1/"
}

# Milliseconds of the middle one of 300 outs of one client.
median()
{
	timeout 20 build/space "$a" speed 1 300 | awk '$1 == "out" { print $4 }'
}

# Of the same order as with all four, $all; whoever waits for the stopped one takes 0.2 s or more.
no_slower()
{
	now=$(median)
	echo "$now ms, $all ms with all"
	awk "BEGIN { exit !($now > 0 && $now < 5 * $all) }"
}

answers()
{
	ends 0 -C "$a" tuple out answers
}

# --- four replicas, f = 1 ---------------------------------------------------------------------
cluster four 1
mkdir "$c/replica-2/data"
mount -t tmpfs -o size=24m none "$c/replica-2/data"
small=$c/replica-2/data
trap 'umount -l "$small"; cleanup' EXIT
for i in 0 1 2 3; do start "$c/replica-$i"; done

# One that is silent, or answers after 0.2 s, is not waited for: it is f.
l=$(leader)
other=${pid[$c/replica-$(((l + 1) % 4))]}
all=$(median)
kill -STOP $other
ok one_that_is_silent_costs_no_time no_slower
while sleep 0.02; do kill -STOP $other; sleep 0.2; kill -CONT $other; done &
pid[slow]=$!
ok one_that_is_slow_neither no_slower
kill ${pid[slow]}
wait ${pid[slow]} 2>/dev/null
unset "pid[slow]"
kill -CONT $other

hold
ok four_replicas_answer answers

stop "$c/replica-0" KILL
ok without_the_leader_they_answer answers
ok it_comes_back start "$c/replica-0"
ok and_catches_up within 30 all_follow

l=$(leader)
kill -STOP ${pid[$c/replica-$l]}
ok with_a_leader_that_stands_still_too answers
kill -CONT ${pid[$c/replica-$l]}
ok it_goes_on_where_it_was within 30 all_follow

dd if=/dev/zero of="$c/replica-2/data/filler" bs=1M 2>/dev/null
ok a_full_disk_stops_one within 30 grep -q "No space left.*free some space" "$c/replica-2/log"
wait ${pid[$c/replica-2]} 2>/dev/null
ok the_others_answer answers
rm "$c/replica-2/data/filler"
ok with_room_it_starts start "$c/replica-2"
ok and_has_everything_again within 30 all_follow

stop "$c/replica-3" KILL
rm -r "$c/replica-3/data"
ok a_wiped_one_starts_as_an_observer start "$c/replica-3"
ok and_says_so grep -q "only observes until .*cluster replace 3 FINGERPRINT" "$c/replica-3/log"
ok it_follows_without_a_vote within 30 all_follow
stop "$c/replica-3" TERM
ok a_new_key_takes_its_place new_key 3
ok the_new_one_starts start "$c/replica-3"
ok it_learns_everything within 30 all_follow

stop "$c/replica-3" TERM
cp -r "$c/replica-3/data" "$c/copy"
cp "$c/replica-3/voted" "$c/voted"
start "$c/replica-3"
# voted_moves: a checkpoint has passed since the copy was made
voted_moves()
{
	[ "$(head -n 1 "$c/replica-3/voted")" != "$(head -n 1 "$c/voted")" ]
}
ok a_checkpoint_passes within 30 voted_moves
stop "$c/replica-3" KILL
rm -r "$c/replica-3/data"
mv "$c/copy" "$c/replica-3/data"
ok a_restored_one_only_observes start "$c/replica-3"
ok and_says_that_it_was grep -q "log is older than HOME/voted" "$c/replica-3/log"
stop "$c/replica-3" TERM
ok it_gets_a_new_key new_key 3
ok and_starts_as_that start "$c/replica-3"
ok and_follows within 30 all_follow

stop "$c/replica-1" KILL
ok another_may_go_then answers
damage "$c/replica-1/data/log"
ok with_a_damaged_log_it_only_observes start "$c/replica-1"
ok and_says_why grep -q "log in HOME/data is damaged; .*cluster replace 1" "$c/replica-1/log"
stop "$c/replica-1" TERM
ok it_is_replaced_too new_key 1
start "$c/replica-1"
ok and_learns_everything within 30 all_follow
stop "$c/replica-0" KILL
ok and_another_may_go answers
ok nothing_acknowledged_is_lost_or_twice held

# --- without a quorum: asked now, judged at the end -------------------------------------------
kill -STOP ${pid[$c/replica-2]}
# addr I: of replica I
addr()
{
	sed -n 's/^replica \([0-9.:]*\) .*/\1/p' "$a/cluster" | sed -n "$(($1 + 1))p"
}
killed=$(addr 0) stopped=$(addr 2)
(timeout 60 "$m" -C "$a" tuple out never >"$d/silent" 2>&1; echo "exit $?" >>"$d/silent") &
asked=$!

# --- a leader that lies -------------------------------------------------------------------------
# told LIE...: replica 0 told all of these
told()
{
	for lie in "$@"; do
		grep -q "^liar: $lie" "$c/replica-0/log" || { echo "no $lie"; return 1; }
	done
}

cluster lies 1
for i in 1 2 3; do start "$c/replica-$i"; done
export LIE=answers,proposals,views
program=build/liar
ok a_liar_leads_four start "$c/replica-0"
unset LIE program
hold
ok four_with_a_liar_answer answers
ok it_told_all_its_lies within 20 told answers proposals views
ok another_leads_them led_by_other 0
ok nobody_believed_it held

# A client and a replica without a signature worth the name: each is cut off by all.
# cut_off REPLICA...: they cut somebody off
cut_off()
{
	for i in "$@"; do
		grep -q "cut off: bad signature" "$c/replica-$i/log" || return 1
	done
}

LIE=signatures timeout 60 build/liar -C "$a" tuple out never >"$d/badly" 2>&1
ok who_signs_badly_is_not_served test $? = 9
ok but_cut_off cut_off 1 2 3
ok others_are_served answers
for i in 1 2 3; do : >"$c/replica-$i/log"; done
stop "$c/replica-3" TERM
export LIE=forwards
program=build/liar
ok a_replica_passes_on_what_nobody_signed start "$c/replica-3"
unset LIE program
ok it_is_cut_off_too within 20 cut_off 1 2
ok it_comes_again within 8 eval '[ "$(grep -c "replica 1: " "$c/replica-3/log")" -ge 3 ]'
ok in_vain test "$(grep -c "cut off: bad signature" "$c/replica-1/log")" = 1
for i in 0 1 2 3; do stop "$c/replica-$i" KILL; done

# --- f = 2: of seven one lies, one has the wrong time, and a leader goes ------------------------
cluster seven 2
for i in 1 2 3 4 6; do start "$c/replica-$i"; done
program=build/liar
export LIE=answers,proposals,views
ok a_liar_leads_seven start "$c/replica-0"
export LIE=clock
ok one_is_ahead_of_time start "$c/replica-5"
unset LIE program
hold
ok seven_answer answers
ok another_leads_seven led_by_other 0
stop "$c/replica-$(leader)" KILL
ok without_the_next_leader_too answers
ok who_is_ahead_of_time_is_told within 20 grep -q "clock is off: +[12]\.[0-9]* s" "$c/replica-5/log"
ok in_one_line test "$(grep -c "clock is off" "$c/replica-5/log")" = 1
ok nothing_of_seven_is_lost_or_twice held

wait $asked
ok without_a_quorum_it_is_exit_9 grep -q "exit 9" "$d/silent"
ok and_the_one_that_is_gone_is_named grep -qF "$killed (Connection refused)" "$d/silent"
ok and_the_one_that_is_silent grep -qF "$stopped (" "$d/silent"
