"""She left, or moved, and took it back; what a stranger asked for in her name between the two changes nothing of hers."""

import csv
import datetime as dt
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.utils.translation import override

from digests.delivery import reader_history
from newsroom.mail.models import Letter
from subscriptions import audiences, consent, evidence, facts, privacy, transfer
from subscriptions.models import ConsentEvent, Newsletter, Subscription
from subscriptions.states import ConsentKind
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token
from tests.subscriptions.moving import DAY, HOUR, NEW, OLD, ask, confirm, reading, undo

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

LONG_AGO = NOON - 400 * DAY
STORY: dict[str, Any] = {
    "requested_at": LONG_AGO,
    "confirmed_at": LONG_AGO + HOUR,
    "source": "/articles/die-faehre/",
    "cadence": "weekly",
}
FILE = "email,requested_at,confirmed_at\nmia@example.org,,\n"


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


def dates_everywhere(row: Subscription) -> list[evidence.Dates]:
    """When she asked and confirmed, as her own data, the export, the reader desk and the list at the desk say it."""
    (own,) = privacy.export_reader(row.subscriber)["subscriptions"]
    (line,) = csv.DictReader(io.StringIO("".join(transfer.lines("readers", newsletters=None))))
    (at_desk,) = reader_history.dates_of(reader_history.known(row.subscriber), [row])
    texts = [
        [own[name] for name in ("requested_at", "confirmed_at", "imported_at")],
        [line["requested_at"], line["confirmed_at"], own["imported_at"]],
    ]
    read = [[dt.datetime.fromisoformat(text) if text else None for text in each] for each in texts]
    return [
        *(
            evidence.Dates(requested_at=first, confirmed_at=then, imported_at=file)
            for first, then, file in read
        ),
        at_desk,
        evidence.dates_of_shown(evidence.with_last(Subscription.objects.all()).get()),
    ]


def test_what_nobody_knew_of_an_imported_reader_nobody_knows_after_it() -> None:
    newsletter = make_newsletter()
    transfer.import_subscribers(FILE, newsletter=newsletter, basis="Moved", actor="rui", at=NOON)
    row = Subscription.objects.select_related("subscriber", "newsletter").get()
    unknown = evidence.Dates(requested_at=None, confirmed_at=None, imported_at=NOON)
    assert dates_everywhere(row) == [unknown] * 4
    leave(row, at=NOON + HOUR)
    a_stranger_asks(newsletter, at=NOON + 2 * HOUR)
    asked = Subscription.objects.get()
    assert {each.requested_at for each in dates_everywhere(asked)} == {NOON + 2 * HOUR}

    consent.restore(row, how="/u/", network_address=None, at=NOON + 3 * HOUR)

    assert dates_everywhere(Subscription.objects.get()) == [unknown] * 4


def test_the_export_names_the_words_she_agreed_to_and_not_those_a_stranger_saw() -> None:
    newsletter = make_newsletter()
    a_stranger_asks(newsletter, at=NOON)  # it was herself, this time
    consent.confirm(
        confirm_token(Letter.objects.get()), network_address="203.0.113.7", at=NOON + dt.timedelta(minutes=1)
    )
    row = Subscription.objects.select_related("subscriber", "newsletter").get()
    before = list(transfer.lines("readers", newsletters=None))
    assert NOON.isoformat() in "".join(before)
    leave(row, at=NOON + HOUR)
    a_stranger_asks(newsletter, at=NOON + 2 * HOUR)

    consent.restore(row, how="/u/", network_address=None, at=NOON + 3 * HOUR)

    assert list(transfer.lines("readers", newsletters=None)) == before
