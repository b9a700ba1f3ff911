"""How long a reader's traces are kept that are of no more use: links, wishes, addresses she has left.

What proves an agreement stays (GDPR art. 7(1)); what only helped to reach it goes. In slices, each its own commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsroom.mail import retention as mail
from subscriptions import privacy
from subscriptions.correspondence import UNDO_ADDRESS_WITHIN
from subscriptions.models import (
    AddressChange,
    Confirmation,
    LinkRequest,
    SignUpRequest,
    SoftBounces,
    Subscriber,
    Subscription,
)
from subscriptions.states import OPEN

# A worker answers within seconds; what waits longer was lost with a fault.
_LINKS_WAIT = timedelta(days=1)
# A sign-up may wait for workers that are away over a weekend.
_SIGN_UPS_WAIT = timedelta(days=7)
_BOUNCES_COUNT = timedelta(days=90)
# Why no list brings back a former address of a reader who became one with another.
_BECAME_ANOTHER = "reads on at another address of hers"

# Translators: Dass jemand einen Link zu den Einstellungen angefordert hat
_LINK_REQUESTS = _("That somebody asked for a link to the settings")
# Translators: Ihre Anmeldung, bis die E-Mail zur Bestätigung geschrieben ist; das dauert Sekunden
_SIGN_UPS = _("Your sign-up, until the message to confirm it is written, which takes seconds")
# Translators: der Link, mit dem Sie eine Adressänderung zurücknehmen, und was wir dafür aufheben
_WAYS_BACK = _("The link that takes back a change of your address, and what we keep for it")
# Translators: an welchen Tagen Ihr Postfach unsere E-Mails vorübergehend nicht annahm, gerechnet vom letzten an
_BOUNCES = _(
    "On which days your mailbox did not take our e-mails for the time being, counted from the last of them"
)
# What each number of KEPT_DAYS is about, in readers' words.
SETTABLE: Mapping[str, object] = {
    # Translators: dass wir Ihnen eine E-Mail zu Ihrem Abo geschickt haben, etwa zur Begrüßung; ihr Text verschwindet mit dem Versand
    "letters": _(
        "That we sent you an e-mail about your subscription, such as a welcome; its text goes when it is sent"
    ),
    # Translators: Was der E-Mail-Dienst über eine Zustellung gemeldet hat, im Wortlaut
    "payloads": _("What the e-mail service reported about a delivery, word for word"),
    # Translators: Dass er es gemeldet hat, und wann
    "events": _("That it reported something, and when"),
    # Translators: benutzte und abgelaufene Links, die eine Anmeldung oder eine neue Adresse bestätigen, ohne die Adressen
    "confirmations": _(
        "Used and expired links that confirm a sign-up or a new address, without the addresses"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A kind of record and for how many days it is kept, as the privacy notice says it."""

    what: str
    days: int


def kept() -> list[Kept]:
    """For how long each kind of record is kept that goes by itself, the shortest first."""
    fixed = [
        (_LINK_REQUESTS, _LINKS_WAIT),
        (_SIGN_UPS, _SIGN_UPS_WAIT),
        (_WAYS_BACK, UNDO_ADDRESS_WITHIN),
        (_BOUNCES, _BOUNCES_COUNT),
    ]
    settable = [(words, mail.days(settings.KEPT_DAYS[name])) for name, words in SETTABLE.items()]
    rows = [Kept(what=str(words), days=time.days) for words, time in fixed + settable]
    return sorted(rows, key=lambda row: row.days)


def tidy(*, at: datetime, rows: int = mail.SLICE) -> dict[str, int]:
    """Let go what is of no more use; how many rows of each kind. Safe to run twice, and to kill.

    rows: per slice. Queries: 3 per slice, and 9 when nothing is old.
    """
    kept = mail.days(settings.KEPT_DAYS["confirmations"])
    return {
        "unconfirmed": _forget_unconfirmed(at=at, rows=rows),
        "addresses": _forget_left_addresses(at=at, rows=rows),
        "changes": mail.delete_older(AddressChange.objects.all(), "asked_at", at - kept, rows=rows),
        "confirmations": mail.delete_older(Confirmation.objects.all(), "expires_at", at - kept, rows=rows),
        "link_requests": mail.delete_older(
            LinkRequest.objects.all(), "asked_at", at - _LINKS_WAIT, rows=rows
        ),
        "sign_ups": mail.delete_older(
            SignUpRequest.objects.all(), "asked_at", at - _SIGN_UPS_WAIT, rows=rows
        ),
        "soft_bounces": _forget_bounces((at - _BOUNCES_COUNT).date(), rows=rows),
    }


def _forget_unconfirmed(*, at: datetime, rows: int) -> int:
    forgotten = 0
    while True:
        some = privacy.forget_unconfirmed(at=at, limit=rows)
        forgotten += some
        if some < rows:
            return forgotten


def _forget_left_addresses(*, at: datetime, rows: int) -> int:
    """Empty what no link can use any more: wishes that nobody confirmed, moves that can no longer be undone.

    A wish that was dropped waits its day out like any other: until then its letter counts for the limits of its mailbox.
    A reader who was united with another one is forgotten with it, unless something comes to her again.
    """
    undo_ended = at - UNDO_ADDRESS_WITHIN
    over = (
        Q(confirmed_at=None, expires_at__lte=at)
        | Q(confirmed_at__lte=undo_ended)
        | Q(confirmed_at__isnull=False, undone_at__isnull=False)
    )
    held = AddressChange.objects.filter(over).exclude(typed_address="", former_address="").order_by("pk")
    emptied = 0
    while numbers := list(held.values_list("pk", flat=True)[:rows]):
        with transaction.atomic():
            changes = AddressChange.objects.filter(pk__in=numbers)
            united = changes.filter(united_with__isnull=False, undone_at=None)
            for number in list(united.values_list("subscriber_id", flat=True)):
                _forget_if_idle(number, at=at)
            changes.update(
                typed_address="", former_address="", network_address=None, token_hash=None, undo_hash=None
            )
        emptied += len(numbers)
    return emptied


def _forget_if_idle(number: int, *, at: datetime) -> None:
    reader = Subscriber.objects.select_for_update().get(pk=number)
    if not Subscription.objects.filter(subscriber=reader, state__in=OPEN).exists():
        privacy.forget_for_good(reader, note=_BECAME_ANOTHER, at=at)


def _forget_bounces(before: date, *, rows: int) -> int:
    """Addresses whose mail has not bounced for so long that no day counts any more."""
    gone, after = 0, 0
    while found := list(
        SoftBounces.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "days")[:rows]
    ):
        after = found[-1][0]
        old = [number for number, days in found if not days or max(days) < before.isoformat()]
        SoftBounces.objects.filter(pk__in=old).delete()
        gone += len(old)
    return gone
