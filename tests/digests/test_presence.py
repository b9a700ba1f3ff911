"""Who else is at a digest: told to those who may edit it, by the page and by each later look, and soon forgotten."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from digests import presence
from digests.models import Digest, NewsletterAccess, Presence
from digests.states import DigestState
from digests.tasks import forget_clicks
from newsroom.web import clock
from tests.digests.factories import make_colleague, make_ready
from tests.factories import NOON, make_newsletter

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def digest() -> Digest:
    return make_ready()


@pytest.fixture
def aylin() -> User:
    return make_colleague("aylin", "Redaktion", first_name="Aylin", last_name="Kaya")


@pytest.fixture
def jonas() -> User:
    return make_colleague("jonas", "Redaktion")


def browser_of(user: User) -> Client:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def page(browser: Client, digest: Digest) -> str:
    return browser.get(reverse("admin:digests_digest_change", args=[digest.pk])).content.decode()


def asked_again(browser: Client, digest: Digest) -> dict[str, Any]:
    answer: dict[str, Any] = browser.get(reverse("admin:digests_digest_arrivals", args=[digest.pk])).json()
    return answer


def test_the_page_says_who_came_before_and_the_next_look_who_came_after(
    digest: Digest, aylin: User, jonas: User
) -> None:
    first, second = browser_of(aylin), browser_of(jonas)
    assert asked_again(first, digest)["present"] == ""
    Presence.objects.update(since=dt.datetime(2026, 5, 4, 3, 41, tzinfo=dt.UTC))

    assert "Aylin Kaya is here too, since 05:41." in page(second, digest)
    assert asked_again(second, digest)["present"] == "Aylin Kaya is here too, since 05:41."

    assert asked_again(first, digest)["present"].startswith("jonas is here too, since ")
    assert "is here too" not in page(first, make_ready(digest.newsletter))


def test_opening_the_page_writes_nothing_and_a_save_without_a_script_says_who_is_here(
    digest: Digest, aylin: User, jonas: User
) -> None:
    browser = browser_of(aylin)
    page(browser, digest)
    assert not Presence.objects.exists()

    browser.post(reverse("admin:digests_digest_change", args=[digest.pk]), {"version": digest.version})

    assert "Aylin Kaya is here too" in page(browser_of(jonas), digest)


def test_whoever_stays_away_is_soon_no_longer_told_and_comes_back_anew(
    digest: Digest, aylin: User, jonas: User
) -> None:
    presence.note(digest, aylin, at=NOON)
    last_seen = NOON + 4 * MINUTE
    presence.note(digest, aylin, at=last_seen)

    (told,) = presence.note(digest, jonas, at=last_seen + presence.HERE_FOR - MINUTE)
    assert (told.user, told.since) == (aylin, NOON)
    assert presence.note(digest, jonas, at=last_seen + presence.HERE_FOR) == []

    presence.note(digest, aylin, at=NOON + 60 * MINUTE)
    (told,) = presence.note(digest, jonas, at=NOON + 61 * MINUTE)
    assert told.since == NOON + 60 * MINUTE
    assert Presence.objects.filter(digest=digest).count() == 2


def test_those_here_longest_are_told_first(digest: Digest, aylin: User, jonas: User) -> None:
    thea = make_colleague("thea", "Redaktion")
    presence.note(digest, jonas, at=NOON)
    presence.note(digest, aylin, at=NOON + MINUTE)

    assert [each.user for each in presence.note(digest, thea, at=NOON + 2 * MINUTE)] == [jonas, aylin]


def test_who_was_where_yesterday_is_kept_by_nobody(digest: Digest, aylin: User, jonas: User) -> None:
    presence.note(digest, aylin, at=NOON)
    presence.note(digest, jonas, at=NOON + MINUTE)

    assert presence.forget(at=NOON + presence.KEPT_FOR + MINUTE) == 1
    assert [row.user for row in Presence.objects.all()] == [jonas]
    assert forget_clicks() == 1  # the hourly task


def test_two_looks_within_seconds_write_once(
    digest: Digest, aylin: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):  # who is here; one's own row
        presence.note(digest, aylin, at=NOON)
    with django_assert_num_queries(1):
        presence.note(digest, aylin, at=NOON + presence.SEEN_EVERY / 2)
    with django_assert_num_queries(2):
        presence.note(digest, aylin, at=NOON + presence.SEEN_EVERY)


@pytest.mark.parametrize("group", ["Lesend", "Betrieb"])
def test_who_only_looks_is_not_noted_and_not_told(group: str, digest: Digest, aylin: User) -> None:
    presence.note(digest, aylin, at=clock.now())
    reader = browser_of(make_colleague("rui", group))

    assert "is here too" not in page(reader, digest)
    assert "present" not in asked_again(reader, digest)
    assert [row.user for row in Presence.objects.all()] == [aylin]


def test_at_a_digest_that_is_gone_or_elsewhere_nobody_is_noted(
    digest: Digest, aylin: User, jonas: User
) -> None:
    NewsletterAccess.objects.create(user=jonas, newsletter=make_newsletter())
    assert (
        browser_of(jonas).get(reverse("admin:digests_digest_arrivals", args=[digest.pk])).status_code == 403
    )
    Digest.objects.update(state=DigestState.SKIPPED, skipped_because="Feiertag")

    assert "present" not in asked_again(browser_of(aylin), digest)

    assert not Presence.objects.exists()
