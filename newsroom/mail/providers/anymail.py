"""Any of Anymail's providers, by its own name: one call per reader, with that reader's own headers and body.

Their template languages (`{{ … }}`) would read an article's text as code, and several have no headers per reader;
so nothing is left to them. Only Anymail's building and reading of API calls is used: the session is ours, with a
deadline, and a refusal is data, not an error.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from anymail.exceptions import AnymailError, AnymailImproperlyInstalled, AnymailRecipientsRefused
from django.core.mail import EmailMultiAlternatives
from django.utils.module_loading import import_string

from newsroom.mail import verdicts
from newsroom.mail.encoding import plain_mailbox
from newsroom.mail.errors import BadMail, BadProviderUrl
from newsroom.mail.provider_urls import ProviderConfig
from newsroom.mail.providers.base import (
    CUT_SHORT,
    RESPONSE_CHARACTERS,
    Capabilities,
    HandOver,
    NoLog,
    OfferLog,
    cannot_be_written,
    not_offered,
)
from newsroom.mail.providers.http import DeadlineSession
from newsroom.mail.verdicts import Outcome, Ruling, Verdict
from newsroom.mail.wire import CompiledMail, Copy

# What each backend calls its key, and its second secret if it has one (Anymail 15.2).
_KEYS: Mapping[str, tuple[str, ...]] = {
    "brevo": ("api_key",),
    "mailersend": ("api_token",),
    "mailjet": ("api_key", "secret_key"),
    "mailtrap": ("api_token",),
    "mandrill": ("api_key",),
    "postal": ("api_key",),
    "postmark": ("server_token",),
    "resend": ("api_key",),
    "scaleway": ("secret_key",),
    "sendgrid": ("api_key",),
    "sparkpost": ("api_key",),
    "unisender_go": ("api_key",),
}
WITHOUT_METADATA = frozenset({"mailersend", "postal"})
# A provider's own tracking is switched off per message where there is a switch; elsewhere it is an account's setting.
HAS_TRACKING_SWITCH = frozenset(
    {"mailersend", "mailjet", "mandrill", "postmark", "sendgrid", "sparkpost", "unisender_go"}
)
REPLACES_LIST_HEADERS = frozenset({"sparkpost", "mailersend"})
WITHOUT_EVENTS = frozenset({"scaleway"})
# What the provider writes itself; Reply-To goes by its own field.
_NOT_OURS = frozenset({"From", "To", "Subject", "Reply-To", "Date", "Message-ID"})
_ACCEPTED = frozenset({"sent", "queued"})
_REFUSED = frozenset({"invalid", "rejected"})


class AnymailProvider:
    """One account at one of Anymail's providers."""

    def __init__(self, config: ProviderConfig) -> None:
        self.name = config.name
        self.scheme = config.scheme
        self.capabilities = Capabilities(
            batch_size=50,
            max_bytes=10_000_000,
            personal_headers=True,
            one_call_per_reader=True,
            keeps_list_headers=config.scheme not in REPLACES_LIST_HEADERS,
            reports_events=config.scheme not in WITHOUT_EVENTS,
        )
        self._backend = _backend(config)
        self._session = DeadlineSession()
        if config.scheme != "amazon_ses":
            self._backend.session = self._session  # so that `open` makes none without a deadline
        self._lock = threading.Lock()

    def hand_over(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float
    ) -> HandOver:
        return self.hand_over_logged(mail, copies, attempt_id=attempt_id, seconds=seconds, log=NoLog())

    def hand_over_logged(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float, log: OfferLog
    ) -> HandOver:
        with self._lock:
            self._session.begin(seconds=seconds)
            outcomes: dict[int, Outcome] = {}
            last: Ruling | None = None
            over, status, response, refused, is_cut_short = "", None, "", 0, False
            for copy in copies:
                if over or self._session.remaining() < 1:
                    outcomes[copy.seq] = not_offered(over or "no time left")
                    continue
                try:
                    message = _message(self.scheme, mail, copy, attempt_id)
                except BadMail as error:
                    outcomes[copy.seq] = cannot_be_written(error)
                    continue
                if not log.offering(copy.seq):
                    over, is_cut_short = CUT_SHORT, True
                    outcomes[copy.seq] = not_offered(over)
                    continue
                outcome, ruling = self._offer(message, copy)
                outcomes[copy.seq] = outcome
                if outcome.verdict is not Verdict.UNKNOWN:
                    log.answered(copy.seq, is_taken=outcome.verdict is Verdict.ACCEPTED)
                status, response = _answer(message)
                if ruling is None:
                    continue
                last = ruling
                if ruling.is_splittable and ruling.verdict is Verdict.NOT_SENT and len(copies) > 1:
                    # This reader's call is refused; the next one may pass.
                    refused += 1
                    outcomes[copy.seq] = Outcome(verdict=Verdict.REJECTED, reason=ruling.reason)
                else:
                    over = ruling.reason
        if last and refused and refused == len(copies):
            # Nobody's call passed: it is not the readers.
            outcomes = {seq: not_offered(last.reason) for seq in outcomes}
        return HandOver(
            outcomes=outcomes,
            http_status=status,
            provider_ref=next((found.provider_ref for found in outcomes.values() if found.provider_ref), ""),
            response=response,
            retry_after=last.retry_after if last else None,
            is_configuration=bool(last and last.is_configuration),
            is_unreachable=bool(last and last.is_unreachable),
            is_splittable=bool(last and last.is_splittable),
            is_cut_short=is_cut_short,
        )

    def _offer(self, message: EmailMultiAlternatives, copy: Copy) -> tuple[Outcome, Ruling | None]:
        """One call: what became of the copy, and a ruling if there was no answer about the reader."""
        try:
            self._backend.send_messages([message])
        except AnymailRecipientsRefused:
            return Outcome(verdict=Verdict.REJECTED, reason=f"refused by {self.scheme}"), None
        except Exception as error:  # Anymail's readers of answers also stumble with KeyError and the like
            ruling = _ruling(error)
            return ruling.outcome(), ruling
        return _outcome(message, copy), None


