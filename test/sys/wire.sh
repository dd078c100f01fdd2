#!/bin/bash
# test/sys/wire.sh - what an observer of loopback sees: shares on all flows before any record, no
# record before the last handshake, equal lengths, and a TLS handshake on every port
if [ -z "$WIRE_NS" ]; then
	command -v tcpdump >/dev/null || { echo "skip wire: no tcpdump"; exit 0; }
	unshare -n true 2>/dev/null || { echo "skip wire: no namespace of one's own"; exit 0; }
	WIRE_NS=1 exec unshare -n "$0"
fi
ip link set lo up
. test/sys/overlay.inc

# watched NAME COMMAND...: the command succeeds; its packets are in $d/NAME.pcap
watched()
{
	tcpdump -i lo --immediate-mode -U -s 0 -B 32768 -w "$d/$1.pcap" tcp >"$d/tcpdump" 2>&1 &
	tap=$!
	for _ in $(seq 200); do grep -q listening "$d/tcpdump" && break; sleep 0.05; done
	"${@:2}"
	rc=$?
	sleep 0.3
	kill -INT $tap
	wait $tap 2>/dev/null
	grep '^[1-9].* packets dropped' "$d/tcpdump" && return 1
	return $rc
}

# The flows of a capture are its connections that begin with an OPEN (0x6d); a conversation is cut
# into TLS records and sealed records (0x40), each known by the packet in which it was complete.
cat >"$d/wire.py" <<'P'
import struct, sys

def packets(path):
    b = open(path, "rb").read()
    at, n = 24, 0
    while at < len(b):
        size = struct.unpack_from("<I", b, at + 8)[0]
        p = b[at + 16 + 14 : at + 16 + size]
        at += 16 + size
        n += 1
        if p[0] != 0x45 or p[9] != 6:
            continue
        total = struct.unpack_from(">H", p, 2)[0]
        tcp = p[20:total]
        sport, dport, seq = struct.unpack_from(">HHI", tcp)
        yield n, (p[12:16], sport), (p[16:20], dport), seq, tcp[13], tcp[tcp[12] >> 4 << 2 :]

class Stream:
    def __init__(self, isn):
        self.next, self.early, self.bytes, self.units = isn + 1, {}, b"", []
    def add(self, n, seq, data):
        if data:
            self.early[seq] = data
        while self.next in self.early:
            data = self.early.pop(self.next)
            self.next += len(data)
            self.bytes += data
            self.cut(n)
    def cut(self, n):
        while len(self.bytes) >= 5:
            b = self.bytes
            size = struct.unpack_from(">H", b, 3)[0] + (0 if b[0] == 0x6d else 5)
            if len(b) < size:
                return
            self.units.append((n, b[0], size))
            self.bytes = b[size:]

def flows(path):
    streams, clients = {}, []
    for n, src, dst, seq, flags, data in packets(path):
        if flags & 2:
            streams[src, dst] = Stream(seq)
            if not flags & 16:
                clients.append((src, dst))
        elif (src, dst) in streams:
            streams[src, dst].add(n, seq, data)
    return [(streams[a, b].units, streams[b, a].units) for a, b in clients
            if streams[a, b].units[:1] and streams[a, b].units[0][1] == 0x6d]

def first(units, kind, after=0):
    return next(u for u in units if u[1] == kind and u[0] >= after)

PING = 11  # bytes of one, which may share a TLS record with the JOIN
command, f = sys.argv[1], [flows(p) for p in sys.argv[2:]]
for flow in f:
    assert len(flow) == 4, len(flow)
    for there, back in flow:
        # OPEN, ClientHello, client's certificate and so on, change, Finished, JOIN: the data
        kinds = bytes(k for _, k, _ in there)
        print(kinds[:16].hex(), bytes(k for _, k, _ in back)[:16].hex())
        assert kinds.startswith(b"\x6d\x16") and b"\x14\x16\x17" in kinds, kinds
        assert set(kinds) <= {0x6d, 0x14, 0x15, 0x16, 0x17, 0x40}
records = [min(n for there, _ in flow for n, k, _ in there if k == 0x40) for flow in f]
if command == "order":
    for flow, record in zip(f, records):
        joins = [first(there, 0x17)[0] for there, _ in flow]
        # the device's Finished ends the handshake: the record behind its change_cipher_spec
        shaken = [first(back, 0x16, first(back, 0x14)[0])[0] for _, back in flow]
        print("joins", joins, "handshakes", shaken, "first record", record)
        assert max(shaken) < record and max(joins) < record
        back = min(n for _, b in flow for n, k, _ in b if k == 0x40)
        assert max(first(b, 0x17)[0] for _, b in flow) < back
