#!/bin/sh
# test/sys/keys.sh - keys, cluster files and homes: what is made, refused, and with which words
m=$(realpath "${MACHETE:-build/machete}")
d=$(mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
unset MACHETE_HOME XDG_CONFIG_HOME
addrs='192.0.2.1:7100 192.0.2.2:7100 192.0.2.3:7100 192.0.2.4:7100'

# ok NAME COMMAND...: the command succeeds
ok()
{
	name=$1
	shift
	if "$@" >"$d/out"; then echo "ok $name"; else echo "not ok $name"; fi
}

# says CODE TEXT ARGS...: machete ARGS ends with CODE, and prints TEXT on one line of stderr
says()
{
	code=$1
	text=$2
	shift 2
	"$m" "$@" >"$d/out" 2>"$d/err"
	got=$?
	if [ $got -ne "$code" ] || ! grep -qF -- "$text" "$d/err" || [ "$(wc -l <"$d/err")" -ne 1 ]; then
		echo "# exit code $got, not $code, or not: $text"
		sed 's/^/# /' "$d/out" "$d/err"
		return 1
	fi
}

mode()
{
	stat -c %a "$1"
}

# Keys.
ok no_key_says_how_to_make_one says 2 "machete -C $d/a key new" -C "$d/a" key show
fp=$("$m" -C "$d/a" key new)
ok new_prints_the_fingerprint_alone expr "$fp" : '[A-Za-z0-9][A-Za-z0-9_-]\{42\}$'
ok show_prints_the_same test "$("$m" key show -C "$d/a")" = "$fp"
ok key_is_private test "$(mode "$d/a/key") $(mode "$d/a")" = "600 700"
ok json_has_the_fingerprint test "$("$m" --json -C "$d/a" key show | grep -c "^{\"v\":1,\"event\":\"key\",\"fingerprint\":\"$fp\"")" = 1
ok an_existing_key_is_kept says 1 "--force" -C "$d/a" key new
ok and_is_still_the_same test "$("$m" -C "$d/a" key show)" = "$fp"
ok force_replaces_it test "$("$m" -C "$d/a" key new --force)" != "$fp"
chmod 640 "$d/a/key"
ok a_key_that_others_read_is_refused says 2 "chmod 600 $d/a/key" -C "$d/a" key show
chmod 600 "$d/a/key"
echo "no key" >"$d/a/key"
ok what_is_no_key_is_refused says 2 "this is no key" -C "$d/a" key show
ok unknown_words_are_refused says 2 "usage: machete key" -C "$d/a" key make
ok the_environment_names_the_home test "$(MACHETE_HOME=$d/e "$m" key new)" = "$(cd "$d" && MACHETE_HOME=e "$m" key show)"
openssl ecparam -name prime256v1 -genkey -noout -outform der -out "$d/k.der" 2>/dev/null &&
	mkdir "$d/o" &&
	dd if="$d/k.der" bs=1 skip=7 count=32 2>/dev/null | base64 | tr '+/' '-_' | tr -d = >"$d/o/key" &&
	chmod 600 "$d/o/key" &&
	want=$(openssl ec -inform der -in "$d/k.der" -pubout -outform der 2>/dev/null | tail -c 65 |
		openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d =)
if [ -n "$want" ]; then
	ok a_key_of_openssl_has_the_same_fingerprint test "$("$m" -C "$d/o" key show)" = "$want"
else
	echo "skip a_key_of_openssl_has_the_same_fingerprint: no openssl"
fi

# New clusters.
ok four_homes_and_an_admin "$m" cluster new --faults 1 --out "$d/c" $addrs
ok every_home_has_both_files test "$(ls "$d"/c/replica-[0-3]/key "$d"/c/replica-[0-3]/cluster "$d"/c/admin/key "$d"/c/admin/cluster | wc -l)" = 10
ok cluster_homes_are_private test "$(mode "$d/c/admin") $(mode "$d/c/admin/key") $(mode "$d/c/replica-3/key")" = "700 600 600"
ok all_have_the_same_cluster test "$(cat "$d"/c/*/cluster | sort | uniq -c | awk '{ print $1 }' | sort -u)" = 5
ok show_prints_the_file test "$("$m" -C "$d/c/admin" cluster show)" = "$(cat "$d/c/replica-0/cluster")"
ok replica_2_is_the_third_line test "$("$m" -C "$d/c/replica-2" key show)" = "$(awk '$1 == "replica" { print $3 }' "$d/c/admin/cluster" | sed -n 3p)"
ok the_admin_is_named test "$("$m" -C "$d/c/admin" key show)" = "$(awk '$1 == "admin" { print $2 }' "$d/c/admin/cluster")"
ok a_directory_in_use_is_refused says 1 "not empty" cluster new --faults 1 --out "$d/c" $addrs
mkdir "$d/empty"
ok an_empty_one_is_taken "$m" cluster new --faults 0 --out "$d/empty" '[2001:db8::1]:7100'
ok one_replica_tolerates_nothing test "$(head -2 "$d/empty/admin/cluster" | cut -d' ' -f1,2)" = "$(printf 'faults 0\nreplica [2001:db8::1]:7100')"
ok names_are_resolved "$m" cluster new --faults 0 --out "$d/n" localhost:7100
ok json_lists_the_replicas test "$("$m" --json cluster new --faults 0 --out "$d/j" 192.0.2.1:7100 | grep -c '^{"v":1,"event":"cluster","faults":0,"replicas":\[{"number":0,"address":"192.0.2.1:7100"')" = 1
ok too_few_addresses says 2 "takes 4 addresses, not 3" cluster new --faults 1 --out "$d/x" 192.0.2.1:7100 192.0.2.2:7100 192.0.2.3:7100
ok doubles_are_refused says 2 "stands twice" cluster new --faults 1 --out "$d/x" 192.0.2.1:1 192.0.2.1:2 192.0.2.1:1 192.0.2.1:3
ok unspecified_is_refused says 2 "unspecified" cluster new --faults 0 --out "$d/x" 0.0.0.0:7100
ok bad_ports_are_refused says 2 "HOST:PORT" cluster new --faults 0 --out "$d/x" h:99999
ok mixed_loopback_is_refused says 2 "/etc/hosts" cluster new --faults 1 --out "$d/x" 192.0.2.1:1 192.0.2.2:1 192.0.2.3:1 127.0.1.1:1
ok faults_are_required says 2 "--faults is missing" cluster new --out "$d/x" 192.0.2.1:1
ok faults_have_a_limit says 2 "0|1|2|3|4" cluster new --faults 5 --out "$d/x" 192.0.2.1:1
ok nothing_was_written_by_failures test ! -e "$d/x"

# Cluster files.
ok a_missing_file_says_where_to_get_it says 2 'machete -C ADMIN cluster show' -C "$d/a" cluster show
echo "replica nowhere x" >"$d/a/cluster"
ok errors_name_the_line says 2 "line 1:" -C "$d/a" cluster show
head -c 5000 /dev/zero | tr '\0' '#' >"$d/a/cluster"
ok long_files_are_refused says 2 "cluster" -C "$d/a" cluster show
"$m" --json -C "$d/a" cluster show >"$d/out"
ok json_errors_go_to_stdout test "$(grep -c '^{"v":1,"event":"error","code":2,"what":' "$d/out")" = 1

# Names, and where options may stand.
ok install_wants_a_directory says 1 "make DIR" --install "$d/bin"
mkdir "$d/bin"
ok install_makes_links "$m" --install "$d/bin"
ok a_link_for_every_command_and_role test "$(ls "$d/bin" | sed 's/^machete-//' | sort)" = "$({ "$m" --list; echo client; echo probe; } | sort)"
ok and_may_be_run_again "$m" --install "$d/bin"
rm "$d/bin/machete-key" && echo mine >"$d/bin/machete-key"
ok another_file_is_left_alone says 1 "File exists" --install "$d/bin"
ok a_link_is_its_command test "$("$d/bin/machete-cluster" -C "$d/c/admin" show)" = "$("$m" cluster show -C "$d/c/admin")"
ok a_role_stands_before_its_verb test "$("$d/bin/machete-client" -q send -h; "$m" client -q send -h)" = "$("$m" send -h; "$m" help send)"
ok a_role_alone_is_not_enough says 2 "is followed by one of: send paths up down;" client
ok another_verb_is_not_its_own says 2 "is followed by one of: trace ping asn;" probe -v send
ok help_names_what_it_does_not_know says 2 "no such command: bogus" help bogus
ok options_of_a_command_stand_after_it says 2 "unknown option -n; a command's own options stand after it" -n 2 send x y
ok nor_an_option_that_it_does_not_know says 2 "unknown option" client --bogus send
full()
{
	"$m" -C "$d/c/admin" "$@" >/dev/full 2>"$d/err"
	[ $? -eq 1 ] && grep -q 'No space left' "$d/err"
}
ok a_result_that_cannot_be_written_is_no_success full key show
ok nor_help full help
