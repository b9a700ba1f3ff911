"""What leaves the house beside mail: error reports and access logs hold no reader and no key."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import sentry_sdk
from gunicorn.config import Config
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from newsroom.web import error_reports
from newsroom.web.access_log import AccessLogger

TOKEN = "EQAAAAAABb0hIzQSI5E5"


class _Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)


def _fail(address: str) -> None:
    known_to_nobody = address.upper()
    raise ValueError(f"Key (address)=({address}) exists already; {len(known_to_nobody)}")


def test_an_error_report_names_no_reader_and_no_key() -> None:
    kept = _Kept()
    options = error_reports.options("https://key@errors.example.org/1")
    client = sentry_sdk.Client(**options, transport=kept, default_integrations=False)

    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        scope.add_breadcrumb(message=f"Not Found: /u/{TOKEN}")
        scope.set_context("request", {"url": f"https://news.example.org/confirm/{TOKEN}/"})
        try:
            _fail("ann.reader@example.org")
        except ValueError as error:
            scope.capture_exception(error)

    [envelope] = kept.envelopes
    sent = envelope.serialize().decode()
    assert "a…@example.org" in envelope.get_event()["exception"]["values"][0]["value"]  # type: ignore[index]
    assert "ann.reader" not in sent
    assert "ANN.READER" not in sent
    assert TOKEN not in sent


def test_an_access_log_holds_no_key() -> None:
    logger = AccessLogger(Config())
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "RAW_URI": f"/u/{TOKEN}",
        "PATH_INFO": f"/u/{TOKEN}",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_REFERER": f"https://news.example.org/preferences/{TOKEN}/",
        "REMOTE_ADDR": "203.0.113.9",
    }
    answer = SimpleNamespace(status="200 OK", sent=7, headers=[])

    atoms = logger.atoms(answer, SimpleNamespace(headers=[]), environ, timedelta(seconds=1))

    assert atoms["r"] == "POST /u/… HTTP/1.1"
    assert TOKEN not in Config().access_log_format % {**atoms, "{host}i": ""}
    assert atoms["h"] == "203.0.113.9"
