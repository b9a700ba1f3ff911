"""A sign-up between the web, which writes it down, and the worker, who decides it."""

import datetime as dt
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.web import clock, throttles
from subscriptions import consent, correspondence, privacy, retention, suppression
from subscriptions.models import (
    Confirmation,
    ConsentEvent,
    Newsletter,
    SignUpRequest,
    Subscriber,
    Subscription,
)
from subscriptions.states import NewsletterState, SuppressionReason
from subscriptions.views import offered
from subscriptions.wording import BOX, Shown, wording
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, make_pending, signup_fields

pytestmark = pytest.mark.django_db


def take_down(address: str, newsletter: Newsletter, *, at: dt.datetime = NOON, **more: Any) -> None:
    wish = consent.Wish(
        typed_address=address,
        newsletters=[newsletter],
        language="de",
        form="/articles/die-faehre/",
        network_address="203.0.113.7",
    )
    consent.take_down(replace(wish, **more), at=at)


def _pending(newsletter: Newsletter) -> None:
    make_pending(newsletter, make_subscriber(address="mia@example.org"))


def _active(newsletter: Newsletter) -> None:
    make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="mia@example.org"))


def _suppressed(newsletter: Newsletter) -> None:
    suppression.suppress(address_hash("mia@example.org"), reason=SuppressionReason.COMPLAINT, at=NOON)


def _over_the_limit(newsletter: Newsletter) -> None:
    take_down("mia@example.org", newsletter, at=clock.now())
    consent.decide_sign_ups()


@pytest.mark.parametrize("prepare", [_pending, _active, _suppressed, _over_the_limit])
def test_a_sign_up_is_the_same_work_whatever_we_know_of_the_address(
    prepare: Callable[[Newsletter], None],
) -> None:
    newsletter = make_newsletter()
    throttles.has_forgotten()
    fresh_client().post("/subscribe/", signup_fields("tom@example.org", newsletter))

    def work(address: str) -> list[str]:
        """The statements of one sign-up: what it costs, whatever the clock says today."""
        with CaptureQueriesContext(connection) as queries:
            answer = fresh_client().post("/subscribe/", signup_fields(address, newsletter))
            assert answer.status_code == 303
        return [re.sub(r"'[^']*'|\b\d+\b", "?", query["sql"]) for query in queries]

    stranger = work("ann@example.org")
    prepare(newsletter)

    assert work("mia@example.org") == stranger
    assert [sql.split()[0] for sql in stranger].count("INSERT") == 1


def test_the_record_is_of_the_moment_she_asked_and_of_the_words_she_saw() -> None:
    newsletter = make_newsletter(name="Am Fluss")

    take_down(" Mia@example.org ", newsletter, wording_version=BOX, network_address="2001:db8::7")
    assert not ConsentEvent.objects.exists()
    consent.decide_sign_ups()

    event = ConsentEvent.objects.get()
    assert (event.at, event.network_address, event.form) == (NOON, "2001:db8::7", "/articles/die-faehre/")
    assert (event.wording_version, event.wording) == (BOX, wording(BOX, "de", name="Am Fluss").text)
    assert (event.address, event.language) == ("mia@example.org", "de")
    assert Subscriber.objects.get().typed_address == "Mia@example.org"
    assert Confirmation.objects.get().created_at == NOON
    assert Letter.objects.get().pk == event.facts["letter"]


