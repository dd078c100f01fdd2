#!/bin/bash
# test/sys/directory.sh - the manager, its tuple space and memberships as a user meets them: one
# replica first, then four of which one at a time is taken away
# This test may run beside others.
. test/sys/manager.inc

# One replica.
next_port
c=$d/c
a=$c/admin
r=$c/replica-0
ok a_cluster_of_one ends 0 cluster new --faults 0 --out "$c" 127.0.0.1:$port
ok no_manager_is_exit_9_and_named says 9 "127.0.0.1:$port (Connection refused)" -C "$a" tuple rdp x
ok a_key_that_is_no_replica_s_is_refused says 2 "is no replica" -C "$a" manager
ok one_replica_gets_ready start "$r"
ok ready_is_one_line test "$(grep -c . "$r/out")" = 1
ok a_second_one_on_the_same_data_is_refused says 1 "another manager" -C "$r" manager
ok out ends 0 -C "$a" tuple out greeting hello int:5 hex:00ff str:'*'
ok rdp_prints_the_fields test "$("$m" -C "$a" tuple rdp greeting '*' '*' '*' '*')" = \
	$'greeting\thello\tint:5\thex:00ff\tstr:*'
ok json_gives_the_fields says 0 '"fields":["greeting","hello","int:5","hex:00ff","str:*"]' \
	--json -C "$a" tuple rdp greeting '*' int:5 '*' '*'
ok a_star_is_no_wildcard_as_str ends 1 -C "$a" tuple rdp greeting str:'*' '*' '*' '*'
ok other_arity_does_not_match ends 1 -C "$a" tuple rdp greeting '*'
ok cas_inserts_when_nothing_matches ends 0 -C "$a" tuple cas lock '*' -- lock one
ok cas_prints_what_matches says 1 "one" -C "$a" tuple cas lock '*' -- lock two
ok replace_swaps ends 0 -C "$a" tuple replace lock three
ok and_is_seen says 0 three -C "$a" tuple rdp lock '*'
ok replace_of_nothing_is_exit_1 ends 1 -C "$a" tuple replace none 1
ok inp_takes says 0 three -C "$a" tuple inp lock '*'
ok and_it_is_gone ends 1 -C "$a" tuple inp lock '*'
for i in $(seq 120); do "$m" -C "$a" tuple out many int:$i "$(printf %0100d $i)" || break; done
got=$("$m" -C "$a" tuple rdall many '*' '*' | cut -f2 | tr '\n' ' ')
ok rdall_gives_all_pages_in_order test "$got" = "$(seq -f int:%g -s ' ' 120) "
ok rdall_of_nothing_is_exit_1 ends 1 -C "$a" tuple rdall none
ok a_bad_field_is_exit_2 ends 2 -C "$a" tuple out int:x
ok a_wildcard_cannot_be_inserted ends 2 -C "$a" tuple out a '*'
ok nor_replace_anything ends 2 -C "$a" tuple cas a '*' -- a '*'
ok an_unknown_operation_is_exit_2 ends 2 -C "$a" tuple drop x
ok a_lease_is_given ends 0 -C "$a" tuple out soon --ttl 2
ok it_is_there ends 0 -C "$a" tuple rdp soon
ok and_ends within 6 ends 1 -C "$a" tuple rdp soon
(sleep 1; "$m" -C "$a" tuple out late) &
ok in_waits_for_a_match ends 0 -C "$a" tuple in late
ok rd_gives_up_after_its_wait ends 1 -C "$a" tuple rd never --wait 1

# What is killed while it waits takes nothing for long: a key has four waits, and when three of them
# were left behind, the next is refused until these are over. One that lives goes on.
"$m" -C "$a" tuple in long >"$d/long" &
long=$!
for i in 1 2 3; do "$m" -C "$a" tuple in mine & dead[i]=$!; done
three_wait()
{
	ends 1 -C "$a" tuple rd never --wait 1 & one=$!
	ends 1 -C "$a" tuple rd never --wait 1 & two=$!
	ends 1 -C "$a" tuple rd never --wait 1 && wait $one && wait $two
}
sleep 2
ok a_key_has_four_waits ends 8 -C "$a" tuple rd never --wait 1
kill -9 ${dead[*]}
wait ${dead[*]} 2>/dev/null
ok what_the_dead_waited_for_ends within 30 three_wait
"$m" -C "$a" tuple out mine
ok and_takes_nothing ends 0 -C "$a" tuple inp mine
"$m" -C "$a" tuple out long
ok who_lives_waits_on wait $long

