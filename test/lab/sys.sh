# test/lab/sys.sh - sourced by t-system-*.sh after lib.sh: an overlay of real processes in a lab
machete=$here/../../build/machete
homes=$tmp/home
overlay_pids=

[ -x "$machete" ] || {
	echo "skip ${0##*/}: build/machete is missing; run make"
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
	on "$site" "$machete" -C "$homes/$home" "$@" >"$tmp/$home.out" 2>"$tmp/$home.err" </dev/null &
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

# replicas SITE [ADDR]: four of them, all at one site
replicas() {
	manager=$1
	at=${2:-$("$lab" addr "$1")}
	m none cluster new --faults 1 --out "$homes" "$at:7100" "$at:7101" "$at:7102" "$at:7103"
	for home in $(cd "$homes" && echo replica-*); do
		role "$manager" "$home" manager
	done
	must_ready $(cd "$homes" && echo replica-*)
}

# json FILE EXPRESSION: of the last object with event "done"; `d` is the object.
json() {
	python3 -c 'import json, sys
for line in open(sys.argv[1]):
	o = json.loads(line)
	if o["event"] == "done": d = o
print(eval(sys.argv[2]))' "$1" "$2"
}
