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

# The median of the rounds' ratios to the bare messages.
function ratio(key, what,    i, v, part, bare) {
	split(key, part, " ")
	bare = part[1] " bare " part[3]
	for (i = 1; i <= rounds[key]; i++)
		v[i] = value[key, what, i] / value[bare, what, i]
	return median(v, rounds[key])
}

# figure KEY WHAT AIM BARE: of B.0 the aim, and what the bare messages made there (0: not said)
function figure(key, what, aim, bare,    got, verdict) {
	got = ratio(key, what)
	printf "%-18s %-5s %9.*f %9.*f %9.2f", key, what, what == "p50" ? 3 : 0, mid(key, what),
		what == "p50" ? 3 : 0, aim, got
	if (!bare) {
		print ""
		return
	}
	verdict = (what == "p50" ? got <= aim / bare : got >= aim / bare) ? "reached" : "SHORT"
	if (verdict == "SHORT" && what == "rate" && aim > bare)
		verdict = "out of reach: beyond the bare messages"
	printf " %9.2f  %s\n", aim / bare, verdict
}

END {
	printf "\n%-18s %9s %9s %9s\n", "", "1/s", "p50 ms", "p99 ms"
	for (k = 1; k <= names; k++)
		printf "%-18s %9.0f %9.3f %9.3f\n", name[k], mid(name[k], "rate"),
			mid(name[k], "p50"), mid(name[k], "p99")

	# B.0's aims: DepSpace's figures (out 2872/s at 8 clients, p50 1.15 ms at 1; rdp 5314 and
	# 5285; inp 930 and 1384) by 4, 1/4, 0.8, 2, 10, 10; and the bare messages on its machine.
	# Synced, machete may come in before them: its leader waits for those who ask again
	# (normal_holds), where they make two batches take turns, each with its own syncs.
	printf "\n%-24s %9s %9s %9s %9s\n", "", "here", "B.0's aim", "per bare", "B.0's"
	figure("unsynced out 8", "rate", 4 * 2872, 18800)
	figure("unsynced out 1", "p50", 1.15 / 4, 0.155)
	figure("unsynced rdp 1", "rate", 0.8 * 5314, 1000 / 0.155)
	figure("unsynced rdp 8", "rate", 2 * 5285, 18800)
	figure("unsynced inp 1", "rate", 10 * 930, 1000 / 0.155)
	figure("unsynced inp 8", "rate", 10 * 1384, 18800)
	figure("synced out 8", "rate", 4000, 6500)
	figure("synced out 64", "rate", 12000, 0)
	printf "memory of a replica, MB  %9.1f %9.0f %20s %s\n", median(mb, mbs), 16, "",
		median(mb, mbs) <= 16 ? "reached" : "SHORT"
}