# Nor does it lose its place to others of its key that come between two slices.
for i in 1 2 3 4; do "$m" -C "$a" tuple in long$i >"$d/long" & long[i]=$!; done
compete()
{
	until=$((SECONDS + 5))
	while [ $SECONDS -lt $until ]; do "$m" -C "$a" tuple rd never --wait 1; done
}
sleep 8 # of the 10 of a slice
for i in 1 2 3 4 5 6; do compete >/dev/null 2>&1 & others[i]=$!; done
wait ${others[*]}
for i in 1 2 3 4; do
	"$m" -C "$a" tuple out long$i
	ok "its_place_is_kept_$i" wait ${long[i]}
done

# What is told to end while it waits takes nothing from then on; under nohup a hangup is no such word.
"$m" -C "$a" tuple in mine 2>"$d/ended" &
told=$!
(trap '' HUP; exec "$m" -C "$a" tuple in stays) >"$d/long" &
long=$!
sleep 1
kill -TERM $told
wait $told
ok who_is_told_to_end_ends_with_7 test $? -eq 7
ok and_says_that_nothing_was_taken grep -q "nothing was taken" "$d/ended"
"$m" -C "$a" tuple out mine
ok as_is_the_case ends 0 -C "$a" tuple inp mine
kill -HUP $long
sleep 0.5
"$m" -C "$a" tuple out stays
ok nohup_waits_on wait $long

# Members.
mkdir -p "$d/n1"
fp=$("$m" -C "$d/n1" key new)
ok a_missing_cluster_file_says_where_to_get_it says 2 "cluster show" -C "$d/n1" tuple rdp x
"$m" -C "$a" cluster show >"$d/n1/cluster"
ok a_stranger_is_told_how_to_get_in says 4 "admit client NAME $fp" -C "$d/n1" tuple rdp x
ok admit ends 0 -C "$a" admit client n1 "$fp" --operator acme
ok again_is_the_same ends 0 -C "$a" admit client n1 "$fp"
ok but_not_with_another_operator says 1 "admitted with operator acme; evict it first" -C "$a" admit client n1 "$fp" --operator b
ok another_role_for_the_key ends 0 -C "$a" admit node n1 "$fp"
ok a_name_belongs_to_one_key says 1 "taken" -C "$a" admit device n1 "$("$m" -C "$a" key show)"
ok a_bad_name_is_exit_2 ends 2 -C "$a" admit client N1 "$fp"
ok a_bad_fingerprint_is_exit_2 ends 2 -C "$a" admit client n2 abc
ok another_name_of_a_key_is_told says 0 "warning: n2: its key is admitted as client n1 too" -C "$a" admit client n2 "$fp"
ok evict_tells_of_it_as_well says 0 "warning: n2: its key is admitted as node n1 too: evict" -C "$a" evict n2
ok members_are_listed test "$("$m" -C "$d/n1" members | grep -c "n1 .*$fp")" = 2
ok with_their_operator says 0 '"operator":"acme"' --json -C "$a" members
ok a_member_reads_and_writes ends 0 -C "$d/n1" tuple out from-n1
ok a_member_admits_nobody ends 4 -C "$d/n1" admit client n2 "$fp"
ok nor_evicts says 4 "may not evict" -C "$d/n1" evict n1
ok reserved_tuples_are_refused ends 4 -C "$a" tuple out node x
ok also_to_members ends 4 -C "$d/n1" tuple out member client x
ok nor_takes_what_it_may_not_remove ends 1 -C "$d/n1" tuple inp member '*' '*' '*' '*' '*' '*' '*'
ok an_empty_field ends 0 -C "$d/n1" tuple out empty ''
ok is_shown_as_such says 0 $'empty\t' -C "$d/n1" tuple inp empty '*'
ok evict says 0 evicted --json -C "$a" evict n1
ok who_is_evicted_is_a_stranger ends 4 -C "$d/n1" tuple rdp x
ok nobody_to_evict_is_exit_1 ends 1 -C "$a" evict n1

