"""Mailgun: a thousand readers in one call, each with own values by recipient variables.

"Batch sending" in Mailgun's user manual (read 2026-11-22): every `%recipient.name%` in body and headers is replaced
by that recipient's variable, and each gets a message of his own. Addresses go as they are, already in ASCII: the
variables are looked up by the very string in `to`.
"""

import json
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import requests

from newsroom.mail import verdicts
from newsroom.mail.errors import BadMail
from newsroom.mail.provider_urls import ProviderConfig
from newsroom.mail.providers.base import (
    RESPONSE_CHARACTERS,
    Capabilities,
    Found,
    HandOver,
    all_alike,
    cannot_be_written,
    incomplete,
    not_offered,
)
from newsroom.mail.providers.http import DeadlineSession
from newsroom.mail.providers.mailgun_form import FORM_HEADERS, Forms
from newsroom.mail.verdicts import Outcome, Ruling, Verdict
from newsroom.mail.wire import CompiledMail, Copy

_HOSTS = {"": "https://api.mailgun.net", "us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}


class MailgunProvider:
    """One sending domain at Mailgun."""

    def __init__(self, config: ProviderConfig) -> None:
        self.name = config.name
        self.capabilities = Capabilities(
            batch_size=1_000,
            max_bytes=25_000_000,
            personal_headers=True,
            one_call_per_reader=False,
            can_search=True,
            search_lag_seconds=30 * 60,
            shared_body_factor=12,  # UTF-8 of up to four bytes, each percent-encoded
        )
        base = config.api_url.rstrip("/") or _HOSTS.get(config.options.get("region", ""), _HOSTS[""])
        if not urlsplit(base).path:
            base += "/v3"
        self._url = f"{base}/{config.host}/messages"
        self._events_url = f"{base}/{config.host}/events"
        self._auth = ("api", config.username if config.username != "api" else config.password)
        self._session = DeadlineSession()
        self._forms = Forms()
        self._lock = threading.Lock()

    def hand_over(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float
    ) -> HandOver:
        good, outcomes = _writable(mail, copies)
        if not good:
            return HandOver(outcomes=outcomes)
        form = self._forms.build(mail, good, attempt_id)
        with self._lock:
            self._session.begin(seconds=seconds)
            try:
                response = self._session.post(self._url, data=form, headers=FORM_HEADERS, auth=self._auth)
            except requests.RequestException as error:
                call = all_alike(good, verdicts.of_exception(error))
            else:
                call = _judged(response, good)
        return HandOver(**{**vars(call), "outcomes": {**outcomes, **call.outcomes}})

    def search(self, *, attempt_id: UUID, since: datetime, until: datetime, seconds: float) -> Found:
        """Mailgun's events of that attempt, page by page ("Events" in its API reference, read 2026-11-22)."""
        tokens: set[str] = set()
        query = {
            "event": "accepted",
            "begin": f"{since.timestamp():.0f}",
            "end": f"{until.timestamp():.0f}",
            "limit": "300",
            "user-variables": json.dumps({"a": str(attempt_id)}),
        }
        url, seen = f"{self._events_url}?{urlencode(query)}", set[str]()
        with self._lock:
            self._session.begin(seconds=seconds)
            while url not in seen and len(seen) < _MOST_PAGES:
                seen.add(url)
                try:
                    response = self._session.get(url, auth=self._auth)
                    if response.status_code != 200:
                        return incomplete(tokens, f"HTTP {response.status_code}")
                    items, following = _page(response.json())
                except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
                    return incomplete(tokens, type(error).__name__)
                # Filters that a server does not know are passed over, so what came is looked at once more.
                tokens |= {own["t"] for own in items if own.get("a") == str(attempt_id) and own.get("t")}
                if not items:
                    return Found(tokens=frozenset(tokens), is_complete=True)
                if not following.startswith(f"{self._events_url}/") and not following.startswith(
                    f"{self._events_url}?"
                ):
                    # Our key goes nowhere else.
                    return incomplete(tokens, "the next page is elsewhere")
                url = following
        return incomplete(tokens, "pages without end")


_MOST_PAGES = 50


def _page(answer: Any) -> tuple[list[dict[str, str]], str]:
    """The variables of a page's events, and where the next page is; it is named after the last one too."""
    variables = [dict(item["user-variables"]) for item in answer["items"]]
    return variables, str(answer["paging"]["next"]) if variables else ""


def _judged(response: requests.Response, copies: Sequence[Copy]) -> HandOver:
    text = response.text[:RESPONSE_CHARACTERS]
    if not response.ok or response.is_redirect:
        ruling = verdicts.of_response(response)
        return all_alike(copies, ruling, http_status=response.status_code, response=text)
    try:
        reference = str(response.json()["id"])[:250]
    except (ValueError, KeyError, TypeError):
        ruling = Ruling(verdict=Verdict.UNKNOWN, reason="HTTP 200 with an answer that cannot be read")
        return all_alike(copies, ruling, http_status=response.status_code, response=text)
    accepted = Outcome(verdict=Verdict.ACCEPTED, provider_ref=reference)
    return HandOver(
        outcomes={copy.seq: accepted for copy in copies},
        http_status=response.status_code,
        provider_ref=reference,
        response=text,
    )


def _writable(mail: CompiledMail, copies: Sequence[Copy]) -> tuple[list[Copy], dict[int, Outcome]]:
    """The copies that can go in one call, and what became of the others."""
    good: list[Copy] = []
    outcomes: dict[int, Outcome] = {}
    addresses: set[str] = set()
    for copy in copies:
        try:
            mail.check(copy)
        except BadMail as error:
            outcomes[copy.seq] = cannot_be_written(error)
            continue
        if bool(copy.leave_url) != bool(copies[0].leave_url):
            # A header that some recipients have and others have not would arrive empty.
            outcomes[copy.seq] = not_offered("copies with and without List-Unsubscribe are in the same call")
        elif copy.address in addresses:
            # Variables hang on the address: two copies for one would become one.
            outcomes[copy.seq] = not_offered("another copy for this address is in the same call")
        else:
            addresses.add(copy.address)
            good.append(copy)
    return good, outcomes
