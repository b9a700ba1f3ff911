"""What a bounce says of the mailbox, from providers' reports as their documentation shows them, read by Anymail."""

import json
from typing import Any

import pytest
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from newsroom.mail import events, providers, webhooks
from newsroom.mail.models import ProviderEvent
from newsroom.mail.severity import Severity, of_bounce
from tests.factories import NOON

HARD, SOFT, ABOUT_US, UNSAID = Severity.HARD, Severity.SOFT, Severity.ABOUT_US, Severity.UNSAID
_OPTIONS = {
    "mailersend": "&signing_secret=S",
    "mandrill": "&webhook_key=K&webhook_url=https://news.example.org/",
    "resend": "&signing_secret=whsec_c2VjcmV0",
}


def _amazon(kind: str, code: str = "") -> dict[str, Any]:
    bounce = {
        "bounceType": kind,
        "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": "ann@example.org", "diagnosticCode": code}],
    }
    mail = {"messageId": "m", "headers": [{"name": "Subject", "value": "Release 5.2.2"}]}
    message = json.dumps({"eventType": "Bounce", "mail": mail, "bounce": bounce})
    return {"Type": "Notification", "MessageId": "1", "Message": message, "Timestamp": "2026-11-22T06:00:00Z"}


def _brevo(event: str, reason: str = "") -> dict[str, Any]:
    return {
        "event": event,
        "email": "ann@example.org",
        "ts_epoch": 1520363423000,
        "message-id": "m",
        "reason": reason,
    }


def _mailersend(kind: str) -> dict[str, Any]:
    data = {
        "type": kind,
        "id": "1",
        "created_at": "2026-11-22T06:00:00Z",
        "email": {"recipient": {"email": "ann@example.org"}},
        "morph": {"object": "recipient_bounce", "reason": "x"},
    }
    return {"type": f"activity.{kind}", "data": data}


def _mailjet(error: str, *, is_hard: bool) -> list[dict[str, Any]]:
    return [{"event": "bounce", "time": 1498093527, "MessageID": 1, "email": "ann@example.org", "blocked": False,
             "hard_bounce": is_hard, "error_related_to": "recipient", "error": error}]  # fmt: skip


def _mandrill(event: str) -> str:
    msg = {
        "ts": 1365109999,
        "email": "ann@example.org",
        "bounce_description": "bad_mailbox",
        "diag": "smtp;550",
    }
    return json.dumps([{"event": event, "ts": 1365109999, "_id": "m", "msg": msg}])


def _postmark(kind: str, details: str = "") -> dict[str, Any]:
    return {
        "RecordType": "Bounce",
        "Type": kind,
        "ID": 4,
        "MessageID": "m",
        "Email": "ann@example.org",
        "BouncedAt": "2026-11-22T06:00:00Z",
        "Details": details,
    }


def _resend(message: str, **more: str) -> dict[str, Any]:
    bounce = {"message": message, **more}
    data = {
        "created_at": "2026-11-22T06:00:00Z",
        "email_id": "1",
        "to": ["ann@example.org"],
        "bounce": bounce,
    }
    return {"type": "email.bounced", "created_at": "2026-11-22T06:00:00Z", "data": data}


def _sendgrid(**more: str) -> list[dict[str, Any]]:
    return [
        {"event": "bounce", "email": "ann@example.org", "timestamp": 1461095250, "sg_event_id": "1", **more}
    ]


def _sparkpost(bounce_class: str) -> list[dict[str, Any]]:
    event = {
        "type": "bounce",
        "bounce_class": bounce_class,
        "event_id": "1",
        "rcpt_to": "ann@example.org",
        "raw_rcpt_to": "ann@example.org",
        "timestamp": "1464824548",
        "reason": "x",
        "transmission_id": "t",
    }
    return [{"msys": {"message_event": event}}]


