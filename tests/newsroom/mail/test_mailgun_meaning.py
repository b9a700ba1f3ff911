"""Our lean call to Mailgun means the same as the one that Anymail builds for the same mail and readers."""

import json
import re
import uuid
from typing import Any
from urllib.parse import parse_qs

from anymail.backends.mailgun import EmailBackend
from django.core.mail import EmailMultiAlternatives

from newsroom.mail.provider_urls import parse
from newsroom.mail.providers import make
from newsroom.mail.wire import CompiledMail, Copy
from tests.newsroom.http_server import Answer, Asked, web_server
from tests.newsroom.mail.mails import make_copy, make_mail

ATTEMPT = uuid.UUID(int=42)
QUEUED = Answer(body=b'{"id": "<abc@mg.example.org>", "message": "Queued. Thank you."}')
_FIELDS = frozenset({"from", "subject", "text", "html"})


def by_anymail(mail: CompiledMail, copies: list[Copy], url: str) -> None:
    content = mail.content.replaced(lambda name: f"%recipient.{name}%")
    message = EmailMultiAlternatives(
        subject=content.subject,
        body=content.text,
        from_email=f"{mail.envelope.from_name} <{mail.from_address}>",
        to=[copy.address for copy in copies],
        reply_to=[mail.reply_to],
        headers={name: value for name, value in mail.shared_headers if name not in {"From", "Subject", "Reply-To"}},
    )  # fmt: skip
    message.attach_alternative(content.html, "text/html")
    extras: dict[str, Any] = {
        "metadata": {"a": str(ATTEMPT)},
        "merge_metadata": {copy.address: {"t": copy.message_token} for copy in copies},
        "merge_data": {copy.address: {**copy.slots, "leave_url": copy.leave_url} for copy in copies},
        "merge_headers": {
            copy.address: {
                "List-Unsubscribe": f"<{copy.leave_url}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            }
            for copy in copies
        },
        "track_clicks": False,
        "track_opens": False,
    }
    for name, value in extras.items():
        setattr(message, name, value)
    EmailBackend(api_key="KEY", api_url=url, sender_domain="mg.example.org").send_messages([message])


def meaning(asked: Asked) -> dict[str, dict[str, str]]:
    """For each reader the fields, headers and metadata of a call, with that reader's values put in."""
    form = parse_qs(asked.body.decode(), keep_blank_values=True)
    variables: dict[str, dict[str, str]] = json.loads(form["recipient-variables"][0])
    return {
        to: {
            # Names of headers are the same in any case (RFC 5322 §1.2.2).
            name.lower(): expanded(values[0], variables[to])
            for name, values in form.items()
            if name in _FIELDS or name.startswith(("h:", "v:"))
        }
        for to in form["to"]
    }


def expanded(value: str, own: dict[str, str]) -> str:
    return re.sub(r"%recipient\.([\w:-]+)%", lambda found: own[found[1]], value)


def test_our_call_means_what_anymails_means() -> None:
    mail = make_mail()
    copies = [make_copy(0), make_copy(1), make_copy(2, address="Mia.Oz@xn--exmple-cua.de")]
    with web_server(lambda asked: QUEUED) as server:
        [config] = parse(f"main=mailgun://KEY@mg.example.org?api_url={server.url}/v3")
        make(config).hand_over(mail, copies, attempt_id=ATTEMPT, seconds=10)
        by_anymail(mail, copies, f"{server.url}/v3/")
    ours, theirs = server.asked

    assert ours.path == theirs.path
    assert ours.headers["authorization"] == theirs.headers["authorization"]
    for copy in copies:
        assert sorted(meaning(ours)[copy.address].items()) == sorted(meaning(theirs)[copy.address].items())
    assert list(meaning(ours)) == [copy.address for copy in copies]
