#!/bin/sh
# One lab at a time, and whatever a crash leaves is removed by the next `up` or by `down`.
# This test may run beside others.
. "$(dirname "$0")/lib.sh"
need ping
begin two-paths
state=/run/lab-$LAB

emulator() {
	head -n 1 "$state/log"
}

leftovers() {
	ip netns list | grep "^$LAB-"
	[ ! -e "$state" ] || echo "$state"
}

check "a second lab is refused" eval '! "$lab" up paper'
"$lab" up paper 2>&1 | grep -q 'up already (topology two-paths)' &&
	pass "... and says why" || fail "... and says why"
check "the first goes on" on client ping -n -c 1 -W 1 "$("$lab" addr device)"

on n1 sleep 1000 &
sleeper=$!
sleep 0.2
kill -KILL "$(emulator)"
check "up after kill -9 of the emulator" "$lab" up paper
check "... works" on lisbon ping -n -c 1 -W 1 "$("$lab" addr eu-west-1)"
check "... nothing of the dead lab runs" eval '! kill -0 $sleeper 2>/dev/null'
check "... nor are its sites there" eval '! ip netns list | grep "^$LAB-n1"'
check "run gives the status of the command" eval 'on lisbon sh -c "exit 7"; [ $? -eq 7 ]'
check "an unknown site is refused" eval '! on nowhere true'

kill -STOP "$(emulator)"
pid=$(emulator)
check "down although the emulator hangs" "$lab" down
check "... it is dead" eval '! readlink /proc/$pid/exe'
check "... nothing is left" eval '[ -z "$(leftovers)" ]'
check "down twice" "$lab" down
check "an unknown topology is refused" eval '! "$lab" up nowhere'
echo "port a 192.0.2.1" >"$tmp/outside"
check "an address outside 10.0.0.0/8 is refused" eval '! "$lab" up "$tmp/outside"'
check "... and leaves nothing" eval '[ -z "$(leftovers)" ]'
