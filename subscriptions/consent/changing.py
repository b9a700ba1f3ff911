"""Changing settings: pauses, how often, newsletters on and off, the language."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from subscriptions.consent.asking import Wish, request_subscription
from subscriptions.consent.leaving import can_restore, restore, unsubscribe
from subscriptions.consent.record import Change, changed
from subscriptions.consent.returning import ask_to_return
from subscriptions.errors import NothingToPause, NoWeekly, UndoExpired
from subscriptions.models import Newsletter, Subscriber, Subscription
from subscriptions.states import Cadence, SubscriptionState
from subscriptions.suppression import may_ask_again, unliftable
from subscriptions.wording import SETTINGS, Shown

# To the end of the same day next year; the hour is for a clock that was put back meanwhile.
LONGEST_PAUSE = timedelta(days=367, hours=1)


def pause(
    subscription: Subscription,
    *,
    until: datetime | None,
    how: str,
    network_address: str | None,
    at: datetime,
) -> Change:
    """Hold an active subscription until a time, or let it go on at once with None. Resumes by itself.

    how: where it happened, such as "/preferences/". Raises NothingToPause if it is not active, ValueError for a time
    that is past or more than a year away.
    """
    if until is not None and not at < until <= at + LONGEST_PAUSE:
        raise ValueError("A pause ends after now and within a year.")
    with transaction.atomic():
        row = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
        if row.state != SubscriptionState.ACTIVE:
            raise NothingToPause(row.pk)
        before = row.paused_until if row.paused_until and row.paused_until > at else None
        change = Change(
            newsletter=subscription.newsletter,
            what="paused_until",
            before=before.isoformat() if before else "",
            after=until.isoformat() if until else "",
        )
        if before == until:
            return change
        Subscription.objects.filter(pk=row.pk).update(paused_until=until)
        changed(subscription.subscriber, [change], how=how, network_address=network_address, at=at)
    subscription.paused_until = until
    return change


def set_cadence(
    subscription: Subscription, *, cadence: Cadence, how: str, network_address: str | None, at: datetime
) -> Change:
    """Send each digest or the weekly best-of from now on.

    Raises NoWeekly if the newsletter has no weekly best-of to change to, NothingToPause if the subscription is not active.
    """
    newsletter = subscription.newsletter
    with transaction.atomic():
        row = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
        if row.state != SubscriptionState.ACTIVE:
            raise NothingToPause(row.pk)
        change = Change(newsletter=newsletter, what="cadence", before=row.cadence, after=cadence.value)
        if change.before == change.after:
            return change
        if cadence == Cadence.WEEKLY and not newsletter.has_weekly:
            raise NoWeekly(newsletter.pk)
        Subscription.objects.filter(pk=row.pk).update(cadence=cadence)
        changed(subscription.subscriber, [change], how=how, network_address=network_address, at=at)
    subscription.cadence = cadence
    return change


def change_settings(
    reader: Subscriber,
    *,
    newsletters: Iterable[Newsletter],
    wanted: Collection[int],
    pauses: Mapping[int, datetime | None],
    cadences: Mapping[int, Cadence] | None = None,
    language: str,
    how: str,
    network_address: str,
    at: datetime,
    shown: Mapping[int, Shown] | None = None,
) -> list[Change]:
    """Bring a reader's settings to what her form says; only what differs is touched.

    newsletters: those the form offered. wanted: ids of the ones switched on. pauses: by newsletter id, a time or None
    to go on. cadences: by newsletter id. shown: which words the form showed, by newsletter id, where not its
    usual ones in the language that was hers until now. Switching on what was left within a day restores it; else a
    letter asks to confirm, as for anybody; also where a bounce or a complaint had stopped it, because it is her own
    wish. A change to "asked" says that this letter goes, one to "not asked" that the limits forbid it.
    """
    changes: list[Change] = []
    asked: list[Newsletter] = []
    usual = Shown(version=SETTINGS, language=reader.language)  # this form may change it
    with transaction.atomic():
        rows = {row.newsletter_id: row for row in reader.subscriptions.select_related("newsletter__sender")}
        for newsletter in newsletters:
            row = rows.get(newsletter.pk)
            is_on = row is not None and row.state == SubscriptionState.ACTIVE
            if newsletter.pk in wanted and not is_on:
                if row is not None and _is_restored(row, how=how, network_address=network_address, at=at):
                    changes.append(_switch(newsletter, before="off", after="on"))
                else:
                    asked.append(newsletter)
                    changes.append(_switch(newsletter, before="off", after="asked"))
            elif newsletter.pk not in wanted and is_on and row is not None:
                unsubscribe(row, how=how, network_address=network_address, at=at)
                changes.append(_switch(newsletter, before="on", after="off"))
            elif row is not None and is_on:
                changes += _adjust(
                    row,
                    pauses=pauses,
                    cadence=(cadences or {}).get(newsletter.pk),
                    how=how,
                    network_address=network_address,
                    at=at,
                )
        if language != reader.language:
            change = Change(newsletter=None, what="language", before=reader.language, after=language)
            Subscriber.objects.filter(pk=reader.pk).update(language=language)
            reader.language = language
            changed(reader, [change], how=how, network_address=network_address, at=at)
            changes.append(change)
        if asked:
            wish = Wish(
                typed_address=reader.sendable,
                newsletters=asked,
                language=language,
                form=how,
                network_address=network_address,
                shown={each.pk: (shown or {}).get(each.pk, usual) for each in asked},
            )
            written = _ask(reader, wish, at=at)
            changes = [
                _switch(each.newsletter, before="off", after="not asked")
                if each.newsletter in asked and each.newsletter not in written
                else each
                for each in changes
            ]
    return changes


def _ask(reader: Subscriber, wish: Wish, *, at: datetime) -> list[Newsletter]:
    """Ask by letter about what she switched on; of which newsletters one asks her now."""
    may_ask_again(reader.address_hash)
    stopped = unliftable(reader.address_hash)
    asked = list(wish.newsletters)
    returning = [each for each in asked if stopped & {None, each.pk}]
    written = ask_to_return(
        reader,
        returning,
        how=wish.form,
        network_address=wish.network_address,
        at=at,
        shown=wish.shown,
    )
    others = [each for each in asked if each not in returning]
    if request_subscription(replace(wish, newsletters=others), at=at):
        written += others
    return written


def _adjust(
    row: Subscription,
    *,
    pauses: Mapping[int, datetime | None],
    cadence: Cadence | None,
    how: str,
    network_address: str,
    at: datetime,
) -> list[Change]:
    """Pause and cadence of a newsletter that stays on; what really changed."""
    done = []
    if cadence is not None:
        done.append(set_cadence(row, cadence=cadence, how=how, network_address=network_address, at=at))
    if row.newsletter_id in pauses:
        done.append(
            pause(row, until=pauses[row.newsletter_id], how=how, network_address=network_address, at=at)
        )
    return [change for change in done if change.before != change.after]


def _is_restored(row: Subscription, *, how: str, network_address: str, at: datetime) -> bool:
    if not can_restore(row, at=at):
        return False
    try:
        return restore(row, how=how, network_address=network_address, at=at)
    except UndoExpired:
        return False


def _switch(newsletter: Newsletter, *, before: str, after: str) -> Change:
    return Change(newsletter=newsletter, what="state", before=before, after=after)
