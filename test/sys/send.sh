#!/bin/bash
# test/sys/send.sh - files over four paths: every size, every name, and everything that can go wrong
. test/sys/overlay.inc
inbox=$d/o/inbox

# arrives FILE [OPTION...]: it is sent, and stands in the inbox as it was
arrives()
{
	f=$1
	shift
	ends 0 send -q "$@" "$f" dev && cmp "$f" "$inbox/$(basename "$f")" && rm "$inbox/$(basename "$f")"
}

# gone MESSAGE-FREE: nothing but finished files is in the inbox
no_leftovers()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		ls -A "$inbox" | grep -q '^\.machete-' || return 0
		sleep 0.3
	done
	ls -A "$inbox"
	return 1
}

# equal_shares FILE: under strict every flow carries the same number of bytes, to within one record
equal_shares()
{
	send --json --scheduler strict "$1" dev >"$d/json" || return 1
	rm -f "$inbox/$(basename "$1")"
	python3 - "$d/json" <<'P'
import json, sys
done = [json.loads(l) for l in open(sys.argv[1]) if '"done"' in l][0]
b = [p["bytes"] for p in done["paths"]]
print(b)
sys.exit(not (len(b) == 4 and max(b) - min(b) <= 16384 + 33))
P
}

receipt_is_whole()
{
	send --json "$d/f1400" dev >"$d/json" && rm "$inbox/f1400" && python3 - "$d/json" <<'P'
import json, sys
events = [json.loads(l) for l in open(sys.argv[1])]
r = events[-1]
keys = "v event session files bytes seconds setup_ms teardown_ms transport scheduler split paths max_path_share"
missing = [k for k in keys.split() if k not in r]
path = "node forward local bytes share rtt_ms"
missing += [k for p in r["paths"] for k in path.split() if k not in p]
ok = r["event"] == "done" and r["v"] == 1 and r["files"] == [{"name": "f1400", "bytes": 1400}]
ok = ok and r["guarantee"] == "none, no AS on the paths is known"
ok = ok and abs(sum(p["share"] for p in r["paths"]) - 1) < 0.01
print(missing, r)
sys.exit(bool(missing) or not ok)
P
}

truncate -s 5000 "$d/hole"
overlay_up --faults 0
for n in 0 1 1399 1400 1401 16383 16384 16385; do
	head -c $n /dev/urandom >"$d/f$n"
	ok "size_$n" arrives "$d/f$n"
done
head -c 1048576 /dev/urandom >"$d/1M"
head -c 104857600 /dev/urandom >"$d/100M"
head -c 1024 "$d/1M" >"$d/1K"
for f in f1 1K 1M 100M; do
	ok "equal_shares_$f" equal_shares "$d/$f"
done
ok size_100M_fast arrives "$d/100M"
ok turns_of_three arrives "$d/1M" --scheduler strict --turn 3
ok max_share arrives "$d/1M" --max-share 30
ok max_share_that_cannot_be ends 2 send -n 3 --max-share 30 "$d/1M" dev
ok two_paths arrives "$d/1M" -n 2
ok via_these_nodes arrives "$d/1M" --via n2,n4
ok directly arrives "$d/1M" -n 1 --direct
alone()
{
	ends 0 send "$d/1K" dev --via n1 && rm "$inbox/1K" && grep 'warning: dev: one path alone' "$d/err"
}
ok one_path_is_told_to_be_one alone
ok the_device_says_what_came grep 'server notice: received 1K from client, 1024 bytes' "$d/log"
not_ours()
{
	ends 2 send --local 192.0.2.7 "$d/1K" dev && grep 'no network device that is up has' "$d/err"
}
ok an_address_of_another_host not_ours
ok receipt_is_whole receipt_is_whole
truncate -s 4294967297 "$d/4G"
ok size_4G_and_1 arrives "$d/4G"
rm "$d/4G"

