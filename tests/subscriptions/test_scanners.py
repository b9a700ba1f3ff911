"""Mail scanners open every link, some in a full browser: no GET, HEAD or OPTIONS may change a single row.

Every address of the site with a token in it is tried; one that is added and not named here fails a test.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver

from digests import workflow
from digests.approval_tokens import approval_url
from digests.models import Link
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web import tokens
from newsroom.web.clock import now
from newsroom.web.masking import mask_text
from newsroom.web.tokens import TokenKind
from subscriptions import consent
from subscriptions.models import AddressChange, Subscription
from tests.digests.factories import make_handed_over, make_proofed
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import (
    dump,
    fresh_client,
    make_confirmation,
    make_pending,
    path_of,
    settings_path,
)

# What opens links before people do, and what prefetches them.
AGENTS: Mapping[str, dict[str, str]] = {
    "browser": {
        "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/120 Safari/537.36"
    },
    "prefetching browser": {"User-Agent": "Mozilla/5.0 Chrome/120", "Sec-Purpose": "prefetch;prerender"},
    "Barracuda": {"User-Agent": "BarracudaCentral/1.0"},
    "Safe Links": {
        "User-Agent": "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "X-Forwarded-For": "203.0.113.7",
    },
    "Proofpoint": {"User-Agent": "Mozilla/5.0 (compatible; proofpoint-urldefense)"},
    "Mimecast": {"User-Agent": "Mimecast-URL-Protect/1.0"},
    "image proxy": {"User-Agent": "Mozilla/5.0 (via ggpht.com GoogleImageProxy)"},
    "link preview": {"User-Agent": "WhatsApp/2.23.20.0", "Range": "bytes=0-524287"},
    "silent": {"User-Agent": ""},
}

_KEY = re.compile(r"/[\w~-]{16,}")

# Tables that may count what was opened, without knowing who did.
COUNTS = {"digests_linkcount"}


class Mailbox:
    """A reader's mails: a link of each kind in each state that it can meet."""

    def __init__(self) -> None:
        self.at = now()
        self.reader = make_subscriber(language="en")
        self.active = make_subscription(newsletter=make_newsletter(), subscriber=self.reader)
        self.left = make_subscription(newsletter=make_newsletter(), subscriber=self.reader)
        consent.unsubscribe(self.left, how="/u/", network_address="", at=self.at)
        self.waiting = make_pending(make_newsletter(), self.reader)

    def leave(self) -> list[str]:
        rows = (self.active, self.left, self.waiting)
        return [*(path_of(tokens.leave_url(row.pk)) for row in rows), "/u/broken"]

    def undo(self) -> list[str]:
        return [f"{url}/undo" for url in self.leave()]

    def preferences(self) -> list[str]:
        return [settings_path(self.active), "/preferences/broken/"]

    def confirm(self) -> list[str]:
        _open, secret = make_confirmation(self.waiting, at=self.at)
        _expired, late = make_confirmation(self.waiting, at=self.at - dt.timedelta(days=8))
        used, done = make_confirmation(self.active, at=self.at)
        used.used_at = self.at
        used.save()
        return [f"/confirm/{each}/" for each in (secret, late, done, "broken")]

    def decline(self) -> list[str]:
        waiting, done, said = (
            make_confirmation(row, at=self.at)[0]
            for row in (self.waiting, self.active, make_pending(make_newsletter()))
        )
        urls = [path_of(tokens.decline_url(each.pk)) for each in (waiting, done, said)]
        fresh_client().post(urls[-1])
        consent.ask_for_new_address(
            self.active.subscriber, typed_address="nie@example.org", network_address="", at=self.at
        )
        consent.decide_new_addresses(at=self.at)
        wish = AddressChange.objects.latest("pk")
        urls.append(path_of(tokens.decline_url(wish.pk, kind=TokenKind.DECLINE_ADDRESS)))
        return [*urls, path_of(tokens.decline_url(2**40)), "/not-me/broken"]

    def undo_declining(self) -> list[str]:
        return [f"{url}/undo" for url in self.decline()]

    def redirect(self) -> list[str]:
        pick = make_handed_over().picks.order_by("pk")[0]
        url = "https://example.org/a"
        link = Link.objects.create(digest=pick.digest, pick=pick, url=url, current_url=url, created_at=NOON)
        return [path_of(tokens.link_url(link.pk)), "/r/broken"]

    def approve(self) -> list[str]:
        proof, aylin = make_proofed(), User.objects.create_superuser("aylin")
        decided = make_proofed()
        workflow.approve(decided, by=aylin, at=NOON)
        return [*(path_of(approval_url(each, aylin)) for each in (proof, decided)), "/approve/broken/"]

    def approve_mail(self) -> list[str]:
        return [f"{url}mail/" for url in self.approve()]

    def new_address(self) -> list[str]:
        asked, moved = (make_subscription(newsletter=make_newsletter()) for _ in range(2))
        for row, address in ((asked, "neu@example.org"), (moved, "anders@example.org")):
            consent.ask_for_new_address(row.subscriber, typed_address=address, network_address="", at=self.at)
        consent.decide_new_addresses(at=self.at)
        waiting, done = (self._secret(row.subscriber.pk, LetterKind.NEW_ADDRESS) for row in (asked, moved))
        consent.confirm_new_address(done, network_address="", at=self.at)
        back = self._secret(moved.subscriber.pk, LetterKind.ADDRESS_CHANGED)
        return [f"/address/{each}/" for each in (waiting, done, back, "broken")]

    def undo_address(self) -> list[str]:
        return [f"{url}undo/" for url in self.new_address()]

    def _secret(self, reader: int, kind: LetterKind) -> str:
        letter = Letter.objects.filter(kind=kind, subscriber_id=reader).latest("pk")
        found = re.search(r"/address/([\w-]+)/", letter.text)
        assert found is not None
        return found[1]