def _unisender(delivery_status: str) -> dict[str, Any]:
    data = {
        "job_id": "1",
        "email": "ann@example.org",
        "status": "hard_bounced",
        "event_time": "2026-11-22 06:00:00",
        "delivery_info": {"delivery_status": delivery_status, "destination_response": "x"},
    }
    return {
        "events_by_user": [{"events": [{"event_name": "transactional_email_status", "event_data": data}]}]
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scheme", "body", "expected"),
    [
        ("amazon_ses", _amazon("Permanent"), HARD),
        ("amazon_ses", _amazon("Transient"), SOFT),
        ("amazon_ses", _amazon("Undetermined"), SOFT),
        ("amazon_ses", _amazon("Permanent", "smtp; 552 5.2.2 over quota"), SOFT),
        ("brevo", _brevo("hard_bounce"), HARD),
        ("brevo", _brevo("soft_bounce"), SOFT),
        ("brevo", _brevo("hard_bounce", "552 5.2.2 mailbox full"), SOFT),
        ("mailersend", _mailersend("hard_bounced"), HARD),
        ("mailersend", _mailersend("soft_bounced"), SOFT),
        ("mailjet", _mailjet("user unknown", is_hard=True), HARD),
        ("mailjet", _mailjet("quota exceeded", is_hard=False), SOFT),
        ("mailjet", _mailjet("content blocked", is_hard=True), ABOUT_US),
        ("mandrill", _mandrill("hard_bounce"), HARD),
        ("mandrill", _mandrill("soft_bounce"), SOFT),
        ("postmark", _postmark("HardBounce"), HARD),
        ("postmark", _postmark("SoftBounce"), SOFT),
        ("postmark", _postmark("VirusNotification"), ABOUT_US),
        ("resend", _resend("The recipient's email provider sent a hard bounce message"), HARD),
        ("resend", _resend("sent a general bounce message", type="Transient"), SOFT),
        (
            "resend",
            _resend("provider sent a bounce message because the recipient's inbox was full"),
            SOFT,
        ),
        ("resend", _resend("Resend has suppressed sending to this address", type="Permanent"), ABOUT_US),
        ("sendgrid", _sendgrid(type="bounce"), HARD),
        ("sendgrid", _sendgrid(type="blocked"), ABOUT_US),
        ("sendgrid", _sendgrid(type="bounce", bounce_classification="Reputation"), ABOUT_US),
        ("sendgrid", _sendgrid(type="bounce", bounce_classification="Mailbox Unavailable"), SOFT),
        ("sendgrid", _sendgrid(), UNSAID),
        ("sparkpost", _sparkpost("10"), HARD),
        ("sparkpost", _sparkpost("22"), SOFT),
        ("sparkpost", _sparkpost("70"), SOFT),
        ("sparkpost", _sparkpost("23"), ABOUT_US),
        ("unisender_go", _unisender("err_user_unknown"), HARD),
        ("unisender_go", _unisender("err_mailbox_full"), SOFT),
        ("unisender_go", _unisender("err_spam_rejected"), ABOUT_US),
    ],
)
def test_a_providers_own_word_decides_what_a_bounce_means(
    scheme: str, body: Any, expected: Severity, settings: Settings, rf: RequestFactory
) -> None:
    more = _OPTIONS.get(scheme, "")
    settings.MAIL_PROVIDERS = f"main={scheme}://KEY@?webhook={'s' * 20}{more}"
    if scheme == "unisender_go":
        settings.MAIL_PROVIDERS += "&api_url=https://api.example.org/"
    request = (
        rf.post("/", {"mandrill_events": body})
        if scheme == "mandrill"
        else rf.post("/", json.dumps(body), content_type="application/json")
    )
    reported = webhooks._view(providers.config("main")).parse_events(request)

    events.store("main", reported, at=NOON)

    event = ProviderEvent.objects.get()
    assert event.kind == "bounced"
    assert of_bounce(event.reject_reason, event.payload) is expected


@pytest.mark.parametrize(
    ("reason", "payload", "expected"),
    [
        ("bounced", {}, HARD),
        ("timed_out", {}, SOFT),
        ("other", {"status": "4.4.7"}, SOFT),
        ("blocked", {"Type": "HardBounce"}, ABOUT_US),
        ("", {}, UNSAID),
        ("bounced", {"data": "soft", "bounce": [], "hard_bounce": "yes"}, HARD),
        ("bounced", {"version": "15.2.2.1"}, HARD),
    ],
)
def test_without_the_providers_word_anymails_reason_stands(
    reason: str, payload: dict[str, Any], expected: Severity
) -> None:
    assert of_bounce(reason, payload) is expected
