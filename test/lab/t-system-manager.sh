#!/bin/sh
# Four replicas of the manager in four regions, over IPv6 too: they agree over real distances, one
# may die or be cut off, two may not, and all recover.
# This test may run beside others.
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
begin paper
sites="eu-west-1 eu-central-1 us-east-1 us-west-2"

# tuple ARGS...: as an admin in Lisbon
tuple() {
	onm lisbon admin tuple "$@"
}

# ends CODE CMD...
ends() {
	code=$1
	shift
	"$@" >"$tmp/ends" 2>&1
	got=$?
	[ $got -eq "$code" ] || { echo "status $got, wanted $code"; cat "$tmp/ends"; return 1; }
}

spread_replicas "" $sites
check "four regions agree" tuple out city lisbon int:1
tab=$(printf '\t')
check "what was inserted is read" eval \
	'tuple rdp city lisbon "*" | grep -x "city${tab}lisbon${tab}int:1"'
start=$(date +%s%N)
tuple out city porto int:2
took=$((($(date +%s%N) - start) / 1000000))
echo "# an insertion from Lisbon takes $took ms"
check "an insertion costs a few round trips (under 3 s)" [ $took -lt 3000 ]

"$lab" cut eu-central-1
check "one region cut off" tuple out city braga int:3
kill -KILL "$(pid replica-2)"
check "two of four are too many to lose" ends 9 tuple out city faro int:4
"$lab" heal eu-central-1
check "the cut one is back" until_true 20 tuple out city evora int:5
role us-east-1 replica-2 manager
must_ready replica-2
"$lab" cut eu-west-1
check "the killed one has caught up and counts" until_true 30 tuple out city aveiro int:6
"$lab" heal eu-west-1
check "nothing was lost" eval '[ "$(tuple rdall city "*" "*" | cut -f2 | grep -vx faro |
	sort | tr "\n" " ")" = "aveiro braga evora lisbon porto " ]'
"$lab" loss lisbon 5%
check "a lossy line is no obstacle" tuple inp city braga '*'
"$lab" loss lisbon 0
stop_roles
rm -rf "$homes"
spread_replicas 6 $sites
check "four regions agree over IPv6" tuple out six int:6