many()
{
	mkdir -p "$d/many" && (cd "$d/many" && seq 1 10000 | split -l 1 -a 4 - f-) &&
		ends 0 send -q "$d"/many/f-* dev && diff -r "$d/many" "$inbox" && rm "$inbox"/f-*
}
ok ten_thousand_files many

# A file that does not say its size, beside an empty one; one that says a page; one that grows, through
# a slow writer.
unsized()
{
	send --json /proc/version "$d/f0" dev >"$d/json" && cmp /proc/version "$inbox/version" &&
		[ -e "$inbox/f0" ] && [ ! -s "$inbox/f0" ] && rm "$inbox/version" "$inbox/f0" &&
		grep -q "{\"name\":\"version\",\"bytes\":$(wc -c </proc/version)}" "$d/json"
}
ok files_of_no_size_arrive_whole unsized
[ ! -s /sys/devices/system/cpu/possible ] ||
	ok one_that_says_a_page_and_is_less arrives /sys/devices/system/cpu/possible
ok one_that_is_a_hole arrives "$d/hole"
grows()
{
	head -c 50000000 "$d/100M" >"$d/grows"
	(
		until ls -A "$inbox" | grep -q "^\.machete-"; do sleep 0.02; done
		echo more >>"$d/grows"
	) &
	ends 0 send "$d/grows" dev && grep -q 'warning: .*/grows: became longer' "$d/err" &&
		cmp -n 50000000 "$d/grows" "$inbox/grows" && rm "$inbox/grows"
}
ok a_file_that_grows_is_told_of grows

