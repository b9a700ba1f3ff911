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
from subscriptions.consent.limits import RESEND_AFTER, may_ask_for_link, may_confirm_again, note_asked
from subscriptions.consent.new_address import (
    CONFIRM_ADDRESS_WITHIN,
    Moved,
    ask_for_new_address,
    confirm_new_address,
    decide_new_addresses,
    find_address_change,
    find_undo,
    has_moved,
    moving,
    outcome,
    undo_new_address,
)
from subscriptions.consent.record import Change
from subscriptions.consent.resending import resend_confirmation
from subscriptions.consent.returning import ask_to_return, ended_by_stops
from subscriptions.correspondence import UNDO_ADDRESS_WITHIN

__all__ = [
    "CONFIRM_ADDRESS_WITHIN",
    "CONFIRM_WITHIN",
    "LONGEST_PAUSE",
    "RESEND_AFTER",
    "UNDO_ADDRESS_WITHIN",
    "UNDO_WITHIN",
    "Change",
    "Confirmed",
    "Moved",
    "ask_again",
    "ask_for_new_address",
    "ask_to_return",
    "asked_for",
    "attack",
    "can_restore",
    "change_settings",
    "confirm",
    "confirm_new_address",
    "decide_new_addresses",
    "ended_by_stops",
    "find_address_change",
    "find_confirmation",
    "find_undo",
    "has_moved",
    "may_ask_for_link",
    "may_confirm_again",
    "moving",
    "note_asked",
    "outcome",
    "pause",
    "request_subscription",
    "resend_confirmation",
    "restore",
    "set_cadence",
    "undo_new_address",
    "unsubscribe",
]
