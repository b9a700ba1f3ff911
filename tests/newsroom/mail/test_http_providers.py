"""Mailgun and Anymail's providers against a real web server: what arrives for each reader, what each answer means."""

import base64
import json
import re
import socket
import ssl
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import urllib3

from newsroom.mail import verdicts
from newsroom.mail.provider_urls import parse
from newsroom.mail.providers import make
from newsroom.mail.providers.anymail import AnymailProvider
from newsroom.mail.providers.base import Found, HandOver, Provider, Searchable
from newsroom.mail.verdicts import Verdict
from newsroom.mail.wire import CompiledMail, Copy, slot
from tests.newsroom.http_server import HANG_UP, Answer, Asked, Script, web_server
from tests.newsroom.mail.mails import make_copy, make_mail

ATTEMPT = uuid.UUID(int=42)
QUEUED = Answer(body=b'{"id": "<abc@mg.example.org>", "message": "Queued. Thank you."}')
# How each provider of Anymail is written in MAIL_PROVIDERS, and an answer it gives to one accepted mail.
ANYMAIL: dict[str, tuple[str, Any]] = {
    "brevo": ("brevo://KEY@?", {"messageId": "<abc@smtp-relay>"}),
    "mailersend": ("mailersend://KEY@?", {}),
    "mailjet": (
        "mailjet://KEY:SECRET@?",
        {"Messages": [{"Status": "success", "To": [{"Email": "reader0@example.org", "MessageID": 7}]}]},
    ),
    "mailtrap": ("mailtrap://KEY@?", {"success": True, "message_ids": ["abc"]}),
    "mandrill": ("mandrill://KEY@?", [{"email": "reader0@example.org", "status": "sent", "_id": "abc"}]),
    "postal": ("postal://KEY@?", {"status": "success", "data": {"messages": {"reader0@example.org": {"id": 1}}}}),
    "postmark": (
        "postmark://KEY@?message_stream=broadcast&",
        {"ErrorCode": 0, "Message": "OK", "MessageID": "abc", "To": "reader0@example.org"},
    ),
    "resend": ("resend://KEY@?", {"id": "abc"}),
    "scaleway": (
        "scaleway://KEY@?project_id=p&",
        {"emails": [{"message_id": "abc", "rcpt_to": "reader0@example.org", "status": "new", "mail_rcpt": "reader0@example.org"}]},
    ),
    "sendgrid": ("sendgrid://KEY@?", None),
    "sparkpost": ("sparkpost://KEY@?", {"results": {"total_accepted_recipients": 1, "total_rejected_recipients": 0, "id": "7"}}),
    "unisender_go": ("unisender_go://KEY@?", {"status": "success", "job_id": "abc", "emails": ["reader0@example.org"]}),
}  # fmt: skip


def _mailgun(port: int, options: str = "") -> Provider:
    [config] = parse(f"main=mailgun://KEY@mg.example.org?api_url=http://127.0.0.1:{port}/v3{options}")
    return make(config)


def _postmark(port: int) -> Provider:
    [config] = parse(f"main=postmark://KEY@?api_url=http://127.0.0.1:{port}")
    return AnymailProvider(config)  # for any of its kind: by its name Postmark has a provider of its own


def _send(
    provider: Provider, copies: Sequence[Copy], *, mail: CompiledMail | None = None, seconds: float = 10
) -> HandOver:
    return provider.hand_over(mail or make_mail(), copies, attempt_id=ATTEMPT, seconds=seconds)


def _verdicts(result: HandOver) -> list[Verdict]:
    return [result.outcomes[seq].verdict for seq in sorted(result.outcomes)]


def _copies(number: int) -> list[Copy]:
    return [make_copy(seq) for seq in range(number)]


def _accepted_by_postmark(asked: Asked) -> Answer:
    to = json.loads(asked.body)["To"]
    body = {"ErrorCode": 0, "Message": "OK", "MessageID": f"id-{to}", "To": to}
    return Answer(body=json.dumps(body).encode())


