"""What readers agree to and take back: asking, confirming, declining, leaving, coming back, pausing, changing settings.

Each act writes its consent event in the same transaction; no other code changes a subscription's state (suppression,
erasure and import write their own events). A request answers the same for every address, so that nobody learns who
reads us.
"""

from subscriptions.consent import attack, watching
from subscriptions.consent.asking import (
    CONFIRM_WITHIN,
    Wish,
    decide_sign_ups,
    request_subscription,
    take_down,
)
from subscriptions.consent.changing import LONGEST_PAUSE, change_settings, pause, set_cadence
from subscriptions.consent.confirming import (
    Confirmed,
    ask_again,
    asked_for,
    confirm,
    due_of,
    find_confirmation,
)
from subscriptions.consent.declining import Question, decline, find_question, undo_declining
from subscriptions.consent.leaving import (
    UNDO_WITHIN,
    back_together_with,
    can_restore,
    has_come_back,
    left_together_with,
    restore,
    unsubscribe,
)
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
from subscriptions.consent.pressing import ONE_CLICK, press
from subscriptions.consent.proving import note_letters
from subscriptions.consent.record import Change
from subscriptions.consent.resending import resend_confirmation
from subscriptions.consent.returning import ask_to_return, ended_by_stops
from subscriptions.correspondence import UNDO_ADDRESS_WITHIN

__all__ = [
    "CONFIRM_ADDRESS_WITHIN",
    "CONFIRM_WITHIN",
    "LONGEST_PAUSE",
    "ONE_CLICK",
    "RESEND_AFTER",
    "UNDO_ADDRESS_WITHIN",
    "UNDO_WITHIN",
    "Change",
    "Confirmed",
    "Moved",
    "Question",
    "Wish",
    "ask_again",
    "ask_for_new_address",
    "ask_to_return",
    "asked_for",
    "attack",
    "back_together_with",
    "can_restore",
    "change_settings",
    "confirm",
    "confirm_new_address",
    "decide_new_addresses",
    "decide_sign_ups",
    "decline",
    "due_of",
    "ended_by_stops",
    "find_address_change",
    "find_confirmation",
    "find_question",
    "find_undo",
    "has_come_back",
    "has_moved",
    "left_together_with",
    "may_ask_for_link",
    "may_confirm_again",
    "moving",
    "note_asked",
    "note_letters",
    "outcome",
    "pause",
    "press",
    "request_subscription",
    "resend_confirmation",
    "restore",
    "set_cadence",
    "take_down",
    "undo_declining",
    "undo_new_address",
    "unsubscribe",
    "watching",
]