@pytest.mark.postgres
@pytest.mark.parametrize("is_weekly", [True, False])
def test_what_is_written_down_reads_back_column_by_column(is_weekly: bool) -> None:
    newsletter, other = make_newsletter(), make_newsletter()
    newsletter.has_weekly = True
    at = NOON + dt.timedelta(microseconds=123456)

    take_down(
        "Mia'@example.org",
        newsletter,
        at=at,
        newsletters=[other, newsletter],
        weekly=[newsletter.pk] if is_weekly else None,
        shown={newsletter.pk: Shown(version=BOX, language="en")} if is_weekly else {},
        form="/100%/'\"\\/",
        network_address="2001:db8::7" if is_weekly else "",
    )

    written: dict[str, Any] = dict(SignUpRequest.objects.values().get())
    written.pop("id")
    assert written == {
        "typed_address": "Mia'@example.org",
        "address_hash": address_hash("mia'@example.org"),
        "newsletters": [other.pk, newsletter.pk],
        "weekly": [newsletter.pk] if is_weekly else None,
        "language": "de",
        "form": "/100%/'\"\\/",
        "network_address": "2001:db8::7" if is_weekly else None,
        "wording_version": wording("", "de").version,
        "shown": {str(newsletter.pk): [BOX, "en"]} if is_weekly else None,
        "asked_at": at,
    }


def test_a_version_nobody_knows_is_settled_when_she_asks() -> None:
    take_down("mia@example.org", make_newsletter(), wording_version="x" * 20)

    assert SignUpRequest.objects.get().wording_version == wording("", "de").version


def test_it_is_decided_once() -> None:
    take_down("mia@example.org", make_newsletter())

    assert [consent.decide_sign_ups(), consent.decide_sign_ups()] == [1, 0]
    assert (Letter.objects.count(), ConsentEvent.objects.count()) == (1, 1)
    assert not SignUpRequest.objects.exists()


def test_what_waits_is_decided_by_the_times_it_was_asked_at() -> None:
    newsletter = make_newsletter()
    minute = dt.timedelta(minutes=1)
    for after in (0 * minute, minute / 2, 2 * minute, 3 * minute, 4 * minute):
        take_down("mia@example.org", newsletter, at=NOON + after)

    consent.decide_sign_ups()

    # 60 s apart, three within a day: as if a worker had been there each time.
    times = Confirmation.objects.order_by("pk").values_list("created_at", flat=True)
    assert [time - NOON for time in times] == [0 * minute, 2 * minute, 3 * minute]


