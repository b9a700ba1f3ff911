"""The simulator is a second opinion, so it must be right by itself: what it answers, and what it writes down."""

import base64
import http.client
import json
import smtplib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from newsroom.sandbox.http_server import HttpServer
from newsroom.sandbox.record import Record
from newsroom.sandbox.script import BadScript, Script
from newsroom.sandbox.smtp_server import SmtpServer, serve
from newsroom.sandbox.webhooks import Emitter

MAIL = "From: a@example.org\r\nMessage-ID: <token@example.org>\r\n\r\nHello\r\n"


class Sandbox:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "record.jsonl"
        self.script, self.record = Script(), Record(self.path)
        self.http = HttpServer(("127.0.0.1", 0), self.script, self.record, Emitter())
        self.smtp = SmtpServer(("127.0.0.1", 0), self.script, self.record)
        serve(self.http)
        serve(self.smtp)

    def follow(self, *rules: dict[str, Any]) -> None:
        self.script.replace(json.dumps({"rules": rules}))

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(*self.http.server_address, timeout=5)  # type: ignore[misc]  # host and port
        try:
            connection.request(
                method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
            )
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else None

    def mailgun(self, *addresses: str) -> tuple[int, Any]:
        variables = {address: {"t": f"token-{address}"} for address in addresses}
        form = [("to", address) for address in addresses]
        form += [("recipient-variables", json.dumps(variables)), ("v:t", "%recipient.t%"), ("v:a", "attempt")]
        return self.ask(
            "POST",
            "/v3/mg.example.org/messages",
            urlencode(form).encode(),
            Content_Type="application/x-www-form-urlencoded",
            Authorization="Basic " + base64.b64encode(b"api:key").decode(),
        )

    def send(self) -> None:
        with smtplib.SMTP(*self.smtp.server_address, timeout=5) as client:  # type: ignore[misc]  # host and port
            client.sendmail("a@example.org", ["b@example.org"], MAIL)

    @property
    def taken(self) -> list[str]:
        return [token for line in self.lines for token in line["taken"]]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path)
    yield made
    for server in (made.http, made.smtp):
        server.shutdown()
        server.server_close()
    made.record.close()


def test_mailgun_takes_each_recipient_with_his_own_token(sandbox: Sandbox) -> None:
    status, answer = sandbox.mailgun("a@example.org", "b@example.org")

    assert (status, "id" in answer) == (200, True)
    (line,) = sandbox.lines
    assert line["taken"] == ["token-a@example.org", "token-b@example.org"]
    assert line["attempt"] == "attempt"


def test_call_that_is_cut_has_no_answer_and_is_taken_or_not_as_the_script_says(sandbox: Sandbox) -> None:
    sandbox.follow({"calls": [1], "act": "cut"}, {"calls": [2], "act": "cut", "accepted": False})

    for address in ("a@example.org", "b@example.org"):
        with pytest.raises(http.client.RemoteDisconnected):
            sandbox.mailgun(address)

    assert sandbox.taken == ["token-a@example.org"]


def test_server_error_can_hide_an_acceptance_and_a_throttle_never_does(sandbox: Sandbox) -> None:
    sandbox.follow({"calls": [1], "act": "status", "status": 503}, {"calls": [2], "act": "throttle"})

    assert [sandbox.mailgun("a@example.org")[0] for _ in range(3)] == [503, 429, 200]
    assert len(sandbox.taken) == 2


def test_search_finds_what_was_taken_under_an_attempt(sandbox: Sandbox) -> None:
    sandbox.mailgun("a@example.org")

    query = urlencode({"user-variables": json.dumps({"a": "attempt"})})
    _, found = sandbox.ask("GET", f"/v3/mg.example.org/events?{query}")
    _, other = sandbox.ask("GET", "/v3/mg.example.org/events?" + urlencode({"user-variables": '{"a": "x"}'}))

    assert [item["recipient"] for item in found["items"]] == ["a@example.org"]
    assert other["items"] == []


