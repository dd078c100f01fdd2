#!/bin/sh
# test/lab/bench-mptcp.sh - both transports over distances: a large file beside plain TCP, and the
# paper's figure 6 in round trips; called by test/bench/mptcp. Distances are exact, so once is enough.
# In `two-paths` no link has a rate: what it carries is what the emulator and the machine can.
#
#	BENCH_MB=100
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
need python3
tcp=$here/../../build/bench/tcp
mb=${BENCH_MB:-100}

# measure TRANSPORT NODE,... FILE: "TRANSPORT NODES SETUP_MS TEARDOWN_MS SECONDS SHARE..."
measure() {
	rm -f "$tmp"/inbox/*
	onm $client client send --json --transport $1 --via $2 "$tmp/$3" $device \
		>"$tmp/receipt.json" 2>"$tmp/send.err" || {
		fail "$1 over $2" "$(tail -n 2 "$tmp/receipt.json" "$tmp/send.err")" >&2
		exit 1
	}
	json "$tmp/receipt.json" '("%s %d %.0f %.0f %.2f " % (d["transport"], len(d["paths"]),
		d["setup_ms"], d["teardown_ms"], d["seconds"]) +
		", ".join("%s %.0f %%" % (p["node"], 100 * p["share"]) for p in d["paths"]))'
}

plain() {
	rm -f "$tmp/tcp.out"
	on $device "$tcp" recv "$("$lab" addr $device)" 9001 "$tmp/inbox/tcp" >"$tmp/tcp.out" &
	until_true 5 grep -q ready "$tmp/tcp.out"
	took=$(on $client "$tcp" time "$tcp" send "$tmp/large" "$("$lab" addr $device)" 9001) || exit 1
	kill $!
	echo "TCP 1 0 0 ${took% *} direct"
}

# large NODE,...: the same bytes by all
large() {
	{
		plain
		measure flows $1 large
		measure mptcp $1 large
	} >"$tmp/rows"
	awk -v mb="$mb" -v where="$topology" 'NR == 1 {
		printf "\n%-18s %9s %12s %8s %6s %7s  %s\n", mb " MB, " where, "set-up ms",
			"tear-down ms", "s", "MB/s", "of TCP", "shares"
		tcp = $5
	} {
		printf "%-18s %9d %12d %8.2f %6.1f %7.2f ", $1, $3, $4, $5, mb / $5, tcp / $5
		for (i = 6; i <= NF; i++)
			printf " %s", $i
		print ""
	}' "$tmp/rows"
}

# figure6 NODE...: over the first of them, over the first two, and so on. The first is the farthest:
# so every row has the same slowest path, and what grows is what the number of nodes costs.
figure6() {
	via=
	for node; do
		via=${via:+$via,}$node
		measure flows $via small
		measure mptcp $via small
	done >"$tmp/rows"
	sort -s -k1,1 "$tmp/rows" | awk -v near="$(rtt $client $1)" -v far="$(rtt $1 $device)" '
	NR == 1 {
		path = near + far
		printf "\nfigure 6: %.0f ms to the farthest node and back, %.0f ms to the device\n",
			near, path
		printf "%-10s %5s %9s %12s   %s\n", "", "nodes", "set-up ms", "tear-down ms",
			"of 1 node   round trips of the path"
	}
	$2 == 1 { up = $3; down = $4 }
	{
		printf "%-10s %5d %9d %12d %7.2f %.2f %13.2f %.2f\n", $1, $2, $3, $4, $3 / up,
			$4 / down, $3 / path, $4 / path
	}
	$2 == '$#' {
		aim($1 ": set-up over " $2 " nodes, of 1", $3 / up, 1.1)
		aim($1 ": set-up, ms", $3, 1.05 * (3 * path + 2 * near))
	}
	function aim(text, v, most) {
		line[++lines] = sprintf("%-58s %8.2f  aim %8.2f  %s", text, v, most,
			v <= most ? "reached" : "SHORT")
	}
	END {
		for (i = 1; i <= lines; i++)
			print line[i]
	}'
}

# rtt SITE SITE: of the paper
rtt() {
	awk -v from=$1 -v to=$2 'NR == 1 { for (i = 2; i <= NF; i++) column[$i] = i }
		$1 == from { print $column[to] }' "$here/data/rtt_ms.tsv"
}

# place TOPOLOGY MANAGER CLIENT DEVICE NODE...
place() {
	topology=$1 client=$3 device=$4
	begin $1
	spread_replicas "" $2
	shift 4
	parties $device "" "--forward nat" "$@"
	head -c 1000 /dev/zero >"$tmp/small"
	head -c "${mb}000000" /dev/zero >"$tmp/large"
}

place two-paths manager client device n1 n2 n3
large n1,n2
stop_roles
"$lab" down
rm -rf "$homes" "$tmp/inbox"
nodes="ap-southeast-2 ap-southeast-1 ap-northeast-2 ap-northeast-1 us-west-2 us-west-1 us-east-1
	eu-central-1"
place paper eu-west-1 lisbon eu-west-1 $nodes
large eu-central-1,us-west-1 # those of the paper's table III: 11.6 s by TCP, 18.8 with fast
figure6 $nodes
