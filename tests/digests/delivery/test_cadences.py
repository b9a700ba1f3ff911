"""A week of digests while readers change their minds: each gets each mail exactly as she had chosen, and no other."""

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest

from digests import planning
from digests.delivery import control, freezing, pump
from digests.delivery.models import Delivery, Mailing
from digests.models import Digest, Plan
from digests.states import Autopilot
from subscriptions import consent
from subscriptions.models import Newsletter, Subscription
from subscriptions.states import Cadence
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie
from tests.digests.delivery.factories import Clock, make_readers
from tests.digests.delivery.scripted import ScriptedProvider
from tests.digests.factories import DAY, HOUR, MONDAY_SIX
from tests.factories import make_article, make_newsletter, make_plan

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

EACH, WEEKLY = Cadence.EACH.value, Cadence.WEEKLY.value
READERS = 24
MORNINGS = [MONDAY_SIX + day * DAY for day in range(6)]
SATURDAY_EIGHT = MORNINGS[-1] + 2 * HOUR


@pytest.fixture
def newsletter() -> Newsletter:
    """A newsletter of six mornings, and its best-of on Saturday at eight."""
    made = make_newsletter()
    sends: dict[str, Any] = {
        "newsletter": made,
        "autopilot": Autopilot.FILL_AND_SEND,
        "first_window_from": MONDAY_SIX - DAY,
        "last_due_at": MONDAY_SIX - DAY,
    }
    make_plan(weekdays="mo,tu,we,th,fr,sa", **sends)
    make_plan(cadence=Cadence.WEEKLY, weekdays="sa", time=dt.time(8), **sends)
    planning.tell_newsletter(made, at=MONDAY_SIX - HOUR)
    made.refresh_from_db()
    return made


def choose(reader: Subscription, cadence: str, *, at: dt.datetime) -> None:
    row = Subscription.objects.select_related("newsletter", "subscriber").get(pk=reader.pk)
    consent.set_cadence(row, cadence=Cadence(cadence), how="/preferences/", network_address="", at=at)


def send(at: dt.datetime, meanwhile: Callable[[], None], clock: Clock) -> Mailing:
    """What the plan makes at this moment, from its hand-over to its last copy. meanwhile: between freeze and copies."""
    clock.at = at
    (digest,) = planning.run_due_plans(at)
    mailing = Mailing.objects.get(digest_mailing__digest=digest)
    freezing.freeze(mailing.pk, at=at, page_rows=7)
    meanwhile()
    control.start(Mailing.objects.get(pk=mailing.pk), at=at)
    pump.run(seconds=5, at_clock=clock)
    mailing.refresh_from_db()
    return mailing


def readers_of(mailing: Mailing, *, state: str = "accepted") -> set[int]:
    rows = Delivery.objects.filter(mailing=mailing, state=state)
    return set(rows.values_list("subscription_id", flat=True))


@pytest.mark.parametrize("seed", range(4))
def test_over_a_week_of_changes_each_reader_gets_what_she_had_chosen(
    seed: int, newsletter: Newsletter, provider: ScriptedProvider, clock: Clock
) -> None:
    chance = random.Random(seed)
    readers = make_readers(newsletter, READERS)
    chosen = {reader.pk: EACH for reader in readers}

    def some_change(at: dt.datetime) -> None:
        for reader in chance.sample(readers, 5):
            chosen[reader.pk] = WEEKLY if chosen[reader.pk] == EACH else EACH
            choose(reader, chosen[reader.pk], at=at)

    for number, moment in enumerate([*MORNINGS, SATURDAY_EIGHT]):
        cadence = WEEKLY if moment == SATURDAY_EIGHT else EACH
        make_article(title=f"Tag {number}", first_seen_at=moment - HOUR)
        some_change(moment - HOUR)
        at_freeze = dict(chosen)

        mailing = send(moment, lambda at=moment: some_change(at), clock)  # type: ignore[misc]  # bound to its moment

        frozen = {pk for pk, wants in at_freeze.items() if wants == cadence}
        asked_for_less = {pk for pk in frozen if cadence == EACH and chosen[pk] == WEEKLY}
        assert readers_of(mailing) == frozen - asked_for_less
        assert readers_of(mailing, state="skipped") == asked_for_less
        assert_account_holds(mailing)
        assert_no_lie(mailing, provider)

    assert Digest.objects.get(cadence=Cadence.WEEKLY).picks.count() == len(MORNINGS)


