"""The bytes of a mail as they leave, read by parsers that did not write them."""

import base64
import email
import quopri
import re
from email import policy
from email.header import decode_header
from email.message import EmailMessage, Message
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from newsroom.mail import encoding
from newsroom.mail.errors import BadAddress, BadHeader, MissingSlot
from newsroom.mail.wire import (
    SLOT_CLOSE,
    SLOT_OPEN,
    Envelope,
    Shared,
    compile_mail,
    fill_slots,
    slot,
    slot_names,
    strip_slots,
)
from tests.newsroom.mail.mails import NOW, make_content, make_copy, make_envelope, make_mail

LINE_ENDERS = ["\r", "\n", "\r\n", "\v", "\f", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"]
# Text as people write it: no controls, no lone surrogates, no line separators, no slots.
WRITTEN = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Co", "Cn", "Zl", "Zp"]), min_size=1, max_size=300
)


def _parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=policy.default)


def _by_the_old_parser(raw: bytes) -> Message:
    return email.message_from_bytes(raw, policy=policy.compat32)


def _decoded_words(value: str) -> str:
    pieces = decode_header(value)
    return "".join(
        piece.decode(charset or "ascii") if isinstance(piece, bytes) else piece for piece, charset in pieces
    ).replace("\r\n", "")


def _raw_lines(raw: bytes, name: str) -> list[bytes]:
    """The physical lines of a header as they stand, folded lines joined by their CRLF."""
    fields: list[bytes] = []
    for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line[:1] in {b" ", b"\t"}:
            fields[-1] += b"\r\n" + line
        else:
            fields.append(line)
    return [field for field in fields if field.lower().startswith(name.lower().encode() + b":")]


@given(length=st.integers(min_value=20, max_value=900))
@example(length=20)
@example(length=74)
@example(length=75)
@example(length=76)
@example(length=900)
def test_an_unsubscribe_address_of_any_length_stands_in_one_plain_line(length: int) -> None:
    url = "https://e.org/u/".ljust(length, "x")

    raw = make_mail().splice(make_copy(leave_url=url), date=NOW)

    [line] = _raw_lines(raw, "List-Unsubscribe")
    assert line == f"List-Unsubscribe: <{url}>".encode()
    assert _raw_lines(raw, "List-Unsubscribe-Post") == [b"List-Unsubscribe-Post: List-Unsubscribe=One-Click"]
    assert str(_parsed(raw)["List-Unsubscribe"]) == f"<{url}>"


def test_who_answers_for_the_list_and_where_the_mail_can_be_read_are_said() -> None:
    raw = make_mail(
        envelope={
            "owner": "fragen%&=+/x@bücher.example.org",
            "page_url": "https://news.example.org/newsletters/morgen/12/",
        }
    ).splice(make_copy(), date=NOW)

    mailto = b"mailto:fragen%25%26%3D+%2Fx@xn--bcher-kva.example.org"
    assert _raw_lines(raw, "List-Owner") == [b"List-Owner: <" + mailto + b">"]
    assert _raw_lines(raw, "Archived-At") == [
        b"Archived-At: <https://news.example.org/newsletters/morgen/12/>"
    ]


def test_an_envelope_frozen_before_a_header_was_known_leaves_as_it_always_did() -> None:
    frozen = {
        "kind": "digest",
        "from_name": "Uferblick am Morgen",
        "from_address": "morgen@example.org",
        "reply_to": "redaktion@example.org",
        "language": "de",
        "list_id": "morgen.news.example.org",
        "list_name": "Uferblick am Morgen",
        "archive_url": "https://news.example.org/newsletters/morgen/",
        "help_url": "https://news.example.org/preferences/",
        "feedback_id": "12:morgen:digest:newsroom",
        "auto_submitted": False,
    }
    copy = make_copy(message_token="TOKEN", leave_url="https://news.example.org/u/abc")

    content = make_content(subject="Guten Morgen", html="", text="Der Fluss hat wieder Wasser.")
    raw = compile_mail(Envelope.from_json(frozen), content).splice(copy, date=NOW)

    assert raw == (
        b"To: reader0@example.org\r\n"
        b"Message-ID: <TOKEN@example.org>\r\n"
        b"Date: Sun, 22 Nov 2026 06:00:30 +0000\r\n"
        b"List-Unsubscribe: <https://news.example.org/u/abc>\r\n"
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        b"From: Uferblick am Morgen <morgen@example.org>\r\n"
        b"Subject: Guten Morgen\r\n"
        b"Reply-To: redaktion@example.org\r\n"
        b"Content-Language: de\r\n"
        b'List-Id: "Uferblick am Morgen" <morgen.news.example.org>\r\n'
        b"List-Post: NO\r\n"
        b"List-Help: <https://news.example.org/preferences/>\r\n"
        b"List-Archive: <https://news.example.org/newsletters/morgen/>\r\n"
        b"Feedback-ID: 12:morgen:digest:newsroom\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"Der Fluss hat wieder Wasser.\r\n"
    )