from_stdin()
{
	(printf one; sleep 0.3; printf two) | send -q - dev:stream && [ "$(cat "$inbox/stream")" = onetwo ] &&
		head -c 5000000 "$d/100M" | send -q - dev:big && head -c 5000000 "$d/100M" | cmp - "$inbox/big"
}
ok from_stdin from_stdin
# nobody_listens: what was closed stays so, and no socket or file gets our words in its place
nobody_listens()
{
	ends 1 send --json "$d/f1" dev >&- && rm "$inbox/f1" || return 1
	ends 1 send -q - dev:x <&- && grep 'stdin: Bad file' "$d/err" && [ ! -e "$inbox/x" ] || return 1
	"$m" -C "$d/o/client" send - dev:x < <(exec sleep 2) >&- 2>&- &
	for _ in $(seq 50); do
		readlink "/proc/$!"/fd/* | grep -q socket && break
		sleep 0.02
	done
	[ "$(readlink "/proc/$!/fd/1" "/proc/$!/fd/2" | tr -d '\n')" = // ] && wait $!
	[ $? -eq 1 ] && rm "$inbox/x"
}
ok closed_descriptors nobody_listens

# crowd: five places open as many silent connections as the device lets them; nobody is kept out
crowd()
{
	at=$("$m" -C "$d/o/admin" status | awk '$1 == "device" && $2 == "dev" { print $3 }')
	python3 -c '
import socket, sys, time
host, port = sys.argv[1].rsplit(":", 1)
keep = [socket.create_connection((host, int(port)), 5, ("127.9.0.%d" % (1 + i // 128), 0)) for i in range(5 * 128)]
print("full", flush=True)
time.sleep(60)' "$at" >"$d/crowd" &
	until [ -s "$d/crowd" ]; do sleep 0.1; done
	ends 0 send -q "$d/f1" dev && rm "$inbox/f1"
	r=$?
	kill $!
	return $r
}
ok strangers_do_not_shut_the_device_off crowd

# Names: what exists stays as it is, and nothing leaves the inbox.
existing()
{
	echo old >"$inbox/f1"
	ln -sf /etc/hostname "$inbox/f1400"
	send "$d/f1" dev >"$d/said" && grep -qx 'stored as f1.1, not f1' "$d/said" &&
		send -q "$d/f1" dev 2>"$d/said" && grep -q 'warning: stored as f1.2' "$d/said" &&
		[ "$(cat "$inbox/f1")" = old ] && cmp "$d/f1" "$inbox/f1.1" &&
		send --json "$d/f1400" dev | grep -q '"name":"f1400.1"' && [ -L "$inbox/f1400" ] &&
		cmp "$d/f1400" "$inbox/f1400.1" && rm -f "$inbox"/f1*
}
ok names_that_exist_are_kept existing
# One file may be called otherwise; several may not, and a name is never empty.
called()
{
	send -q "$d/f1" dev:new && cmp "$d/f1" "$inbox/new" && rm -f "$inbox/new" || return 1
	send "$d/f1" dev: 2>"$d/said"
	[ $? = 2 ] && grep -q 'HOST:NAME' "$d/said" || return 1
	send "$d/f1" "$d/f1400" dev:new 2>"$d/said"
	[ $? = 2 ] && [ ! -e "$inbox/new" ]
}
ok one_file_may_be_given_a_name called
# harmless NAME STORED: stdin may be called anything
harmless()
{
	echo x | send -q - "dev:$1" && [ -f "$inbox/$2" ] && rm "$inbox/$2" && [ -z "$(ls -A "$inbox")" ]
}
rm -rf "$inbox"/*
ok name_dotdot harmless .. __
ok name_up_and_away harmless ../../etc/passwd _._.._etc_passwd
ok name_absolute harmless /etc/passwd _etc_passwd
ok name_hidden harmless .profile _profile
ok name_option harmless -rf _rf
ok name_control harmless "$(printf 'a\033[2Jb')" 'a_[2Jb'
ok name_utf8 harmless "naïve" "naïve"
ok name_c1_control harmless "$(printf 'a\302\233b')" a__b
long=$(printf '%0255d' 7)
ok name_of_255_bytes harmless "$long" "$long"

# Mistakes, each with its code and one line.
# tells TEXT COMMAND...: an error's line says what to do
tells()
{
	ends 1 "${@:2}" || [ $got -eq 3 ] || return 1
	grep -q "$1" "$d/err"
}
ok no_such_file tells 'No such file or directory; see' send "$d/nothing" dev
ok a_directory tells 'a directory; send it as' send "$d" dev
ok stdin_goes_alone tells 'stdin: it goes alone; say' send - "$d/f1" dev
directory_as_stdin()
{
	tells 'Is a directory; see' send - dev:x <"$d"
}
ok a_directory_as_stdin directory_as_stdin
ok a_device_without_a_name tells "machete: ''" send "$d/f1" ''
ok no_such_device ends 3 send "$d/f1" nobody
ok no_such_node ends 3 send --via n9 "$d/f1" dev
ok more_paths_than_nodes ends 3 send -n 7 "$d/f1" dev
ok stdin_without_a_name ends 2 send - dev
ok no_arguments ends 2 send
stranger()
{
	"$m" -C "$d/x" key new && cp "$d/o/client/cluster" "$d/x/" && ends 4 "$m" -C "$d/x" send "$d/f1" dev
}
ok a_stranger_is_refused stranger
too_many_sessions()
{
	cp -r "$d/o/client" "$d/y"
	for _ in $(seq 64); do
		rm -rf "$d/y/cache"
		"$m" -C "$d/y" tuple rdp nothing
	done
	rm -rf "$d/y/cache"
	ends 8 "$m" -C "$d/y" send "$d/f1" dev && grep 'sessions of this key' "$d/err"
}
ok too_many_sessions_are_a_quota too_many_sessions
shrinks()
{
	truncate -s 4G "$d/shrinks"
	(
		until ls -A "$inbox" | grep -q "^\.machete-"; do sleep 0.02; done
		truncate -s 1000 "$d/shrinks"
	) &
	ends 1 send -q "$d/shrinks" dev && grep -q shorter "$d/err" && no_leftovers
}
ok a_file_that_shrinks shrinks

# slow: a stream that takes long enough to be disturbed
mkfifo "$d/fifo"
slow()
{
	(cat "$d/100M"; exec sleep 60) >"$d/fifo" &
	writer=$!
	timeout 60 "$m" -C "$d/o/client" send -q "$@" - dev:slow <"$d/fifo" 2>"$d/err" &
	slow_pid=$!
	for _ in $(seq 100); do
		find "$inbox" -name '.machete-*' -size +1000k | grep -q . && return 0
		sleep 0.1
	done
	return 1
}
# slow_ends CODES: with one of them within ten seconds, and nothing is left
slow_ends()
{
	from=$(date +%s)
	wait $slow_pid
	got=$?
	kill $writer 2>/dev/null
	cat "$d/err"
	echo "exit code $got, not $1"
	[[ " $1 " = *" $got "* ]] && [ $(($(date +%s) - from)) -le 10 ] && [ ! -e "$inbox/slow" ] && no_leftovers
}
node_dies()
{
	truncate -s 4G "$d/huge"
	send -q "$d/f1" "$d/huge" dev 2>"$d/two" &
	two=$!
	slow && kill -9 "$(child 'node --name n1 ')" && ! wait $two && slow_ends 3 &&
		grep 'nothing was stored' "$d/err" && grep 'some files may be stored' "$d/two"
}
interrupted()
{
	slow --via n2,n3,n4 && pkill -INT -f 'send -q .*dev:slow' && slow_ends 7 &&
		slow --via n2,n3,n4 && pkill -HUP -f 'send -q .*dev:slow' && slow_ends 7
}
evicted()
{
	slow --via n2,n3,n4 && "$m" -C "$d/o/admin" evict client && slow_ends "3 4" # the node or the device is first
}
device_stops()
{
	slow --via n2,n3,n4 && kill -TERM "$(child 'server --name dev')" && slow_ends 3
}
ok a_node_that_dies_ends_it node_dies
ok interrupted_by_the_user interrupted
ok an_evicted_client_is_cut_off evicted
readmitted()
{
	"$m" -C "$d/o/admin" admit client client "$("$m" -C "$d/o/client" key show)" &&
		ends 0 send -q --via n2,n3,n4 "$d/1K" dev && rm "$inbox/1K"
}
ok and_comes_back_when_admitted readmitted

# --- a directory in the cache that is out of date ---
cache=$d/o/client/cache/directory
a_node_is_evicted()
{
	send -q --via n2,n3,n4 "$d/f1" dev && rm "$inbox/f1" && cp "$cache" "$d/with_n2" || return 1
	slow --via n2,n3 && "$m" -C "$d/o/admin" evict n2 && slow_ends 3
}
it_carries_nothing()
{
	rm "$cache" # a fresh one may name n2 for 10 s, and end this too
	send -q -n 2 "$d/f1" dev && rm "$inbox/f1" && cp "$cache" "$d/without_n2" || return 1
	sleep 11 # until then it is good enough
	cp "$d/with_n2" "$cache"
	ends 3 send --via n2,n3 "$d/f1" dev && grep 'n2.*no such node' "$d/err" && [ ! -e "$inbox/f1" ]
}
admitted_again()
{
	"$m" -C "$d/o/admin" admit node n2 "$("$m" -C "$d/o/node-2" key show)" || return 1
	for _ in $(seq 200); do # it renews its tuple, and forwards again
		cp "$d/without_n2" "$cache"
		send -q --via n2,n3,n4 -n 3 "$d/f1" dev && rm "$inbox/f1" && return
		sleep 0.1
	done
	return 1
}
# Three paths need what the cached directory has not.
looked_up_anew()
{
	cp "$d/without_n2" "$cache"
	ends 0 send -q -n 3 "$d/f1" dev && rm "$inbox/f1"
}
# silent COMMAND...: while no replica answers
silent()
{
	pkill -STOP -P "$dev_pid" -f ' manager '
	"$@"
	got=$?
	pkill -CONT -P "$dev_pid" -f ' manager '
	return $got
}
manager_is_silent()
{
	cp "$d/with_n2" "$cache"
	silent ends 0 send --via n2,n3 "$d/f1" dev && grep 'the manager does not answer' "$d/err" && rm "$inbox/f1"
}
# as_of FILE SECONDS: what its cache would be, written SECONDS ago (tuple/roster.c)
as_of()
{
	python3 - "$1" "$cache" "$2" <<'P'
import hashlib, sys, time
b = open(sys.argv[1], "rb").read()[:-32]
b = b[:52] + (int(time.time()) - int(sys.argv[3])).to_bytes(8, "big") + b[60:]
open(sys.argv[2], "wb").write(b + hashlib.sha256(b).digest())
P
}
cache_is_old()
{
	as_of "$d/with_n2" 90000
	silent ends 9 send --via n2,n3 "$d/f1" dev && grep 'does not answer, this is 9000[0-9] s old' "$d/err" &&
		[ ! -e "$inbox/f1" ] || return 1
	as_of "$d/with_n2" 80000
	rm -f "$(dirname "$cache")/traces" # asked for again, in vain
	silent ends 0 send -q --via n2,n3 "$d/f1" dev && rm "$inbox/f1"
}
# Ctrl-C while the manager is asked for traces, and for the directory
asking_is_interrupted()
{
	for asked in traces directory; do
		rm -f "$(dirname "$cache")/$asked"
		(sleep 1.5; pkill -INT -f 'send -q --via n2,n3,n4 ') &
		silent ends 7 send -q --via n2,n3,n4 "$d/f1" dev && grep -x '.*interrupted by the user.*' "$d/err" &&
			[ "$(wc -l <"$d/err")" -eq 1 ] || return 1
	done
}
denied()
{
	"$m" -C "$d/o/admin" evict client || return 1
	as_of "$d/with_n2" 0
	ends 4 send --via n2,n3 "$d/f1" dev && [ ! -e "$inbox/f1" ] || return 1
	readmitted
}
ok sessions_over_an_evicted_node_end a_node_is_evicted
ok a_cached_directory_does_not_bring_it_back it_carries_nothing
ok nor_keeps_a_node_out_that_is_back admitted_again
ok too_few_nodes_in_it_are_looked_up_anew looked_up_anew
ok without_the_manager_it_serves_with_a_warning manager_is_silent
ok but_not_when_it_is_days_old cache_is_old
ok ctrl_c_ends_it_while_the_manager_is_asked asking_is_interrupted
ok who_is_evicted_is_told_with_any_cache denied
ok device_stops device_stops

# The device again, with an inbox on a small disk.
mkdir "$d/small" && mount -t tmpfs -o size=3m none "$d/small" || echo "skip full_disk: no tmpfs"
"$m" -C "$d/o/device" -v server --name dev --inbox "$d/small/inbox" --listen 127.0.0.2:0 \
	--advertise 127.0.0.2 >"$d/small.log" 2>&1 &
small=$!
for _ in $(seq 100); do grep -q '^ready' "$d/small.log" && break; sleep 0.1; done
full()
{
	ends 1 send -q --via n2,n3,n4 "$d/100M" dev && grep -q 'full; send' "$d/err" && [ -z "$(ls -A "$d/small/inbox")" ] &&
		head -c 5000000 "$d/100M" | ends 1 send -q --via n2,n3,n4 - dev:x && grep -q full "$d/err" &&
		[ -z "$(ls -A "$d/small/inbox")" ]
}
ok a_full_disk full
ok smaller_files_still_fit ends 0 send -q --via n2,n3,n4 "$d/1M" dev
kill -9 $small
wait $small 2>/dev/null
overlay_down
left_by_crash()
{
	touch "$d/small/inbox/.machete-0123456789abcdef.part"
	timeout 3 "$m" -C "$d/o/device" -v server --name dev --inbox "$d/small/inbox" --listen 127.0.0.2:0 2>/dev/null
	[ "$(ls -A "$d/small/inbox")" = 1M ]
}
ok leftovers_of_a_crash_are_removed left_by_crash
