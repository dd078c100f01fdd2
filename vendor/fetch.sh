#!/bin/sh
# vendor/fetch.sh DIR - put Debian 13's libmnl.a into DIR, for a system whose libmnl-dev has none
# (Debian 12's). One package is taken with apt's own verification through a private configuration
# and unpacked; nothing is installed, and nothing of the system's apt is changed. The mirror is the
# system's own, the keys are those of its debian-archive-keyring.
set -eu
release=trixie
package=libmnl-dev
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d -p "$out")
trap 'rm -rf "$work"' EXIT

# Origin and label leave out the security archive and other people's.
mirror() {
	apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Component: main' 'Origin: Debian' 'Label: Debian' |
		head -n 1
}

uri=$(mirror)
if [ -z "$uri" ] && [ "$(id -u)" = 0 ]; then
	apt-get update >&2
	uri=$(mirror)
fi
if [ -z "$uri" ]; then
	echo "apt knows no Debian mirror: run apt-get update as root, then make again" >&2
	exit 1
fi

mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
cat >"$work/debian.list" <<END
deb [signed-by=$keyring] $uri $release main
END

private_apt() {
	apt-get -q -o Dir::Etc::SourceList="$work/debian.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o Dir::State::Lists="$work/lists" -o Dir::State::Status=/dev/null \
		-o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" \
		-o Acquire::Languages=none -o APT::Get::AllowUnauthenticated=false "$@" >&2
}

echo "this system has no libmnl.a: taking $package of Debian $release" >&2
private_apt update
(cd "$work" && private_apt download "$package")
dpkg-deb -x "$work/$package"_*.deb "$work/tree"
cp "$work"/tree/usr/lib/*/libmnl.a "$work/libmnl.a"
mv "$work/libmnl.a" "$out/libmnl.a"