def test_structured_headers_never_leave_as_encoded_words() -> None:
    raw = make_mail(
        envelope={
            "feedback_id": "a" * 40 + ":" + "b" * 40 + ":digest:uferblick",
            "list_name": 'Größte "Nachrichten", täglich',
            "archive_url": "https://news.example.org/" + "x" * 200,
            "help_url": "https://news.example.org/" + "y" * 200,
            "page_url": "https://news.example.org/" + "z" * 200,
            "owner": "o" * 64 + "@" + "news." * 30 + "example.org",
        }
    ).splice(make_copy(), date=NOW)

    for name in (
        "Feedback-ID",
        "List-Id",
        "List-Help",
        "List-Archive",
        "List-Owner",
        "Archived-At",
        "Message-ID",
        "List-Unsubscribe",
        "To",
    ):
        [line] = _raw_lines(raw, name)
        assert b"=?" not in line
        assert b"\r\n" not in line


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ('Größte "Nachrichten", täglich', '"Groesste Nachrichten, taeglich" '),
        ("Straße <b>", '"Strasse b" '),
        ("新闻", ""),
        ("a\\b", '"ab" '),
        ("=?utf-8?q?x?=", '"utf-8?q?x?=" '),
        ("", ""),
    ],
)
def test_a_list_has_one_identifier_that_is_readable_undecoded(name: str, phrase: str) -> None:
    raw = make_mail(envelope={"list_name": name}).splice(make_copy(), date=NOW)

    assert _raw_lines(raw, "List-Id") == [f"List-Id: {phrase}<morgen.news.example.org>".encode()]


@given(subject=WRITTEN)
@example(subject="👨‍👩‍👧‍👦" * 40)
@example(subject="新闻早报：" * 50)
@example(subject="نشرة الصباح " * 20)
@example(subject="Ä" * 300)
@example(subject="x" * 300)
@example(subject="=?utf-8?q?not_a_word?=")
@example(subject="a " * 150)
def test_a_subject_comes_back_whole_from_two_parsers(subject: str) -> None:
    wanted = subject.strip()
    assume(wanted)

    raw = make_mail(subject=subject).splice(make_copy(), date=NOW)

    assert _parsed(raw)["Subject"] == wanted
    assert _decoded_words(_by_the_old_parser(raw)["Subject"]) == wanted
    [header] = _raw_lines(raw, "Subject")
    assert all(len(line) <= 998 for line in header.split(b"\r\n"))
    for word in re.findall(rb"=\?[^?]+\?[bq]\?[^?]*\?=", header):
        assert len(word) <= 75
        base64.b64decode(word.split(b"?")[3], validate=True).decode("utf-8")  # whole characters only


def test_a_family_is_not_torn_apart_between_encoded_words() -> None:
    words = encoding.encoded_words("Ein langer Anfang, damit es eng wird: 👨‍👩‍👧 und 👩🏽‍🚀", used=9)

    decoded = [base64.b64decode(word.split("?")[3]).decode() for word in words.split("\r\n ")]
    assert any("👨‍👩‍👧" in part for part in decoded)
    assert any("👩🏽‍🚀" in part for part in decoded)


@given(name=WRITTEN)
@example(name='Größte "Nachrichten", täglich')
@example(name="Uferblick, der Morgen")
@example(name='a\\"b')
@example(name="=?utf-8?q?x?=")
@example(name="a@b.example.org")
def test_a_sender_name_comes_back_whole_and_adds_no_mailbox(name: str) -> None:
    assume(name.strip())

    raw = make_mail(envelope={"from_name": name}).splice(make_copy(), date=NOW)

    header = _parsed(raw)["From"]
    assert [mailbox.addr_spec for mailbox in header.addresses] == ["morgen@example.org"]
    # By the older parser: the newer one puts a blank between two encoded-words of a name (RFC 2047 §6.2 forbids it).
    shown = _decoded_words(parseaddr(_by_the_old_parser(raw)["From"])[0])
    assert " ".join(shown.split()) == " ".join(name.split())
    assert len(_raw_lines(raw, "From")) == 1


