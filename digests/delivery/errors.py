"""What can go wrong in the engine.

DeliveryError
├── MailingInWrongState     the act does not fit the mailing's state; trying again does not help
├── UnknownRendition        a mailing needs variant 0, and a variant is a number from 0 to 7
├── FreezeMismatch          the ledger does not hold what the freeze counted; nothing may be sent from it
├── FenceBroken             two calls for one batch met: must never happen, so it is loud
├── QuotaUsedUp             fewer copies are left for the provider's day than the call has; it can go tomorrow
└── NotHeld                 an act on held copies found none
"""

from collections.abc import Sequence


class DeliveryError(Exception):
    """Base of the engine's errors."""


class MailingInWrongState(DeliveryError):
    """Raised when an act does not fit; `state` is what the mailing is, `wanted` what the act needs."""

    def __init__(self, *, mailing_id: int, state: str, wanted: Sequence[str]) -> None:
        super().__init__(f"Mailing {mailing_id} is {state}; this needs {' or '.join(wanted)}.")
        self.mailing_id = mailing_id
        self.state = state
        self.wanted = tuple(wanted)


class UnknownRendition(DeliveryError):
    """A mailing's variants are numbered from 0 to 7, and there is a variant 0."""


class FreezeMismatch(DeliveryError):
    """The ledger and the mailing's count disagree after the last page."""

    def __init__(self, *, mailing_id: int, counted: int, found: int) -> None:
        super().__init__(f"Mailing {mailing_id} counted {counted} readers, its ledger has {found}.")
        self.mailing_id = mailing_id
        self.counted = counted
        self.found = found


class FenceBroken(DeliveryError):
    """An attempt was open while its batch was not: somebody else holds the batch."""

    def __init__(self, *, batch_id: int, fence: int) -> None:
        super().__init__(f"Batch {batch_id} is no longer held under fence {fence}.")
        self.batch_id = batch_id
        self.fence = fence


class QuotaUsedUp(DeliveryError):
    """The provider's day has not so many copies left."""

    def __init__(self, *, provider: str, copies: int) -> None:
        super().__init__(f"The quota of {provider} has no {copies} copies left today.")
        self.provider = provider
        self.copies = copies


class NotHeld(DeliveryError):
    """None of the copies named is held."""
