#!/bin/sh
# Networks of which no router answers: a path through one is not taken for different from another.
# This test may run beside others.
. "$(dirname "$0")/lib.sh"
. "$here/sys.sh"
need python3
sed '/^path client n[12] /s/ 10\.3[12]\.0\.[0-9]@[0-9]*/&!/g; s/!!/!/g' "$here/topo/two-paths" \
	>"$tmp/silent"
begin "$tmp/silent"
overlay "" >/dev/null
"$lab" prefixes >"$tmp/prefixes"
m client asn import --keep-bogons "$tmp/prefixes" >/dev/null

# plan [OPTION...]: its events in $tmp/plan, its status in $status
plan() {
	onm client client --json paths device "$@" >"$tmp/plan" 2>"$tmp/plan.err"
	status=$?
}
# told EXPRESSION: over c, the candidates by node, plan and error
told() {
	python3 -c 'import json, sys
o = [json.loads(l) for l in open(sys.argv[1])]
c = {x["node"]: x for x in o if x["event"] == "candidate"}
plan, error = ([x for x in o if x["event"] == e] or [{}] for e in ("plan", "error"))
plan, error = plan[0], error[0]
print({n: x["unknown_pct"] for n, x in c.items()}, plan, error)
sys.exit(not eval(sys.argv[2]))' "$tmp/plan" "$1"
}
all_traced() {
	plan -n 2 && told 'all(x["node_device_traced"] and x["node_client_traced"] for x in c.values())'
}
check "nodes and device tell their traces" until_true 60 all_traced
check "a silent network makes the segment unknown" \
	told '[c[n]["unknown_pct"] for n in ("n1", "n2", "n3")] == [100, 100, 0]'
echo "# concluded: $(told True)" | cut -c 1-99
check "... which the plan says" told 'plan["untraced"] == 1'
plan --via n1,n2 --max-exposure 60 --trust 64500,64505
check "what is unknown of two paths may be the same: refused (status 5)" [ $status = 5 ]
check "... and is named" told '"what is not known sees 2 of 2" in error["why"]'
plan --via n1,n3 --max-exposure 60 --trust 64500,64501,64503,64505
check "of one path it may not" [ $status = 0 ]
