# test/bench/table.awk - from lines "NAME Gbit/s CPU-s/GB", one a round, to a table of medians, and
# to ratios with their aims. A ratio is the median of the rounds' own ratios.
{
	if (!($1 in rounds))
		name[++names] = $1
	i = ++rounds[$1]
	rate[$1, i] = $2
	cpu[$1, i] = $3
}

function mid(table, key,    i, v) {
	for (i = 1; i <= rounds[key]; i++)
		v[i] = table[key, i]
	return median(v, rounds[key])
}

# ratio TEXT, A, "B B2", AIM: A over the better of B and B2, in rates; AIM 0: none
function ratio(text, a, b, aim,    i, k, n, r, best, v, w) {
	if (!(a in rounds))
		return
	n = split(b, w, " ")
	for (i = 1; i <= rounds[a]; i++) {
		best = 0
		for (k = 1; k <= n; k++)
			if ((w[k], i) in rate && rate[w[k], i] > best)
				best = rate[w[k], i]
		if (!best)
			return
		v[i] = rate[a, i] / best
	}
	r = median(v, rounds[a])
	printf "%-58s %5.2f", text, r
	if (aim)
		printf "  aim %.2f  %s", aim, (r >= aim ? "reached" : "SHORT")
	print ""
}

END {
	printf "\n%-24s %8s %9s\n", "", "Gbit/s", "CPU s/GB"
	for (k = 1; k <= names; k++)
		printf "%-24s %8.2f %9.2f\n", name[k], mid(rate, name[k]), mid(cpu, name[k])
	print ""
	scp = "scp.aes128-gcm scp.chacha20-poly1305"
	ratio("4 strict relayed flows to a file / plain TCP to a file", "send.file.4.strict",
	      "tcp.file", 1)
	ratio("4 fast relayed flows to a file / plain TCP to a file", "send.file.4.fast",
	      "tcp.file", 1)
	ratio("4 strict relayed flows to a file / the better scp", "send.file.4.strict", scp, 1.3)
	ratio("4 fast relayed flows to a file / the better scp", "send.file.4.fast", scp, 1.3)
	ratio("4 strict relayed flows / plain TCP, discarded", "send.discard.4.strict",
	      "tcp.discard", 0.4)
	ratio("4 fast relayed flows / plain TCP, discarded", "send.discard.4.fast",
	      "tcp.discard", 0.4)
	ratio("4 fast relayed flows / one plain TCP relayed by splice", "send.discard.4.fast",
	      "tcp.relayed", 0)
	ratio("one plain TCP relayed by splice / plain TCP, discarded", "tcp.relayed",
	      "tcp.discard", 0)
	ratio("1 direct flow / plain TCP, discarded", "send.discard.direct", "tcp.discard", 0.5)
	ratio("strict / fast, 4 flows, to a file", "send.file.4.strict", "send.file.4.fast", 0.95)
	ratio("strict / fast, 4 flows, discarded", "send.discard.4.strict",
	      "send.discard.4.fast", 0.95)
}
