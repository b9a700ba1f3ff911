"""Calls of providers: `cases.json` as Anymail's own tests make them, replayed against our addresses.

Right: what is expected to be taken is stored, each event in its kind, and a replay stores nothing more; what is expected to
be refused is, and changes nothing. Our secret stands in the path, so that right or wrong basic authentication becomes
a right or wrong secret.
"""

import base64
import contextlib
import importlib.util
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch
from urllib.parse import quote, urlsplit

from django.core.cache import cache
from django.test import Client, override_settings

from newsroom.mail.events import NOT_STORED
from newsroom.mail.models import ProviderEvent
from tests.corpora.tally import Tally, Unjudged, load

RIGHT, WRONG = "corpora-secret-of-ours", "corpora-secret-of-others"
_OPTIONS = {
    "MAILGUN_WEBHOOK_SIGNING_KEY": "webhook_signing_key",
    "MAILERSEND_SIGNING_SECRET": "signing_secret",
    "MAILTRAP_SIGNING_SECRET": "signing_secret",
    "RESEND_SIGNING_SECRET": "signing_secret",
    "MANDRILL_WEBHOOK_KEY": "webhook_key",
    "POSTAL_WEBHOOK_KEY": "webhook_key",
    "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY": "tracking_webhook_verification_key",
}

# Packages that a signature needs and that are no part of a plain installation.
_NEEDED = {"amazon_ses": "boto3", "postal": "cryptography", "resend": "svix", "sendgrid": "cryptography"}


def run(folder: Path) -> Tally:
    tally = Tally()
    for case in load(folder / "cases.json"):
        tally.judge(f"{case['id']} {case['expected_status']}", _is_right, case)
    return tally


def _is_right(case: dict[str, Any]) -> bool:
    ProviderEvent.objects.all().delete()
    cache.clear()
    with override_settings(MAIL_PROVIDERS=_providers(case)):
        first = _call(case)
        stored = list(ProviderEvent.objects.order_by("pk").values_list("kind", "reject_reason"))
        again = _call(case)
    needed = _NEEDED.get(_scheme(case), "")
    if first == 503 and not stored and needed and not importlib.util.find_spec(needed):
        raise Unjudged(f"needs {needed}")
    if ProviderEvent.objects.count() != len(stored) or again != first:
        return False
    if case["expected_status"] >= 400:
        return 400 <= first < 500 and not stored
    wanted = Counter(
        (event["event_type"], event["reject_reason"] or "")
        for event in case["expected_events"] or []
        if event["event_type"] not in NOT_STORED
    )
    # What a provider's first openings are called without a switch of Anymail's; we keep no openings.
    left_out = wanted - Counter(stored)
    return (
        first == 200 and not Counter(stored) - wanted and {kind for kind, _reason in left_out} <= {"unknown"}
    )


def _scheme(case: dict[str, Any]) -> str:
    return urlsplit(case["path"]).path.split("/")[2]


def _providers(case: dict[str, Any]) -> str:
    given = case["anymail_settings"]
    scheme = _scheme(case)
    options = [("webhook", RIGHT)] + [
        (_OPTIONS[name], value) for name, value in given.items() if name in _OPTIONS
    ]
    if scheme in {"postal", "unisender_go"}:
        options.append(("api_url", "https://api.example.org/"))
    if scheme == "mandrill":
        options.append(("webhook_url", given.get("MANDRILL_WEBHOOK_URL") or _signed_url(case)))
    host = "mg.example.org" if scheme == "mailgun" else ""
    key = given.get(f"{scheme.upper()}_API_KEY", "KEY")
    return f"main={scheme}://{key}@{host}?" + "&".join(
        f"{name}={quote(str(value), safe='')}" for name, value in options
    )


def _signed_url(case: dict[str, Any]) -> str:
    """The address that the sender signed: with the user and password that it called with."""
    login = _login(case)
    return f"http://{login + '@' if login else ''}testserver{case['path']}"


def _login(case: dict[str, Any]) -> str:
    kind, _blank, encoded = case["headers"].get("Authorization", "").partition(" ")
    return base64.b64decode(encoded).decode() if kind == "Basic" else ""


def _call(case: dict[str, Any]) -> int:
    secrets = case["anymail_settings"].get("WEBHOOK_SECRET") or []
    known = [secrets] if isinstance(secrets, str) else secrets
    secret = RIGHT if not known or _login(case) in known else WRONG
    body = (
        base64.b64decode(case["body_base64"])
        if case.get("body_base64")
        else (case.get("body") or "").encode()
    )
    # Where Anymail's tests hand over bytes as a header, the corpus shows them as Python does.
    headers = {
        name: value[2:-1] if value.startswith("b'") else value for name, value in case["headers"].items()
    }
    headers.pop("Authorization", None)
    with _when_it_was_signed(case):
        answer = Client(raise_request_exception=True).generic(
            case["method"],
            f"/webhooks/main/{secret}/",
            body,
            content_type=case.get("content_type") or "application/json",
            headers=headers,
        )
    return int(answer.status_code)


@contextlib.contextmanager
def _when_it_was_signed(case: dict[str, Any]) -> Iterator[None]:
    """A signature that is good for minutes is judged as on its day; one without a time is not good on any."""
    try:
        then = datetime.fromtimestamp(float(case["headers"]["svix-timestamp"]), UTC)
    except (KeyError, ValueError):
        yield
        return

    class Then(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(then.timestamp(), tz)

    with patch("standardwebhooks.webhooks.datetime", Then):
        yield
