#!/bin/sh
# machete's own probes see the lab's Internet as it is: every router and AS of the paper's paths,
# with privilege and without, from both ends and from the second home.
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
need python3 lft traceroute
begin paper-dual
"$lab" prefixes >"$tmp/prefixes"
check "the lab's prefixes are imported" m probe asn import --keep-bogons "$tmp/prefixes"

# FROM TO as in hops.tsv; stdin a trace as JSON. Prints what differs.
compare() {
	python3 -c 'import json, sys
want = {}
for line in open(sys.argv[1]):
	f, t, dst, ttl, true, ip, asn, ms, replies = line.split()
	if (f, t) == (sys.argv[2], sys.argv[3]) and replies == "1":
		want[int(ttl)] = (ip, [] if asn == "NA" else [int(asn)], 2 * float(ms))
trace = [o for o in map(json.loads, sys.stdin) if o["event"] == "trace"][-1]
if not trace["reached"]: print("not reached")
for hop in trace["hops"][:-1]:
	ip, asn, ms = want.pop(hop["probe_ttl"], (None, None, 0))
	if (hop["addr"], hop["asn"]) != (ip, asn): print("got", hop, "wanted", ip, asn)
	if hop["rtt"] < ms - 0.2: print("too early:", hop, "wanted", ms)
for ttl, hop in want.items(): print("not seen:", ttl, hop)' "$here/data/hops.tsv" "$@"
}

# traced FROM TO SITE [trace options]: the trace goes on while the next begins; judged below
traced() {
	from=$1 to=$2 site=$3
	shift 3
	n=$((n + 1))
	echo "$n $from $to $*" >>"$tmp/traces"
	onm "$site" probe --json trace "$@" "$("$lab" addr "$to"):80" >"$tmp/$n" 2>"$tmp/$n.err" &
}

n=0
for to in eu-west-1 eu-central-1 us-east-1 us-west-1 us-west-2 ap-northeast-1 ap-northeast-2 \
	ap-southeast-1 ap-southeast-2; do
	traced lisbon $to lisbon
done
traced lisbon us-east-1 lisbon --no-raw
traced lisbon us-east-1 lisbon --exact
traced lisbon-4g-vodafone ap-southeast-2 lisbon --local "$("$lab" addr lisbon-4g-vodafone)"
traced us-east-1 eu-west-1 us-east-1
traced ap-southeast-1 eu-west-1 ap-southeast-1
wait
while read -r n from to options; do
	wrong=$(compare "$from" "$to" <"$tmp/$n" 2>&1)
	name="trace $options from $from to $to"
	[ -z "$wrong" ] && pass "$name" || fail "$name" "$wrong"
done <"$tmp/traces"

# hops_of N: the routers that answered, "TTL ADDRESS"
hops_of() {
	python3 -c 'import json, sys
t = [o for o in map(json.loads, sys.stdin) if o["event"] == "trace"][-1]
for h in t["hops"][:-1]: print(h["probe_ttl"], h["addr"])' <"$tmp/$1"
}
# sees_alike TOOL N COMMAND...: the tool's routers, run beside, are those of trace N
sees_alike() {
	tool=$1 hops=$2
	shift 2
	on lisbon "$@" | sed -n 's/^ *\([0-9]*\)  \(10[^ ]*\) .*/\1 \2/p' >"$tmp/$tool"
	[ $tool = lft ] || sed -i '$d' "$tmp/$tool" # the target
	hops_of $hops | diff - "$tmp/$tool"
}
for n in 3 8; do
	at=$("$lab" addr "$(sed -n "s/^$n lisbon \([^ ]*\) .*/\1/p" "$tmp/traces")")
	check "lft sees the same routers as trace $n" sees_alike lft $n lft -n -S -D wan0 "$at:80"
	check "traceroute too" sees_alike traceroute $n traceroute -T -p 80 -n -q 1 -w 0.6 "$at"
done

as_path=$(python3 -c 'import json, sys
print([o for o in map(json.loads, sys.stdin) if o["event"] == "trace"][-1]["as_path"])' <"$tmp/4")
check "the AS path is the paper's" [ "$as_path" = "[5516, 1930, 20965, 174, 2914, 16509]" ]
onm lisbon probe --json ping -c 5 "$("$lab" addr ap-southeast-2):80" >"$tmp/ping"
near "ping measures the round trip" \
	"$(sed -n 's/.*"median_ms":\([0-9.]*\).*/\1/p' "$tmp/ping")" 309 1.2
