"""What leaves the house beside mail: error reports and access logs hold no reader and no key."""

import re
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sentry_sdk
from django.conf import settings
from django.test import RequestFactory
from gunicorn.config import Config
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
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


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Failing row contains (7, 203.0.113.9, null).", "Failing row contains (7, 203.0.113.0, null)."),
        ("Failing row contains (7, 2001:db8:7:a11::5, a).", "Failing row contains (7, 2001:db8:7::, a)."),
        ("(network_address)=(203.0.113.9/32)", "(network_address)=(203.0.113.0/32)"),
        (r"'line\n2001:db8:7:a11::5\n203.0.113.9'", r"'line\n2001:db8:7::\n203.0.113.0'"),
        ("from [2001:db8:7:a11::5]:51234, ::ffff:203.0.113.9.", "from [2001:db8:7::]:51234, 203.0.113.0."),
        ("WHERE id::bigint = 3 AT 10:20:30", "WHERE id::bigint = 3 AT 10:20:30"),
        ("Python 3.12.3, django 5.2.1", "Python 3.12.3, django 5.2.1"),
    ],
)
def test_an_error_report_tells_nobodys_line(said: str, shown: str) -> None:
    options = error_reports.options("https://key@errors.example.org/1")
    event = {"exception": {"values": [{"value": said}]}, "breadcrumbs": [{"data": {"sql": said}}]}

    left = options["before_send"](event, {})

    assert left == {"exception": {"values": [{"value": shown}]}, "breadcrumbs": [{"data": {"sql": shown}}]}


@pytest.mark.parametrize("piece", ["1", "1.", ":", "a:", "::a", "1:2:3:4:5:6:7:8 "])
def test_a_long_report_costs_a_moment(piece: str) -> None:
    begun = time.process_time()

    error_reports.masked(piece * 20_000)

    assert time.process_time() - begun < 3


def test_a_report_of_a_page_that_failed_names_nobody_who_asked_for_it_and_nobody_looked_for() -> None:
    kept = _Kept()
    options = error_reports.options("https://key@errors.example.org/1")
    client = sentry_sdk.Client(**options, transport=kept, default_integrations=False)
    asked = RequestFactory().get(
        "/admin/subscriptions/subscriber/",
        {"q": "ann.reader@example.org"},
        REMOTE_ADDR="203.0.113.9",
        headers={
            "X-Forwarded-For": "203.0.113.9",
            "Forwarded": "for=203.0.113.9",
            "CDN-Connecting-IP": "203.0.113.9",
            "Referer": "https://news.example.org/admin/?q=ann.reader%40example.org",
            "User-Agent": "Mozilla/5.0",
        },
    )

    def fails(environ: Any, start_response: Any) -> Any:
        raise ValueError("no such page")

    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        with pytest.raises(ValueError, match="no such page"):
            SentryWsgiMiddleware(fails)(asked.environ, lambda *answer: None)

    sent = "".join(envelope.serialize().decode() for envelope in kept.envelopes)
    assert "/admin/subscriptions/subscriber/" in sent
    assert "Mozilla/5.0" in sent
    assert "ann.reader" not in sent
    assert "203.0.113.9" not in sent


def _atoms(**more: str) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "RAW_URI": f"/u/{TOKEN}",
        "PATH_INFO": f"/u/{TOKEN}",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_REFERER": f"https://news.example.org/preferences/{TOKEN}/",
        "REMOTE_ADDR": "203.0.113.9",
    }
    answer = SimpleNamespace(status="200 OK", sent=7, headers=[])
    request = SimpleNamespace(headers=[("X-FORWARDED-FOR", more.get("HTTP_X_FORWARDED_FOR", ""))])
    return AccessLogger(Config()).atoms(answer, request, environ | more, timedelta(seconds=1))


def test_an_access_log_holds_no_key() -> None:
    atoms = _atoms()

    assert atoms["r"] == "POST /u/… HTTP/1.1"
    assert TOKEN not in Config().access_log_format % {**atoms, "{host}i": ""}


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        ("203.0.113.9", "203.0.113.0"),
        ("2001:db8:7:a11::5", "2001:db8:7::"),
        ("::ffff:203.0.113.9", "203.0.113.0"),
        ("203.0.113.9:51234", "203.0.113.0:51234"),
        ("[2001:db8:7:a11::5]:51234", "[2001:db8:7::]:51234"),
        ("203.0.113.9,198.51.100.77, 192.0.2.4", "203.0.113.0,198.51.100.0, 192.0.2.0"),
        ("", ""),
        ("10:20:30", "10:20:30"),
    ],
)
def test_an_access_log_tells_whose_network_it_was_and_not_whose_line(peer: str, shown: str) -> None:
    atoms = _atoms(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=peer)

    assert [atoms[each] for each in ("h", "{remote_addr}e", "{x-forwarded-for}i")] == [shown] * 3


@pytest.mark.parametrize("header", ["a", "1", ":", "1.", "a:"])
def test_a_long_header_costs_a_moment(header: str) -> None:
    begun = time.process_time()

    _atoms(HTTP_X_FORWARDED_FOR=header * 20_000)

    assert time.process_time() - begun < 1  # by the square of the length it was several


def test_an_access_log_shows_the_rest_as_it_was() -> None:
    atoms = _atoms(HTTP_USER_AGENT="Mozilla/5.0 (X11) Chrome/120.0.0.0")

    assert (atoms["s"], atoms["b"], atoms["a"]) == ("200", "7", "Mozilla/5.0 (X11) Chrome/120.0.0.0")


@pytest.mark.parametrize(
    ("variable", "asked", "shown"),
    [
        ("$remote_addr", "203.0.113.9", "203.0.113.0"),
        ("$remote_addr", "2001:db8:7:a11::5", "2001:db8:7::"),
        ("$remote_addr", "2001:db8::5", "-"),
        ("$remote_addr", "unix:", "-"),
        ("$request_uri", f"/u/{TOKEN}", "/u/***"),
        ("$request_uri", f"/preferences/{TOKEN}/", "/preferences/***"),
        ("$request_uri", f"/webhooks/main/{TOKEN}/tracking/", "/webhooks/main/***"),
        ("$request_uri", f"/address/{TOKEN}/undo/", "/address/***"),
        ("$request_uri", f"/approve/{TOKEN}/", "/approve/***"),
        ("$request_uri", "/subscribe/", "/subscribe/"),
    ],
)
def test_the_logs_of_the_proxy_in_the_manual_hold_no_key_and_no_line(
    variable: str, asked: str, shown: str
) -> None:
    manual = (settings.BASE_DIR / "docs" / "operators.md").read_text("utf-8")
    [table] = re.findall(rf"map {re.escape(variable)} \$\w+ {{\n(.*?)\n    }}", manual, re.DOTALL)
    rules = re.findall(r'^ +~(\S+) +"(.*)";$', table, re.MULTILINE)
    [rest] = re.findall(r"^ +default +(\S+);$", table, re.MULTILINE)

    logged = rest.replace(variable, asked)
    for pattern, value in reversed(rules):  # the first that fits counts
        if found := re.search(pattern.replace("(?<", "(?P<"), asked):
            logged = re.sub(r"\$\{(\w+)\}", lambda name, found=found: found[name[1]], value)  # type: ignore[misc]

    assert logged == shown
    [logs] = re.findall(r"log_format newsroom '(.*)';", manual)
    assert variable not in logs
