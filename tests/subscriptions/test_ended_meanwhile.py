"""A subscription, or its weekly best-of, ends between the reading of a reader's settings and their saving."""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from newsroom.web.clock import now
from newsroom.web.tokens import TokenKind, make
from subscriptions import consent
from subscriptions.consent import changing
from subscriptions.errors import NothingToPause, NoWeekly
from subscriptions.models import ConsentEvent, Newsletter, Subscription
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, settings_path

ENDED = "Your subscription to “Fluss” has ended meanwhile; nothing is saved yet"


def reading() -> Subscription:
    """Two newsletters, the second the one that will end."""
    mia = make_subscriber(address="mia@example.org", language="en")
    market = make_newsletter(slug="markt", name="Markt", has_weekly=True, position=1)
    river = make_newsletter(slug="fluss", name="Fluss", has_weekly=True, position=2)
    make_subscription(newsletter=market, subscriber=mia)
    return make_subscription(newsletter=river, subscriber=mia)


def opened(row: Subscription) -> Client:
    client = fresh_client()
    client.post(settings_path(row))
    return client


def save(client: Client) -> str:
    """What she saves: another cadence here, a break there, another language."""
    sent = {
        "on-markt": "1",
        "cadence-markt": "weekly",
        "until-markt": "",
        "on-fluss": "1",
        "cadence-fluss": "each",
        "pause-fluss": "2",
        "language": "de",
    }
    answer = client.post("/preferences/", sent)
    assert answer.status_code == 200
    return answer.content.decode()


def patch(row: Subscription, sent: dict[str, Any]) -> Any:
    token = {"accept-language": "en", "authorization": f"Bearer {make(TokenKind.MANAGE, row.pk)}"}
    return Client(headers=token).patch("/api/v1/preferences", sent, content_type="application/json")


def pausing() -> dict[str, Any]:
    until = (now() + dt.timedelta(weeks=2)).isoformat()
    changes = {"markt": {"cadence": "weekly"}, "fluss": {"paused_until": until}}
    return {"language": "de", "newsletters": changes}


def nothing_is_saved(row: Subscription) -> bool:
    row.subscriber.refresh_from_db()
    assert row.subscriber.language == "en"
    assert set(Subscription.objects.values_list("cadence", "paused_until")) == {("each", None)}
    assert not ConsentEvent.objects.filter(kind="changed").exists()
    return True


def end_first(monkeypatch: pytest.MonkeyPatch, row: Subscription, error: Exception) -> None:
    """At the moment of saving it ends, and the saving finds that out."""

    def ends(*args: Any, **more: Any) -> None:
        consent.unsubscribe(row, how="one-click", network_address=None, at=now())
        raise error

    monkeypatch.setattr(consent, "change_settings", ends)


def end_meanwhile(monkeypatch: pytest.MonkeyPatch, end: Callable[[], None]) -> None:
    """It ends on a connection of its own after saving has begun, before the second row is written."""
    adjust = changing._adjust

    def on_own_connection() -> None:
        try:
            end()
        finally:
            connections.close_all()

    def late(row: Subscription, **more: Any) -> list[consent.Change]:
        if row.newsletter.slug == "fluss":
            with ThreadPoolExecutor(1) as pool:
                pool.submit(on_own_connection).result(20)
        return adjust(row, **more)

    monkeypatch.setattr(changing, "_adjust", late)


def _shows_it(page: str) -> bool:
    assert page.count(ENDED) == 1
    river = page[page.index('name="on-fluss"') :].partition(">")[0]
    market = page[page.index('name="on-markt"') :].partition(">")[0]
    assert ("checked" in river, "checked" in market) == (False, True)
    assert '<option value="weekly" selected>' in page
    assert '<option value="de" lang="de" selected>' in page
    return True


@pytest.mark.django_db
def test_the_page_is_shown_anew_and_says_what_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    row = reading()
    client = opened(row)
    with monkeypatch.context() as patched:
        end_first(patched, row, NothingToPause(row.pk))

        page = save(client)

    assert _shows_it(page)
    assert nothing_is_saved(row)
    client.post("/preferences/", {"on-markt": "1", "cadence-markt": "weekly", "language": "de"})
    assert list(Subscription.objects.order_by("pk").values_list("state", "cadence")) == [
        ("active", "weekly"),
        ("unsubscribed", "each"),
    ]


@pytest.mark.django_db
def test_the_api_says_what_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    row = reading()
    end_first(monkeypatch, row, NothingToPause(row.pk))

    answer = patch(row, pausing())

    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    problem = answer.json()
    assert problem["detail"] == "The subscription to “Fluss” has ended meanwhile. Nothing was changed."
    assert problem["fields"] == ["newsletters.fluss"]


@pytest.mark.django_db
def test_the_api_says_which_best_of_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    row = reading()
    end_first(monkeypatch, row, NoWeekly(row.newsletter_id))

    answer = patch(row, {"newsletters": {"fluss": {"cadence": "weekly"}}})

    problem = answer.json()
    assert (answer.status_code, problem["fields"]) == (422, ["newsletters.fluss.cadence"])
    assert problem["detail"].startswith("“Fluss” has no best of the week.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres(only=True)
def test_a_one_click_press_during_the_saving_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    row = reading()
    client = opened(row)

    def leave() -> None:
        consent.unsubscribe(row, how="one-click", network_address=None, at=now())

    end_meanwhile(monkeypatch, leave)

    page = save(client)

    assert _shows_it(page)
    assert nothing_is_saved(row)
    assert Subscription.objects.get(pk=row.pk).state == "unsubscribed"


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres(only=True)
@pytest.mark.parametrize("what", ["the subscription", "the best-of"])
def test_what_ends_during_a_patch_is_told(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = reading()
    sent: dict[str, Any] = pausing()

    def end() -> None:
        if what == "the subscription":
            consent.unsubscribe(row, how="one-click", network_address=None, at=now())

    if what == "the best-of":
        sent["newsletters"]["fluss"] = {"cadence": "weekly"}
        judge = changing.change_settings

        def late(*args: Any, **more: Any) -> list[consent.Change]:
            Newsletter.objects.filter(slug="fluss").update(has_weekly=False)
            return judge(*args, **more)

        monkeypatch.setattr(consent, "change_settings", late)
    end_meanwhile(monkeypatch, end)

    answer = patch(row, sent)

    assert answer.status_code == (409 if what == "the subscription" else 422)
    assert nothing_is_saved(row)
