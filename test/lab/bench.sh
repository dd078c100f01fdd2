#!/bin/sh
# test/lab/bench.sh - how fast machete traces, plans and looks up, and the paper's Tables I and II;
# called by `make bench`. Traces run in the paper's Internet beside lft and traceroute, in turns.
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
need python3 lft traceroute
plan=$here/../../build/bench/plan
make -s -C "$here/../.." build/bench/plan || exit 1
begin paper-dual
rounds=${BENCH_TRACES:-5}

# clock NAME CMD...: milliseconds of the command into $tmp/times
clock() {
	name=$1
	shift
	begun=$(date +%s%N)
	"$@" >/dev/null 2>&1
	echo "$name $((($(date +%s%N) - begun) / 1000000))" >>"$tmp/times"
}

median() {
	awk -v n="$1" '$1 == n { print $2 }' "$tmp/times" | sort -n |
		awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ratio TEXT VALUE AIM: reached when the value is at most the aim
ratio() {
	awk -v t="$1" -v v="$2" -v a="$3" 'BEGIN {
		printf "%-58s %8.2f  aim %8.2f  %s\n", t, v, a, v <= a ? "reached" : "SHORT" }'
}

# --- traces -----------------------------------------------------------------------------------
for to in eu-west-1 us-east-1 ap-southeast-1; do
	at=$("$lab" addr $to)
	i=0
	while [ $i -lt "$rounds" ]; do
		clock machete.$to onm lisbon none trace "$at:80"
		clock lft.$to on lisbon lft -n -S -D wan0 "$at:80"
		clock traceroute.$to on lisbon traceroute -T -p 80 -n "$at"
		clock ports.$to onm lisbon none trace --no-raw "$at:80"
		i=$((i + 1))
	done
done
printf '\n%-18s %9s %9s %11s %12s\n' "trace, median ms" machete lft traceroute "unprivileged"
for to in eu-west-1 us-east-1 ap-southeast-1; do
	printf '%-18s %9s %9s %11s %12s\n' $to "$(median machete.$to)" "$(median lft.$to)" \
		"$(median traceroute.$to)" "$(median ports.$to)"
done
for to in eu-west-1 us-east-1 ap-southeast-1; do
	ratio "trace to $to, of lft's time" \
		"$(awk "BEGIN { print $(median machete.$to) / $(median lft.$to) }")" 0.5
done

# --- plans, and the paper's tables ------------------------------------------------------------
nodes="eu-central-1 us-east-1 us-west-1 us-west-2 ap-northeast-1 ap-northeast-2 ap-southeast-1
	ap-southeast-2"
spread_replicas "" eu-west-1
parties eu-west-1 "" "--forward relay" $nodes
"$lab" prefixes >"$tmp/prefixes"
m client asn import --keep-bogons "$tmp/prefixes" >/dev/null
all_traced() {
	onm lisbon client --json paths eu-west-1 >"$tmp/paths" 2>/dev/null &&
		! grep -q '"node_device_traced":false' "$tmp/paths"
}
until_true 60 all_traced || fail "nodes and device tell their traces"
echo x >"$tmp/x"
for i in 1 2 3; do
	rm -f "$homes/client/cache/traces" "$homes/client/cache/chosen-eu-west-1"
	clock cold.16 onm lisbon client send --dry-run "$tmp/x" eu-west-1
	clock warm.16 onm lisbon client send --dry-run "$tmp/x" eu-west-1
done
printf '\n%-50s %10s %10s\n' "planning" "cold s" "warm ms"
printf '%-50s %10s %10s\n' "8 nodes, two homes, in the lab (whole command)" \
	"$(awk "BEGIN { print $(median cold.16) / 1000 }")" "$(median warm.16)"
for n in 8 64 1000; do
	cold=$("$plan" cold $n)
	printf '%-50s %10s %10s\n' "$n nodes, simulated (slowest trace ${cold#* } s)" \
		"${cold% *}" "$("$plan" warm $n 4)"
done
ratio "64 candidates warm, ms" "$("$plan" warm 64 4)" 50
ratio "5,000 candidates, 8 paths, ms" "$("$plan" warm 5000 8)" 1000
cold=$("$plan" cold 64)
ratio "64 candidates cold, beyond the slowest trace, s" \
	"$(awk "BEGIN { print ${cold% *} - ${cold#* } }")" 1

python3 - "$tmp/paths" "$("$lab" addr lisbon)" "$("$lab" addr lisbon-4g-vodafone)" <<'END'
import json, sys
pairs = [o for o in map(json.loads, open(sys.argv[1])) if o['event'] == 'pair']
home, second = sys.argv[2:]
place = {'eu-central-1': 'Frankfurt', 'us-east-1': 'Virginia', 'us-west-1': 'California',
         'us-west-2': 'Oregon', 'ap-northeast-1': 'Tokyo', 'ap-northeast-2': 'Seoul',
         'ap-southeast-1': 'Singapore', 'ap-southeast-2': 'Sydney'}
single, dual = {}, {}
for p in pairs:
    a, b = (p['a'], p['a_local']), (p['b'], p['b_local'])
    if a[1] == second:
        a, b = b, a
    name = place[a[0]] + ', ' + place[b[0]]
    if (a[1], b[1]) == (home, home):
        single[frozenset((a[0], b[0]))] = (name, p['common'], p['labelled_hops'])
    if (a[1], b[1]) == (home, second):
        dual[name] = (frozenset((a[0], b[0])), p['common'], p['labelled_hops'])
everywhere = min(x[1] for x in single.values())
print('\nTable I: least diverse pairs, one home  %8s %8s' % ('ASes', 'hops'))
for name, ases, hops in sorted(single.values(), key=lambda x: (-x[2], -x[1], x[0]))[:7]:
    print('  %-37s %8d %8d' % (name, ases, hops))
print('\nTable II: least diverse pairs, two homes %7s %8s %11s' % ('ASes', 'hops', 'one home'))
for name, (pair, ases, hops) in sorted(dual.items(), key=lambda x: (-x[1][2], -x[1][1], x[0]))[:7]:
    print('  %-37s %8d %8d %8d/%d' % (name, ases, hops, single[pair][1], single[pair][2]))
END

# --- the table --------------------------------------------------------------------------------
echo
(cd "$tmp" && apt-get -qq download python3-pyasn && dpkg-deb -x python3-pyasn_*.deb pyasn) \
	>/dev/null 2>&1
full=$(find "$tmp/pyasn" -name 'ipasn6*.dat.gz' 2>/dev/null | head -n 1)
if [ -z "$full" ]; then
	echo "skip bench asn: python3-pyasn cannot be had"
	exit
fi
zcat "$full" >"$tmp/full"
clock import m full asn import "$tmp/full"
ratio "import of $(grep -vc '^;' "$tmp/full") prefixes, s" "$(awk "BEGIN { print $(median import) / 1000 }")" 5
lookups=$("$plan" lookups "$homes/full/cache/ip2as.bin")
ratio "microseconds a look-up" "$(awk "BEGIN { print 1 / $lookups }")" 1
