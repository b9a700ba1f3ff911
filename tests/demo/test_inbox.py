"""The demo's inbox keeps what it is sent, counts it, and shows it without running any of it."""

import json
import smtplib
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from newsroom.demo.inbox import pages
from newsroom.demo.inbox.mailbox import Mailbox
from newsroom.demo.processes import Program, Supervisor, free_port, is_listening

ROOT = Path(__file__).parents[2]
HOSTILE = "\"><script>alert(1)</script>'&<img src=x onerror=alert(2)>"


@dataclass
class Inbox:
    """A running inbox and the ways to reach it."""

    smtp_port: int
    http_port: int
    directory: Path
    program: Program

    def send(self, content: bytes, *, to: tuple[str, ...] = ("mia@example.org",)) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10) as client:
            client.sendmail("brief@example.org", to, content)

    def ask(self, path: str, **headers: str) -> tuple[HTTPResponse, str]:
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        connection.request(
            "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response, body

    def json(self, path: str) -> Any:
        return json.loads(self.ask(path)[1])


def start_inbox(supervisor: Supervisor, directory: Path) -> Inbox:
    smtp_port, http_port = free_port(), free_port()
    program = supervisor.start(
        "inbox",
        [
            *(sys.executable, "-m", "newsroom.demo.inbox", "--directory", directory),
            *("--smtp-port", str(smtp_port), "--http-port", str(http_port)),
        ],
        log=directory.with_suffix(".log"),
        directory=ROOT,
    )
    supervisor.wait_until(
        lambda: is_listening(smtp_port) and is_listening(http_port), what="The inbox", seconds=20
    )
    return Inbox(smtp_port, http_port, directory, program)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Supervisor() as supervisor:
        yield start_inbox(supervisor, tmp_path / "inbox")


def make_mail(
    *, subject: str = "Der Morgen – Ausgabe 7", text: str = "Guten Morgen", html: str = "", list_id: str = ""
) -> bytes:
    message = EmailMessage()
    message["From"] = "Täglich <brief@example.org>"
    message["To"] = "Mia <mia@example.org>"
    message["Subject"] = subject
    message["Message-ID"] = "<7@example.org>"
    if list_id:
        message["List-Id"] = list_id
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message.as_bytes(policy=SMTP)


def test_a_mail_is_kept_byte_for_byte(inbox: Inbox) -> None:
    content = make_mail(text="Erste Zeile\n\n.Punkt am Anfang\n..zwei\n.\nÜber\n")

    inbox.send(content)

    assert (inbox.directory / "mails" / "0000001.eml").read_bytes() == content


@pytest.mark.parametrize(
    "body", [b"", b".", b"..", b"a.\r\n.\r\nb", b"ends with a dot.", b"\r\n.\r\n\r\n", b"\r\n\r\n"]
)
def test_dots_and_empty_lines_survive_the_way(inbox: Inbox, body: bytes) -> None:
    content = b"Subject: dots\r\n\r\n" + body + b"\r\n"

    inbox.send(content)

    assert (inbox.directory / "mails" / "0000001.eml").read_bytes() == content


def test_a_dot_at_the_very_beginning_survives_the_way(inbox: Inbox) -> None:
    inbox.send(b".\r\n..\r\n.end\r\n")

    assert (inbox.directory / "mails" / "0000001.eml").read_bytes() == b".\r\n..\r\n.end\r\n"


def test_an_empty_mail_is_kept_and_shown(inbox: Inbox) -> None:
    with socket.create_connection(("127.0.0.1", inbox.smtp_port), timeout=10) as client:
        client.sendall(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<mia@example.org>\r\nDATA\r\n.\r\nQUIT\r\n")
        said = read_all(client)

    assert "250 2.0.0 Kept as 1" in said
    response, page = inbox.ask("/mails/1")
    assert response.status == 200
    assert "(ohne Betreff)" in page


def test_commands_sent_ahead_are_served_in_order(inbox: Inbox) -> None:
    one = (
        b"MAIL FROM:<a@example.org>\r\nRCPT TO:<%d@example.org>\r\nDATA\r\nSubject: %d\r\n\r\nHallo\r\n.\r\n"
    )
    with socket.create_connection(("127.0.0.1", inbox.smtp_port), timeout=10) as client:
        client.sendall(b"EHLO a\r\n" + b"".join(one % (number, number) for number in range(20)) + b"QUIT\r\n")
        said = read_all(client)

    assert "250-PIPELINING" in said
    assert "250-8BITMIME" in said
    assert "250-SMTPUTF8" in said
    assert said.count("Kept as") == 20
    assert inbox.json("/count.json")["total"] == 20


def test_an_address_and_headers_in_utf_8_arrive_readable(inbox: Inbox) -> None:
    with smtplib.SMTP("127.0.0.1", inbox.smtp_port, timeout=10) as client:
        client.ehlo()
        client.sendmail(
            "brief@example.org",
            ["jürgen@example.org"],
            "Subject: Grüße\r\nX-Town: Köln\r\n\r\nHallo\r\n".encode(),
            mail_options=["SMTPUTF8", "BODY=8BITMIME"],
        )

    mail = inbox.json("/mails/1/mail.json")
    assert mail["recipients"] == ["jürgen@example.org"]
    assert mail["subject"] == "Grüße"
    assert ["X-Town", "Köln"] in mail["headers"]


def test_a_line_longer_than_mail_allows_is_refused(inbox: Inbox) -> None:
    with pytest.raises(smtplib.SMTPDataError, match="Line too long"):
        inbox.send(b"Subject: long\r\n\r\n" + b"x" * 1_000 + b"\r\n")

    assert inbox.json("/count.json")["total"] == 0


def test_mails_are_found_newest_first_by_their_address(inbox: Inbox) -> None:
    for number, address in enumerate(("mia@example.org", "noah@example.org", "mia@example.org"), start=1):
        inbox.send(make_mail(subject=f"Ausgabe {number}"), to=(address,))

    assert [mail["subject"] for mail in inbox.json("/messages.json?to=MIA@example.org")] == [
        "Ausgabe 3",
        "Ausgabe 1",
    ]
    assert [mail["number"] for mail in inbox.json("/messages.json?limit=1")] == [3]
    assert [mail["number"] for mail in inbox.json("/messages.json?after=2")] == [3]
    assert inbox.json("/messages.json?subject=ausgabe+2&to=mia@example.org") == []
    assert inbox.json("/messages.json?to=mia") == []


def test_kinds_are_counted_with_their_distinct_addresses(inbox: Inbox) -> None:
    digest = make_mail(list_id='"Der Morgen" <morgen.example.org>')
    for address in ("mia@example.org", "noah@example.org", "mia@example.org"):
        inbox.send(digest, to=(address,))
    inbox.send(make_mail(subject="Bitte bestätigen"), to=("lea@example.org",))

    count = inbox.json("/count.json")

    assert count["total"] == 4
    assert count["groups"] == [
        {"list_id": "", "subject": "Bitte bestätigen", "messages": 1, "recipients": 1},
        {
            "list_id": '"Der Morgen" <morgen.example.org>',
            "subject": "Der Morgen – Ausgabe 7",
            "messages": 3,
            "recipients": 2,
        },
    ]
    assert [group["messages"] for group in inbox.json("/count.json?list_id=morgen.example")["groups"]] == [3]


def test_one_mail_can_be_read_by_a_program(inbox: Inbox) -> None:
    inbox.send(make_mail(text="Text mit https://news.example.org/confirm/x/", html="<p>Hallo</p>"))

    mail = inbox.json("/mails/1/mail.json")

    assert "https://news.example.org/confirm/x/" in mail["text"]
    assert "<p>Hallo</p>" in mail["html"]
    assert ["From", "Täglich <brief@example.org>"] in mail["headers"]


@pytest.mark.parametrize(
    "path", ["/", "/mails/1", *(f"/mails/1?view={v}" for v in ("html", "phone", "text", "headers", "source"))]
)
def test_nothing_that_came_in_a_mail_becomes_markup(inbox: Inbox, path: str) -> None:
    content = make_mail(subject=HOSTILE, text=HOSTILE, html=f"<p>{HOSTILE}</p>", list_id=HOSTILE)
    inbox.send(content.replace(b"MIME-Version: 1.0", b"MIME-Version: 1.0\r\nX-<script>x</script>: 1"))

    response, page = inbox.ask(path)

    assert response.status == 200
    assert "<script>" not in page
    assert "<img" not in page
    assert "script-src 'self'" in str(response.headers["Content-Security-Policy"])


@pytest.mark.parametrize("query", ["q", "page", "lang", "view"])
def test_nothing_that_came_in_an_address_becomes_markup(inbox: Inbox, query: str) -> None:
    inbox.send(make_mail())
    for page_address in ("/", "/mails/1"):
        response, page = inbox.ask(f"{page_address}?{query}=%22%3E%3Cscript%3E")

        assert response.status == 200
        assert "<script>" not in page


def test_a_mail_is_shown_in_a_frame_that_runs_nothing(inbox: Inbox) -> None:
    inbox.send(
        make_mail(
            html="<!doctype html><html><head><title>x</title></head><body><script>1</script></body></html>"
        )
    )

    _, page = inbox.ask("/mails/1")
    response, document = inbox.ask("/mails/1/html")

    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    policy = str(response.headers["Content-Security-Policy"])
    assert "default-src 'none'" in policy
    assert "img-src http: https: data:" in policy
    assert "script-src" not in policy
    assert document.startswith('<!doctype html><html><head><base target="_blank"><title>')


def test_the_source_is_never_a_page(inbox: Inbox) -> None:
    inbox.send(b"Subject: <script>\r\n\r\n<script>\r\n")

    response, source = inbox.ask("/mails/1/source.eml")

    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert source == "Subject: <script>\r\n\r\n<script>\r\n"


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: =?unknown-99?b?w6Q=?=\r\n\r\nx\r\n",
        b"Subject: =?utf-8?b?!!!?=\r\n\r\nx\r\n",
        b"Subject: \xff\xfe\r\nFrom: \xff\r\n\r\n\xff\xfe\r\n",
        b"Content-Type: text/plain; charset=martian\r\n\r\nx\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\nno boundary\r\n",
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n",
        b"no headers at all",
    ],
)
def test_a_broken_mail_is_shown_as_far_as_it_can_be(inbox: Inbox, content: bytes) -> None:
    inbox.send(content)

    for path in ("/", "/mails/1", "/mails/1?view=headers", "/mails/1/html", "/mails/1/mail.json"):
        assert inbox.ask(path)[0].status == 200, path


