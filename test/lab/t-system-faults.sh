#!/bin/sh
# What goes wrong while a file is on its way: a node is killed, a path is cut, the client vanishes,
# it is evicted, its line is slow. Whatever arrives is whole; what cannot arrive ends with its exit
# status; roles live on.
# This test may run beside others.
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
need python3
begin two-paths
overlay "" >/dev/null
"$lab" rate client 40mbit
file big 15000000
file small 20000

# after SECONDS CMD...
after() {
	sleep "$1"
	shift
	"$@"
}

# during RECEIPT CMD...: send the big file; a second after it began, CMD. $status is send's.
during() {
	send_as "$1" "$1" big --via n1,n2 &
	sender=$!
	shift
	after 1.5 "$@"
	wait $sender
	status=$?
}

# whole NAME: nothing under that name, or all of it
whole() {
	[ ! -e "$tmp/inbox/$1" ] || cmp "$tmp/big" "$tmp/inbox/$1"
}

# honest NAME STATUS: arrived with status 0, or did not and said so with 3 or 7
honest() {
	case $2 in
	0) cmp "$tmp/big" "$tmp/inbox/$1" ;;
	3 | 7) [ ! -e "$tmp/inbox/$1" ] ;;
	*) echo "status $2"; tail -n 3 "$tmp/$1.json" "$tmp/$1.err"; false ;;
	esac
}

during killed kill -KILL "$(pid n2)"
echo "# node killed: status $status"
check "a node is killed" honest killed $status
role n2 n2 node --name n2 --forward relay
check "it comes back under its name" ready n2 40

during cut "$lab" cut client/n1
echo "# path cut: status $status"
check "a path is cut" honest cut $status
rm -f "$homes/client/cache/traces"
onm client client paths --via n1,n2 device >"$tmp/paths" 2>&1
check "... and planned with no more (status 3)" [ $? -eq 3 ]
"$lab" heal client/n1
check "and healed, it is used again" send_as healed receipt small --via n1,n2

during down "$lab" cut client
echo "# client cut off: status $status"
[ $status -ne 9 ] || status=3 # the manager is out of reach too
check "the client's line is cut" honest down $status
"$lab" heal client
check "... the device goes on" send_as afterwards receipt small --via n1,n2

ln "$tmp/big" "$tmp/vanished"
"$lab" run client "$machete" -C "$homes/client" send --via n1,n2 "$tmp/vanished" device \
	>"$tmp/vanished.out" 2>&1 &
sleep 1.5
kill -KILL $! || cat "$tmp/vanished.out"
wait $! 2>/dev/null
sleep 1
check "a client vanished without goodbye: nothing half is in the inbox" whole vanished
check "... the device serves the next" send_as next receipt small --via n1,n2
for role in n1 n2 n3 device; do
	check "$role is alive" kill -0 "$(pid $role)"
done

party client other >/dev/null
ln "$tmp/big" "$tmp/other"
onm client other send --via n1,n3 "$tmp/other" device >"$tmp/other.out" 2>&1 &
check "two clients at once, the one" send_as one receipt big --via n1,n2
wait $!
check "... the other" [ $? -eq 0 ]
check "... both arrived" eval 'arrived big one && arrived big other'

m_admin evict other
sleep 10
ln "$tmp/small" "$tmp/evicted.file"
onm client other send --via n1,n3 "$tmp/evicted.file" device >"$tmp/evicted" 2>&1
status=$?
check "an evicted client is refused (status 4)" [ $status -eq 4 ]
check "... and leaves nothing" [ ! -e "$tmp/inbox/evicted.file" ]
check "the other client is served" send_as still receipt small --via n1,n2

# A PING behind half a megabyte that a node holds comes 10 s later; the records are had all along.
"$lab" rate device.down 400kbit
file crawl 600000
check "a slow line behind a relay is alive" send_as crawling receipt crawl --via n2
check "... and the file arrives" arrived crawl crawling
