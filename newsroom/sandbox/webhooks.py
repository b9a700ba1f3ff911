"""Reports what was taken to a webhook, as Mailgun does, and as badly as the script asks for.

    "webhooks": {"url": "http://127.0.0.1:8000/webhooks/main/SECRET/", "key": "signing key",
                 "events": ["accepted", "delivered"], "copies": 3, "shuffle": true, "forged": true,
                 "chance": 0.95, "delay": 0.5}

Each event is sent `copies` times; with `shuffle` they leave in any order; `forged` adds one with a wrong signature
for each; `chance` is how likely an event is reported at all. A call that is answered 5xx is repeated.
"""

import hashlib
import hmac
import json
import queue
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from newsroom.sandbox.record import Call, Copy

_GATHER_SECONDS = 0.3
_TRIES = 30


class Emitter:
    """One thread that posts what waits. Nothing leaves without a url in the script."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue()
        self._settings: dict[str, Any] = {}
        self._in_hand = 0
        self._dice = random.Random(1)  # noqa: S311 — chance that can be repeated, no secret
        self.answers: dict[int, int] = {}
        threading.Thread(target=self._run, daemon=True).start()

    def configure(self, settings: dict[str, Any]) -> None:
        """Where to and how, from the next event on."""
        self._settings = settings
        self._dice = random.Random(settings.get("seed", 1))  # noqa: S311 — as above

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits to be reported."""
        return self._waiting.empty() and not self._in_hand

    def emit(self, call: Call, taken: Sequence[Copy]) -> None:
        """Report these copies, if the script says where."""
        settings = self._settings
        if not settings.get("url"):
            return
        for copy in taken:
            for kind in settings.get("events", ["delivered"]):
                if self._dice.random() >= settings.get("chance", 1.0):
                    continue
                event = _event(call, copy, kind)
                signed = _signed(event, settings.get("key", ""))
                for _ in range(settings.get("copies", 1)):
                    self._waiting.put(signed)
                if settings.get("forged"):
                    forged = _event(call, copy, "complained")
                    self._waiting.put(_signed(forged, "not the key"))

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            self._in_hand = 1
            delay = self._settings.get("delay", 0.0)
            time.sleep(max(_GATHER_SECONDS, delay))
            gathered = [first]
            while not self._waiting.empty():
                gathered.append(self._waiting.get())
            if self._settings.get("shuffle"):
                self._dice.shuffle(gathered)
            for payload in gathered:
                self._post(json.dumps(payload).encode())
            self._in_hand = 0

    def _post(self, body: bytes) -> None:
        for _ in range(_TRIES):
            request = urllib.request.Request(  # noqa: S310 — the script's own address
                self._settings.get("url", ""), data=body, headers={"Content-Type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 — as above
                    status = int(answer.status)
            except urllib.error.HTTPError as error:
                status = error.code
            except (OSError, ValueError):
                status = 0
            self.answers[status] = self.answers.get(status, 0) + 1
            if 200 <= status < 500:
                return
            time.sleep(0.5)


def _event(call: Call, copy: Copy, kind: str) -> dict[str, Any]:
    return {
        "event": kind,
        "id": uuid4().hex,
        "timestamp": time.time(),
        "recipient": copy.address,
        "user-variables": {"t": copy.token, "a": call.attempt},
        "message": {"headers": {"message-id": f"{copy.token}@sandbox"}},
    }


def _signed(event: dict[str, Any], key: str) -> dict[str, Any]:
    stamp, token = str(int(time.time())), uuid4().hex
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {
        "signature": {"timestamp": stamp, "token": token, "signature": signature},
        "event-data": event,
    }