@pytest.mark.parametrize(
    "path", ["/mails/0", "/mails/2", "/mails/-1", "/mails/x", "/mails/1/2/3", "/../etc/passwd"]
)
def test_what_is_not_there_is_said_to_be_not_there(inbox: Inbox, path: str) -> None:
    inbox.send(make_mail())

    response, page = inbox.ask(path)

    assert response.status == 404
    assert "Diese Seite gibt es nicht." in page


def test_the_page_speaks_the_language_of_its_reader(inbox: Inbox) -> None:
    assert "Posteingang" in inbox.ask("/")[1]
    assert "Inbox" in inbox.ask("/", Accept_Language="fr, en-GB;q=0.8, de;q=0.2")[1]
    response, page = inbox.ask("/?lang=en", Accept_Language="de")
    assert "Inbox" in page
    assert "Inbox" in inbox.ask("/", Cookie=str(response.headers["Set-Cookie"]).partition(";")[0])[1]


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("", "de"),
        ("de", "de"),
        ("en", "en"),
        ("EN-us", "en"),
        ("fr", "de"),
        ("de;q=0.1,en;q=0.9", "en"),
        ("en;q=0", "de"),
        ("en;q=x", "de"),
        ("de,en", "de"),
        (";;,,", "de"),
    ],
)
def test_the_language_is_the_first_of_ours_that_is_asked_for(accept_language: str, language: str) -> None:
    assert pages.preferred_language(accept_language) == language


