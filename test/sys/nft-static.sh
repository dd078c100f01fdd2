#!/bin/sh
# test/sys/nft-static.sh - Debian's three archives, linked statically against musl, make and remove
# an nftables table; and the product itself is static, stripped and small.
cd "$(dirname "$0")/../.." || exit 1
bad=0

# check TEXT COMMAND...
check() {
	text=$1
	shift
	if "$@"; then
		echo "ok nft-static: $text"
	else
		echo "not ok nft-static: $text"
		bad=1
	fi
}

is_static() {
	file "$1" | grep -q 'statically linked' &&
		! readelf -lW "$1" | grep -q INTERP && ! readelf -dW "$1" | grep -q NEEDED
}

stripped() {
	file "$1" | grep -q ', stripped'
}

smaller() {
	[ "$(stat -c %s "$1")" -lt "$2" ]
}

table_comes_and_goes() {
	unshare -n sh -ec '
		want=$(printf machete | sha256sum | cut -d " " -f 1)
		[ "$("$1" add machete)" = "$want" ]
		[ "$(nft list tables)" = "table inet machete" ]
		"$1" del machete >/dev/null
		[ -z "$(nft list tables)" ]
		! "$1" del machete >/dev/null 2>&1' sh "$1"
}

make -s build/machete build/sys/nft_static || exit 1
for f in build/machete build/sys/nft_static; do
	check "$f is static" is_static $f
	check "$f is stripped" stripped $f
done
check "build/machete has less than 600 KiB" smaller build/machete 614400
if ! unshare -n true 2>/dev/null; then
	echo "skip nft-static: a network namespace takes root"
elif ! unshare -n nft list tables 2>/dev/null; then
	echo "skip nft-static: no nft, or no nf_tables in this kernel"
else
	check "a table comes and goes" table_comes_and_goes build/sys/nft_static
fi
exit $bad