def test_one_that_cannot_be_decided_holds_up_nobody_elses_and_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newsletter = make_newsletter()
    for address in ("mia@example.org", "tom@example.org"):
        take_down(address, newsletter)
    ask = correspondence.ask_to_confirm

    def stumble(*args: object, address: str, **more: object) -> int:
        if address == "mia@example.org":
            raise RuntimeError("no such template")
        return ask(*args, address=address, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(correspondence, "ask_to_confirm", stumble)
        assert consent.decide_sign_ups() == 1
    assert [letter.address for letter in Letter.objects.all()] == ["tom@example.org"]
    assert [row.address for row in Subscriber.objects.all()] == ["tom@example.org"]

    assert consent.decide_sign_ups() == 1
    assert Letter.objects.count() == 2


def test_a_newsletter_that_closes_meanwhile_takes_nobody_in() -> None:
    closing, staying = make_newsletter(), make_newsletter()
    take_down("mia@example.org", closing, newsletters=[closing, staying])
    take_down("tom@example.org", closing)
    Newsletter.objects.filter(pk=closing.pk).update(state=NewsletterState.RETIRED)

    consent.decide_sign_ups()

    assert Subscription.objects.get().newsletter == staying
    assert Subscriber.objects.get().address == "mia@example.org"


def woken() -> int:
    """How many wake-ups wait for a worker."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        return sum(b"decide_sign_ups" in message for message in client.lrange("letters", 0, -1))


def test_a_worker_is_woken_once_until_it_looks(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    newsletter = make_newsletter()

    with django_capture_on_commit_callbacks(execute=True):
        take_down("mia@example.org", newsletter)
        take_down("tom@example.org", newsletter)
    assert woken() == 1
    consent.decide_sign_ups()
    with django_capture_on_commit_callbacks(execute=True):
        take_down("ann@example.org", newsletter)

    assert woken() == 2


def test_a_flood_keeps_no_worker_asleep(
    settings: LazySettings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    settings.SIGNUPS_PER_HOUR = {"network": 50, "domain": 50, "site": 1}
    newsletter = make_newsletter()

    with django_capture_on_commit_callbacks(execute=True):
        take_down("mia@example.org", newsletter)
        take_down("tom@example.org", newsletter)  # over the limit of the site

    assert woken() == 2


def test_one_that_is_committed_late_is_decided_in_the_same_look(monkeypatch: pytest.MonkeyPatch) -> None:
    newsletter = make_newsletter()
    take_down("late@example.org", newsletter)
    late = SignUpRequest.objects.get()
    late.delete()  # its transaction goes on while the next one is written and decided
    take_down("mia@example.org", newsletter)
    ask = correspondence.ask_to_confirm

    def commit_meanwhile(*args: object, address: str, **more: object) -> int:
        if address == "mia@example.org":
            SignUpRequest.objects.bulk_create([late])
        return ask(*args, address=address, **more)  # type: ignore[arg-type]

    SignUpRequest.objects.update(id=1000)
    late.pk = 999
    monkeypatch.setattr(correspondence, "ask_to_confirm", commit_meanwhile)

    assert consent.decide_sign_ups() == 2
    assert Letter.objects.count() == 2


def test_what_waits_counts_when_redis_was_emptied(settings: LazySettings, redis_url: str) -> None:
    settings.SIGNUPS_PER_HOUR = {"network": 3, "domain": 50, "site": 600}
    newsletter = make_newsletter()
    for number in range(2):
        take_down(f"reader{number}@example.org", newsletter)

    for number in range(9):
        if number in (0, 2):
            with redis.Redis.from_url(redis_url) as client:
                client.flushall()
        take_down(f"more{number}@example.org", newsletter)

    assert SignUpRequest.objects.count() == 3


def test_who_is_erased_takes_what_waits_along_and_who_asks_is_shown_it() -> None:
    newsletter = make_newsletter()
    reader = make_subscriber(address="mia@example.org")
    take_down("Mia@example.org", newsletter)
    take_down("tom@example.org", newsletter)

    (waiting,) = privacy.export_reader(reader)["sign_ups_not_yet_decided"]
    assert (waiting["address_as_typed"], waiting["network_address"]) == ("Mia@example.org", "203.0.113.7")
    privacy.erase_reader(reader, actor="", at=NOON)

    assert SignUpRequest.objects.get().typed_address == "tom@example.org"


def test_what_no_worker_could_decide_goes_after_a_week() -> None:
    take_down("mia@example.org", make_newsletter())
    week = dt.timedelta(days=7)

    assert retention.tidy(at=NOON + week)["sign_ups"] == 0
    assert retention.tidy(at=NOON + week + dt.timedelta(seconds=1))["sign_ups"] == 1
    assert not SignUpRequest.objects.exists()


def test_what_is_remembered_of_newsletters_refuses_nobody(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PAGE_SECONDS = 10
    monkeypatch.setattr(offered._Memory, "kept", (0.0, []))
    known = make_newsletter()
    fresh_client().post("/subscribe/", signup_fields("mia@example.org", known))
    new = make_newsletter()

    assert fresh_client().post("/subscribe/", signup_fields("tom@example.org", new)).status_code == 303
    Newsletter.objects.filter(pk=known.pk).update(has_weekly=True)
    weekly = signup_fields("ann@example.org", weekly=[known.slug])
    assert fresh_client().post("/subscribe/", weekly).status_code == 303
    Newsletter.objects.filter(pk=known.pk).update(state=NewsletterState.PAUSED)
    fresh_client().post("/subscribe/", signup_fields("eva@example.org", known))
    consent.decide_sign_ups()

    assert [row.newsletter for row in Subscription.objects.all()] == [new]


def test_newsletters_are_read_once_in_some_seconds(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.PAGE_SECONDS = 10
    monkeypatch.setattr(offered._Memory, "kept", (0.0, []))
    make_newsletter()

    with django_assert_num_queries(1):
        assert offered.remembered() == offered.remembered()
    since, rows = offered._Memory.kept
    monkeypatch.setattr(offered._Memory, "kept", (since - 11, rows))
    with django_assert_num_queries(1):
        offered.remembered()
