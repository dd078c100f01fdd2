#!/bin/bash
# test/sys/noexec.sh - one static binary, small, that starts no other program in any role
. test/sys/overlay.inc
command -v strace >/dev/null || { echo "skip noexec: no strace"; exit 0; }

is_static()
{
	file -b "$m"
	file -b "$m" | grep -q 'statically linked' && ! readelf -lW "$m" | grep -q INTERP &&
		! readelf -dW "$m" | grep -q NEEDED
}
ok statically_linked is_static
ok less_than_600_KiB test "$(stat -c %s "$m")" -lt 614400
ok stripped sh -c "! readelf -SW '$m' | grep -q '\.symtab'"

# `overlay_up` starts this in place of the binary: everything under dev is traced, with its children.
traced=$m
printf '#!/bin/sh\nexec strace -f -qq -e trace=execve,execveat -o "%s" "%s" "$@"\n' \
	"$d/dev.trace" "$traced" >"$d/machete"
chmod +x "$d/machete"
m=$d/machete
overlay_up --faults 0
m=$traced

# alone NAME COMMAND...: of this command there is one execve, the one that started it
alone()
{
	strace -f -qq -e trace=execve,execveat -o "$d/$1.trace" "$m" "${@:2}" || [ $? -eq 1 ] || return 1
	cat "$d/$1.trace"
	[ "$(grep -c exec "$d/$1.trace")" -eq 1 ]
}
head -c 300000 /dev/urandom >"$d/file"
admin=$d/o/admin
ok send_starts_nothing alone send -C "$d/o/client" send "$d/file" dev
ok paths_starts_nothing alone paths -C "$d/o/client" paths dev
ok trace_starts_nothing alone trace trace 127.0.0.11:7200
ok ping_starts_nothing alone ping ping --count 1 127.0.0.11:7200
ok tuple_starts_nothing alone tuple -C "$admin" tuple rdp node '*' '*' '*' '*' '*' '*' '*'
ok status_starts_nothing alone status -C "$admin" status
ok evict_starts_nothing alone evict -C "$admin" evict client
ok key_starts_nothing alone key -C "$d/new" key new
ok cluster_starts_nothing alone cluster cluster new --faults 0 --out "$d/c" 127.0.0.1:7100

# SIGHUP and SIGTERM included. The device has two children: the nursery and the one that writes.
roles_start_nothing()
{
	roles=$(pgrep -f "^machete -C $d/o/")
	kill -HUP $roles && sleep 0.5
	kill -TERM "$(pgrep -f "^$traced .*dev --dir $d/o")"
	wait $dev_pid
	dev_pid=
	cat "$d/dev.trace"
	[ "$(echo "$roles" | wc -l)" -eq 8 ] && [ "$(grep -c exec "$d/dev.trace")" -eq 1 ]
}
ok manager_node_and_server_start_nothing roles_start_nothing
