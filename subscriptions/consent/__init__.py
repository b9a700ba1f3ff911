"""What readers agree to and take back: asking, confirming, leaving, coming back, pausing, changing settings.

Each act writes its consent event in the same transaction; no other code changes a subscription's state (suppression,
erasure and import write their own events). A request answers the same for every address, so that nobody learns who
reads us.
"""

from subscriptions.consent import attack
from subscriptions.consent.asking import CONFIRM_WITHIN, request_subscription
from subscriptions.consent.changing import LONGEST_PAUSE, change_settings, pause, set_cadence
from subscriptions.consent.confirming import Confirmed, ask_again, asked_for, confirm, find_confirmation
from subscriptions.consent.leaving import UNDO_WITHIN, can_restore, restore, unsubscribe
from subscriptions.consent.limits import RESEND_AFTER, may_ask_for_link, may_confirm_again
from subscriptions.consent.record import Change

__all__ = [
    "CONFIRM_WITHIN",
    "LONGEST_PAUSE",
    "RESEND_AFTER",
    "UNDO_WITHIN",
    "Change",
    "Confirmed",
    "ask_again",
    "asked_for",
    "attack",
    "can_restore",
    "change_settings",
    "confirm",
    "find_confirmation",
    "may_ask_for_link",
    "may_confirm_again",
    "pause",
    "request_subscription",
    "restore",
    "set_cadence",
    "unsubscribe",
]
