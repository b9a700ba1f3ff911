"""The providers as configured, by name: one object per process, made anew after a fork."""

import os
from importlib import import_module

from django.conf import settings

from newsroom.mail.errors import UnknownProvider
from newsroom.mail.provider_urls import ProviderConfig, parsed
from newsroom.mail.providers.base import Provider

# Imported when first asked for: a worker that mails by SMTP needs nobody's API.
_MADE_BY = {
    "smtp": ("newsroom.mail.providers.smtp", "SmtpProvider"),
    "memory": ("newsroom.mail.providers.memory", "MemoryProvider"),
    "mailgun": ("newsroom.mail.providers.mailgun", "MailgunProvider"),
    "postmark": ("newsroom.mail.providers.postmark", "PostmarkProvider"),
    "resend": ("newsroom.mail.providers.resend", "ResendProvider"),
}
_BY_ANYMAIL = ("newsroom.mail.providers.anymail", "AnymailProvider")

_made: dict[tuple[int, str, str], Provider] = {}


def provider(name: str) -> Provider:
    """The provider of that name. Raises UnknownProvider, or BadProviderUrl if the setting cannot be read."""
    # Sockets must not be shared with a parent process, so the process is part of the key.
    key = (os.getpid(), settings.MAIL_PROVIDERS, name)
    if key not in _made:
        _made[key] = make(config(name))
    return _made[key]


def make(config: ProviderConfig) -> Provider:
    """A new provider object for a configuration."""
    module, cls = _MADE_BY.get(config.scheme, _BY_ANYMAIL)
    made: Provider = getattr(import_module(module), cls)(config)
    return made


def configs() -> tuple[ProviderConfig, ...]:
    """All providers, the default first."""
    return parsed(settings.MAIL_PROVIDERS)


def config(name: str) -> ProviderConfig:
    """How the provider of that name is configured. Raises UnknownProvider."""
    for known in configs():
        if known.name == name:
            return known
    raise UnknownProvider(f"MAIL_PROVIDERS names no {name!r}.")


def default_name() -> str:
    """The name of the provider that is used unless another is chosen: the first in MAIL_PROVIDERS."""
    return configs()[0].name
