"""She left, or moved, and took it back; what a stranger asked for in her name between the two changes nothing of hers."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.utils.translation import override

from subscriptions import audiences, consent, facts
from subscriptions.models import ConsentEvent, Newsletter, Subscription
from subscriptions.states import ConsentKind
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.moving import DAY, HOUR, NEW, OLD, ask, confirm, reading, undo

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

LONG_AGO = NOON - 400 * DAY
STORY: dict[str, Any] = {
    "requested_at": LONG_AGO,
    "confirmed_at": LONG_AGO + HOUR,
    "source": "/articles/die-faehre/",
    "cadence": "weekly",
}


def a_stranger_asks(newsletter: Newsletter, *, at: dt.datetime) -> None:
    """By a form on a site of their own, and nobody confirms it."""
    asked = consent.request_subscription(
        consent.Wish(
            typed_address=OLD,
            newsletters=[newsletter],
            language="en",
            form=f"/embed/{newsletter.slug}/ https://stranger.example",
            network_address="198.51.100.9",
            weekly=[],
        ),
        at=at,
    )
    assert asked


def leave(row: Subscription, *, at: dt.datetime) -> None:
    assert consent.unsubscribe(row, how="/u/", network_address=None, at=at)


def press(row: Subscription, *, at: dt.datetime) -> None:
    assert consent.press(row.pk, network_address=None, at=at)


def as_it_stands(row: Subscription) -> dict[str, object]:
    return dict(Subscription.objects.values().get(pk=row.pk))


@pytest.mark.parametrize("end", [leave, press])
def test_undoing_leaves_since_when_and_where_she_signed_up(end: Callable[..., None]) -> None:
    row = reading(**STORY)
    before = as_it_stands(row)
    end(row, at=NOON - 2 * HOUR)
    a_stranger_asks(row.newsletter, at=NOON - HOUR)
    assert as_it_stands(row)["source"] != STORY["source"]

    assert consent.restore(row, how="/u/", network_address=None, at=NOON)

    assert as_it_stands(row) == before
    look = audiences.deliverable([row.pk], newsletter=row.newsletter, at=NOON, cadence="weekly")[row.pk]
    assert (look.since, look.source) == (LONG_AGO.date(), STORY["source"])


def test_a_record_from_before_all_was_kept_gives_back_what_it_holds() -> None:
    row = reading(**STORY)
    before = as_it_stands(row)
    leave(row, at=NOON - HOUR)
    left = ConsentEvent.objects.get(kind=ConsentKind.UNSUBSCRIBED)
    del left.facts["before"]["source"], left.facts["before"]["requested_at"]
    left.pk = None
    left.save(force_insert=True)

    assert consent.restore(row, how="/u/", network_address=None, at=NOON)

    assert as_it_stands(row) == before


def test_taking_a_move_back_does_as_well() -> None:
    row = reading(**STORY)
    make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber(address=NEW.casefold()))
    before = as_it_stands(row)
    ask(row, at=NOON)
    confirm(at=NOON + HOUR)
    a_stranger_asks(row.newsletter, at=NOON + 2 * HOUR)

    undo(at=NOON + DAY)

    assert as_it_stands(row) == before


@pytest.mark.parametrize("end", [leave, press])
def test_what_is_kept_for_the_way_back_is_told_in_words_alone(end: Callable[..., None]) -> None:
    row = reading(**STORY)

    end(row, at=NOON)

    with override("en"):
        told = facts.told("unsubscribed", ConsentEvent.objects.get(kind=ConsentKind.UNSUBSCRIBED).facts)
    assert len(told) == 2
    assert told[0] == "Until then: active, the weekly best-of"
    assert told[1].startswith("Confirmed: ")
