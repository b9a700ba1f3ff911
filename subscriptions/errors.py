"""What can go wrong with a reader's agreement.

SubscriptionError
├── LinkError            a link from a mail leads nowhere any more
│   ├── LinkUnknown      we never made it, or it is mutilated
│   ├── LinkExpired      it is older than a confirmation lives
│   └── LinkOutdated     it went to an address that its reader has left
├── PressedTooSoon       a form was sent quicker than a person can type
├── OpenTooLong          a form was sent with a stamp that is no longer good, or with none
├── Misspelt             the address looks like a slip; `meant` is what it may be
├── UndoExpired          leaving can be undone for a day only; later a new sign-up is needed
├── UnknownReader        we know nobody of this address
│   └── ReaderMoved      a reader had it, who gets her mail elsewhere by now
├── NothingToPause       the subscription is not active
├── SameAddress          the new address is the one we write to
├── NoWeekly             the newsletter has no weekly best-of
├── CadenceRefused       a newsletter does not come as often as was asked; the text is one sentence for the reader
├── NothingToConfirm     no subscription of this reader waits for her confirmation, or she must not be written to
├── TooManyLetters       this mailbox got as many confirmation letters as one may
├── ImportChanged        an import is no longer what the person had seen
└── TransferError        a file that cannot be read at all; `line` says where, 0 for the whole file
"""


class SubscriptionError(Exception):
    """Base of all errors of this app."""


class LinkError(SubscriptionError):
    """A link from a mail leads nowhere any more."""


class LinkUnknown(LinkError):
    """We never made this link, or a mail program mutilated it."""


class LinkExpired(LinkError):
    """The link is older than a confirmation lives; a new one can be asked for. language: the reader's."""

    def __init__(self, language: str) -> None:
        super().__init__("the confirmation is too old")
        self.language = language


class LinkOutdated(LinkError):
    """The link went to an address that its reader has left. language: the reader's."""

    def __init__(self, language: str) -> None:
        super().__init__("the reader has moved")
        self.language = language


class PressedTooSoon(SubscriptionError):
    """A form was sent quicker than a person can type."""


class OpenTooLong(SubscriptionError):
    """A form was sent with a stamp that is no longer good, or without one of ours."""


class Misspelt(SubscriptionError):
    """The address looks like a slip at a well-known domain. meant: the address with that domain."""

    def __init__(self, meant: str) -> None:
        super().__init__("the address may be misspelt")
        self.meant = meant


class UndoExpired(SubscriptionError):
    """Leaving can be undone for a day only."""

    def __init__(self, subscription_id: int) -> None:
        super().__init__(f"subscription {subscription_id} can no longer be restored")
        self.subscription_id = subscription_id


class UnknownReader(SubscriptionError):
    """We know nobody of this address."""


class ReaderMoved(UnknownReader):
    """A reader had this address before she moved. now_at: where she gets her mail, masked."""

    def __init__(self, subscriber_id: int, *, now_at: str) -> None:
        super().__init__(f"Who had this address gets her mail at {now_at} today.")
        self.subscriber_id = subscriber_id
        self.now_at = now_at


class NothingToPause(SubscriptionError):
    """Only an active subscription can be paused."""

    def __init__(self, subscription_id: int) -> None:
        super().__init__(f"subscription {subscription_id} is not active")
        self.subscription_id = subscription_id


class SameAddress(SubscriptionError):
    """The new address is the one we write to already."""


class NoWeekly(SubscriptionError):
    """This newsletter has no weekly best-of."""

    def __init__(self, newsletter_id: int) -> None:
        super().__init__(f"newsletter {newsletter_id} has no weekly best-of")
        self.newsletter_id = newsletter_id


class CadenceRefused(SubscriptionError):
    """How often a newsletter was asked for cannot be; the text is one sentence for whoever asked. slug: which one."""

    def __init__(self, sentence: str, *, slug: str) -> None:
        super().__init__(sentence)
        self.slug = slug


class TransferError(SubscriptionError):
    """A file of readers that cannot be taken in; the text is one sentence for whoever brought it."""

    def __init__(self, sentence: str, *, line: int = 0) -> None:
        super().__init__(sentence)
        self.line = line


class ImportChanged(SubscriptionError):
    """The import is no longer in a state that allows it; somebody else was quicker."""

    def __init__(self, import_id: int) -> None:
        super().__init__(f"import {import_id} changed meanwhile")
        self.import_id = import_id


class NothingToConfirm(SubscriptionError):
    """No subscription of this reader waits, or no letter may go to her."""

    def __init__(self, subscriber_id: int) -> None:
        super().__init__(f"subscriber {subscriber_id} has nothing to confirm")
        self.subscriber_id = subscriber_id


class TooManyLetters(SubscriptionError):
    """60 seconds, 3 in 24 hours, 5 in 30 days: for staff as for the reader."""

    def __init__(self, subscriber_id: int) -> None:
        super().__init__(f"subscriber {subscriber_id} got as many letters as one may")
        self.subscriber_id = subscriber_id