def _form(asked: Asked) -> dict[str, list[str]]:
    return parse_qs(asked.body.decode(), keep_blank_values=True)


def _expanded(value: str, variables: dict[str, str]) -> str:
    """What Mailgun makes of a value for one recipient."""
    return re.sub(r"%recipient\.(\w+)%", lambda found: variables[found[1]], value)


def test_mailgun_gets_one_call_with_each_readers_own_values() -> None:
    mail = make_mail()
    with web_server(lambda asked: QUEUED) as server:
        result = _send(_mailgun(server.port), _copies(3), mail=mail)

    assert _verdicts(result) == [Verdict.ACCEPTED] * 3
    assert (result.http_status, result.provider_ref) == (200, "<abc@mg.example.org>")
    [asked] = server.asked
    assert asked.path == "/v3/mg.example.org/messages"
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"api:KEY").decode()
    form = _form(asked)
    assert form["to"] == [copy.address for copy in _copies(3)]
    variables = json.loads(form["recipient-variables"][0])
    for copy in _copies(3):
        own = variables[copy.address]
        filled = mail.fill(copy)
        assert _expanded(form["html"][0], own) == filled.html
        assert _expanded(form["text"][0], own) == filled.text
        assert _expanded(form["h:List-Unsubscribe"][0], own) == f"<{copy.leave_url}>"
        assert _expanded(form["h:List-Unsubscribe-Post"][0], own) == "List-Unsubscribe=One-Click"
        assert _expanded(form["v:t"][0], own) == copy.message_token
    assert form["v:a"] == [str(ATTEMPT)]
    assert form["h:List-Id"] == ['"Uferblick am Morgen" <morgen.news.example.org>']
    assert form["h:Reply-To"] == ["redaktion@example.org"]
    assert form["from"] == ["Uferblick am Morgen <morgen@example.org>"]
    assert form["o:tracking"] == form["o:tracking-opens"] == form["o:tracking-clicks"] == ["no"]


def test_mailgun_escapes_a_readers_value_in_html_only() -> None:
    mail = make_mail(text=slot("since"), html=slot("since"))
    copies = [make_copy(0, slots={"since": "<b> & co"}), make_copy(1, slots={"since": "plain"})]
    with web_server(lambda asked: QUEUED) as server:
        _send(_mailgun(server.port), copies, mail=mail)

    form = _form(server.asked[0])
    variables = json.loads(form["recipient-variables"][0])
    first, second = (variables[copy.address] for copy in copies)
    assert _expanded(form["text"][0], first) == "<b> & co"
    assert _expanded(form["html"][0], first) == "&lt;b&gt; &amp; co"
    assert _expanded(form["html"][0], second) == "plain"


def test_an_article_about_mailgun_shows_nobodys_values() -> None:
    trick = "%recipient.t% and %recipient_email%"
    mail = make_mail(text=trick, html=f"<p>{trick}</p>", subject=trick)
    with web_server(lambda asked: QUEUED) as server:
        _send(_mailgun(server.port), _copies(1), mail=mail)

    form = _form(server.asked[0])
    for part in ("text", "html", "subject"):
        assert "%recipient" not in form[part][0]


def test_mailgun_readers_with_an_umlaut_domain_keep_their_values() -> None:
    copy = make_copy(0, address="u@xn--exmple-cua.com")
    with web_server(lambda asked: QUEUED) as server:
        _send(_mailgun(server.port), [copy])

    form = _form(server.asked[0])
    assert form["to"] == ["u@xn--exmple-cua.com"]
    assert json.loads(form["recipient-variables"][0])["u@xn--exmple-cua.com"]["t"] == copy.message_token


def test_mailgun_is_never_given_two_copies_for_one_address() -> None:
    copies = [
        make_copy(0),
        make_copy(1, address="reader0@example.org"),
        make_copy(2, address="jörg@example.org"),
    ]
    with web_server(lambda asked: QUEUED) as server:
        result = _send(_mailgun(server.port), copies)

    assert _verdicts(result) == [Verdict.ACCEPTED, Verdict.NOT_SENT, Verdict.REJECTED]
    assert _form(server.asked[0])["to"] == ["reader0@example.org"]


