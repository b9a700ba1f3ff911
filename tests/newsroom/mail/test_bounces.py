"""Returned mail read: who is meant, what it means, and who never loses the newsletter over it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsroom.mail.bounces import Kind, Reason, Report, read
from tests.newsroom.mail.returned import TOKEN, complaint, dsn, letter


def _one(raw: bytes) -> Report:
    [report] = read(raw)
    return report


def test_a_notification_names_the_reader_the_reason_and_our_token() -> None:
    report = _one(dsn())

    assert report == Report(
        recipient="ann@example.net",
        kind=Kind.BOUNCED,
        action="failed",
        status="5.1.1",
        diagnostic="smtp; 550 5.1.1 <ann@example.net>: no such person",
        suppress_now=True,
        reason=Reason.UNKNOWN,
        token=TOKEN,
    )


@pytest.mark.parametrize("ends", [b"\r\n", b"\r", b"\n"])
def test_line_ends_make_no_difference(ends: bytes) -> None:
    assert read(dsn().replace(b"\n", ends)) == read(dsn())


@pytest.mark.parametrize(
    ("status", "diagnostic", "reason", "now"),
    [
        ("5.1.2", "smtp; 550 bad destination", Reason.NO_DOMAIN, True),
        ("5.1.10", "smtp; 556 5.1.10 null MX", Reason.NO_DOMAIN, True),
        ("5.1.6", "smtp; 551 gone away", Reason.MOVED, True),
        ("5.2.1", "smtp; 550 5.2.1 closed for all", Reason.DISABLED, True),
        ("5.0.0", "smtp; 550 No such user here", Reason.UNKNOWN, True),
        ("5.0.0", "smtp; 550 this account has been suspended", Reason.DISABLED, False),
        ("5.2.1", "smtp; 550 5.2.1 this account has been suspended", Reason.DISABLED, False),
        ("5.2.2", "smtp; 552 5.2.2 mailbox is full", Reason.FULL, False),
        ("4.2.2", "smtp; 452 4.2.2 over quota", Reason.FULL, False),
        ("4.1.1", "smtp; 450 4.1.1 user unknown for now", Reason.UNKNOWN, False),
        ("4.4.7", "smtp; delivery time expired", Reason.EXPIRED, False),
        ("5.7.1", "smtp; 550 5.7.1 user unknown", Reason.POLICY, False),
        (
            "5.7.26",
            "smtp; 550 5.7.26 this mail is unauthenticated: SPF and DKIM did not pass",
            Reason.AUTHENTICATION,
            False,
        ),
        ("5.7.515", "smtp; 550 5.7.515 access denied, sending domain", Reason.BLOCKED, False),
        ("5.7.25", "smtp; 550 5.7.25 the sending address has no PTR record", Reason.AUTHENTICATION, False),
        ("5.1.1", "smtp; 550 5.1.1 rejected as spam", Reason.SPAM, False),
        ("5.0.0", "smtp; 554 your IP 192.0.2.1 is on a block list", Reason.BLOCKED, False),
        ("4.7.28", "smtp; 421 4.7.28 unusual rate of mail, rate limited", Reason.RATE, False),
        ("5.1.8", "smtp; 501 5.1.8 domain of sender does not exist", Reason.BLOCKED, False),
        ("5.3.4", "smtp; 552 message too large", Reason.CONTENT, False),
    ],
)
def test_only_a_mailbox_that_is_gone_is_not_mailed_again(
    status: str, diagnostic: str, reason: Reason, now: bool
) -> None:
    report = _one(dsn(status=status, diagnostic=diagnostic))

    assert (report.kind, report.reason, report.suppress_now) == (Kind.BOUNCED, reason, now)


def test_who_is_called_unknown_after_the_message_was_taken_is_not() -> None:
    report = _one(dsn(status="5.0.0", diagnostic="smtp; 550 user unknown (in reply to end of DATA command)"))

    assert not report.suppress_now


def test_a_delay_is_no_bounce() -> None:
    report = _one(dsn(action="delayed", status="4.4.1", diagnostic="smtp; connection timed out"))

    assert (report.kind, report.suppress_now) == (Kind.DEFERRED, False)


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_good_news_changes_nothing(action: str) -> None:
    assert _one(dsn(action=action, status="2.0.0", diagnostic="")).kind is Kind.NOTHING


def test_each_recipient_is_judged_alone() -> None:
    second = "\nFinal-Recipient: rfc822; ben@example.net\nAction: failed\nStatus: 5.2.2\n"

    found = {report.recipient: report.suppress_now for report in read(dsn(more=second))}

    assert found == {"ann@example.net": True, "ben@example.net": False}


def test_an_address_beyond_ascii_is_read() -> None:
    assert _one(dsn(recipient=r"utf-8; j\x{F6}rg@example.net")).recipient == "jörg@example.net"


def test_a_truncated_notification_still_says_who() -> None:
    raw = dsn()

    assert _one(raw[: raw.index(b"Diagnostic-Code")]).recipient == "ann@example.net"


def test_a_forwarded_notification_is_found_inside() -> None:
    head, boundary = b"From: postmaster@example.net\nSubject: Fwd\nMIME-Version: 1.0\n", b'boundary="outer"'
    raw = (
        head
        + b"Content-Type: multipart/mixed; "
        + boundary
        + b"\n\n--outer\nContent-Type: message/rfc822\n\n"
    )

    report = _one(raw + dsn() + b"\n--outer--\n")

    assert (report.recipient, report.token) == ("ann@example.net", TOKEN)


def test_a_mail_for_people_is_read_as_well() -> None:
    text = f"""Hi. This is the mail program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.

