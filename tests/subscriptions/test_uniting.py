"""Two readers who turn out to be one when she moves: what each had, and what taking it back gives."""

import pytest

from newsroom.mail.addresses import address_hash
from newsroom.web import tokens
from subscriptions import consent, suppression
from subscriptions.errors import UndoExpired
from subscriptions.models import ConsentEvent, Subscription, Suppression
from subscriptions.states import Cadence, ConsentKind, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import (
    fresh_client,
    path_of,
)
from tests.subscriptions.moving import DAY, HOUR, NEW, OLD, active, ask, confirm, opened, undo

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def make_two() -> tuple[Subscription, Subscription, dict[str, Subscription]]:
    """Mia at two addresses: at both, at the old one only, left at the new one."""
    old, new = make_subscriber(address=OLD, language="en"), make_subscriber(address=NEW.casefold())
    both, brought, left = make_newsletter(), make_newsletter(), make_newsletter()
    rows = {
        "both": make_subscription(newsletter=both, subscriber=old, cadence=Cadence.WEEKLY),
        "brought": make_subscription(newsletter=brought, subscriber=old, paused_until=NOON + 9 * DAY),
        "left": make_subscription(newsletter=left, subscriber=old),
        "theirs": make_subscription(newsletter=both, subscriber=new),
    }
    gone = make_subscription(newsletter=left, subscriber=new)
    consent.unsubscribe(gone, how="/u/", network_address="", at=NOON - DAY)
    return rows["both"], rows["theirs"], rows | {"gone": gone}


def test_readers_who_are_one_become_one() -> None:
    both, theirs, rows = make_two()
    ask(both)

    done = confirm()

    assert done.reader == theirs.subscriber
    assert active(NEW) == {rows[name].newsletter_id for name in ("both", "brought", "left")}
    assert not active(OLD)
    theirs.refresh_from_db()
    assert theirs.cadence == Cadence.EACH  # what comes there stays as it was
    brought = Subscription.objects.get(subscriber=theirs.subscriber, newsletter=rows["brought"].newsletter)
    assert brought.paused_until == NOON + 9 * DAY


def test_each_newsletter_that_moves_has_its_agreement_in_the_record() -> None:
    both, theirs, rows = make_two()
    ask(both)
    confirm()

    events = ConsentEvent.objects.filter(
        subscriber=theirs.subscriber, kind=ConsentKind.CONFIRMED, form="/address/"
    )
    assert {event.newsletter_id for event in events} == {
        rows["brought"].newsletter_id,
        rows["left"].newsletter_id,
    }
    assert all(event.wording and event.address == NEW.casefold() for event in events)
    ended = ConsentEvent.objects.filter(
        subscriber=both.subscriber, kind=ConsentKind.UNSUBSCRIBED, facts__because="moved"
    )
    assert ended.count() == 3


def test_what_may_not_come_to_the_new_address_does_not() -> None:
    both, _theirs, rows = make_two()
    stopped = rows["brought"].newsletter
    suppression.suppress(
        address_hash(NEW.casefold()), reason=SuppressionReason.COMPLAINT, newsletter=stopped, at=NOON
    )
    ask(both)

    confirm()

    assert stopped.pk not in active(NEW)
    assert Suppression.objects.filter(newsletter=stopped).exists()


def test_a_link_in_an_old_mail_ends_what_became_of_it_and_opens_nobodys_settings() -> None:
    both, _theirs, rows = make_two()
    ask(both)
    confirm()
    url = path_of(tokens.leave_url(rows["brought"].pk))

    fresh_client().post(url, {"List-Unsubscribe": "One-Click"})
    settings = opened(both).get("/preferences/").content.decode()

    assert rows["brought"].newsletter_id not in active(NEW)
    assert both.newsletter_id in active(NEW)
    assert NEW.casefold() not in settings.casefold()


def test_taking_a_union_back_gives_each_her_own() -> None:
    both, theirs, rows = make_two()
    ask(both)
    confirm()

    done = undo()

    assert done.reader == both.subscriber
    assert active(OLD) == {rows[name].newsletter_id for name in ("both", "brought", "left")}
    assert active(NEW) == {theirs.newsletter_id}
    brought, kept = Subscription.objects.get(pk=rows["brought"].pk), Subscription.objects.get(pk=both.pk)
    assert (brought.paused_until, kept.cadence, brought.moved_to) == (NOON + 9 * DAY, "weekly", None)


def test_taking_a_union_back_revives_nothing_that_was_stopped_meanwhile() -> None:
    both, _theirs, _rows = make_two()
    ask(both)
    confirm()
    suppression.suppress(address_hash(OLD), reason=SuppressionReason.COMPLAINT, at=NOON + HOUR)

    undo()

    assert not active(OLD)


def test_the_undo_of_leaving_does_not_bring_back_what_moved() -> None:
    both, _theirs, _rows = make_two()
    ask(both)
    confirm()

    with pytest.raises(UndoExpired):
        consent.restore(both, how="/u/", network_address="", at=NOON + HOUR)
