# test/bench/manager.awk - from lines "HOW OP CLIENTS RATE P50 P99" (milliseconds) and "memory MB",
# several rounds of them, to a table of medians, and to the aims of MANAGER.md B.0
$1 == "memory" { mb[++mbs] = $2; next }
{
	key = $1 " " $2 " " $3
	if (!(key in rounds))
		name[++names] = key
	i = ++rounds[key]
	value[key, "rate", i] = $4
	value[key, "p50", i] = $5
	value[key, "p99", i] = $6
}

function mid(key, what,    i, v) {
	for (i = 1; i <= rounds[key]; i++)
		v[i] = value[key, what, i]
	return median(v, rounds[key])
}

function aim(text, got, least) {
	printf "%-46s %8.0f  aim %6.0f  %s\n", text, got, least,
		(got >= least ? "reached" : "SHORT")
}

function at_most(text, got, most) {
	printf "%-46s %8.2f  aim %6.2f  %s\n", text, got, most, (got <= most ? "reached" : "SHORT")
}

END {
	printf "\n%-22s %9s %9s %9s\n", "", "1/s", "p50 ms", "p99 ms"
	for (k = 1; k <= names; k++)
		printf "%-22s %9.0f %9.3f %9.3f\n", name[k], mid(name[k], "rate"),
			mid(name[k], "p50"), mid(name[k], "p99")
	# DepSpace on such a machine: out 673/s at 1 client, 2872/s at 8; rdp 5314 and 5285; inp
	# 930 and 1384.
	print ""
	aim("out, 8 clients, unsynced: 4 x DepSpace", mid("unsynced out 8", "rate"), 4 * 2872)
	at_most("out, 1 client, unsynced, p50 ms: a quarter", mid("unsynced out 1", "p50"),
		1.15 / 4)
	aim("rdp, 1 client: 0.8 x its unordered one", mid("unsynced rdp 1", "rate"), 0.8 * 5314)
	aim("rdp, 8 clients: 2 x", mid("unsynced rdp 8", "rate"), 2 * 5285)
	aim("inp, 1 client: 10 x", mid("unsynced inp 1", "rate"), 10 * 930)
	aim("inp, 8 clients: 10 x", mid("unsynced inp 8", "rate"), 10 * 1384)
	aim("out, 8 clients, synced", mid("synced out 8", "rate"), 4000)
	aim("out, 64 clients, synced", mid("synced out 64", "rate"), 12000)
	at_most("memory of a replica with 10,000 tuples, MB", median(mb, mbs), 16)
}
