#!/bin/sh
# Links and paths have the rate, loss and delay set, can be cut and healed, one way too.
. "$(dirname "$0")/lib.sh"
need ping iperf3
begin two-paths
device=$("$lab" addr device)
n1=$("$lab" addr n1)
n2=$("$lab" addr n2)
on device iperf3 -s -D >/dev/null

mbits() {
	awk '/receiver/ { for (i = 2; i <= NF; i++)
		if ($i == "Kbits/sec") print $(i - 1) / 1000 }'
}

# rate [iperf3 options]: Mbit/s that arrive, of UDP payload (1,448 of the 1,476 bytes that count)
rate() {
	on client iperf3 -u -l 1448 -b 40m -t 1 -f k -c "$device" "$@" |
		mbits
}

# lost N: per cent of N pings to n1 that stay away
lost() {
	on client ping -n -q -i 0.002 -c "$1" -W 1 "$n1" |
		sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p'
}

rtt() {
	on client ping -n -q -i 0.02 -c 5 "$1" | sed -n 's|^rtt [^=]*= \([0-9.]*\)/.*|\1|p'
}

reach() {
	on client ping -n -c 1 -W 1 "$1"
}

"$lab" rate client.up 20mbit
near "an access link's rate up" "$(rate)" 19.6 2
"$lab" rate client.down 10mbit
near "an access link's rate down" "$(rate -R)" 9.8 1
"$lab" rate client 0
"$lab" rate client/device 16mbit
near "a path's rate" "$(rate)" 15.7 1.6
"$lab" rate 'client>device' 8mbit
near "a path's rate one way" "$(rate)" 7.85 0.8
near "... and not the other" "$(rate -R)" 15.7 1.6
near "other paths have no part in it" "$(lost 200)" 0 0

"$lab" rate client/device 10mbit
"$lab" queue client/device 125k
tcp=$(on client iperf3 -t 2 -f k -c "$device" | mbits)
near "TCP fills a slow path" "$tcp" 9.2 1

"$lab" loss client/n1 10%
near "loss of 10 % each way" "$(lost 1000)" 19 5
"$lab" loss client/n1 0
near "no loss after that" "$(lost 200)" 0 0

near "delay before" "$(rtt "$n1")" 20.5 1
"$lab" delay client/n1 40ms
near "delay of a path changed" "$(rtt "$n1")" 80.5 1
"$lab" delay client 5
near "delay of a link added" "$(rtt "$n2")" 40.5 1

"$lab" cut client/n1
check "a cut path carries nothing" eval '! reach $n1'
check "... the others do" reach "$n2"
"$lab" heal client/n1
check "healed" reach "$n1"
"$lab" cut 'n1>client'
check "cut one way" eval '! reach $n1'
"$lab" heal 'n1>client'
"$lab" cut as64501
check "an AS out of order takes its paths along" eval '! reach $n1'
check "... and no others" reach "$n2"
"$lab" heal as64501
"$lab" cut client
check "a cut access link cuts all" eval '! reach $n2'
"$lab" heal client
check "all healed" eval 'reach $n1 && reach $n2 && reach $device'
"$lab" delay client/n1 300ms
on client ping -n -c 1 -W 1 "$n1" >"$tmp/late" &
sleep 0.2
"$lab" cut client/n1
wait $!
check "what is under way when a path is cut is lost" grep -q '100% packet loss' "$tmp/late"
check "an unknown name is refused" eval '! "$lab" cut nowhere'
check "a bad value is refused" eval '! "$lab" rate client fast'