elif command == "shares":
    for flow in f:
        joins = [first(there, 0x17)[2] for there, _ in flow]
        print("JOINs", joins)
        assert {j - min(joins) for j in joins} <= {0, PING} and min(joins) > 150
elif command == "lengths":
    sums = [sum(s for there, _ in flow for _, k, s in there if k == 0x40) for flow in f]
    print("sealed bytes", sums)
    assert len(set(sums)) == 1 and sums[0] >= 256
elif command == "records":
    rows = [[s for _, s in sorted((n, s) for there, _ in flow for n, k, s in there if k == 0x40)]
            for flow in f]
    print("records", rows)
    assert all(r == rows[0] for r in rows) and min(rows[0]) >= 256
elif command == "strict":
    sums = [[sum(s for _, k, s in there if k == 0x40) for there, _ in flow] for flow in f]
    print("sealed bytes", sums)
    assert all(max(s) - min(s) <= 16384 + 33 for s in sums)
P
wire()
{
	python3 "$d/wire.py" "$@"
}

overlay_up --faults 0
head -c 1 /dev/urandom >"$d/one"
head -c 200 /dev/urandom >"$d/some"
head -c 10240 /dev/urandom >"$d/ten"
head -c 1000000 /dev/urandom >"$d/million"
ok one_byte_is_sent watched one send -q "$d/one" dev
ok and_200_bytes watched some send -q "$d/some" dev
ok and_10_KB watched ten send -q "$d/ten" dev
ok and_a_megabyte_in_turns watched million send -q --scheduler strict "$d/million" dev
ok shares_and_handshakes_come_before_the_first_record wire order "$d/one.pcap" "$d/ten.pcap"
ok every_flow_carries_a_share_of_the_same_length wire shares "$d/one.pcap" "$d/some.pcap" "$d/ten.pcap"
ok one_byte_and_200_bytes_look_alike wire lengths "$d/one.pcap" "$d/some.pcap"
ok strict_shows_the_same_bytes_on_every_flow wire strict "$d/million.pcap"

# A program that writes to `send -` little by little, and one that has written all and ended.
pieces()
{
	python3 -c '
import fcntl, os, sys, termios, time
for _ in 1, 2:
    os.write(1, bytes(int(sys.argv[1])))
    while any(fcntl.ioctl(1, termios.FIONREAD, bytes(4))):
        time.sleep(0.05)
    time.sleep(0.2)
' "$1" | send -q - "dev:p$1"
}
whole()
{
	head -c "$1" /dev/zero | (sleep 0.2; send -q - "dev:w$1")
}
for n in 1 10 26; do
	ok "writes_of_$n" watched "p$n" pieces $n
	ok "all_of_it_$n" watched "w$n" whole $n
done
ok writes_of_all_lengths_look_alike wire records "$d"/p1.pcap "$d"/p10.pcap "$d"/p26.pcap
ok and_so_do_their_ends wire records "$d"/w1.pcap "$d"/w10.pcap "$d"/w26.pcap

not_in_clear()
{
	echo 'the quick brown fox jumps over the lazy dog' >"$d/quick-brown-name"
	watched clear send -q "$d/quick-brown-name" dev && grep -q fox "$d/o/inbox/quick-brown-name" &&
		! grep -aq -e 'brown fox' -e quick-brown-name "$d/clear.pcap"
}
ok neither_contents_nor_name_are_seen not_in_clear

# tls ADDRESS:PORT: openssl sees our handshake there
tls()
{
	timeout 5 openssl s_client -connect "$1" -cert "$d/cert.pem" -key "$d/key.pem" </dev/null >"$d/tls" 2>&1
	cat "$d/tls"
	grep -q 'New, TLSv1.2, Cipher is ECDHE-ECDSA-' "$d/tls" && grep -q 'BEGIN CERTIFICATE' "$d/tls"
}
openssl ecparam -name prime256v1 -genkey -noout -out "$d/key.pem"
openssl req -x509 -new -key "$d/key.pem" -subj /CN=stranger -out "$d/cert.pem" 2>/dev/null
"$m" -C "$d/o/admin" status >"$d/status"
for role in replica node device; do
	at=$(awk -v r=$role '$1 == r { print $3; exit }' "$d/status")
	ok "openssl_shows_the_handshake_of_a_$role" tls "$at"
done