LINKS: Mapping[str, Callable[[Mailbox], list[str]]] = {
    "confirm": Mailbox.confirm,
    "decline": Mailbox.decline,
    "undo_declining": Mailbox.undo_declining,
    "leave": Mailbox.leave,
    "undo": Mailbox.undo,
    "preferences_link": Mailbox.preferences,
    "redirect": Mailbox.redirect,
    "approve": Mailbox.approve,
    "approve_mail": Mailbox.approve_mail,
    "confirm_address": Mailbox.new_address,
    "undo_address": Mailbox.undo_address,
}


def with_token(patterns: list[URLPattern | URLResolver] | None = None, before: str = "") -> Iterator[str]:
    """The names of all addresses with a token in them, but for those that providers post to."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from with_token(each.url_patterns, route)
        elif re.search(r"<[^>]*(token|secret)[^>]*>", route) and not route.startswith("webhooks/"):
            yield each.name or f"the nameless page {route}"


def test_every_address_with_a_token_is_tried() -> None:
    """Another one? Add its links, in each state that they can meet, to LINKS."""
    assert sorted(with_token()) == sorted(LINKS)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(LINKS.keys() - {"redirect"}))  # those lead everybody to an article
def test_no_log_shows_the_key_of_a_link(name: str) -> None:
    links = LINKS[name](Mailbox())

    assert [link for link in links if _KEY.search(link)]
    assert not [link for link in links if _KEY.search(mask_text(f"GET {link} HTTP/1.1"))]


def rows() -> dict[str, list[tuple[object, ...]]]:
    return {table: found for table, found in dump().items() if table not in COUNTS}


@pytest.mark.django_db
@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("name", LINKS)
def test_a_link_opened_by_a_scanner_changes_nothing(name: str, agent: str) -> None:
    links = LINKS[name](Mailbox())
    before = rows()

    for link in links:
        client = fresh_client()
        for method in ("get", "head", "options", "get"):
            answer = getattr(client, method)(link, headers=AGENTS[agent])
            assert answer.status_code in {200, 302, 404, 405}, link
            assert "<script" not in answer.content.decode(), link
            assert "reader" not in answer.cookies, link

    assert rows() == before


@pytest.mark.django_db
def test_the_dump_would_notice() -> None:
    link = Mailbox().leave()[0]
    before = rows()

    fresh_client().post(link)

    assert rows() != before
    assert Subscription.objects.active().count() == 0
