#!/bin/sh
# Fifty sends at once, each over two or three of the nodes, all whole; then the roles' memory.
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
begin two-paths
overlay "" >/dev/null
file data 100000
check "one alone" send_as first receipt data -n 2

rss() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(pid "$1")/status"
}

for i in $(seq 50); do
	ln "$tmp/data" "$tmp/file-$i"
	onm client client send -n 2 "$tmp/file-$i" device >"$tmp/crowd-$i" 2>&1 &
	echo $! >>"$tmp/crowd"
done
bad=
for p in $(cat "$tmp/crowd"); do
	wait "$p" || bad="$bad $?"
done
check "fifty sends at once succeed" eval \
	'[ -z "$bad" ] || { sort "$tmp"/crowd-* | uniq -c; false; }'
missing=
for i in $(seq 50); do
	cmp -s "$tmp/data" "$tmp/inbox/file-$i" || missing="$missing $i"
done
check "... and all arrived whole" eval '[ -z "$missing" ] || { echo "missing:$missing"; false; }'
check "one more after them" send_as last receipt data -n 2
for name in n1 n2 n3 device; do
	echo "# $name: $(rss $name) KiB resident"
done
