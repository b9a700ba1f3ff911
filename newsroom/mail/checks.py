"""What is looked at before the site starts: providers that can be read and carry our headers, links that fit."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from newsroom.mail import provider_urls
from newsroom.mail.errors import BadProviderUrl
from newsroom.mail.provider_urls import ProviderConfig
from newsroom.web import tokens

MAX_LEAVE_URL = 75  # some mail programs and servers mishandle longer List-Unsubscribe addresses

_WITH_WEBHOOKS = frozenset(provider_urls.OPTIONS) - {"smtp", "memory", "scaleway"}
# Tracking is a switch of the account there, and Anymail has none per message (15.2).
_TRACKS_BY_ACCOUNT = frozenset({"amazon_ses", "brevo", "mailtrap", "postal", "resend", "scaleway"})
# What Anymail leaves to be installed beside it: to send by Amazon's interface, to check who signed a webhook.
_PACKAGES = {"amazon_ses": "boto3", "postal": "cryptography", "resend": "svix", "sendgrid": "cryptography"}


@register(Tags.urls)
def check_leave_url(app_configs: object = None, **kwargs: Any) -> Sequence[CheckMessage]:
    """mail.E001: the unsubscribe address is too long."""
    url = tokens.leave_url(1)
    if len(url) <= MAX_LEAVE_URL:
        return []
    return [
        Error(
            f"The unsubscribe address has {len(url)} characters; {MAX_LEAVE_URL} are allowed.",
            hint="Use a shorter host in SITE_URL.",
            id="mail.E001",
        )
    ]


@register()
def check_providers(app_configs: object = None, **kwargs: Any) -> Sequence[CheckMessage]:
    """mail.E002: MAIL_PROVIDERS cannot be read; and what each provider in it cannot do."""
    try:
        configs = provider_urls.parse(settings.MAIL_PROVIDERS)
    except BadProviderUrl as error:
        return [Error(str(error), id="mail.E002")]
    return [message for config in configs for message in _about(config)]


def _about(config: ProviderConfig) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if (package := _PACKAGES.get(config.scheme)) and find_spec(package) is None:
        extra = config.scheme.replace("_", "-")
        messages.append(
            Error(
                f"{config.name}: {config.scheme} needs the package {package}, which is not installed.",
                hint=f"Install it: pip install 'django-anymail[{extra}]'",
                id="mail.E004",
            )
        )
    match config.scheme:
        case "sparkpost":
            messages.append(
                Error(
                    f"{config.name}: SparkPost replaces List-Unsubscribe by its own, so that readers who leave"
                    " there stay subscribed here.",
                    hint="Use its SMTP service (smtp://), or another provider.",
                    id="mail.E003",
                )
            )
        case "mailersend":
            messages.append(
                Warning(
                    f"{config.name}: MailerSend takes List-Unsubscribe only from enterprise accounts.",
                    hint="Send yourself a test and look for the header with check_mail.",
                    id="mail.W001",
                )
            )
        case "unisender_go":
            messages.append(
                Warning(
                    f"{config.name}: Unisender Go takes our List-Unsubscribe only after its support allows it.",
                    hint="Send yourself a test and look for the header with check_mail.",
                    id="mail.W001",
                )
            )
        case "sendgrid":
            messages.append(
                Warning(f"{config.name}: Anymail no longer tests its SendGrid support.", id="mail.W002")
            )
        case "smtp" if config.options.get("tls") == "off" and config.username and not _is_local(config):
            messages.append(
                Warning(f"{config.name}: the password travels unencrypted (tls=off).", id="mail.W003")
            )
    if config.scheme in _WITH_WEBHOOKS and not config.webhook_secrets:
        messages.append(
            Warning(
                f"{config.name}: nothing will be heard of bounces and complaints.",
                hint=f"Add webhook=SECRET and tell the provider {settings.SITE_URL}/webhooks/{config.name}/SECRET/",
                id="mail.W004",
            )
        )
    if config.scheme == "scaleway":
        messages.append(
            Warning(f"{config.name}: Scaleway reports no bounces and complaints.", id="mail.W004")
        )
    if config.scheme in _TRACKS_BY_ACCOUNT:
        messages.append(
            Warning(
                f"{config.name}: open and click tracking cannot be switched off per message.",
                hint="Switch it off in the account, and silence this check (SILENCED_SYSTEM_CHECKS).",
                id="mail.W005",
            )
        )
    if config.api_url and urlsplit(config.api_url).scheme == "http" and not _is_local(config):
        messages.append(
            Warning(f"{config.name}: the key travels unencrypted (api_url is http).", id="mail.W003")
        )
    return messages


def _is_local(config: ProviderConfig) -> bool:
    host = urlsplit(config.api_url).hostname if config.api_url else config.host
    return host in {"127.0.0.1", "::1", "localhost"}
