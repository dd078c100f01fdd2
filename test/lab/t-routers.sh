#!/bin/sh
# The routers of data/hops.tsv are seen by four tracers, and the silent ones are not.
. "$(dirname "$0")/lib.sh"
need traceroute lft mtr
begin paper-dual

# What a tracer should print: TTL and address, * for silence.
wanted() {
	awk -v f="$1" -v t="$2" '$1 == f && $2 == t { print $4, $9 == "1" ? $6 : "*" }' \
		"$here/data/hops.tsv"
}

# TTLs, 10.A.B.C -> 2001:db8:A:B::C as ip(8) writes it
twin() {
	sed 's/10\.\([0-9]*\)\.0\.\([0-9]*\)$/2001:db8:\1::\2/'
}

by_traceroute() {
	on "$@" | sed -n 's/^ *\([0-9]*\)  \([^ ]*\).*/\1 \2/p'
}

by_lft() {
	on "$@" | sed -n 's/^ *\([0-9]*\)  \(10[^ ]*\) .*/\1 \2/p
		s/.*no reply packets received from TTL \([0-9]*\).*/\1 */p'
}

by_mtr() {
	on "$@" | awk -F, '$3 == "OK" { print $5, $6 == "???" ? "*" : $6 }'
}

# same NAME WANTED GOT: apart from the destination, which GOT has last
same() {
	if [ "$2" = "$(printf '%s\n' "$3" | sed '$d')" ]; then
		pass "$1"
	else
		fail "$1" "$(printf 'wanted:\n%s\ngot:\n%s' "$2" "$3")"
	fi
}

for to in us-east-1 ap-northeast-1 ap-southeast-1 eu-west-1; do
	same "traceroute -T sees the routers to $to" "$(wanted lisbon $to)" \
		"$(by_traceroute lisbon traceroute -T -n -q 1 -w 0.6 "$("$lab" addr $to)")"
done
us=$("$lab" addr us-east-1)
same "traceroute -I" "$(wanted lisbon us-east-1)" \
	"$(by_traceroute lisbon traceroute -I -n -q 1 -w 0.6 "$us")"
same "traceroute with UDP" "$(wanted lisbon us-east-1)" \
	"$(by_traceroute lisbon traceroute -n -q 1 -w 0.6 "$us")"
same "lft" "$(wanted lisbon us-east-1)" \
	"$(by_lft lisbon lft -n -S -D wan0 "$us"; echo end)"
same "mtr" "$(wanted lisbon us-east-1)" "$(by_mtr lisbon mtr -n -r -c 1 -C -G 1 "$us")"
same "traceroute from the second home" "$(wanted lisbon-4g-vodafone us-east-1)" \
	"$(by_traceroute lisbon traceroute -T -n -q 1 -w 0.6 \
		-s "$("$lab" addr lisbon-4g-vodafone)" "$us")"
same "traceroute -6 -T" "$(wanted lisbon us-east-1 | twin)" \
	"$(by_traceroute lisbon traceroute -6 -T -n -q 1 -w 0.6 "$("$lab" addr us-east-1 6)")"
same "traceroute -6 with UDP" "$(wanted lisbon us-east-1 | twin)" \
	"$(by_traceroute lisbon traceroute -6 -n -q 1 -w 0.6 "$("$lab" addr us-east-1 6)")"
same "from the other end, the same routers" \
	"$(wanted us-west-2 eu-west-1 | sort -nr | awk '{ print NR, $2 }')" \
	"$(by_traceroute eu-west-1 traceroute -T -n -q 1 -w 0.6 "$("$lab" addr us-west-2)")"
for try in 1 2 3; do # a busy machine is late now and then
	wrong=$(on lisbon traceroute -T -n -q 1 -w 0.6 "$us" | awk 'NR == FNR {
		if ($1 == "lisbon" && $2 == "us-east-1") want[$4] = 2 * $8; next }
		$3 ~ /^[0-9]/ && ($1 in want) && ($3 < want[$1] || $3 > want[$1] + 2) { print }' \
		"$here/data/hops.tsv" -)
	[ -n "$wrong" ] || break
done
[ -z "$wrong" ] && pass "routers answer after their own delay" ||
	fail "routers answer after their own delay" "$wrong"
