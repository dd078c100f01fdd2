#!/usr/bin/env python3
"""echo.py serve ADDR PORT: answers every line with the peer's address and the line.
echo.py say ADDR PORT COUNT PAUSE [LOCAL]: says COUNT lines, one each PAUSE seconds, prints every
answer; ends with 1 when none comes within a second, with 2 when there is no connection."""
import socket
import socketserver
import sys
import time


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            self.answer()
        except OSError:
            pass

    def answer(self):
        for line in self.rfile:
            self.wfile.write(self.client_address[0].encode() + b" " + line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def serve(addr, port):
    Server.address_family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    Server((addr, port), Echo).serve_forever()


def say(addr, port, count, pause, local=None):
    try:
        source = (local, 0) if local else None
        s = socket.create_connection((addr, port), timeout=2, source_address=source)
    except OSError as e:
        print(e)
        return 2
    s.settimeout(1)
    answers = s.makefile("rb")
    for i in range(count):
        if i:
            time.sleep(pause)
        try:
            s.sendall(b"line %d\n" % i)
            answer = answers.readline()
        except OSError:
            return 1
        if not answer:
            return 1
        print(answer.decode().strip(), flush=True)
    return 0


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]))
else:
    sys.exit(say(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]), *sys.argv[6:]))
