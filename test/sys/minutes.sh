#!/bin/bash
# test/sys/minutes.sh - README's first ten minutes, run as printed, on hosts made of namespaces: as
# an ordinary user, and as root
#
# ssh, scp and machete are functions that act in a host's namespace, with a home and an /etc of its
# own. Where README says "and so on" its lines are repeated for the other replicas and for a second
# node.
# This test may run beside others.
here=$(cd "$(dirname "$0")" && pwd)
bin=$(realpath "${MACHETE:-build/machete}")
readme=${README:-$here/../../README.md}
user=65534
hosts='h0 h1 h2 h3 h4 h5 h6 h7'

skip()
{
	echo "skip minutes: $1"
	exit 0
}

[ "$(id -u)" = 0 ] || skip "needs root for namespaces"
[ -e "$readme" ] || skip "no README.md"
for tool in ip unshare setpriv setsid; do
	command -v $tool >/dev/null || skip "no $tool here"
done
unset MACHETE_HOME XDG_CONFIG_HOME
d=$(mktemp -d) || exit 1
chmod 755 "$d"
net=mins$$

cleanup()
{
	for h in $hosts; do
		ip netns pids $net-$h 2>/dev/null | xargs -r kill -9
	done
	for h in $hosts sw; do
		ip netns del $net-$h 2>/dev/null
	done
	wait 2>/dev/null
	[ -n "$d" ] && rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# Eight hosts on one switch, 10.77.0.1 to 10.77.0.8, that know each other's names.
make_hosts()
{
	ip netns add $net-sw && ip -n $net-sw link add sw0 type bridge &&
		ip -n $net-sw link set sw0 up ||
		skip "no network namespaces here"
	i=0
	for h in $hosts; do
		i=$((i + 1))
		ip netns add $net-$h
		ip -n $net-$h link set lo up
		ip -n $net-$h link add eth0 type veth peer name $h netns $net-sw
		ip -n $net-$h addr add 10.77.0.$i/24 dev eth0
		ip -n $net-$h link set eth0 up
		ip -n $net-sw link set $h master sw0 up
		echo "10.77.0.$i $h" >>"$d/names"
	done
}

# Fresh homes; as root /etc/machete is the one that counts.
make_homes()
{
	for h in $hosts; do
		ip netns pids $net-$h | xargs -r kill -9
		rm -rf "${d:?}/$h"
		mkdir -p "$d/$h/etc"
		cp "$d/names" "$d/$h/etc/hosts"
		cp /etc/passwd /etc/group "$d/$h/etc/"
		cp "$bin" "$d/$h/machete"
		[ "$1" = 0 ] || chown -R "$1" "$d/$h"
	done
	uid=$1
}

# on HOST COMMAND: as ssh would, in its home
on()
{
	ip netns exec $net-$1 unshare -m sh -c '
		mount --bind "$1/etc" /etc && cd "$1" && export HOME="$1" &&
		exec setpriv --reuid "$2" --regid "$2" --clear-groups sh -c "$3"' \
		- "$d/$1" "$uid" "$2"
}

ssh()
{
	h=$1
	shift
	on "$h" "$*"
}

machete()
{
	on h0 "./machete $*"
}

# scp [-r] WHAT HOST:WHERE
scp()
{
	[ "$1" = -r ] && shift
	to=${2#*:}
	case $to in /*) to=$d/${2%%:*}$to ;; *) to=$d/${2%%:*}/$to ;; esac
	cp -r "$d/h0/$1" "$to" && chown -R $uid "$d/${2%%:*}"
}

# The lines of README, with what "and so on" stands for.
script()
{
	block=$(sed -n '/^## The first ten minutes/,/^## C/p' "$readme" | sed -n '/^```/,/^```/p' |
		sed '/^```/d; s/  *#.*//')
	first=$(printf '%s\n' "$block" | sed -n '/replica-0/,/setsid/p')
	node=$(printf '%s\n' "$block" | sed -n '/ssh h5 .*key new/,/ssh h5 .*setsid/p')
	printf '%s\n' "$block" | grep -m 1 'cluster new'
	for i in 0 1 2 3; do
		printf '%s\n' "$first" | sed "s/replica-0/replica-$i/; s/h1/h$((i + 1))/g"
	done
	printf '%s\n' "$node"
	printf '%s\n' "$node" | sed 's/h5/h7/g; s/n1/n2/g'
	printf '%s\n' "$block" | sed -n '/ssh h6 .*key new/,$p'
}

# The user waits for what he started before he sends.
ready()
{
	for i in $(seq 100); do
		n=$(cat "$d/h5/log" "$d/h6/log" "$d/h7/log" 2>/dev/null | grep -c '^ready ')
		[ "$n" = 3 ] && return 0
		sleep 0.2
	done
	tail -n 3 "$d"/h?/log | sed 's/^/# /'
	return 1
}

# steps WHO UID: all lines, each of which has to succeed
steps()
{
	make_homes "$2"
	head -c 1000000 /dev/urandom >"$d/h0/file"
	chmod 644 "$d/h0/file"
	script >"$d/script"
	[ "$2" = 0 ] && sed -i 's,\(~/\)\?\.config/machete,/etc/machete,g' "$d/script"
	while read -r line; do
		[ -n "$line" ] || continue
		case $line in
		*'machete send'*) ready || break ;;
		cp*) line="on h0 '$line'" ;;
		esac
		if ! eval "$line" >"$d/said" 2>&1 </dev/null; then
			echo "# $line"
			sed 's/^/# /' "$d/said"
			break
		fi
	done <"$d/script"
	sent=$(find "$d/h6/inbox" -type f -name file 2>/dev/null)
	if [ -n "$sent" ] && cmp -s "$sent" "$d/h0/file"; then
		echo "ok the_first_ten_minutes_$1"
	else
		echo "not ok the_first_ten_minutes_$1"
	fi
}

make_hosts
steps as_an_ordinary_user $user
steps as_root 0
