#!/bin/sh
# test/sys/asn.sh - the prefix-to-AS import over a whole table (Debian's python3-pyasn), and errors
# This test may run beside others.
cd "$(dirname "$0")/../.." || exit 1
m=$PWD/build/machete
vectors=$PWD/test/data/ip2as_vectors.tsv
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export MACHETE_HOME="$dir/home"
bad=0

# ok NAME COMMAND...
ok() {
	name=$1
	shift
	if "$@"; then
		echo "ok asn: $name"
	else
		sed 's/^/# /' "$dir/out" 2>/dev/null
		echo "not ok asn: $name"
		bad=1
	fi
}
# run COMMAND...: both outputs to $dir/out, exit status to $rc.
run() {
	"$@" >"$dir/out" 2>&1
	rc=$?
}
has() {
	[ "$rc" = "$1" ] && grep -qF -- "$2" "$dir/out"
}

run "$m" asn 8.8.8.8
ok "without a table the error says how to get one" has 1 "machete asn import FILE"
printf '8.8.8.0/24\t15169\n10.0.0.0/8\t1\nnonsense\n' >"$dir/t"
run "$m" asn import "$dir/t"
ok "lines that were not understood are reported" has 0 \
	"1 of 3 lines not understood, the first is line 3"
run "$m" asn --json 8.8.8.8
ok "an answer as JSON" has 0 '{"v":1,"event":"asn","addr":"8.8.8.8","asn":[15169]}'
run "$m" asn 10.1.1.1
ok "a private net is nobody's" has 1 "10.1.1.1	-"
gzip -kc "$dir/t" >"$dir/t.gz"
run "$m" asn import "$dir/t.gz"
ok "a compressed file is told from text" has 2 "zcat FILE | machete asn import -"
zcat "$dir/t.gz" | run "$m" asn import --keep-bogons -
run "$m" asn 10.1.1.1
ok "from stdin, with private nets" has 0 "10.1.1.1	AS1"
echo nonsense >"$dir/n"
run "$m" asn import "$dir/n"
ok "a file without entries is refused" has 1 "no usable entry"
run "$m" asn 10.1.1.1
ok "and leaves the table that was there" has 0 "AS1"
run "$m" asn example.net
ok "a name is not an address" has 2 "not an IP address"
printf x >>"$dir/home/cache/ip2as.bin"
run "$m" asn 8.8.8.8
ok "a damaged table is a warning" has 1 "cut short or with something behind it"

(cd "$dir" && apt-get -qq download python3-pyasn && dpkg-deb -x python3-pyasn_*.deb x) \
	>"$dir/apt" 2>&1
table=$(find "$dir/x" -name 'ipasn6_20151101.dat.gz' 2>/dev/null)
if [ -z "$table" ]; then
	echo "skip asn: a whole table: apt-get download python3-pyasn: $(tail -n 1 "$dir/apt")"
	exit $bad
fi
zcat "$table" >"$dir/whole"

start=$(date +%s%N)
run "$m" asn import --keep-bogons "$dir/whole"
took=$((($(date +%s%N) - start) / 1000000))
ok "633,831 entries are imported" has 0 "633831 entries"
echo "# import took $took ms"
ok "in less than 20 s even on a busy machine" [ "$took" -lt 20000 ]

hold() {
	sed 1d "$vectors" | cut -f 1,3 | sed 's/\(\t\)\([0-9]\)/\1AS\2/' >"$dir/want"
	"$m" asn $(cut -f 1 "$dir/want") >"$dir/out"
	cmp -s "$dir/want" "$dir/out"
}
ok "every known answer of the 2015 table holds" hold
run "$m" asn 2001:4860:4860::8888 2001:690:2080::1 2606:4700:4700::1111
ok "IPv6 answers hold" has 0 "2001:690:2080::1	AS1930"
run "$m" asn import "$dir/whole"
ok "bogons and too long prefixes are left out" has 0 "29 bogons, 13658 too long"
run "$m" asn 1.1.1.1
ok "a hijacked /32 no longer answers" has 0 "1.1.1.1	AS15169"
exit $bad
