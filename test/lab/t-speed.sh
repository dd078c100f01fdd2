#!/bin/sh
# What passes, and how late: measured and printed. Only the delay is judged, by its median
# over a path that carries nothing else of note while another is under load.
. "$(dirname "$0")/lib.sh"
need ping iperf3
begin two-paths
on device iperf3 -s -D >/dev/null
device=$("$lab" addr device)

# The median of 100 round trips of client and n2, 30 ms.
median() {
	on client ping -n -i 0.01 -c 100 "$("$lab" addr n2)" |
		sed -n 's/.*time=\([0-9.]*\).*/\1/p' | sort -n | sed -n 50p
}

passed() {
	"$lab" stats | awk '$1 ~ /\.up$/ { n += $3 } END { print n }'
}

near "a round trip of 30 ms, idle" "$(median)" 30.5 0.6
before=$(passed)
on n1 iperf3 -u -l 200 -b 40m -t 2 -c "$device" >"$tmp/udp" &
sleep 0.4
loaded=$(median)
wait $!
echo "# $((($(passed) - before) / 2)) packets a second beside it"
near "the same beside 25,000 small packets a second" "$loaded" 30.5 1
before=$(passed)
on n1 iperf3 -t 2 -f m -c "$device" >"$tmp/tcp"
echo "# $((($(passed) - before) / 2)) packets a second of one TCP connection, $(
	awk '/receiver/ { for (i = 2; i <= NF; i++)
		if ($i == "Mbits/sec") print $(i - 1) }' "$tmp/tcp"
) Mbit/s"
check "a TCP connection runs at full speed" grep -q receiver "$tmp/tcp"
"$lab" stats | sed -n '1s/^/# /p'
