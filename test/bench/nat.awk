# test/bench/nat.awk - from lines "NAME.FORWARDS Gbit/s CPU-s/GB node's-CPU-s/GB", one a round, and
# "QUIET-us FLOOD-us FORGED/s", to a table of medians, and to ratios with their aims
NF == 3 {
	quiet[++floods] = $1
	flood[floods] = $2
	forged[floods] = $3
	times[floods] = $2 / $1
	next
}

{
	if (!($1 in n))
		name[++names] = $1
	i = ++n[$1]
	rate[$1, i] = $2
	cpu[$1, i] = $3
	own[$1, i] = $4
}

function mid(t, key,    i, v) {
	for (i = 1; i <= n[key]; i++)
		v[i] = t[key, i]
	return median(v, n[key])
}

function ratio(a, b, aim,    i, r, v) {
	for (i = 1; i <= n[a]; i++)
		v[i] = rate[a, i] / rate[b, i]
	r = median(v, n[a])
	printf "%-34s %5.2f  aim %.2f  %s\n", a " / " b, r, aim,
		(r >= aim ? "reached" : "SHORT")
}

END {
	printf "%-16s %8s %16s %10s\n", "", "Gbit/s", "machine CPU s/GB", "node's own"
	for (k = 1; k <= names; k++)
		printf "%-16s %8.2f %16.3f %10.3f\n", name[k], mid(rate, name[k]),
			mid(cpu, name[k]), mid(own, name[k])
	ratio("nat.1", "plain.1", 0.95)
	ratio("nat.20000", "plain.20000", 0.95)
	ratio("nat.20000", "nat.1", 0.95)
	ratio("relay.1", "socat.1", 1)
	ratio("relay.20000", "socat.20000", 1)
	r = median(times, floods)
	printf "%-34s %5.2f  aim %.2f  %s\n", "OPEN beside forged ones / without", r, 2,
		(r <= 2 ? "reached" : "SHORT")
	printf "median of an OPEN %d us, beside %d forged OPENs a second %d us\n",
		median(quiet, floods), median(forged, floods), median(flood, floods)
}