@settings(max_examples=50)
@given(body=st.text(max_size=500), before=st.text(max_size=90), after=st.text(max_size=90))
@example(body="x" * 5_000, before="", after="")
@example(body="eins\rzwei\rdrei", before="", after="")
@example(body=("word " * 200 + "\n") * 3, before=" ", after=" ")
@example(body="data:image/png;base64," + "A" * 5_000, before="", after="")
@example(body=".\n..\n.\r\n", before=".", after=".")
@example(body="", before="", after="")
@example(body="a \nb\t\n \n", before=" ", after=" ")
def test_bodies_come_back_as_rendered_in_lines_every_relay_takes(body: str, before: str, after: str) -> None:
    text = strip_slots(body) + strip_slots(before) + slot("leave_url") + strip_slots(after)
    mail = make_mail(text=text, html=f"<p>{text}</p>")
    copy = make_copy()

    raw = mail.splice(copy, date=NOW)

    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    head, _gap, rest = raw.partition(b"\r\n\r\n")
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    assert all(len(line) <= 76 for line in rest.split(b"\r\n"))
    assert not any(line.endswith((b" ", b"\t")) for line in rest.split(b"\r\n"))  # relays drop such blanks
    assert not any(line.startswith(b".") for line in raw.split(b"\r\n"))  # SMTP sends the bytes as they are
    message = _parsed(raw)
    assert [part.defects for part in message.walk()] == [[], [], []]
    wanted = fill_slots(encoding.clean(text), {"leave_url": copy.leave_url}, html=False)
    plain, html = message.iter_parts()
    assert _decoded(plain).rstrip("\n") == wanted.rstrip("\n")
    wanted = f"<p>{wanted}</p>"  # the address holds nothing that HTML escapes
    assert _decoded(html).rstrip("\n") == wanted.rstrip("\n")
    # The second reader: the section between the boundaries, by the C library's decoder.
    section = raw.split(f"--{message.get_boundary()}\r\n".encode())[1].partition(b"\r\n\r\n")[2]
    assert quopri.decodestring(section).decode().replace("\r\n", "\n").rstrip("\n") == _decoded(plain).rstrip(
        "\n"
    )


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8").replace("\r\n", "\n")


@given(value=st.text(max_size=120))
@example(value=".")
@example(value=". b")
@example(value="." * 75)
@example(value="." * 300)
@example(value="…." * 20)
@example(value="a\n.\n.b")
@example(value="x" * 75)
@example(value="x" * 76)
@example(value="…" * 25)
@example(value="a ")
@example(value="a\nb")
@example(value="")
def test_a_readers_value_comes_back_whole_whatever_it_is(value: str) -> None:
    value = encoding.clean(strip_slots(value))
    mail = make_mail(text=f"davor {slot('since')}. danach", html="")

    raw = mail.splice(make_copy(slots={"since": value}), date=NOW)

    assert _decoded(_parsed(raw)).rstrip("\n") == f"davor {value}. danach"
    assert all(len(line) <= 76 for line in raw.partition(b"\r\n\r\n")[2].split(b"\r\n"))
    assert not any(line.startswith(b".") for line in raw.split(b"\r\n"))


def test_a_readers_value_is_escaped_in_html_and_plain_in_text() -> None:
    mail = make_mail(text=slot("since"), html=slot("since"))

    raw = mail.splice(make_copy(slots={"since": '<b> & "x"'}), date=NOW)

    plain, html = _parsed(raw).iter_parts()
    assert _decoded(plain).strip() == '<b> & "x"'
    assert _decoded(html).strip() == "&lt;b&gt; &amp; &quot;x&quot;"


def test_what_readers_share_is_filled_in_and_escaped_and_a_readers_own_goes_before_it() -> None:
    mail = make_mail(text=f"{slot('why')} {slot('since')}", html=f"{slot('why')} {slot('since')}")
    shared = Shared({"why": "<weil> Sie & wir\nes wollten", "since": "nie"})
    copies = [make_copy(0, slots={"since": "gestern"}, shared=shared), make_copy(1, slots={}, shared=shared)]

    sent = [list(_parsed(mail.splice(copy, date=NOW)).iter_parts()) for copy in copies]

    assert [_decoded(plain).replace("\r\n", "\n").strip() for plain, _html in sent] == [
        "<weil> Sie & wir\nes wollten gestern",
        "<weil> Sie & wir\nes wollten nie",
    ]
    assert [_decoded(html).replace("\r\n", "\n").strip() for _plain, html in sent] == [
        "&lt;weil&gt; Sie &amp; wir\nes wollten gestern",
        "&lt;weil&gt; Sie &amp; wir\nes wollten nie",
    ]
    assert [mail.fill(copy).text for copy in copies] == [
        "<weil> Sie & wir\nes wollten gestern",
        "<weil> Sie & wir\nes wollten nie",
    ]


