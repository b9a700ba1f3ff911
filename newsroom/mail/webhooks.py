"""What providers report, taken in: on Anymail's webhook views, hardened.

`/webhooks/<provider name>/<secret>/`: a wrong secret or signature gets 403, what cannot be read 400, what is stored
or known 200, and our own fault 503, so that the provider tries again. Nothing is applied here. A replayed call
changes nothing, because an event is stored once.
"""

import logging
from typing import Any

from anymail.exceptions import AnymailConfigurationError, AnymailError, AnymailWebhookValidationFailure
from anymail.webhooks.base import AnymailCoreWebhookView
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from newsroom.mail import events, providers
from newsroom.mail.errors import UnknownProvider
from newsroom.mail.provider_urls import ProviderConfig
from newsroom.web import clock

logger = logging.getLogger(__name__)

# Scheme: Anymail's view, and the options that it takes for the provider's own signature.
_VIEWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "amazon_ses": ("amazon_ses.AmazonSESTrackingWebhookView", ()),
    "brevo": ("brevo.BrevoTrackingWebhookView", ()),
    "mailersend": ("mailersend.MailerSendTrackingWebhookView", ("signing_secret",)),
    "mailgun": ("mailgun.MailgunTrackingWebhookView", ("webhook_signing_key",)),
    "mailjet": ("mailjet.MailjetTrackingWebhookView", ()),
    "mailtrap": ("mailtrap.MailtrapTrackingWebhookView", ("signing_secret",)),
    "mandrill": ("mandrill.MandrillCombinedWebhookView", ("webhook_key", "webhook_url")),
    "postal": ("postal.PostalTrackingWebhookView", ("webhook_key",)),
    "postmark": ("postmark.PostmarkTrackingWebhookView", ()),
    "resend": ("resend.ResendTrackingWebhookView", ("signing_secret",)),
    "sendgrid": ("sendgrid.SendGridTrackingWebhookView", ("tracking_webhook_verification_key",)),
    "sparkpost": ("sparkpost.SparkPostTrackingWebhookView", ()),
    "unisender_go": ("unisender_go.UnisenderGoTrackingWebhookView", ()),
}


@csrf_exempt
@login_not_required
@never_cache
@require_http_methods(["POST", "HEAD"])
def receive(request: HttpRequest, name: str, secret: str, rest: str = "") -> HttpResponse:
    """Take in what a provider reports. Queries: 2."""
    config = _config(name, secret)
    if config is None:
        return _answer(403, "Not known here.")
    if request.method == "HEAD":  # some providers look whether somebody is there
        return HttpResponse()
    try:
        view = _view(config)
        view.run_validators(request)
    except AnymailWebhookValidationFailure:
        logger.warning("A webhook's signature is wrong.", extra={"provider": name})
        return _answer(403, "The signature is wrong.")
    except RequestDataTooBig:
        return _answer(413, "Too large.")
    except AnymailConfigurationError as error:
        logger.error("A webhook cannot be checked: %s", error, extra={"provider": name})
        return _answer(503, "Not ready.")
    except _UNREADABLE:
        return _answer(400, "Cannot be read.")
    try:
        reported = list(view.parse_events(request))
    except RequestDataTooBig:
        return _answer(413, "Too large.")
    except _UNREADABLE as error:
        logger.warning("A webhook cannot be read: %s.", type(error).__name__, extra={"provider": name})
        return _answer(400, "Cannot be read.")
    try:
        events.store(name, reported, at=clock.now())
    except DatabaseError:
        logger.exception("What a provider reported could not be stored.", extra={"provider": name})
        return _answer(503, "Please try again.")
    return HttpResponse()


# Whatever a parser raises for a body that is not what the provider's documentation says.
_UNREADABLE = (
    AnymailError,
    AnymailConfigurationError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)


def _config(name: str, secret: str) -> ProviderConfig | None:
    """The provider, if the secret is one of its own. Without a secret in MAIL_PROVIDERS the way in is closed."""
    try:
        config = providers.config(name)
    except UnknownProvider:
        return None
    is_known = [constant_time_compare(secret, known) for known in config.webhook_secrets]
    return config if any(is_known) and config.scheme in _VIEWS else None


def _view(config: ProviderConfig) -> AnymailCoreWebhookView:
    """Anymail's view for the provider, with this account's keys. Raises AnymailConfigurationError."""
    dotted, names = _VIEWS[config.scheme]
    view_class = import_string(f"anymail.webhooks.{dotted}")
    options: dict[str, Any] = {name: config.options[name] for name in names if name in config.options}
    if config.scheme in {"mailgun", "unisender_go"}:
        options["api_key"] = config.username
    if config.scheme == "sparkpost":
        # Else the first opening would be stored as something unknown, instead of not at all.
        options["track_initial_open_as_opened"] = True
    # The secret in the path does the work of Anymail's basic authentication.
    quiet = type(view_class.__name__, (view_class,), {"warn_if_no_basic_auth": False})
    view: AnymailCoreWebhookView = quiet(**options)
    return view


def _answer(status: int, text: str) -> HttpResponse:
    return HttpResponse(text + "\n", status=status, content_type="text/plain")


urlpatterns = [
    path("<slug:name>/<str:secret>/", receive, name="webhook"),
    path("<slug:name>/<str:secret>/<path:rest>", receive),
]