# Files, signals, restarts.
ok status_shows_the_replica says 0 "ok, leader" -C "$a" status
kill -HUP ${pid[$r]}
ok sighup_re_reads_the_cluster_file within 5 grep -q "has not changed" "$r/log"
kill -9 ${pid[$r]}
wait ${pid[$r]} 2>/dev/null
ok after_kill_9_it_starts start "$r"
ok and_has_everything test "$("$m" -C "$a" tuple rdall many '*' '*' | wc -l)" = 120
ok sigterm_ends_it_cleanly stop "$r" TERM
ok and_it_starts_again start "$r" --no-sync
ok with_everything says 0 hello -C "$a" tuple rdp greeting '*' '*' '*' '*'
stop "$r" INT
damage "$r/data/log"
ok a_damaged_log_is_refused_with_a_reason says 1 "damaged" -C "$r" manager
mv "$r/data" "$r/data.bad"
ok a_lost_log_too says 1 "lost" -C "$r" manager
rm -r "$r/data" "$r/voted"
ok an_empty_directory_only_on_request start "$r"
ok is_empty ends 1 -C "$a" tuple rdp greeting '*' '*' '*' '*'
stop "$r" TERM

# Other clusters.
next_port
ok another_cluster ends 0 cluster new --faults 0 --out "$d/o" 127.0.0.1:$port
ok a_first_start_that_fails_promises_nothing \
	says 1 "listen" -C "$d/o/replica-0" manager --listen 192.0.2.1:1
ok the_next_one_may_vote start "$d/o/replica-0"
sed "s/127.0.0.1:[0-9]*/127.0.0.1:$port/" "$a/cluster" >"$d/n1/cluster"
ok a_replica_with_another_key_is_not_believed says 9 "127.0.0.1:$port" -C "$d/n1" tuple rdp x
stop "$d/o/replica-0" TERM

# Four replicas.
addrs=
for i in 0 1 2 3; do
	next_port
	addrs="$addrs 127.0.0.1:$port"
done
c=$d/four
a=$c/admin
"$m" cluster new --faults 1 --out "$c" $addrs >/dev/null
for i in 0 1 2 3; do start "$c/replica-$i"; done
ok four_replicas_agree ends 0 -C "$a" tuple out a b
ok and_answer says 0 b -C "$a" tuple rdp a '*'
stop "$c/replica-0" KILL
ok without_the_leader_it_goes_on ends 0 -C "$a" tuple out c d
start "$c/replica-0"
ok it_catches_up within 20 up_to_date 4
stop "$c/replica-1" KILL
ok without_another_one_too says 0 d -C "$a" tuple rdp c '*'
timeout 60 "$m" -C "$a" tuple in never 2>"$d/waiting" &
waiting=$!
sleep 1
stop "$c/replica-2" KILL
ok without_two_it_is_exit_9 says 9 "no quorum" -C "$a" tuple out e f
ok the_silent_are_named_too grep -qF "127.0.0.1:$port (connected, but it says nothing)" "$d/said"
ok and_that_it_may_be_done_yet grep -qF 'may still take effect, look with `machete tuple' "$d/said"
ok which_one_who_only_reads_is_not_told says 9 "see that the replicas run" -C "$a" tuple rdp e f
wait $waiting
ok also_for_who_waits test $? -eq 9
for i in 1 2; do start "$c/replica-$i"; done
ok and_with_them_it_is_there_again ends 0 -C "$a" tuple out g h
got=$("$m" -C "$a" tuple rdp a b && "$m" -C "$a" tuple rdp c d)
ok nothing_was_lost test "$got" = $'a\tb\nc\td'

