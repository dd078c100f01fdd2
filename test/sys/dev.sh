#!/bin/bash
# test/sys/dev.sh - `machete dev` as an ordinary user: one command up, Ctrl-C or the parent's death
# takes everything down
. test/sys/overlay.inc
chmod 711 "$d"
bin=$d/machete
install -m 755 "$m" "$bin"
mkdir -m 777 "$d/home"

# plain COMMAND...: as an ordinary user without any privilege, in place of this shell
plain()
{
	[ "$(id -u)" -eq 0 ] || exec "$@"
	exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
		env HOME="$d/home" TMPDIR="$d/home" "$@"
}

# starts OPTION...: dev is up, with its processes in $children
starts()
{
	rm -rf "$d/home/o o"
	: >"$d/out" # what stands there is of the one before
	(plain "$bin" dev --dir "$d/home/o o" "$@") >"$d/out" 2>"$d/err" &
	dev=$!
	for _ in $(seq 600); do
		grep -q '^Ctrl-C' "$d/out" && break
		kill -0 $dev 2>/dev/null || break
		sleep 0.1
	done
	cat "$d/out" "$d/err"
	children=$(pgrep -P $dev)
	nursery=$(pgrep -P "$(echo $children | tr ' ' ,)")
	syncer=$(pgrep -P "${nursery:-none}")
	grep -q '^ready overlay in' "$d/out"
}

# processes N: so many children, each with a command line that reads like its role, all unprivileged
processes()
{
	ps -o uid=,args= -p $(echo $children)
	[ "$(echo "$children" | wc -l)" -eq "$1" ] && [ -d "/proc/${syncer:-none}" ] &&
		[ "$(ps -o args= -p $(echo $children) | grep -cE '^machete -C .+ (manager|node --name n|server --name dev)')" \
			-eq "$1" ] && ! ps -o euid= -p $(echo $children) | grep -qw 0
}

# The line that is printed, pasted.
pasted_line_sends()
{
	head -c 300000 /dev/urandom >"$d/home/file" && chmod 644 "$d/home/file"
	line=$(sed -n 's/^send something: *\(.*\) FILE dev$/\1/p' "$d/out")
	(eval "plain $line \"$d/home/file\" dev") && cmp "$d/home/file" "$d/home/o o/inbox/file"
}

all_gone()
{
	for _ in $(seq 100); do
		left=
		for p in $children $nursery $syncer; do
			[ -d "/proc/$p" ] && left="$left $p"
		done
		[ -z "$left" ] && return 0
		sleep 0.1
	done
	ps -fp $left
	return 1
}

interrupt_ends_all()
{
	kill -INT $dev && wait $dev
	rc=$?
	cat "$d/err"
	[ $rc -eq 0 ] && [ "$(cut -d' ' -f2- "$d/err")" = "server notice: received file from client, 300000 bytes" ] && all_gone
}

death_of_the_parent_ends_all()
{
	kill -9 $dev
	wait $dev 2>/dev/null
	all_gone
}

# A terminal sends Ctrl-C to everybody: dev and its children at once.
ctrl_c_ends_all()
{
	python3 - "$bin" "$d/home/o2" <<'P'
import os, pty, sys, time
pid, fd = pty.fork()
if not pid:
    os.execv(sys.argv[1], [sys.argv[1], "dev", "--dir", sys.argv[2], "--faults", "0", "--nodes", "2"])
text = b""
while b"Ctrl-C takes" not in text:
    text += os.read(fd, 4096)
kids = open("/proc/%d/task/%d/children" % (pid, pid)).read().split()
os.write(fd, b"\x03")
try:
    while True:
        text += os.read(fd, 4096)
except OSError:
    pass
status = os.waitpid(pid, 0)[1]
print(text.decode(), kids, status)
sys.exit(len(kids) != 4 or status != 0 or any(os.path.exists("/proc/" + k) for k in kids))
P
}

not_writable()
{
	mkdir -m 700 "$d/mine"
	(plain "$bin" dev --dir "$d/mine/o") 2>"$d/err"
	rc=$?
	cat "$d/err"
	[ $rc -eq 1 ] && grep -q 'mine/o' "$d/err"
}

ok starts_without_a_fault starts --faults 0
ok six_processes_of_an_ordinary_user processes 6
ok the_line_it_prints_sends_a_file pasted_line_sends
ok an_interrupt_ends_all_of_them interrupt_ends_all
ok starts_with_four_replicas starts --faults 1
ok nine_processes processes 9
ok and_a_file_arrives pasted_line_sends
ok death_of_the_parent_ends_all_of_them death_of_the_parent_ends_all
ok ctrl_c_on_a_terminal_ends_all ctrl_c_ends_all
[ "$(id -u)" -ne 0 ] || ok a_directory_of_another_user_is_an_error not_writable