def test_search_goes_on_page_by_page_until_one_is_empty(sandbox: Sandbox) -> None:
    sandbox.mailgun("a@example.org")

    _, first = sandbox.ask("GET", "/v3/mg.example.org/events?" + urlencode({"user-variables": "{}"}))
    following = urlsplit(first["paging"]["next"])
    _, last = sandbox.ask("GET", f"{following.path}?{following.query}")

    assert len(first["items"]) == 1
    assert last["items"] == []


def test_postmark_answers_each_message_of_a_batch(sandbox: Sandbox) -> None:
    sandbox.follow({"act": "part", "count": 2})
    batch = [{"To": f"{name}@example.org", "Metadata": {"t": name, "a": "x"}} for name in "abc"]

    status, answers = sandbox.ask("POST", "/email/batch", json.dumps(batch).encode())

    assert (status, [answer["ErrorCode"] for answer in answers]) == (200, [0, 406, 0])
    assert sandbox.taken == ["a", "c"]


def test_resend_answers_a_known_key_as_before_and_refuses_it_for_other_content(sandbox: Sandbox) -> None:
    body = json.dumps([{"to": ["a@example.org"], "headers": {"X-Metadata": '{"t": "a"}'}}]).encode()
    other = body.replace(b"a@", b"b@")

    first = sandbox.ask("POST", "/emails/batch", body, Idempotency_Key="one")
    again = sandbox.ask("POST", "/emails/batch", body, Idempotency_Key="one")
    changed, _ = sandbox.ask("POST", "/emails/batch", other, Idempotency_Key="one")

    assert first == again
    assert changed == 409
    sandbox.follow({"act": "status", "status": 500})
    hidden, _ = sandbox.ask("POST", "/emails/batch", other, Idempotency_Key="two")
    found, _ = sandbox.ask("POST", "/emails/batch", other, Idempotency_Key="two")
    assert (hidden, found) == (500, 200)
    assert sandbox.taken == ["a", "a"]  # the second under another key


def test_mail_server_takes_a_message_by_its_message_id(sandbox: Sandbox) -> None:
    sandbox.send()

    assert sandbox.taken == ["token"]


@pytest.mark.parametrize(
    ("act", "error"),
    [
        ({"act": "throttle"}, smtplib.SMTPSenderRefused),
        ({"act": "hangup"}, smtplib.SMTPServerDisconnected),
        ({"act": "status", "at": "rcpt", "status": 550}, smtplib.SMTPRecipientsRefused),
        ({"act": "status", "status": 554}, smtplib.SMTPDataError),
        ({"act": "cut", "accepted": False}, smtplib.SMTPServerDisconnected),
    ],
)
def test_mail_server_refuses_as_scripted_and_takes_nothing(
    sandbox: Sandbox, act: dict[str, Any], error: type[smtplib.SMTPException]
) -> None:
    sandbox.follow(act)

    with pytest.raises(error):
        sandbox.send()

    assert sandbox.taken == []
    assert len(sandbox.lines) == 1


def test_script_that_cannot_be_followed_is_refused_and_the_old_one_stays(sandbox: Sandbox) -> None:
    sandbox.follow({"act": "throttle"})

    status, _ = _put(sandbox, b'{"rules": [{"act": "explode"}]}')

    assert status == 400
    assert sandbox.mailgun("a@example.org")[0] == 429
    with pytest.raises(BadScript, match="nobody knows colour"):
        Script('{"rules": [{"colour": "red"}]}')


def _put(sandbox: Sandbox, body: bytes) -> tuple[int, None]:
    connection = http.client.HTTPConnection(*sandbox.http.server_address, timeout=5)  # type: ignore[misc]  # host and port
    connection.request("PUT", "/sandbox/script", body)
    status = connection.getresponse().status
    connection.close()
    return status, None