# A replica that lost its data, and another one in its place.
stop "$c/replica-1" KILL
rm -r "$c/replica-1/data"
ok a_wiped_replica_only_observes start "$c/replica-1"
ok and_says_what_to_do grep -q "cluster replace 1 FINGERPRINT" "$c/replica-1/log"
ok status_shows_the_observer within 10 says 0 observer -C "$a" status
stop "$c/replica-1" TERM
ok its_home_takes_no_new_key says 1 "make the new key in an empty HOME" -C "$c/replica-1" key new --force
ok the_old_key_is_no_other says 2 "it has this key already" -C "$a" cluster replace 1 "$("$m" -C "$c/replica-1" key show)"
rm -r "$c/replica-1"
mkdir "$c/replica-1"
fp=$("$m" -C "$c/replica-1" key new)
ok no_such_replica_is_exit_2 ends 2 -C "$a" cluster replace 4 "$fp"
ok nor_is_an_admin_one says 2 "an admin's key" -C "$a" cluster replace 1 "$("$m" -C "$a" key show)"
ok nor_do_two_stand_in_one_place says 2 "another replica has this address" -C "$a" cluster replace 1 "$fp" "${addrs##* }"
ok cluster_replace says 0 "replica 1 is $fp" -C "$a" cluster replace 1 "$fp"
cp "$a/cluster" "$c/replica-1/"
ok the_new_one_starts start "$c/replica-1"
ok learns_everything within 30 up_to_date 4
stop "$c/replica-0" KILL
ok and_carries_on_without_another says 0 b -C "$a" tuple rdp a '*'
ok no_replica_observes_now test -z "$("$m" -C "$a" status | grep observer)"

# One that works, while another is down: all three must see the old configuration to its end, though
# the newcomer knocks from the beginning.
next_port
mkdir "$c/new"
fp=$("$m" -C "$c/new" key new)
awk -v line="replica 127.0.0.1:$port $fp" '/^replica/ && ++n == 4 { $0 = line } 1' "$a/cluster" \
	>"$c/new/cluster"
ok a_newcomer_waits start "$c/new"
ok one_that_works_is_replaced says 0 "replica 3 is $fp" -C "$a" cluster replace 3 "$fp" 127.0.0.1:$port
ok the_newcomer_learns_everything within 30 up_to_date 3
stop "$c/replica-3" KILL
ok and_is_one_of_three says 0 d -C "$a" tuple rdp c '*'

# A full disk: the manager stops with the reason, and starts again once there is room.
if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
	echo "skip full_disk: needs root"
	exit 0
fi
next_port
c=$d/full
"$m" cluster new --faults 0 --out "$c" 127.0.0.1:$port >/dev/null
mkdir "$c/replica-0/data"
cat >"$d/full.sh" <<'END'
m=$1 c=$2
mount -t tmpfs -o size=400k none "$c/replica-0/data"
"$m" -C "$c/replica-0" manager >"$c/out" 2>"$c/err" &
until grep -q ready "$c/out" || ! kill -0 $!; do sleep 0.1; done
for i in $(seq 100); do "$m" -C "$c/admin" tuple out fill int:$i 2>/dev/null || break; done
wait $!
[ $? -eq 1 ] && grep -q "No space left.*free some space" "$c/err" && echo ok stops_with_the_reason
mount -o remount,size=4m "$c/replica-0/data"
"$m" -C "$c/replica-0" manager >"$c/out" 2>>"$c/err" &
until grep -q ready "$c/out" || ! kill -0 $!; do sleep 0.1; done
# The one without an answer may be there too.
n=$("$m" -C "$c/admin" tuple rdall fill '*' | wc -l)
[ "$n" -ge $((i - 1)) ] && [ "$n" -le "$i" ] && echo ok nothing_is_lost
kill $!
END
unshare -m bash "$d/full.sh" "$m" "$c" >"$d/full.out" 2>"$d/full.err"
for t in stops_with_the_reason nothing_is_lost; do
	ok a_full_disk_$t grep -q "^ok $t" "$d/full.out"
done