def test_postmark_gets_each_reader_with_own_body_and_headers() -> None:
    mail = make_mail()
    with web_server(_accepted_by_postmark) as server:
        result = _send(_postmark(server.port), _copies(3), mail=mail)

    assert _verdicts(result) == [Verdict.ACCEPTED] * 3
    assert result.outcomes[1].provider_ref == "id-reader1@example.org"
    for copy, asked in zip(_copies(3), server.asked, strict=True):
        payload = json.loads(asked.body)
        headers = {header["Name"]: header["Value"] for header in payload["Headers"]}
        assert payload["To"] == copy.address
        assert payload["HtmlBody"] == mail.fill(copy).html
        assert payload["TextBody"] == mail.fill(copy).text
        assert headers["List-Unsubscribe"] == f"<{copy.leave_url}>"
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert headers["List-Id"] == '"Uferblick am Morgen" <morgen.news.example.org>'
        assert payload["Metadata"] == {"t": copy.message_token, "a": str(ATTEMPT)}
        assert (payload["TrackOpens"], payload["TrackLinks"]) == (False, "None")
        assert payload["ReplyTo"] == "redaktion@example.org"
        assert asked.headers["x-postmark-server-token"] == "KEY"
        others = {other.address for other in _copies(3)} - {copy.address}
        assert not any(other.encode() in asked.body for other in others)


def test_postmark_readers_with_an_umlaut_domain_keep_their_data() -> None:
    copy = make_copy(0, address="u@xn--exmple-cua.com")
    with web_server(_accepted_by_postmark) as server:
        result = _send(_postmark(server.port), [copy])

    assert _verdicts(result) == [Verdict.ACCEPTED]
    payload = json.loads(server.asked[0].body)
    assert payload["To"] == "u@xn--exmple-cua.com"
    assert payload["Metadata"]["t"] == copy.message_token


@pytest.mark.parametrize("scheme", sorted(ANYMAIL))
def test_every_provider_of_anymail_is_given_the_list_headers(scheme: str) -> None:
    url, answer = ANYMAIL[scheme]
    copy = make_copy()
    accepted = Answer(
        status=202 if scheme == "mailersend" else 200,
        body=b"" if answer is None else json.dumps(answer).encode(),
        headers={"X-Message-Id": "abc", "Content-Type": "application/json"},
    )
    with web_server(lambda asked: accepted) as server:
        [config] = parse(f"main={url}api_url=http://127.0.0.1:{server.port}/")
        result = _send(AnymailProvider(config), [copy])

    assert _verdicts(result) == [Verdict.ACCEPTED], result
    [asked] = server.asked
    # Whatever their shape, the payloads are JSON that holds headers as they are.
    payload = asked.body.decode()
    assert json.dumps(f"<{copy.leave_url}>") in payload
    assert '"List-Unsubscribe=One-Click"' in payload
    assert copy.address in payload
    if scheme not in {"mailersend", "postal"}:
        assert copy.message_token in payload