<ann@example.net>:
192.0.2.7 failed after RCPT TO: 550 5.1.1 no mailbox by that name

--- Below this line is a copy of the message.

Return-Path: <morgen@example.org>
Message-ID: <{TOKEN}@example.org>
To: someone@example.com
"""
    report = _one(letter(text))

    assert (report.recipient, report.suppress_now, report.token) == ("ann@example.net", True, TOKEN)


def test_words_without_a_code_do_not_decide() -> None:
    report = _one(letter("Your message could not be delivered to\n\n<ann@example.net>: user unknown\n"))

    assert (report.reason, report.suppress_now) == (Reason.UNKNOWN, False)


def test_a_german_bounce_is_one() -> None:
    text = (
        "Ihre Nachricht konnte nicht zugestellt werden.\n\n<ann@example.net>:\nEmpfänger unbekannt (5.1.1)\n"
    )

    report = _one(letter(text, subject="Unzustellbar: Am Fluss"))

    assert (report.recipient, report.suppress_now) == ("ann@example.net", True)


def test_failed_recipients_are_named_in_a_header() -> None:
    raw = letter("It could not be delivered.\n", X_Failed_Recipients="ann@example.net, ben@example.net")

    assert [report.recipient for report in read(raw)] == ["ann@example.net", "ben@example.net"]


@pytest.mark.parametrize("kind", ["abuse", "fraud", "opt-out"])
def test_a_complaint_stops_mail_at_once(kind: str) -> None:
    report = _one(complaint(kind))

    assert (report.kind, report.suppress_now, report.token) == (Kind.COMPLAINED, True, TOKEN)
    assert report.recipient == ""


@pytest.mark.parametrize("kind", ["auth-failure", "not-spam", "virus", "other"])
def test_reports_that_are_no_complaint_change_nothing(kind: str) -> None:
    assert _one(complaint(kind)).kind is Kind.NOTHING


@pytest.mark.parametrize(
    "raw",
    [
        letter("I am away until Monday.", **{"from": "Ann <ann@example.net>", "Auto_Submitted": "auto-replied"}, subject="Out of office: Am Fluss"),
        letter("Ich bin nicht im Haus.", **{"from": "ann@example.net"}, subject="Automatische Antwort: Am Fluss"),
        letter("Please press here so that I see your mail.", **{"from": "ann@example.net"}, subject="Confirm that you are human"),
        letter("Your message was displayed.", **{"from": "ann@example.net"}, subject="Read: Am Fluss"),
        letter("Thank you for the fine newsletter, I did not find the link in it.", **{"from": "ann@example.net"}, subject="Re: Am Fluss"),
        b"",
    ],
    ids=["vacation", "abwesend", "challenge", "read", "reader", "nothing"],
)  # fmt: skip
def test_what_only_looks_like_a_bounce_changes_nothing(raw: bytes) -> None:
    assert all(report.kind is Kind.NOTHING for report in read(raw))


def test_a_read_receipt_changes_nothing() -> None:
    raw = dsn().replace(b"message/delivery-status", b"message/disposition-notification")

    assert read(raw) == []


@pytest.mark.parametrize(
    ("disposition", "text", "expected"),
    [
        ("automatic-action/MDN-sent-automatically; deleted", "It was rejected: quota exceeded", Reason.FULL),
        ("automatic-action/MDN-sent-automatically; deleted", "I do not want this.", Reason.POLICY),
        ("automatic-action/MDN-sent-automatically; displayed", "Read.", None),
        ("manual-action/MDN-sent-manually; deleted", "Deleted unread.", None),
    ],
)
def test_a_filters_refusal_in_the_shape_of_a_receipt_is_a_bounce_that_stops_nothing(
    disposition: str, text: str, expected: Reason | None
) -> None:
    raw = dsn(more=f"Disposition: {disposition}\n").replace(
        b"message/delivery-status", b"message/disposition-notification"
    )

    found = read(raw.replace(b"We are sorry.", text.encode()))

    assert [(report.recipient, report.reason, report.suppress_now, report.token) for report in found] == (
        [("ann@example.net", expected, False, TOKEN)] if expected else []
    )


_BROUGHT = f"""\
From: MAILER-DAEMON@mx.example.net
To: morgen@example.org
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="cut"

