"""A small agent that speaks the protocol of github.com/google/gops/agent, and ones that lie.

As a program: lib_agent.py DIRECTORY [--thread] listens on the loopback of its network namespace,
or of one that only some of its threads are in, leaves its port in the file DIRECTORY/PID (its pid as it sees it), prints a line of JSON and answers
until its input ends. It is no Go program, which an agent need not be to be asked."""
import contextlib
import ctypes
import fcntl
import gzip
import itertools
import json
import os
import random
import socket
import struct
import sys
import threading
import time
import unittest

import lib_gospy

STACK, GC, MEMSTATS, VERSION, HEAP, CPU, STATS, TRACE = range(1, 9)
SETGC = 0x10

TEXTS = {
    STACK: b"goroutine 1 [running]:\nmain.main()\n\t/src/main.go:7 +0x1d\n",
    GC: b"ok",
    MEMSTATS: b"alloc: 1.00MB (1048576 bytes)\n",
    VERSION: b"go1.99\n",
    STATS: b"goroutines: 1\nOS threads: 5\nGOMAXPROCS: 2\nnum CPU: 2\n",
    TRACE: b"go 1.99 trace\0\0\0" + bytes(5000),
}


def zigzag(data):
    """The number in a varint of encoding/binary."""
    bits = 0
    for i, byte in enumerate(data):
        bits |= (byte & 0x7f) << 7 * i
        if byte < 0x80:
            return bits >> 1 ^ -(bits & 1)
    raise ValueError(data)


def loopback_names():
    try:
        found = socket.getaddrinfo("localhost", None, socket.AF_INET)
    except socket.gaierror:
        return []
    return ["localhost"] if found[0][4][0] == "127.0.0.1" else []


LOOPBACK_NAMES = loopback_names()


class Agent:
    """Listens until it is closed; `answer` is called with a connection and the request's bytes."""

    def __init__(self, answer=None):
        self.requests = []
        self.connections = 0
        self.percent = 100
        self._answer = answer or self.answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        # Also by name, where this machine has one for it: a bare one knows no names at all.
        self.addresses = [self.address, *(f"{name}:{self.port}" for name in LOOPBACK_NAMES)]
        self._open = True
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._open = False
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self):
        while self._open:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                request = connection.recv(64)
                self.requests.append(request)
                self._answer(connection, request)

    def answer(self, connection, request):
        if not request:
            return
        verb = request[0]
        if verb == SETGC:
            before, self.percent = self.percent, zigzag(request[1:])
            connection.sendall(f"New GC percent set to {self.percent}. "
                               f"Previous value was {before}.\n".encode())
        elif verb in (HEAP, CPU):
            connection.sendall(profile())
        else:
            connection.sendall(TEXTS[verb])


def real():
    """The newest fixture with the real agent that has gops's own client beside it; the client."""
    for build in reversed(lib_gospy.builds("agent", variants=["default"])):
        client = os.path.join(os.path.dirname(build.path), "gops")
        if os.path.exists(client):
            return build, client
    raise unittest.SkipTest("no client of gops was built")


def profile():
    """The form of a profile; its content is nobody's business."""
    return gzip.compress(random.Random(7).randbytes(20000), mtime=0)


# ---- agents that lie: what they do with a connection


def endless(connection, _):
    while True:
        connection.sendall(b"goroutine 1 [running]:\n" * 4000)


def silent(connection, _):
    connection.recv(1)  # until gospy has gone


def early(connection, _):
    connection.shutdown(socket.SHUT_RDWR)


def drip(connection, _):
    for byte in itertools.cycle(TEXTS[STACK]):
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


def reset(connection, _):
    connection.sendall(b"goroutine 1 [ru")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def sends(data):
    """An agent that sends this, whatever it was asked."""
    return lambda connection, _: connection.sendall(data)


def loopback_up():
    """In a new network namespace it is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = bytearray(struct.pack("16sH14s", b"lo", 0, b""))
        fcntl.ioctl(s, 0x8913, request)  # SIOCGIFFLAGS
        flags, = struct.unpack_from("H", request, 16)
        if flags & 1:
            return
        struct.pack_into("H", request, 16, flags | 1)  # IFF_UP
        fcntl.ioctl(s, 0x8914, request)  # SIOCSIFFLAGS


def serve(directory):
    loopback_up()
    with Agent() as agent:
        with open(os.path.join(directory, str(os.getpid())), "w", encoding="ascii") as f:
            f.write(str(agent.port))
        print(json.dumps({"pid": os.getpid(), "port": agent.port}), flush=True)
        sys.stdin.read()


def serve_elsewhere(directory):
    """In a network namespace of this thread's own, which those have that it starts."""
    CLONE_NEWNET = 0x40000000
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0:
        serve(directory)


def main(directory, *options):
    if options != ("--thread",):
        serve(directory)
        return
    thread = threading.Thread(target=serve_elsewhere, args=(directory,))
    thread.start()
    thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
