# test/lab/lib.sh - sourced by t-*.sh: a lab of the test's own, ok and not ok lines
here=$(cd "$(dirname "$0")" && pwd)
lab=$here/lab
LAB=t$$
export LAB
tmp=$(mktemp -d)
failed=0

# pass NAME / fail NAME [WHY]
pass() {
	echo "ok $1"
}

fail() {
	echo "not ok $1"
	[ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/# /'
	failed=1
}

# check NAME CMD...: the command succeeds; what it printed explains when it does not.
check() {
	check_name=$1
	shift
	if "$@" >"$tmp/check" 2>&1; then
		pass "$check_name"
	else
		fail "$check_name" "$(cat "$tmp/check")"
	fi
}

# near NAME VALUE WANTED TOLERANCE
near() {
	if awk -v v="$2" -v w="$3" -v t="$4" \
		'BEGIN { d = v - w; exit !(v != "" && d <= t && -d <= t) }'; then
		pass "$1"
	else
		fail "$1" "got '$2', wanted $3 within $4"
	fi
}

on() {
	"$lab" run "$@"
}

need() {
	for tool in "$@"; do
		command -v "$tool" >/dev/null || {
			echo "skip ${0##*/}: no $tool here"
			exit 0
		}
	done
}

begin() {
	[ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] || {
		echo "skip ${0##*/}: needs root and /dev/net/tun"
		exit 0
	}
	trap 'end' EXIT
	trap 'exit 1' INT TERM
	"$lab" up "$1" || {
		echo "not ok the lab $1 comes up"
		exit 1
	}
}

end() {
	code=$?
	trap - EXIT
	"$lab" down
	rm -rf "$tmp"
	[ $code -ne 0 ] || code=$failed
	exit $code
}
