#!/bin/sh
# Bad lines: a file arrives over links that lose and reorder, and from a client behind a slow one
# whose modem holds a second of data back.
# This test may run beside others.
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
need python3
begin lossy
overlay "" >/dev/null
file lossy 3000000
check "a file over lossy and reordering links" send receipt "$tmp/lossy" device
check "... has arrived" arrived lossy
check "... by all three nodes" \
	[ "$(json "$tmp/receipt.json" 'len([p for p in d["paths"] if p["bytes"]])')" = 3 ]
check "... for all that was lost" eval '"$lab" stats | awk "{ print; n += \$9 } END { exit !n }"'
stop_roles
"$lab" down
"$lab" up router
rm -rf "$homes" "$tmp/inbox"
overlay "" >/dev/null
file slow 700000
check "a file up a slow line" send receipt "$tmp/slow" device
check "... has arrived" arrived slow
