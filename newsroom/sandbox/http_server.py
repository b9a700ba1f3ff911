"""The HTTP side: sending in three dialects, Mailgun's search, and a way to change the script while it runs.

POST /v3/DOMAIN/messages · /email · /email/batch · /emails · /emails/batch
GET  /v3/DOMAIN/events?user-variables={"a":"…"}     what was taken, as Mailgun would find it
PUT  /sandbox/script      a new script          GET /sandbox/calls     how many calls there were
GET  /sandbox/quiet       204 once every webhook is out
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from newsroom.sandbox import dialects
from newsroom.sandbox.dialects import Dialect, Offer, Unreadable
from newsroom.sandbox.record import Call, Copy, Record
from newsroom.sandbox.script import Act, BadScript, Script
from newsroom.sandbox.webhooks import Emitter

_MOST_BYTES = 60_000_000
_PAGE = 300


class HttpServer(ThreadingHTTPServer):
    """One simulator: its script, its record, what it remembers of keys and of taken mail."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], script: Script, record: Record, emitter: Emitter) -> None:
        super().__init__(address, _Handler)
        self.script, self.record, self.emitter = script, record, emitter
        self.lock = threading.Lock()
        self.calls = 0
        self.answered_by_key: dict[str, tuple[bytes, int, bytes, float]] = {}
        self.taken: list[tuple[str, Copy, float]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that hangs up is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HttpServer

    def log_message(self, format: str, *args: object) -> None:
        """The record tells it better."""

    def do_POST(self) -> None:
        dialect = dialects.dialect_of(urlsplit(self.path).path)
        if dialect is None:
            self._body()
            self._say(404, b"{}")
            return
        number, act = self.server.script.next(dialect.name)
        if act.name == "hangup":
            time.sleep(act.seconds)
            self._note(Call(number=number, dialect=dialect.name, copies=()), (), "closed before reading")
            self._close()
            return
        body = self._body()
        try:
            offer = dialect.read(self.headers.get("Content-Type", ""), body)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            self._say(400, json.dumps({"message": f"{error}"}).encode())
            return
        call = Call(
            number=number, dialect=dialect.name, copies=offer.copies, attempt=offer.attempt, size=len(body)
        )
        key = self.headers.get("Idempotency-Key", "") if dialect.name == "resend" else ""
        if key and self._replayed(call, key, body):
            return
        self._perform(dialect, call, act, offer, key=key, body=body)

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/sandbox/calls":
            self._say(200, json.dumps({"calls": self.server.calls}).encode())
        elif address.path == "/sandbox/quiet":
            self._say(204 if self.server.emitter.is_quiet else 202, b"")
        elif address.path.endswith("/events"):
            status = self.server.script.next_search_status()
            self._say(status, self._search(parse_qs(address.query)) if status == 200 else _sorry(status))
        else:
            self._say(404, b"{}")

    def do_PUT(self) -> None:
        try:
            self.server.script.replace(self._body().decode())
            self.server.emitter.configure(self.server.script.webhooks)
        except BadScript as error:
            self._say(400, f"{error}\n".encode())
        else:
            self._say(204, b"")

    def _perform(
        self, dialect: Dialect, call: Call, act: Act, offer: Offer, *, key: str, body: bytes
    ) -> None:
        """Take what is to be taken, write it down, and only then answer."""
        refused = _refused(dialect, act, offer.copies)
        status, headers = _status(act, offer.copies), {}
        if act.name == "throttle" and act.retry_after:
            headers["Retry-After"] = act.retry_after
        takes = act.accepted if act.name in {"status", "cut"} else status == 200
        taken = [copy for copy in offer.copies if copy not in refused] if takes else []
        path = urlsplit(self.path).path
        good = json.dumps(dialect.answer(path, offer.copies, refused)).encode()
        said = good if status == 200 else _sorry(status)
        if act.name == "garbage":
            said = act.body.encode()
        if status == 200 and refused and not path.endswith("/batch"):
            status = 422
        if key and takes:
            # What a later call with this key hears, whatever became of this answer.
            with self.server.lock:
                self.server.answered_by_key[key] = (
                    body,
                    status if status == 422 else 200,
                    good,
                    time.time(),
                )
        self._note(call, taken, f"{status} {act.name}")
        match act.name:
            case "cut":
                time.sleep(act.seconds)
                self._close()
            case "half":
                self._say(status, said, cut_at=len(said) // 2)
            case "drip":
                self._say(status, said, drip_seconds=act.seconds)
            case _:
                time.sleep(act.seconds)
                self._say(status, said, headers=headers)

    def _replayed(self, call: Call, key: str, body: bytes) -> bool:
        with self.server.lock:
            known = self.server.answered_by_key.get(key)
        keys = self.server.script.keys
        if known is None or time.time() > known[3] + keys.get("seconds", 86_400):
            return False
        if self.server.script.is_busy():
            self._note(call, (), "409 still running")
            self._say(409, b'{"name":"concurrent_idempotent_requests"}')
        elif known[0] != body or keys.get("conflict"):
            self._note(call, (), "409 other payload")
            self._say(409, b'{"name":"invalid_idempotent_request"}')
        else:
            self._note(call, (), f"{known[1]} replayed")
            self._say(known[1], known[2])
        return True

    def _search(self, query: dict[str, list[str]]) -> bytes:
        wanted = json.loads(query.get("user-variables", ["{}"])[0])
        how, now = self.server.script.search, time.time()
        lag, late_every = how.get("lag", 0.0), how.get("late_every", 1)
        with self.server.lock:
            found = [
                {
                    "event": "accepted",
                    "timestamp": at,
                    "recipient": copy.address,
                    "user-variables": {"t": copy.token, "a": attempt},
                }
                for place, (attempt, copy, at) in enumerate(self.server.taken)
                if (place % late_every or now >= at + lag)
                and wanted.get("a") in (None, attempt)
                and wanted.get("t") in (None, copy.token)
            ]
        page = int(query.get("page", ["0"])[0])
        shown = page // 2 if how.get("repeats") else page
        # As Mailgun does: the next page is always named, and an empty one is the last.
        following = urlencode({"user-variables": json.dumps(wanted), "page": page + 1})
        here = f"http://{self.headers['Host']}{urlsplit(self.path).path}"
        answer = {
            "items": found[shown * _PAGE : (shown + 1) * _PAGE],
            "paging": {"next": f"{here}?{following}"},
        }
        return json.dumps(answer).encode()

    def _note(self, call: Call, taken: Sequence[Copy], answered: str) -> None:
        self.server.record.write(call, taken=taken, answered=answered)
        with self.server.lock:
            self.server.calls += 1
            if call.dialect == "mailgun":
                self.server.taken += [(call.attempt, copy, time.time()) for copy in taken]
        self.server.emitter.emit(call, taken)

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MOST_BYTES:
            raise Unreadable("too large")
        return self.rfile.read(length)

    def _say(
        self,
        status: int,
        body: bytes,
        *,
        headers: dict[str, str] | None = None,
        cut_at: int | None = None,
        drip_seconds: float = 0.0,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if drip_seconds:
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(drip_seconds)
        else:
            self.wfile.write(body[:cut_at])
        if cut_at is not None:
            self._close()

    def _close(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)


def _sorry(status: int) -> bytes:
    return json.dumps({"message": f"Sandbox says {status}", "ErrorCode": status}).encode()


def _refused(dialect: Dialect, act: Act, copies: Sequence[Copy]) -> list[Copy]:
    if act.name != "part" or dialect.name not in dialects.ANSWERS_EACH:
        return []
    if act.marker:
        return [copy for copy in copies if act.marker in copy.address]
    return [copy for place, copy in enumerate(copies, start=1) if place % act.count == 0]


def _status(act: Act, copies: Sequence[Copy]) -> int:
    match act.name:
        case "throttle":
            return 429
        case "status":
            return act.status
        case "picky":
            return act.status if any(act.marker in copy.address for copy in copies) else 200
        case "limit":
            return act.status if len(copies) > act.count else 200
    return 200
