"""Takes mail by SMTP and calls by HTTP as fast as one process of Python can, and keeps nothing but counts.

    python -m bench.sink --http-port 8025 --smtp-port 2525 --record FILE

One loop over sockets, no framework: what is measured is the sender, so the sink must never be what it waits for.
Each message taken by SMTP is one line of 64 bytes in the record, its recipient, written before the answer.
GET /counts tells the counts, GET /reset sets them to nothing.
"""

import argparse
import json
import os
import re
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Protocol

LINE_BYTES = 64
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_TO = re.compile(rb"<([^<>]*)>")
_GREETING = b"220 sink\r\n"
_CAPABILITIES = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n"
_TAKEN = b'{"id":"<20260101000000.1@sink>","message":"Queued. Thank you."}'
_END = b"\r\n.\r\n"
_NEXT_BYTES = 2_000
_BUFFER = bytearray(4_000_000)


class Counts:
    """What came in since the last reset."""

    def __init__(self) -> None:
        self.calls = self.messages = self.taken_bytes = 0
        self.first_at = 0.0  # the monotonic clock, which all processes of a machine share

    def add(self, *, size: int) -> None:
        """One message or call of that size."""
        self.first_at = self.first_at or time.monotonic()
        self.taken_bytes += size


class Talk(Protocol):
    """A connection: bytes in, bytes out."""

    def hear(self, data: memoryview) -> bytes: ...


class HttpTalk:
    """Reads calls by their Content-Length and says yes to each."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._head = bytearray()
        self._missing = self._size = 0

    def hear(self, data: memoryview) -> bytes:
        if self._missing:
            self._missing -= len(data)
            return b"" if self._missing > 0 else self._taken()
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return b""
        head = bytes(self._head[: end + 4])
        arrived, self._head = len(self._head) - end - 4, bytearray()
        if head.startswith(b"GET /reset"):
            self.counts.__init__()  # type: ignore[misc]  # the object is shared by all connections
            return _answer(b"{}")
        if head.startswith(b"GET /counts"):
            return _answer(json.dumps(vars(self.counts)).encode())
        found = _LENGTH.search(head)
        self._size = int(found[1]) if found else 0
        self._missing = self._size - arrived
        return b"" if self._missing > 0 else self._taken()

    def _taken(self) -> bytes:
        self._missing = 0
        self.counts.calls += 1
        self.counts.add(size=self._size)
        return _answer(_TAKEN)


class SmtpTalk:
    """A mail server with pipelining that takes everything."""

    def __init__(self, counts: Counts, record: int) -> None:
        self.counts, self.record = counts, record
        self._commands = bytearray()
        self._in_message = False
        self._end, self._size, self._to = b"", 0, b""

    def hear(self, data: memoryview) -> bytes:
        if self._in_message:
            self._size += len(data)
            # What follows the end is the next envelope (RFC 2920): short, so the end is looked for near the last byte.
            tail = bytes(data[-_NEXT_BYTES:]) if len(data) >= _NEXT_BYTES else self._end + bytes(data)
            if (end := tail.find(_END)) < 0:
                self._end = tail[-4:]
                return b""
            rest = tail[end + len(_END) :]
            self._size -= len(rest)
            return self._take() + self._hear_commands(rest)
        return self._hear_commands(data)

    def _hear_commands(self, data: memoryview | bytes) -> bytes:
        self._commands += data
        answers = b""
        while (end := self._commands.find(b"\n")) >= 0:
            line = bytes(self._commands[:end])
            del self._commands[: end + 1]
            answers += self._answer(line)
        return answers

    def _answer(self, line: bytes) -> bytes:
        match line[:4].upper():
            case b"RCPT":
                found = _TO.search(line)
                self._to = found[1] if found else b""
            case b"DATA":
                self._in_message, self._end, self._size = True, b"\r\n", 0
                return b"354 go on\r\n"
            case b"EHLO" | b"HELO":
                return _CAPABILITIES
            case b"QUIT":
                return b"221 bye\r\n"  # the client hangs up
        return b"250 ok\r\n"

    def _take(self) -> bytes:
        self._in_message = False
        self.counts.messages += 1
        self.counts.add(size=self._size)
        os.write(self.record, self._to[: LINE_BYTES - 1].ljust(LINE_BYTES - 1) + b"\n")
        return b"250 taken\r\n"


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


def _listen(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    listener.setblocking(False)
    return listener


def serve(*, http_port: int, smtp_port: int, record: int) -> None:
    """Answer until a signal ends the process."""
    counts = Counts()
    poll = selectors.DefaultSelector()
    listeners = {_listen(http_port): False, _listen(smtp_port): True}
    for listener in listeners:
        poll.register(listener, selectors.EVENT_READ, None)
    buffer = memoryview(_BUFFER)
    while True:
        for key, _ in poll.select():
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            talk: Talk | None = key.data
            if talk is None:
                connection, _address = ready.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                is_smtp = listeners[ready]
                talk = SmtpTalk(counts, record) if is_smtp else HttpTalk(counts)
                poll.register(connection, selectors.EVENT_READ, talk)
                if is_smtp:
                    connection.sendall(_GREETING)
                continue
            try:
                size = ready.recv_into(buffer)
                answer = talk.hear(buffer[:size]) if size else None
                if answer:
                    ready.sendall(answer)
            except OSError:
                answer = None
            if answer is None:
                poll.unregister(ready)
                ready.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sink", description=__doc__)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--record", type=Path, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with options.record.open("ab", buffering=0) as record:
        serve(http_port=options.http_port, smtp_port=options.smtp_port, record=record.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
