# test/sys/cymru.py LOG - a name server on loopback that plays Team Cymru's; prints its port. Each
# question goes into LOG. What it does is decided by the network that is asked about.
import socket, struct, sys

TEXTS = {
    '0.8.8.8.origin.asn.cymru.com': '15169 | 8.8.8.0/24 | US | arin | 2023-12-28',
    '0.1.1.1.origin.asn.cymru.com': '13335 23028 | 1.1.1.0/24 | AU | apnic | 2011-08-11',
    '0.7.7.7.origin.asn.cymru.com': '777 | 7.7.7.0/24 | US | arin | 1986-11-07',
    '0.2.2.2.origin.asn.cymru.com': '2 | 3.0.0.0/8 | US | arin | ',
    '0.5.5.5.origin.asn.cymru.com': 'nonsense \x1b[31m | 5.5.5.0/24',
}
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(('127.0.0.1', 0))
print(sock.getsockname()[1], flush=True)
log = open(sys.argv[1], 'a')


def read_name(p):
    labels, at = [], 12
    while p[at]:
        labels.append(p[at + 1:at + 1 + p[at]].decode())
        at += 1 + p[at]
    return '.'.join(labels), at + 5


def answer(ident, question, text, rcode=0):
    p = struct.pack('>HHHHHH', ident, 0x8180 | rcode, 1, 1 if text else 0, 0, 0) + question
    if text:
        t = text.encode()
        p += b'\xc0\x0c' + struct.pack('>HHIH', 16, 1, 60, len(t) + 1) + bytes([len(t)]) + t
    return p


while True:
    p, peer = sock.recvfrom(512)
    ident = struct.unpack('>H', p[:2])[0]
    name, end = read_name(p)
    question = p[12:end]
    print(name, file=log, flush=True)
    if name.startswith('0.7.7.7.'):  # before the answer a forged one, which does not know the id
        sock.sendto(answer(ident ^ 1, question, '666 | 7.7.7.0/24 | XX | none | '), peer)
    if name.startswith('0.6.6.6.'):
        sock.sendto(answer(ident, question, None, 2), peer)
    elif name.startswith('0.4.4.4.'):  # cut off in the middle of the record
        sock.sendto(answer(ident, question, '1 | 4.4.4.0/24 | ')[:-9], peer)
    elif name.endswith('origin6.asn.cymru.com'):
        sock.sendto(answer(ident, question, '15169 | 2001:4860::/32 | US | arin | '), peer)
    else:
        text = TEXTS.get(name)
        sock.sendto(answer(ident, question, text, 0 if text else 3), peer)
