"""What can go wrong with mail.

MailError
├── BadAddress              not an address we can send to; the text tells the person why, `code` tells us
├── BadMail                 a mail that must not leave as it is
│   ├── BadHeader           a header value with control characters, or one that is no address, URL or token
│   └── MissingSlot         a copy without a value for a slot of its mail
├── NameServerSilent        nobody could say in time what stands under a name
└── ProviderError
    ├── BadProviderUrl      MAIL_PROVIDERS cannot be read (an ImproperlyConfigured, too)
    └── UnknownProvider     nobody of that name is in MAIL_PROVIDERS

What a provider answers is never an error here: it is a verdict (`verdicts.py`).
"""

from django.core.exceptions import ImproperlyConfigured


class MailError(Exception):
    """Base of the errors of mail."""


class BadAddress(MailError, ValueError):
    """Not an address we can send to. The text is one sentence for the person who typed it."""

    def __init__(self, sentence: str, *, code: str) -> None:
        super().__init__(sentence)
        self.code = code


class BadMail(MailError, ValueError):
    """A mail that must not leave as it is."""


class BadHeader(BadMail):
    """A header value that would break or forge headers; `header` names it."""

    def __init__(self, header: str, because: str) -> None:
        super().__init__(f"{header}: {because}")
        self.header = header


class MissingSlot(BadMail):
    """A copy has no value for a slot; `slot` names it."""

    def __init__(self, slot: str) -> None:
        super().__init__(f"No value for the slot {slot!r}.")
        self.slot = slot


class NameServerSilent(MailError):
    """Nobody could say in time what stands under the name; looking again later can help."""


class ProviderError(MailError):
    """Something about the providers as configured."""


class BadProviderUrl(ProviderError, ImproperlyConfigured):
    """MAIL_PROVIDERS cannot be read; the text names the provider, never its password."""


class UnknownProvider(ProviderError, LookupError):
    """Nobody of that name is in MAIL_PROVIDERS."""