def test_both_languages_say_everything() -> None:
    german, english = pages.LANGUAGES["de"], pages.LANGUAGES["en"]

    assert german.keys() == english.keys()


def test_the_list_is_paged_and_searched(inbox: Inbox) -> None:
    mailbox = Mailbox(inbox.directory.with_name("other"))
    for number in range(1, 121):
        mailbox.add(
            sender="", recipients=[f"{number}@example.org"], content=b"Subject: Nr %d\r\n\r\nx" % number
        )

    first = pages.mail_list(mailbox, {}, "de")
    last = pages.mail_list(mailbox, {"page": "3"}, "de")
    found = pages.mail_list(mailbox, {"q": "nr 77"}, "de")

    assert first.count("<li>") == 50
    assert "Nr 120" in first
    assert 'rel="next" href="/?page=2"' in first
    assert last.count("<li>") == 20
    assert 'rel="next"' not in last
    assert found.count("<li>") == 1
    mailbox.close()


def test_mails_are_still_there_after_a_restart(tmp_path: Path) -> None:
    directory = tmp_path / "inbox"
    with Supervisor() as supervisor:
        start_inbox(supervisor, directory).send(make_mail(subject="Gestern"))

    with Supervisor() as supervisor:
        inbox = start_inbox(supervisor, directory)
        inbox.send(make_mail(subject="Heute"))

        assert [mail["subject"] for mail in inbox.json("/messages.json")] == ["Heute", "Gestern"]


def test_a_taken_port_is_said_in_one_line(tmp_path: Path, inbox: Inbox) -> None:
    with Supervisor() as supervisor:
        program = supervisor.start(
            "second",
            [
                *(sys.executable, "-m", "newsroom.demo.inbox", "--directory", tmp_path / "second"),
                *("--smtp-port", str(free_port()), "--http-port", str(inbox.http_port)),
            ],
            log=tmp_path / "second.log",
            directory=ROOT,
        )

        assert program.process.wait(20) == 1
    said = (tmp_path / "second.log").read_text()
    assert said.startswith("The inbox cannot open its ports")
    assert said.count("\n") == 1


def read_all(client: socket.socket) -> str:
    said = b""
    while part := client.recv(65_536):
        said += part
    return said.decode()