def test_who_never_changes_her_mind_gets_all_of_one_kind_and_none_of_the_other(
    newsletter: Newsletter, provider: ScriptedProvider, clock: Clock
) -> None:
    of_each, of_weekly = make_readers(newsletter, 2)
    choose(of_weekly, WEEKLY, at=MONDAY_SIX - HOUR)
    sent: dict[int, list[str]] = {of_each.pk: [], of_weekly.pk: []}

    for number, moment in enumerate([*MORNINGS, SATURDAY_EIGHT]):
        make_article(title=f"Tag {number}", first_seen_at=moment - HOUR)
        mailing = send(moment, lambda: None, clock)
        for pk in readers_of(mailing):
            sent[pk].append(mailing.audience["cadence"])

    assert sent == {of_each.pk: [EACH] * 6, of_weekly.pk: [WEEKLY]}


def test_nothing_of_a_week_is_lost_to_who_turns_while_the_best_of_is_on_its_way(
    newsletter: Newsletter, provider: ScriptedProvider, clock: Clock
) -> None:
    (reader,) = make_readers(newsletter, 1)
    choose(reader, WEEKLY, at=MONDAY_SIX - HOUR)
    make_article(first_seen_at=MONDAY_SIX - HOUR)
    send(MONDAY_SIX, lambda: None, clock)
    Plan.objects.filter(cadence=Cadence.EACH).update(is_active=False)

    mailing = send(SATURDAY_EIGHT, lambda: choose(reader, EACH, at=SATURDAY_EIGHT), clock)

    assert readers_of(mailing) == {reader.pk}


def test_who_turns_while_a_digest_is_on_its_way_finds_it_in_the_best_of(
    newsletter: Newsletter, provider: ScriptedProvider, clock: Clock
) -> None:
    (reader,) = make_readers(newsletter, 1)
    make_article(title="Fähre", first_seen_at=MONDAY_SIX - HOUR)

    daily = send(MONDAY_SIX, lambda: choose(reader, WEEKLY, at=MONDAY_SIX), clock)
    Plan.objects.filter(cadence=Cadence.EACH).update(is_active=False)
    best_of = send(SATURDAY_EIGHT, lambda: None, clock)

    assert readers_of(daily, state="skipped") == {reader.pk}
    assert readers_of(best_of) == {reader.pk}
    titles = Digest.objects.get(cadence=Cadence.WEEKLY).picks.values_list("article__title", flat=True)
    assert list(titles) == ["Fähre"]


def test_a_break_and_leaving_count_for_the_best_of_as_for_any_mail(
    newsletter: Newsletter, provider: ScriptedProvider, clock: Clock
) -> None:
    left, paused, stays = make_readers(newsletter, 3)
    for reader in (left, paused, stays):
        choose(reader, WEEKLY, at=MONDAY_SIX - HOUR)
    make_article(first_seen_at=MONDAY_SIX - HOUR)
    send(MONDAY_SIX, lambda: None, clock)
    Plan.objects.filter(cadence=Cadence.EACH).update(is_active=False)

    def meanwhile() -> None:
        consent.unsubscribe(
            Subscription.objects.get(pk=left.pk), how="/u/", network_address="", at=SATURDAY_EIGHT
        )
        Subscription.objects.filter(pk=paused.pk).update(paused_until=SATURDAY_EIGHT + DAY)

    mailing = send(SATURDAY_EIGHT, meanwhile, clock)

    assert readers_of(mailing) == {stays.pk}
    assert readers_of(mailing, state="skipped") == {left.pk, paused.pk}
