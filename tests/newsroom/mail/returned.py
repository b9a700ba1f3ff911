"""Mails that come back, written by hand after the RFCs: a token and a diagnosis go in, bytes come out."""

from newsroom.web import tokens

TOKEN = tokens.make(tokens.TokenKind.DELIVERY, 7 << 32)


def dsn(
    *,
    recipient: str = "rfc822; ann@example.net",
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <ann@example.net>: no such person",
    token: str = TOKEN,
    more: str = "",
) -> bytes:
    """A delivery status notification (RFC 3464) with the headers of what came back."""
    return f"""\
Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.example.net>
To: morgen@example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

--cut
Content-Type: text/plain

We are sorry.

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}
{more}
--cut
Content-Type: text/rfc822-headers

From: morgen@example.org
To: ann@example.net
Message-ID: <{token}@example.org>
Subject: Am Fluss

--cut--
""".encode()


def complaint(kind: str = "abuse", *, token: str = TOKEN) -> bytes:
    """A report of abuse (RFC 5965), the reader's address withheld."""
    return f"""\
From: feedback@isp.example.net
To: abuse@example.org
Subject: FW: Am Fluss
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="cut"

--cut
Content-Type: text/plain

This is a report about a message.
--cut
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Loop/1.0
Version: 1

--cut
Content-Type: message/rfc822

From: morgen@example.org
To: undisclosed
Message-ID: <{token}@example.org>
Subject: Am Fluss

Hello
--cut--
""".encode()


def letter(text: str, **head: str) -> bytes:
    """A plain mail; fields by name, `_` for `-`."""
    fields = {
        "from": "MAILER-DAEMON@mx.example.net",
        "to": "morgen@example.org",
        "subject": "failure notice",
    } | head
    lines = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in fields.items())
    return f"{lines}\n{text}".encode()
