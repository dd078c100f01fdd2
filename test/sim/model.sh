#!/bin/sh
# test/sim/model.sh [all] - check the model of the view change with Spin, and that it finds mistakes.
# This test may run beside others. Without Spin (`make deps`) it is skipped. `all` tries every
# mistake of the model, where otherwise two are.
cd "$(dirname "$0")" || exit 1
command -v spin >/dev/null || { echo "skip model: spin is not installed"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cp viewchange.pml "$dir" && cd "$dir" || exit 1
mistakes="FORGET_P NO_SYNC_VIEW"
[ "$1" = all ] && mistakes="$mistakes LOWEST_P NO_SYNC_P NO_SYNC_Q"

# search FLAG...: true when all states were seen and none is wrong; they are in $found
search() {
	spin -a "$@" viewchange.pml >log 2>&1 &&
	gcc -w -O1 -DSAFETY -o pan pan.c >>log 2>&1 || { cat log; exit 1; }
	./pan -m100000 >log 2>&1
	found=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1 states/p' log)
	grep -q 'errors: 0$' log && ! grep -q 'Search not completed\|max search depth' log
}

bad=0
if search; then
	echo "ok model: no error in $found"
else
	sed 's/^/# /' log
	echo "not ok model: an error, or not all states were seen"
	bad=1
fi
for mistake in $mistakes; do
	if search "-D$mistake"; then
		echo "not ok model: $mistake is not found"
		bad=1
	elif grep -q 'assertion violated' log; then
		echo "ok model: $mistake is found"
	else
		sed 's/^/# /' log
		echo "not ok model: $mistake ends otherwise"
		bad=1
	fi
done
exit $bad