def test_there_is_exactly_one_of_each_header() -> None:
    message = _parsed(make_mail().splice(make_copy(), date=NOW))

    names = [name.lower() for name in message]
    assert len(names) == len(set(names))
    once = (
        "from to subject date message-id mime-version reply-to list-id list-unsubscribe list-unsubscribe-post"
    )
    assert set(once.split()) <= set(names)
    assert not {"bcc", "cc", "sender", "in-reply-to", "references"} & set(names)


def test_the_text_comes_before_the_html() -> None:
    message = _parsed(make_mail().splice(make_copy(), date=NOW))

    assert message.get_content_type() == "multipart/alternative"
    parts = list(message.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert [part.get_content_charset() for part in parts] == ["utf-8", "utf-8"]
    assert [part["Content-Transfer-Encoding"] for part in parts] == ["quoted-printable"] * 2


def test_a_mail_without_html_is_one_text() -> None:
    message = _parsed(make_mail(html="").splice(make_copy(), date=NOW))

    assert message.get_content_type() == "text/plain"
    assert "Grüße an r…0@example.org" in message.get_content()


def test_a_copy_keeps_its_message_id_and_no_two_share_one() -> None:
    mail = make_mail()

    first, again, other = (mail.splice(make_copy(seq), date=NOW) for seq in (1, 1, 2))

    assert first == again
    assert _parsed(first)["Message-ID"] != _parsed(other)["Message-ID"]
    assert _parsed(first)["Message-ID"] == f"<{make_copy(1).message_token}@example.org>"


def test_the_date_is_the_moment_of_hand_over() -> None:
    raw = make_mail().splice(make_copy(), date=NOW)

    assert _parsed(raw)["Date"].datetime == NOW.replace(microsecond=0)
    with pytest.raises(BadHeader):
        make_mail().splice(make_copy(), date=NOW.replace(tzinfo=None))


def test_a_copy_holds_nothing_of_another_reader() -> None:
    mail = make_mail()
    copies = [make_copy(seq) for seq in range(3)]

    raws = [mail.splice(copy, date=NOW) for copy in copies]

    for raw, copy in zip(raws, copies, strict=True):
        for other in copies:
            for secret in (other.address, other.message_token, other.leave_url.rpartition("/")[2]):
                assert (secret.encode() in raw) is (other is copy)


def test_headers_hold_no_address_but_the_readers_own_and_the_senders() -> None:
    head = make_mail().splice(make_copy(), date=NOW).partition(b"\r\n\r\n")[0].decode()

    found = set(re.findall(r"[\w.+-]+@[\w.-]+", head)) - {f"{make_copy().message_token}@example.org"}
    assert found == {"morgen@example.org", "redaktion@example.org", "reader0@example.org"}


@pytest.mark.parametrize(
    "field", ["from_name", "from_address", "reply_to", "list_name", "list_id", "feedback_id"]
)
@pytest.mark.parametrize("ender", LINE_ENDERS)
def test_nobody_adds_a_header_through_the_envelope(field: str, ender: str) -> None:
    before = getattr(make_envelope(), field)

    with pytest.raises((BadHeader, BadAddress)):
        make_mail(envelope={field: f"{before}{ender}Bcc: x@example.org"})


@pytest.mark.parametrize("ender", LINE_ENDERS)
@pytest.mark.parametrize("field", ["language", "archive_url", "page_url", "help_url", "owner"])
def test_nobody_adds_a_header_through_an_address_or_language(field: str, ender: str) -> None:
    with pytest.raises(BadHeader):
        make_mail(envelope={field: f"{getattr(make_envelope(), field)}{ender}Bcc: x@example.org"})


@pytest.mark.parametrize("ender", LINE_ENDERS)
def test_nobody_adds_a_header_through_a_subject(ender: str) -> None:
    with pytest.raises(BadHeader):
        make_mail(subject=f"News{ender}Bcc: x@example.org")


@pytest.mark.parametrize("field", ["address", "message_token", "leave_url"])
@pytest.mark.parametrize("ender", [*LINE_ENDERS, ",", " ", "<", ">"])
def test_nobody_adds_a_header_through_a_copy(field: str, ender: str) -> None:
    mail = make_mail()
    changes: dict[str, Any] = {field: f"{getattr(make_copy(), field)}{ender}x@example.org"}

    with pytest.raises(BadHeader):
        mail.splice(make_copy(**changes), date=NOW)


def test_a_second_mailbox_in_from_is_refused() -> None:
    with pytest.raises(BadHeader):
        make_mail(envelope={"from_address": "a@example.org, b@example.org"})


def test_a_reader_with_a_local_part_beyond_ascii_never_reaches_the_wire() -> None:
    with pytest.raises(BadHeader):
        make_mail().splice(make_copy(address="jörg@example.org"), date=NOW)


def test_sender_domains_leave_as_a_labels() -> None:
    raw = make_mail(envelope={"from_address": "info@faß.de", "list_id": "morgen.faß.de"}).splice(
        make_copy(), date=NOW
    )

    assert b"<info@xn--fa-hia.de>" in raw
    assert b"@xn--fa-hia.de>" in _raw_lines(raw, "Message-ID")[0]
    assert b"<morgen.xn--fa-hia.de>" in _raw_lines(raw, "List-Id")[0]


def test_letters_say_that_a_machine_wrote_them_and_digests_do_not() -> None:
    letter = make_mail(envelope={"kind": "letter", "auto_submitted": True}).splice(make_copy(), date=NOW)
    digest = make_mail().splice(make_copy(), date=NOW)

    assert _parsed(letter)["Auto-Submitted"] == "auto-generated"
    assert _parsed(digest)["Auto-Submitted"] is None


def test_a_letter_without_a_leave_address_carries_no_unsubscribe_header() -> None:
    raw = make_mail(html="", text="Bitte bestätigen.").splice(make_copy(leave_url=""), date=NOW)

    assert _raw_lines(raw, "List-Unsubscribe") == []
    assert _raw_lines(raw, "List-Unsubscribe-Post") == []
    assert _raw_lines(raw, "List-Id") != []


def test_an_api_is_told_the_same_headers() -> None:
    mail, copy = make_mail(subject="Größe " * 30), make_copy()
    message = _parsed(mail.splice(copy, date=NOW))

    told = mail.headers(copy, date=NOW)

    assert {name for name, _value in told} == set(message.keys()) - {"MIME-Version", "Content-Type"}
    raw = _by_the_old_parser(mail.splice(copy, date=NOW))
    assert dict(told) == {name: raw[name].replace("\r\n", "") for name, _value in told}


def test_a_copy_without_a_value_for_a_slot_is_refused() -> None:
    mail = make_mail(text=slot("since"), html="")

    with pytest.raises(MissingSlot) as missing:
        mail.splice(make_copy(), date=NOW)

    assert missing.value.slot == "since"
    with pytest.raises(MissingSlot):
        mail.check(make_copy())


def test_text_from_outside_cannot_forge_a_slot() -> None:
    forged = strip_slots(f"a{slot('leave_url')}b{SLOT_OPEN}{SLOT_CLOSE}")

    assert forged == "aleave_urlb"
    assert slot_names(forged) == set()
    assert fill_slots(forged, {}, html=True) == forged


def test_a_stray_mark_does_not_reach_readers() -> None:
    raw = make_mail(text=f"a{SLOT_OPEN}b", html="").splice(make_copy(), date=NOW)

    assert _parsed(raw).get_content().strip() == "ab"


def test_an_envelope_survives_being_kept() -> None:
    envelope = make_envelope(auto_submitted=True)

    assert Envelope.from_json(envelope.to_json()) == envelope


def test_a_short_ascii_subject_stays_readable_undecoded() -> None:
    raw = make_mail(
        subject="Five loaves to know: a walk through the town's bakeries and what they charge now"
    ).splice(make_copy(), date=NOW)

    [header] = _raw_lines(raw, "Subject")
    assert b"=?" not in header
    assert all(len(line) <= 78 for line in header.split(b"\r\n"))


def test_the_boundary_stands_in_no_body() -> None:
    content = make_content()
    boundary = _parsed(make_mail().splice(make_copy(), date=NOW)).get_boundary()

    assert boundary
    assert boundary.startswith("=_")
    raw = compile_mail(make_envelope(), make_content(text=content.text + f"--{boundary}")).splice(
        make_copy(), date=NOW
    )
    assert len(list(_parsed(raw).iter_parts())) == 2
