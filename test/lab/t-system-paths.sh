#!/bin/sh
# The paper's Internet as `paths` sees it, at one home and at two: every pair of paths has the
# common ASes that the topology gives it, and the labelled hops of the paper's count (Tables I, II).
# This test may run beside others.
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
need python3
m none --list | grep -qx node && m none --list | grep -qx server || {
	echo "skip paths: this build has no node and no server"
	exit 0
}
nodes="eu-central-1 us-east-1 us-west-1 us-west-2 ap-northeast-1 ap-northeast-2 ap-southeast-1
	ap-southeast-2"
begin paper-dual
spread_replicas "" eu-west-1
for n in $nodes; do
	party node $n
	role $n $n node --name $n --forward relay
done
party device ireland
mkdir "$tmp/inbox"
role eu-west-1 ireland server --name ireland --inbox "$tmp/inbox"
party client client
must_ready $nodes ireland
"$lab" prefixes >"$tmp/prefixes"
check "the table is imported" m client asn import --keep-bogons "$tmp/prefixes"

paths() {
	onm lisbon client --json paths ireland "$@" >"$tmp/paths" 2>"$tmp/paths.err"
}
# Expressions over c (candidates), pairs and plan, the last run's.
told() {
	python3 -c 'import json, re, sys
o = [json.loads(l) for l in open(sys.argv[1])]
c = [x for x in o if x["event"] == "candidate"]
pairs = [x for x in o if x["event"] == "pair"]
plan = ([x for x in o if x["event"] == "plan"] or [None])[0]
done = ([x for x in o if x["event"] == "done"] or [None])[0]
try:
	was = [x for x in map(json.loads, open(sys.argv[6])) if x["event"] == "plan"][0]
except OSError:
	was = None
error = ([x for x in o if x["event"] == "error"] or [None])[0]
home, second = sys.argv[3], sys.argv[4]
def expected(dual):
	r = {}
	for l in open(sys.argv[5]).read().splitlines()[1:]:
		a, b, ns, nd, s, d = l.split("\t")
		r[a, b] = [int(x) for x in (d if dual else s).split()]
	return r
def wrong(dual):
	n, bad = 0, []
	for p in pairs:
		a, b, la, lb = p["a"], p["b"], p["a_local"], p["b_local"]
		if dual and la == second:
			a, b, la, lb = b, a, lb, la
		want = expected(dual)
		want.update({} if dual else {(y, x): v for (x, y), v in want.items()})
		if (la, lb) == (home, second if dual else home) and (a, b) in want:
			n += 1
			if want[a, b] != p["common_as"] or p["common"] != len(want[a, b]):
				bad.append(p)
	return bad or (n != 28 and n)
def labelled(a, b):
	return [p["labelled_hops"] for p in pairs
		if {p["a"], p["b"]} == {a, b} and p["a_local"] == p["b_local"] == home]
v = eval("(" + sys.argv[2] + ")")
print(v)
sys.exit(not v)' "$tmp/paths" "$1" "$first" "$second" "$here/../data/as_overlap_expected.tsv" \
		"$tmp/planned"
}
first=$("$lab" addr lisbon) second=$("$lab" addr lisbon-4g-vodafone)

all_traced() {
	paths && told 'all(x["node_device_traced"] and x["node_client_traced"] for x in c)'
}
check "nodes and device tell their traces within a minute" until_true 60 all_traced
check "every node is a candidate from both homes" \
	told 'len(c) == 16 and all(x["reached"] for x in c)'
check "no segment of any path is unknown" \
	told 'all(x["unknown_pct"] < 100 for x in c) or [(x["node"], x["local"]) for x in c
		if x["unknown_pct"] == 100]'
check "28 pairs from one home share what they should" told 'not wrong(False) or print(wrong(False))'
check "28 pairs over two homes share what they should" told 'not wrong(True) or print(wrong(True))'
check "Singapore and Tokyo have 7 labelled hops in common" \
	told 'labelled("ap-southeast-1", "ap-northeast-1") == [7]'
check "Frankfurt and Seoul have 9" told 'labelled("eu-central-1", "ap-northeast-2") == [9]'
check "the plan uses both homes" \
	told 'len({x["local"] for x in c if x["taken"]}) == 2 and plan["unavoidable_as"] == [16509]'
check "it says who sees everything, and how much others do" \
	told 're.fullmatch("on all paths, whatever is chosen: AS16509; no other AS or operator sees more " +
		"than [1-3] of 4 paths, to see all takes %d together" % plan["kappa_rest"],
		plan["guarantee"]) or print(plan["guarantee"])'
check "nothing was traced twice" told 'plan["traced_now"] == 0'
check "round trips are those of both legs" \
	told 'all(-1 < x["rtt_ms"] - w < 150 for w in (64.1, 533.9) for x in c if x["local"] == home
		and x["node"] == {64.1: "eu-central-1", 533.9: "ap-southeast-1"}[w])'

# The device's key is no client's: it may read the directory, and ask, but no node probes for it.
cp -r "$homes/ireland" "$homes/nosy"
onm lisbon nosy --json paths --direct ireland >"$tmp/paths" 2>"$tmp/paths.err"
check "nobody traces back to who is no client, but nodes tell their own traces" \
	told 'plan["asked_now"] == 19 and not any(x["node_client_traced"] for x in c) and
		all(x["node_device_traced"] for x in c if x["node"] != "(direct)")'
paths --direct
check "... and to a client they do, and the device too on the direct path" \
	told 'len(c) == 18 and all(x["node_client_traced"] and x["unknown_pct"] < 100 for x in c)'