@pytest.mark.parametrize("scheme", ["mailgun", "postmark"])
@pytest.mark.parametrize(
    ("answer", "verdict", "flags"),
    [
        (Answer(status=400, body=b"bad"), Verdict.NOT_SENT, {"is_splittable"}),
        (Answer(status=413), Verdict.NOT_SENT, {"is_splittable"}),
        (Answer(status=422, body=b'{"ErrorCode": 402, "Message": "odd"}'), Verdict.NOT_SENT, {"is_splittable"}),
        (Answer(status=429, headers={"Retry-After": "7"}), Verdict.NOT_SENT, {"retry_after"}),
        (Answer(status=401), Verdict.NOT_SENT, {"is_configuration"}),
        (Answer(status=403), Verdict.NOT_SENT, {"is_configuration"}),
        (Answer(status=302, headers={"Location": "/else"}), Verdict.NOT_SENT, {"is_configuration"}),
        (Answer(status=500, body=b"oops"), Verdict.UNKNOWN, set()),
        (Answer(status=503), Verdict.UNKNOWN, set()),
        (Answer(body=b"not json"), Verdict.UNKNOWN, set()),
        (Answer(body=b'{"id": "x"}', cut=3), Verdict.UNKNOWN, set()),
        (HANG_UP, Verdict.UNKNOWN, set()),
    ],
)  # fmt: skip
def test_what_an_answer_means(scheme: str, answer: Answer | None, verdict: Verdict, flags: set[str]) -> None:
    with web_server(lambda asked: answer) as server:
        provider = _mailgun(server.port) if scheme == "mailgun" else _postmark(server.port)
        result = _send(provider, _copies(1))

    assert _verdicts(result) == [verdict]
    assert {
        flag for flag in ("is_splittable", "retry_after", "is_configuration") if getattr(result, flag)
    } == flags
    if "retry_after" in flags:
        assert result.retry_after == 7
    assert len(server.asked) == 1  # never twice by itself


@pytest.mark.parametrize("scheme", ["mailgun", "postmark"])
@pytest.mark.parametrize(
    "answer", [Answer(pause=3), Answer(body=b" " * 400, drip=0.05)], ids=["silent", "dripping"]
)
def test_an_answer_that_does_not_come_in_time_is_unknown(scheme: str, answer: Answer) -> None:
    with web_server(lambda asked: answer) as server:
        provider = _mailgun(server.port) if scheme == "mailgun" else _postmark(server.port)
        result = _send(provider, _copies(2), seconds=1.2)

    assert result.outcomes[0].verdict is Verdict.UNKNOWN
    assert result.outcomes[1].verdict is (Verdict.UNKNOWN if scheme == "mailgun" else Verdict.NOT_SENT)
    assert len(server.asked) == 1


@pytest.mark.parametrize("scheme", ["mailgun", "postmark"])
def test_nobody_there_means_not_sent(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    result = _send(_mailgun(port) if scheme == "mailgun" else _postmark(port), _copies(2))

    assert _verdicts(result) == [Verdict.NOT_SENT] * 2
    assert not result.is_configuration
    assert result.is_unreachable


def test_a_handshake_that_fails_means_not_sent() -> None:
    with web_server(lambda asked: QUEUED) as server:
        [config] = parse(f"main=mailgun://KEY@mg.example.org?api_url=https://127.0.0.1:{server.port}")
        result = _send(make(config), _copies(2))

    assert _verdicts(result) == [Verdict.NOT_SENT] * 2
    assert server.asked == []


def test_encryption_that_breaks_after_the_handshake_is_unknown() -> None:
    broken = ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC] decryption failed")
    broken.reason = "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"
    error = requests.exceptions.SSLError(urllib3.exceptions.SSLError(broken))

    assert verdicts.of_exception(error).verdict is Verdict.UNKNOWN


def test_a_failure_handled_meanwhile_says_nothing_about_this_call() -> None:
    error = requests.ConnectionError("cut")
    error.__context__ = requests.ConnectTimeout("the call before")

    assert verdicts.of_exception(error).verdict is Verdict.UNKNOWN


def test_a_reader_whom_postmark_refuses_costs_the_others_nothing() -> None:
    def script(asked: Asked) -> Answer:
        to = json.loads(asked.body)["To"]
        if to == "reader0@example.org":
            refusal = {
                "ErrorCode": 406,
                "Message": "You tried to send to a recipient that has been marked as inactive.\n"
                "Found inactive addresses: reader0@example.org.\nInactive recipients are ones that bounced.",
            }
            return Answer(status=422, body=json.dumps(refusal).encode())
        if to == "reader1@example.org":
            return Answer(status=422, body=b'{"ErrorCode": 402, "Message": "odd"}')
        return _accepted_by_postmark(asked)

    with web_server(script) as server:
        result = _send(_postmark(server.port), _copies(3))

    assert _verdicts(result) == [Verdict.REJECTED, Verdict.REJECTED, Verdict.ACCEPTED]


