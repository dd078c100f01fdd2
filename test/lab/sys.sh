# test/lab/sys.sh - sourced by t-system-*.sh after lib.sh: an overlay of real processes in a lab
machete=${MACHETE:-$here/../../build/machete}
homes=$tmp/home
overlay_pids=

[ -x "$machete" ] || {
	echo "skip ${0##*/}: $machete is missing; run make"
	exit 0
}

# m HOME ARGS...: machete at HOME, here; onm SITE HOME ARGS...: at a site
m() {
	home=$1
	shift
	"$machete" -C "$homes/$home" "$@"
}

onm() {
	site=$1 home=$2
	shift 2
	on "$site" "$machete" -C "$homes/$home" "$@"
}

# role SITE HOME ARGS...: start a role, its output in $tmp/HOME.out and .err; $! is its process.
role() {
	site=$1 home=$2
	shift 2
	: >"$tmp/$home.out" # what stands there is of the one before
	"$lab" run "$site" "$machete" -C "$homes/$home" "$@" >"$tmp/$home.out" 2>"$tmp/$home.err" \
		</dev/null &
	echo $! >"$tmp/$home.pid"
}

pid() {
	cat "$tmp/$1.pid"
}

# until SECONDS CMD...: wait for the command to succeed
until_true() {
	tries=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

ready() {
	until_true "${2:-15}" grep -q '^ready ' "$tmp/$1.out"
}

# must NAME: the role says ready; without it the test has nothing to test.
must_ready() {
	for name; do
		ready "$name" || {
			fail "$name is ready" "$(tail -n 5 "$tmp/$name.err")"
			exit 1
		}
	done
}

# party ROLE NAME: a home with a key and the cluster file, admitted
party() {
	mkdir -p "$homes/$2"
	cp "$homes/admin/cluster" "$homes/$2/cluster"
	fingerprint=$(m "$2" key new)
	m_admin admit "$1" "$2" "$fingerprint"
}

# What an admin does, from the site where the replicas are.
m_admin() {
	onm "$manager" admin "$@"
}

# spread_replicas 6|"" SITE...: a replica at each site, 3F+1 of them, by IPv6 or IPv4
spread_replicas() {
	family=$1
	shift
	manager=$1
	sites=$*
	addrs=
	for site; do
		at=$("$lab" addr "$site" $family)
		[ -z "$family" ] || at="[$at]"
		addrs="$addrs $at:$((7100 + $(echo $addrs | wc -w)))"
	done
	m none cluster new --faults $((($# - 1) / 3)) --out "$homes" $addrs >/dev/null
	i=0
	for site in $sites; do
		role "$site" replica-$i manager
		i=$((i + 1))
	done
	must_ready $(cd "$homes" && echo replica-*)
}

# parties SITE "SERVER OPTION..." "NODE OPTION..." NODE...: all ready: a client, nodes that are called
# as their sites, a device that is called as its own
parties() {
	of_device=$1 of_server=$2 of_nodes=$3
	shift 3
	party client client >/dev/null
	for node; do
		party node $node >/dev/null
		role $node $node node --name $node $of_nodes
	done
	party device $of_device >/dev/null
	mkdir -p "$tmp/inbox"
	role $of_device $of_device server --name $of_device --inbox "$tmp/inbox" $of_server
	must_ready "$@" $of_device
}

# End all roles of the overlay, as a clean stop does.
stop_roles() {
	for file in "$tmp"/*.pid; do
		kill -TERM "$(cat "$file")" 2>/dev/null
	done
	wait
	rm -f "$tmp"/*.pid
}

# json FILE EXPRESSION: of the last object with event "done"; `d` is the object.
json() {
	python3 -c 'import json, sys
for line in open(sys.argv[1]):
	o = json.loads(line)
	if o["event"] == "done": d = o
print(eval(sys.argv[2]))' "$1" "$2"
}

# overlay 6|"": two-paths with a manager of four, nodes n1 to n3 of which n2 only relays, a device,
# and `client` admitted
overlay() {
	spread_replicas "$1" manager manager manager manager
	party client client
	for node in n1 n2 n3; do
		party node $node
		role $node $node node --name $node $([ $node = n2 ] && echo --forward relay)
	done
	party device device
	mkdir -p "$tmp/inbox"
	role device device server --name device --inbox "$tmp/inbox"
	must_ready n1 n2 n3 device
}

# file NAME BYTES: what is to be sent
file() {
	head -c "$2" /dev/urandom >"$tmp/$1"
}

# send RECEIPT [OPTION...] FILE... HOST: from `client`; all events to $tmp/RECEIPT.json
send() {
	receipt=$1
	shift
	onm client client send --json "$@" >"$tmp/$receipt.json" 2>"$tmp/$receipt.err"
}

# send_as NAME RECEIPT FILE [OPTION...]: the same file under a name of its own
send_as() {
	ln -f "$tmp/$3" "$tmp/$1"
	sent=$1 receipt=$2
	shift 3
	send "$receipt" "$@" "$tmp/$sent" device
}

# arrived FILE [NAME]: it lies in the inbox, byte for byte
arrived() {
	cmp "$tmp/$1" "$tmp/inbox/${2:-$1}"
}
