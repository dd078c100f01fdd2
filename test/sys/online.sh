#!/bin/sh
# test/sys/online.sh - `asn --online` with a name server on loopback that plays Team Cymru's, forges
# answers and fails
# This test may run beside others.
cd "$(dirname "$0")/../.." || exit 1
command -v python3 >/dev/null || { echo "skip online: no python3"; exit 0; }
m=$PWD/build/machete
dir=$(mktemp -d) || exit 1
export MACHETE_HOME="$dir/home"
: >"$dir/asked"
ns=online-$$
trap 'kill $server 2>/dev/null; ip netns del $ns 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

# serve [COMMAND...]: the name server, run by COMMAND; its process in $server
serve() {
	: >"$dir/port"
	"$@" python3 test/sys/cymru.py "$dir/asked" >"$dir/port" &
	server=$!
	until [ -s "$dir/port" ]; do
		kill -0 $server || exit 1
		sleep 0.1
	done
	resolver=127.0.0.1:$(cat "$dir/port")
}
serve env

# ok NAME COMMAND...
ok() {
	name=$1
	shift
	if "$@"; then
		echo "ok online: $name"
	else
		sed 's/^/# /' "$dir/out" "$dir/asked"
		echo "not ok online: $name"
	fi
}

# online ADDR...: both outputs to $dir/out, exit status to $rc; $dir/asked begins anew
online() {
	: >"$dir/asked"
	"$m" asn --online --resolver "$resolver" "$@" >"$dir/out" 2>&1
	rc=$?
}

# says STATUS LINE...: the exit status, and each of these lines
says() {
	[ "$rc" = "$1" ] || return 1
	shift
	for line; do
		grep -qF -- "$line" "$dir/out" || return 1
	done
}

asked() {
	[ "$(sort "$dir/asked" | tr '\n' ' ')" = "$*${*:+ }" ]
}

tab=$(printf '\t')
online 8.8.8.8 8.8.8.9 1.1.1.1 2001:4860:4860::8888 10.1.1.1 127.0.0.1
ok "origins come from the name server, several where there are several" says 1 \
	"8.8.8.8${tab}AS15169" "8.8.8.9${tab}AS15169" "1.1.1.1${tab}AS13335${tab}AS23028" \
	"2001:4860:4860::8888${tab}AS15169" "10.1.1.1${tab}-"
ok "it is asked for nets, once each, and not for private ones" asked \
	0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.8.4.0.6.8.4.1.0.0.2.origin6.asn.cymru.com \
	0.1.1.1.origin.asn.cymru.com 0.8.8.8.origin.asn.cymru.com
online 8.8.8.1 1.1.1.2
ok "what is known is not asked again" asked
ok "but told" says 0 "8.8.8.1${tab}AS15169" "1.1.1.2${tab}AS13335"
online 7.7.7.7
ok "a forged answer without the question's number is passed over" says 0 "7.7.7.7${tab}AS777"
online 9.9.9.9
ok "what has no origin has none" says 1 "9.9.9.9${tab}-"
online 2.2.2.2 3.3.3.3
ok "an answer about another network is not taken" says 1 "2.2.2.2${tab}-" "3.3.3.3${tab}-"
online 6.6.6.6 4.4.4.4 5.5.5.5
ok "failures are a warning, and nobody's word is taken for more than it is" says 1 \
	"6.6.6.6${tab}-" "4.4.4.4${tab}-" "5.5.5.5${tab}-" "2 of 3 questions without an answer"
printf '8.8.8.0/24\t1\n' >"$dir/t"
"$m" asn import "$dir/t" >/dev/null
online 8.8.8.8
ok "the table that was imported comes first" says 0 "8.8.8.8${tab}AS1"
online 8.8.8.8 nonsense
ok "what is no address is a mistake" says 2 "not an IP address"
"$m" asn --online --resolver nonsense 3.3.3.3 >"$dir/out" 2>&1
rc=$?
ok "so is a resolver that is none" says 2 "is no address"
kill $server
wait $server 2>/dev/null
online 3.3.3.3
ok "without a name server it says so" says 1 "1 of 1 questions without an answer"

# A trace toward 8.8.8.8, in a namespace where that is lo.
if [ "$(id -u)" != 0 ]; then
	echo "skip online: a trace needs root, for a network namespace"
	exit 0
fi
rm -rf "$dir/home/cache"
ip netns add $ns && ip -n $ns link set lo up && ip -n $ns addr add 8.8.8.8/32 dev lo
serve ip netns exec $ns
ip netns exec $ns "$m" trace --online --resolver "$resolver" 8.8.8.8:9 >"$dir/out" 2>&1
rc=$?
ok "a trace names the ASes that it learns" says 0 "[15169] [target closed] 8.8.8.8:9"