--cut
Content-Type: text/plain

mx.example.net

<ann@example.net>:

--cut
Content-Type: message/rfc822

Message-ID: <{TOKEN}@example.org>

--cut--
""".encode()


@pytest.mark.parametrize(
    "raw",
    [
        _BROUGHT,
        dsn().replace(b"Final-Recipient: rfc822; ann@example.net\n", b"").replace(
            b"We are sorry.", b"This did not go to\n\nann@example.net\n"
        ).replace(b"Undelivered Mail Returned to Sender", b"Annuaire").replace(b"MAILER-DAEMON", b"annuaire"),
        letter("Your message\n\n  To: somebody@example.org\n  Subject: Am Fluss\n\n"
               "did not reach the following recipient(s):\n\n"
               "c=DE;a= ;p=EX;dda:SMTP=ann@example.net; on Mon\n    no such name here\n"),
        letter("Your message to:\n\tann@example.net\n\nhas not yet been delivered.\n",
               subject="Warning: message has not yet been delivered"),
        letter("------ Failed Recipients ------\n\n<ann@example.net>: mailbox unavailable. [Code 550]\n",
               **{"from": "SMTP_Service@mx.example.net"}, subject="Returned Mail"),
        letter("--- Report ---\nThe mail below could not be delivered to the following user:\n\n"
               "\"ann@example.net\" <ann@example.net>\n",
               **{"from": "admin@mx.example.net"}, subject="Non-Delivery: Am Fluss"),
        letter("Intended recipient: ann@example.net\n\nThe following mail has been returned, there was an error.\n",
               subject="Processing Error"),
    ],
    ids=["mail brought", "report without recipient", "X.400", "late", "named", "words", "error"],
)  # fmt: skip
def test_a_bounce_is_known_by_what_it_is(raw: bytes) -> None:
    assert _one(raw).recipient == "ann@example.net"


@pytest.mark.parametrize(
    "raw",
    [
        letter("Lost.", X_Failed_Recipients="ann@example.net", to=f"b+{TOKEN}@bounces.example.org"),
        letter("Lost.", X_Failed_Recipients="ann@example.net", Delivered_To=f"b+{TOKEN}@bounces.example.org"),
        letter("Lost.", X_Failed_Recipients="ann@example.net", In_Reply_To=f"<{TOKEN}@example.org>"),
        letter(f"Lost.\n\n> Message-ID: <{TOKEN}@example.org>\n", X_Failed_Recipients="ann@example.net"),
        dsn(token="x").replace(
            b"Reporting-MTA", b"Original-Envelope-Id: " + TOKEN.encode() + b"\nReporting-MTA"
        ),
    ],
    ids=["return path", "delivered to", "in reply to", "quoted", "envelope id"],
)
def test_our_token_is_found_wherever_servers_leave_it(raw: bytes) -> None:
    assert _one(raw).token == TOKEN


_LINES = st.sampled_from(
    b"""Content-Type: multipart/report; boundary=a
Content-Type: message/delivery-status
Content-Type: message/rfc822
Content-Type: message/feedback-report
Content-Type: text/plain; charset=utf-7
Content-Transfer-Encoding: base64
Final-Recipient: rfc822; a@b.example
Feedback-Type: abuse
Status: 5.1.1
From: MAILER-DAEMON
Subject: =?utf-8?B?/w=?=
<a@b.example>: 550
--a
--a--

""".split(b"\n")
)


@given(st.one_of(st.binary(max_size=400), st.lists(st.one_of(_LINES, st.binary(max_size=30)), max_size=25).map(b"\n".join)))  # fmt: skip
def test_whatever_arrives_is_read_without_an_error(raw: bytes) -> None:
    for report in read(raw):
        assert isinstance(report, Report)
        assert not (report.suppress_now and report.kind in {Kind.NOTHING, Kind.DEFERRED})


@pytest.mark.parametrize(
    "filler",
    [b"<!--", b"a@", b"user ", b"<a@b.c", b"a.", b">>> DATA\n", b"-", b"=?", b"Final-Recipient: a@b.example\n", b"\n\n"],
)  # fmt: skip
def test_a_hostile_mail_costs_little(filler: bytes) -> None:
    begun = time.process_time()

    read(letter("could not be delivered\n") + filler * (500_000 // len(filler)))
    read(dsn(diagnostic=(filler * 100_000).decode().replace("\n", " ")))

    assert time.process_time() - begun < 8


def test_mails_within_mails_end() -> None:
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1_000))

    assert read(raw) == []