def test_if_postmark_refuses_everybody_it_is_not_the_readers() -> None:
    with web_server(
        lambda asked: Answer(status=422, body=b'{"ErrorCode": 400, "Message": "sender"}')
    ) as server:
        result = _send(_postmark(server.port), _copies(3))

    assert _verdicts(result) == [Verdict.NOT_SENT] * 3
    assert result.is_splittable


@pytest.mark.parametrize(
    ("script", "first"),
    [
        (lambda asked: Answer(status=429), Verdict.NOT_SENT),
        (lambda asked: Answer(status=500), Verdict.UNKNOWN),
        (lambda asked: HANG_UP, Verdict.UNKNOWN),
    ],
)
def test_after_trouble_the_other_readers_are_not_offered(script: Script, first: Verdict) -> None:
    with web_server(script) as server:
        result = _send(_postmark(server.port), _copies(3))

    assert _verdicts(result) == [first, Verdict.NOT_SENT, Verdict.NOT_SENT]
    assert len(server.asked) == 1


def test_amazons_throttling_is_patience_and_not_a_refusal() -> None:
    class Throttled(Exception):
        response = {
            "Error": {"Code": "TooManyRequestsException"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }

    ruling = verdicts.of_exception(Throttled())

    assert ruling.verdict is Verdict.NOT_SENT
    assert ruling.retry_after == 60


def test_a_provider_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)  # as if it were not there
    monkeypatch.delitem(sys.modules, "anymail.backends.amazon_ses", raising=False)
    [config] = parse("main=amazon_ses://KEY:SECRET@eu-central-1")

    with pytest.raises(Exception, match=r"django-anymail\[amazon_ses"):
        make(config)


def _searched(answers: Sequence[dict[str, Any] | int]) -> Found:
    """What a search says whose pages are these; a number is a status."""
    waiting = list(answers)

    def script(asked: Asked) -> Answer:
        page = waiting.pop(0)
        if isinstance(page, int):
            return Answer(status=page)
        body = json.dumps(page).replace("HERE", f"http://{asked.headers['host']}/v3/mg.example.org/events")
        return Answer(body=body.encode())

    now = datetime.now(UTC)
    with web_server(script) as server:
        provider = _mailgun(server.port)
        assert isinstance(provider, Searchable)
        return provider.search(attempt_id=ATTEMPT, since=now, until=now, seconds=5)


def _events(*tokens: str, following: str, attempt: str = str(ATTEMPT)) -> dict[str, Any]:
    items = [{"event": "accepted", "user-variables": {"t": token, "a": attempt}} for token in tokens]
    return {"items": items, "paging": {"next": following}}


@pytest.mark.parametrize(
    ("pages", "tokens", "is_complete"),
    [
        ([_events("x", following="HERE/2"), _events("y", following="HERE/3"), _events(following="HERE/4")], "xy", True),
        ([_events(following="HERE/2")], "", True),
        ([_events("x", following="HERE/2"), 429], "x", False),
        ([_events("x", following="HERE/2"), 500], "x", False),
        ([_events("x", following="HERE/2"), _events("x", following="HERE/2")], "x", False),
        ([_events("x", following="https://elsewhere.example.org/")], "x", False),
        ([{"items": [{"user-variables": {"t": "z", "a": "other"}}], "paging": {"next": "HERE/2"}}, _events(following="")], "", True),
        ([{"odd": 1}], "", False),
    ],
)  # fmt: skip
def test_mailguns_events_prove_whom_they_name_and_absence_only_when_complete(
    pages: list[dict[str, Any] | int], tokens: str, is_complete: bool
) -> None:
    found = _searched(pages)

    assert (found.tokens, found.is_complete) == (frozenset(tokens), is_complete)
