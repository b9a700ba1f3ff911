"""The Mailgun path: the real pump from the ledger to the sink, beside a client that posts prebuilt bytes."""

import http.client
import os
from uuid import uuid4

import requests

from bench import material
from bench.rig import HTTP_PORT
from digests.delivery import pump
from digests.delivery.models import Batch
from digests.delivery.states import BatchState
from newsroom.mail import providers, wire
from newsroom.mail.providers.http import DeadlineSession
from newsroom.web import clock

_SMALL = 1_000


def per_call() -> int:
    """How many readers the engine puts into one call with a mail of this size."""
    sizes = Batch.objects.filter(mailing=material.make_frozen(_SMALL)).values_list("size", flat=True)
    return max(sizes)


class Pump:
    """One worker process: claim, last look at each reader, attempt, call, outcome of every copy."""

    def __init__(self, readers: int) -> None:
        self.readers = readers

    def prepare(self) -> None:
        material.clear()
        self._mailing = material.make_sending(self.readers)

    def run(self) -> int:
        pump.run(provider="mailgun", seconds=3600, at_clock=clock.now)
        batches = Batch.objects.filter(mailing=self._mailing)
        assert not batches.exclude(state=BatchState.DONE).exists()
        return self.readers


class Form:
    """Only the provider's part: the form for each call, encoded and posted."""

    def __init__(self, readers: int, per_call: int) -> None:
        self.readers = readers
        self._mail = wire.compile_mail(material.envelope(), material.content(material.LONG))
        self._copies = material.copies(range(1, per_call + 1))

    def prepare(self) -> None:
        self._provider = providers.provider("mailgun")

    def run(self) -> int:
        calls = self.readers // len(self._copies)
        for _ in range(calls):
            call = self._provider.hand_over(self._mail, self._copies, attempt_id=uuid4(), seconds=60)
            assert call.http_status == 200
        return calls * len(self._copies)


class _Overheard(Exception):
    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


class _Listener(requests.adapters.BaseAdapter):
    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:  # type: ignore[override]
        assert isinstance(request.body, str | bytes)
        raise _Overheard(request.body.encode() if isinstance(request.body, str) else request.body)

    def close(self) -> None:
        """Nothing was opened."""


def payload(readers: int) -> bytes:
    """The very bytes that our provider posts for so many readers."""
    provider = providers.make(providers.config("mailgun"))
    session: DeadlineSession = provider._session  # type: ignore[attr-defined]  # Mailgun's
    session.mount("http://", _Listener())
    mail = wire.compile_mail(material.envelope(), material.content(material.LONG))
    try:
        provider.hand_over(mail, material.copies(range(1, readers + 1)), attempt_id=uuid4(), seconds=60)
    except _Overheard as overheard:
        return overheard.body
    raise AssertionError("nothing was posted")


class BarePost:
    """The same bytes posted over one kept connection: what the loopback and the sink allow."""

    def __init__(self, readers: int, per_call: int) -> None:
        self.readers, self._per_call = readers, per_call
        self._body = payload(per_call)

    def prepare(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", int(os.environ[HTTP_PORT]), timeout=30)

    def run(self) -> int:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        calls = self.readers // self._per_call
        for _ in range(calls):
            self._connection.request("POST", "/v3/mg.example.org/messages", body=self._body, headers=headers)
            answer = self._connection.getresponse()
            answer.read()
            assert answer.status == 200
        return calls * self._per_call

    def facts(self) -> dict[str, float]:
        return {"bytes": len(self._body), "readers": self._per_call}
