#!/bin/sh
# vendor/deps.sh NEED... - see that every package of vendor/packages with one of these needs is
# there: installs what is missing with apt-get (as root, or by sudo), or says what it would run and
# fails. Quick when nothing is missing.
set -eu
cd "$(dirname "$0")/.."

missing=
for need in "$@"; do
	while read -r n package shown rest; do
		[ "$n" = "$need" ] || continue
		set -- $shown
		[ -e "$1" ] || missing="$missing $package"
	done <vendor/packages
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
	as_root=
elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then
	as_root="sudo env DEBIAN_FRONTEND=noninteractive"
else
	echo "missing packages; run as root: apt-get update && $install" >&2
	exit 1
fi
command -v apt-get >/dev/null || {
	echo "missing, and there is no apt-get here to install them:$missing" >&2
	exit 1
}
echo "installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$as_root $install >&2 || { $as_root apt-get update >&2 && $as_root $install >&2; }