paths --local "$first" --max-exposure 60
check "an AS on all paths is refused by --max-exposure" \
	[ "$?" = 5 ]
check "and is named" told '"AS1930" in error["why"]'
paths --local "$first" --max-exposure 60 --trust 1930,5516,AS16509,20965
check "unless it is trusted" [ "$?" = 0 ]
check "which the guarantee says" told 'plan["guarantee"].endswith(", trusted ones aside")'
paths --max-exposure 60 --trust AS16509
check "two homes and four nodes let none but the trusted see 60 % of the paths" [ "$?" = 0 ]
paths -n 8 --one-per cloud
check "too few clouds for so many paths is exit 3" [ "$?" = 3 ]
paths -n 2 --metric paper --local "$first"
check "by the paper's metric the quickest of the least common pairs" \
	told 'plan["paths"] == ["eu-central-1", "us-east-1"]'

# Routes: an address whose device leads nowhere is left out, with the line that cures it.
on lisbon ip rule del from "$second"
paths
check "a home without a route is left out" told 'len(c) == 8 and {x["local"] for x in c} == {home}'
line=$(sed -n 's/.*`\(ip route add [^`]*\)`.*/\1/p' "$tmp/paths")
check "and the line that cures it is printed" [ -n "$line" ]
on lisbon $(echo "$line" | sed 's/via GATEWAY//')
paths
check "which it does" told 'len(c) == 16'
on lisbon ip addr add 10.22.9.9/32 dev wan1
paths
check "another net on the same device is another way" told 'len(c) == 24'
on lisbon ip addr del 10.22.9.9/32 dev wan1

# The second home's address goes and comes back, as if it were another network's.
plen=$(on lisbon ip -o -4 addr show dev wan1 | sed -n "s|.* inet $second/\([0-9]*\) .*|\1|p")
on lisbon ip addr del "$second/$plen" dev wan1
on lisbon ip addr add "$second/$plen" dev wan1
on lisbon $(echo "$line" | sed 's/via GATEWAY//')
paths
check "what was traced from an address before it was given to the host is traced anew" \
	told 'plan["traced_now"] == 8 and plan["asked_now"] >= 8 and len(c) == 16'

# A client that has never planned: send asks for all traces itself, and plans from them.
paths
cp "$tmp/paths" "$tmp/planned"
party client fresh
mkdir "$homes/fresh/cache"
cp "$homes/client/cache/ip2as.bin" "$homes/fresh/cache/"
echo one >"$tmp/one"
knows_fresh() {
	[ "$(onm lisbon fresh --json status | grep '"event":"node"' | grep -c '"state":"ok"')" = 8 ]
}
until_true 20 knows_fresh # a node that does not know the newcomer yet tells it nothing
sends() {
	onm lisbon fresh --json send "$tmp/one" ireland >"$tmp/paths" 2>"$tmp/paths.err"
}
check "a first send traces and asks by itself" sends
check "and knows every segment" told 'plan["traced_now"] == 16 and plan["asked_now"] == 17 and
	plan["untraced"] == 0'
check "it chooses as paths does" told 'plan["paths"] == was["paths"] and plan["kappa"] == was["kappa"]'
check "the receipt says what the choice is worth" told 'done["guarantee"] == plan["guarantee"] and
	done["kappa_rest"] > 1 and done["p_all"] > 0 and done["unavoidable_as"] == [16509] and
	0 <= done["trace_age_s"] < 600 and done["table_age_days"] == 0 and done["untraced"] == 0'
check "a second send" sends
check "starts from what is cached" told 'plan["traced_now"] == 0 and plan["asked_now"] == 0 and
	plan["kept"]'
check "a quick path's round trip in the receipt is its own, not half of the slowest's" \
	told '(lambda r: print(r) or min(r) < max(r) / 2)([p["rtt_ms"] for p in done["paths"]])'
lasts() {
	(echo begins; sleep 6; echo ends) | onm lisbon fresh --json send - ireland:lasting \
		>"$tmp/paths" 2>"$tmp/paths.err"
}
"$lab" delay lisbon 200ms
check "a send that lasts while round trips are 400 ms longer" lasts
"$lab" delay lisbon 0
check "plans from what is cached, for the last time" told 'plan["traced_now"] == 0'
check "the next one" sends
check "has traced its paths anew" told '0 < plan["traced_now"] < 16'

# A node that lies: it tells of a way to the device on which no router is of either end's AS.
hex_of() {
	m "$1" key show | python3 -c 'import base64, sys
print(base64.urlsafe_b64decode(sys.stdin.read().strip() + "=").hex())'
}
liar=hex:$(hex_of us-east-1) device=hex:$(hex_of ireland) to=$("$lab" addr eu-west-1):7300
forge() {
	onm us-east-1 us-east-1 tuple --ttl 300 replace trace $liar $device "$to" '*' -- trace \
		$liar $device "$to" "1 1 $("$lab" addr us-east-1) - $to 1 100 10.13.0.2 10.13.0.3"
}
check "a node replaces its own trace" forge
paths
check "ASes that are neither end's are not believed: the way is unknown" \
	told '[(x["unknown_pct"], x["node_device_traced"]) for x in c
		if x["node"] == "us-east-1"] == 2 * [(100, False)]'
paths -n 8 --local "$first" --max-exposure 100
check "and its path is no other's equal" told '"us-east-1" in plan["paths"] and plan["untraced"] == 1'
