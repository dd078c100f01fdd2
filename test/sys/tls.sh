#!/bin/sh
# test/sys/tls.sh - what openssl sees of a replica's port: one version, two suites, one curve, its key
m=$(realpath "${MACHETE:-build/machete}")
command -v openssl >/dev/null || {
	echo "skip tls: no openssl"
	exit 0
}
d=$(mktemp -d) || exit 1
pid=
trap 'kill $pid 2>/dev/null; rm -rf "$d"' EXIT
port=$(awk 'BEGIN { srand(); print 20000 + int(rand() * 10000) }')
cd "$d" || exit 1
"$m" cluster new --faults 0 --out c "127.0.0.1:$port" >/dev/null || exit 1
"$m" -C c/replica-0 manager --listen "127.0.0.1:$port" >ready 2>log &
pid=$!
for _ in $(seq 50); do
	grep -q '^ready ' ready && break
	sleep 0.1
done
openssl ecparam -name prime256v1 -genkey -noout -out key.pem
openssl req -x509 -new -key key.pem -subj /CN=stranger -out cert.pem 2>/dev/null

# s_client ARGS...: a handshake as openssl makes it, its report on stdout
s_client()
{
	timeout 5 openssl s_client -connect "127.0.0.1:$port" -cert cert.pem -key key.pem "$@" \
		</dev/null 2>&1
}

# shows NAME TEXT ARGS..., refuses NAME ARGS...
shows()
{
	name=$1
	text=$2
	shift 2
	if s_client "$@" >out && grep -q -- "$text" out; then echo "ok $name"; else
		sed 's/^/# /' out log
		echo "not ok $name"
	fi
}

refuses()
{
	name=$1
	shift
	if s_client "$@" >out || ! grep -q 'Cipher is (NONE)' out; then
		sed 's/^/# /' out
		echo "not ok $name"
	else
		echo "ok $name"
	fi
}

shows speaks_tls_1_2 'New, TLSv1.2'
shows exchanges_keys_on_p_256 'Server Temp Key: ECDH, prime256v1'
shows asks_for_a_certificate 'Client Certificate Types: ECDSA sign'
shows offers_aes_or_chacha 'Cipher is ECDHE-ECDSA-\(AES256-GCM-SHA384\|CHACHA20-POLY1305\)'
shows offers_chacha_to_those_without_aes 'Cipher is ECDHE-ECDSA-CHACHA20-POLY1305' \
	-cipher ECDHE-ECDSA-CHACHA20-POLY1305
refuses tls_1_3_alone_is_refused -tls1_3
refuses tls_1_1_is_refused -tls1_1 -cipher ALL:@SECLEVEL=0
refuses cbc_is_refused -tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384
refuses curve_25519_alone_is_refused -tls1_2 -curves X25519

s_client -tls1_2 -showcerts >out
openssl x509 -in out -noout -pubkey 2>/dev/null | openssl ec -pubin -outform der 2>/dev/null |
	tail -c 65 | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d = >fp
if [ "$(cat fp)" = "$("$m" -C c/replica-0 key show)" ]; then
	echo "ok the_certificate_holds_the_key_of_the_fingerprint"
else
	echo "not ok the_certificate_holds_the_key_of_the_fingerprint"
fi

# A session that openssl saved is not taken up again.
s_client -tls1_2 -sess_out session >/dev/null
s_client -tls1_2 -sess_in session >out
if [ -s session ] && grep -q '^New, TLSv1.2' out && ! grep -q '^Reused' out; then
	echo "ok no_session_is_resumed"
else
	echo "not ok no_session_is_resumed"
fi