def _ruling(error: Exception) -> Ruling:
    """Anymail keeps the cause of a failed call; what it refuses to build by itself was never sent."""
    if isinstance(error, AnymailError) and error.__cause__ is None and error.response is None:
        return Ruling(
            verdict=Verdict.NOT_SENT, reason=f"{type(error).__name__} {error}"[:300], is_configuration=True
        )
    return verdicts.of_exception(error)


def _outcome(message: EmailMultiAlternatives, copy: Copy) -> Outcome:
    """The provider's word on the one reader of a call that it accepted."""
    recipients = {address.lower(): status for address, status in _status(message).recipients.items()}
    found = recipients.get(copy.address.lower())
    word = found.status if found else None
    reference = str(found.message_id or "")[:250] if found else ""
    if word in _ACCEPTED:
        return Outcome(verdict=Verdict.ACCEPTED, provider_ref=reference)
    if word in _REFUSED:
        return Outcome(verdict=Verdict.REJECTED, reason=f"{word} by the provider")
    if word == "failed":
        return Outcome(verdict=Verdict.NOT_SENT, reason="failed at the provider")
    return Outcome(verdict=Verdict.UNKNOWN, reason="no word about this reader", provider_ref=reference)


def _message(scheme: str, mail: CompiledMail, copy: Copy, attempt_id: UUID) -> EmailMultiAlternatives:
    """The copy as Django's message with Anymail's attributes. Raises BadMail."""
    mail.check(copy)
    content = mail.fill(copy)
    message = EmailMultiAlternatives(
        subject=content.subject,
        body=content.text,
        from_email=plain_mailbox(mail.envelope.from_name, mail.from_address),
        to=[copy.address],
        reply_to=[mail.reply_to] if mail.reply_to else None,
        headers={name: value for name, value in mail.api_headers(copy) if name not in _NOT_OURS},
    )
    if content.html:
        message.attach_alternative(content.html, "text/html")
    extras: dict[str, Any] = {}
    if scheme not in WITHOUT_METADATA:
        extras["metadata"] = {"t": copy.message_token, "a": str(attempt_id)}
    if scheme in HAS_TRACKING_SWITCH:
        extras["track_opens"] = extras["track_clicks"] = False
    for name, value in extras.items():
        setattr(message, name, value)
    return message


def _status(message: EmailMultiAlternatives) -> Any:
    return message.anymail_status  # type: ignore[attr-defined]  # set by Anymail's backend


def _answer(message: EmailMultiAlternatives) -> tuple[int | None, str]:
    response = getattr(getattr(message, "anymail_status", None), "esp_response", None)
    text = str(getattr(response, "text", "") or "")[:RESPONSE_CHARACTERS]
    return getattr(response, "status_code", None), text


def _backend(config: ProviderConfig) -> Any:
    """Anymail's backend with this account's keys. Raises BadProviderUrl if its extra package is missing."""
    options: dict[str, Any] = dict(config.options)
    for webhook_option in (
        "signing_secret",
        "webhook_key",
        "webhook_url",
        "tracking_webhook_verification_key",
    ):
        options.pop(webhook_option, None)
    if config.scheme == "amazon_ses":
        options = _ses_options(config)
    else:
        options |= dict(zip(_KEYS[config.scheme], (config.username, config.password), strict=False))
        if config.api_url:
            options["api_url"] = config.api_url.rstrip("/") + "/"
    try:
        return import_string(f"anymail.backends.{config.scheme}.EmailBackend")(**options)
    except AnymailImproperlyInstalled as error:
        raise BadProviderUrl(
            f"MAIL_PROVIDERS: {config.name!r} needs a package more: pip install 'django-anymail[{config.scheme}]'."
        ) from error


def _ses_options(config: ProviderConfig) -> dict[str, Any]:
    session = {"region_name": config.options.get("region") or config.host or None}
    if config.username:
        session |= {"aws_access_key_id": config.username, "aws_secret_access_key": config.password}
    # botocore's own retries after a timeout would be second sends that nobody sees.
    client: dict[str, Any] = {
        "config": {"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 30}
    }
    if config.api_url:
        client["endpoint_url"] = config.api_url
    options: dict[str, Any] = {"session_params": session, "client_params": client}
    if name := config.options.get("configuration_set_name"):
        options["configuration_set_name"] = name
    return options
