"""Our SMTP session against a real server on a socket: what each kind of trouble means for each copy."""

import quopri
import socket
import time
import uuid
from collections.abc import Sequence

import pytest

from newsroom.mail.provider_urls import parse
from newsroom.mail.providers.base import HandOver
from newsroom.mail.providers.smtp import SmtpProvider
from newsroom.mail.verdicts import Verdict
from newsroom.mail.wire import CompiledMail, Copy
from tests.newsroom.mail.mails import make_copy, make_mail
from tests.newsroom.mail.smtp_server import CERTIFICATE, MailServer, Script, mail_server


def _provider(port: int, options: str = "tls=off", login: str = "") -> SmtpProvider:
    [config] = parse(f"main=smtp://{login}127.0.0.1:{port}?{options}")
    return SmtpProvider(config)


def _send(
    provider: SmtpProvider, copies: Sequence[Copy], *, mail: CompiledMail | None = None, seconds: float = 10
) -> HandOver:
    return provider.hand_over(mail or make_mail(), copies, attempt_id=uuid.uuid4(), seconds=seconds)


def _verdicts(result: HandOver) -> list[Verdict]:
    return [result.outcomes[seq].verdict for seq in sorted(result.outcomes)]


def _copies(number: int) -> list[Copy]:
    return [make_copy(seq) for seq in range(number)]


@pytest.mark.parametrize("extensions", [["PIPELINING", "SIZE 50000000"], []])
def test_each_reader_gets_a_message_of_his_own(extensions: list[str]) -> None:
    with mail_server(Script(extensions=extensions)) as server:
        result = _send(_provider(server.port), _copies(3))

    assert _verdicts(result) == [Verdict.ACCEPTED] * 3
    assert result.outcomes[0].provider_ref == "SMTP 250 2.0.0 Ok: queued as ABC123"
    assert [recipient for recipient, _raw in server.messages] == [copy.address for copy in _copies(3)]
    for copy, (_recipient, raw) in zip(_copies(3), server.messages, strict=True):
        assert f"To: {copy.address}\r\n".encode() in raw
        assert f"<{copy.leave_url}>".encode() in raw
    assert server.connections == 1
    assert next(line for line in server.commands if line.startswith("MAIL")).startswith(
        "MAIL FROM:<morgen@example.org>"
    )


def test_with_pipelining_an_envelope_is_one_write() -> None:
    with mail_server() as server:
        _send(_provider(server.port), _copies(1))

    assert any(
        write.startswith(b"MAIL") and b"RCPT" in write and write.endswith(b"DATA\r\n")
        for write in server.writes
    )


def test_with_pipelining_a_message_ends_together_with_the_next_envelope() -> None:
    with mail_server() as server:
        result = _send(_provider(server.port), _copies(3))

    assert _verdicts(result) == [Verdict.ACCEPTED] * 3
    together = [write for write in server.writes if b"\r\n.\r\nMAIL FROM:" in write]
    assert [write.endswith(b"DATA\r\n") for write in together] == [True, True]


def test_the_last_message_of_a_connection_takes_no_envelope_along() -> None:
    with mail_server() as server:
        result = _send(_provider(server.port, "tls=off&per_connection=2"), _copies(4))

    assert _verdicts(result) == [Verdict.ACCEPTED] * 4
    assert server.connections == 2
    assert server.commands.count("QUIT") == 1


def test_whoever_was_refused_in_a_group_is_not_sent_to_and_the_next_is() -> None:
    script = Script(recipients={"reader1@example.org": "550 5.1.1 unknown"})
    with mail_server(script) as server:
        result = _send(_provider(server.port), _copies(3))

    assert _verdicts(result) == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.ACCEPTED]
    assert [recipient for recipient, _raw in server.messages] == [
        "reader0@example.org",
        "reader2@example.org",
    ]


@pytest.mark.parametrize("end", ["451 try later", "554 spam"])
def test_an_envelope_that_came_along_outlives_a_refused_message(end: str) -> None:
    with mail_server(Script(end=end)) as server:
        result = _send(_provider(server.port), _copies(2))

    wanted = Verdict.NOT_SENT if end.startswith("4") else Verdict.REJECTED
    assert _verdicts(result) == [wanted] * 2
    assert len(server.messages) == 2


class _Log:
    """Writes down what it is told; from one copy on it cannot, or it is slow."""

    def __init__(self, *, until: int = 99, slow: bool = False) -> None:
        self.until, self.slow = until, slow
        self.seen: list[str] = []

    def offering(self, seq: int) -> bool:
        self.seen.append(f"offering {seq}")
        return seq < self.until

    def answered(self, seq: int, *, is_taken: bool) -> None:
        self.seen.append(f"{'taken' if is_taken else 'not taken'} {seq}")
        if self.slow:
            time.sleep(1.5)


def _send_logged(server: MailServer, provider: SmtpProvider, log: _Log, *, seconds: float = 20) -> HandOver:
    return provider.hand_over_logged(
        make_mail(), _copies(3), attempt_id=uuid.uuid4(), seconds=seconds, log=log
    )


def test_a_message_that_is_awaited_and_does_not_come_is_never_sent_empty() -> None:
    log = _Log(slow=True)
    with mail_server() as server:
        provider = _provider(server.port)
        result = _send_logged(server, provider, log, seconds=2.4)
        again = _send(provider, _copies(1))

    assert _verdicts(result) == [Verdict.ACCEPTED, Verdict.NOT_SENT, Verdict.NOT_SENT]
    assert server.commands.count("DATA") == 3  # the second one's envelope had gone along
    assert _verdicts(again) == [Verdict.ACCEPTED]
    assert [recipient for recipient, _raw in server.messages] == ["reader0@example.org"] * 2
    assert all(b"Subject:" in raw for _recipient, raw in server.messages)
    assert log.seen == ["offering 0", "taken 0"]


def test_a_copy_that_cannot_be_written_down_is_not_offered_nor_any_after_it() -> None:
    log = _Log(until=1)
    with mail_server() as server:
        result = _send_logged(server, _provider(server.port), log)

    assert _verdicts(result) == [Verdict.ACCEPTED, Verdict.NOT_SENT, Verdict.NOT_SENT]
    assert result.is_cut_short
    assert [recipient for recipient, _raw in server.messages] == ["reader0@example.org"]
    assert log.seen == ["offering 0", "taken 0", "offering 1"]


def test_what_the_server_says_of_a_copy_is_written_down() -> None:
    log = _Log()
    with mail_server(Script(end="451 try later")) as server:
        _send_logged(server, _provider(server.port), log)

    assert log.seen[:4] == ["offering 0", "not taken 0", "offering 1", "not taken 1"]


def test_lines_that_begin_with_a_dot_arrive_whole() -> None:
    with mail_server() as server:
        _send(_provider(server.port), _copies(1), mail=make_mail(text=".\n..\n.a\n", html=""))

    [(_recipient, raw)] = server.messages
    assert quopri.decodestring(raw.partition(b"\r\n\r\n")[2]) == b".\r\n..\r\n.a\r\n"


def test_the_connection_is_kept_between_calls_and_renewed_after_its_share() -> None:
    with mail_server() as server:
        provider = _provider(server.port, "tls=off&per_connection=3")
        for _each in range(2):
            assert _verdicts(_send(provider, _copies(2))) == [Verdict.ACCEPTED] * 2
        assert server.connections == 2
        provider.close()

    assert server.commands[-1] == "QUIT"


def test_a_refused_reader_costs_the_others_nothing() -> None:
    script = Script(
        recipients={"reader0@example.org": "550 5.1.1 unknown", "reader1@example.org": "451 later"}
    )
    with mail_server(script) as server:
        result = _send(_provider(server.port), _copies(3))

    assert _verdicts(result) == [Verdict.REJECTED, Verdict.NOT_SENT, Verdict.ACCEPTED]
    assert result.outcomes[0].reason == "SMTP 550 5.1.1 unknown"
    assert [recipient for recipient, _raw in server.messages] == ["reader2@example.org"]
    assert not result.is_configuration


def test_without_pipelining_a_refused_reader_is_reset_too() -> None:
    script = Script(extensions=[], recipients={"reader0@example.org": "550 5.1.1 unknown"})
    with mail_server(script) as server:
        result = _send(_provider(server.port), _copies(2))

    assert _verdicts(result) == [Verdict.REJECTED, Verdict.ACCEPTED]
    assert "RSET" in server.commands


@pytest.mark.parametrize(
    ("end", "verdict"),
    [("451 try later", Verdict.NOT_SENT), ("554 spam", Verdict.REJECTED), ("250 ok", Verdict.ACCEPTED)],
)
def test_the_answer_to_the_message_is_definite(end: str, verdict: Verdict) -> None:
    with mail_server(Script(end=end)) as server:
        assert _verdicts(_send(_provider(server.port), _copies(1))) == [verdict]


def test_a_link_lost_after_the_final_dot_leaves_one_copy_unknown() -> None:
    with mail_server(Script(end=None)) as server:
        result = _send(_provider(server.port), _copies(3))

    assert _verdicts(result) == [Verdict.UNKNOWN, Verdict.NOT_SENT, Verdict.NOT_SENT]
    assert len(server.messages) == 1  # it had been taken: that is why nobody may call it unsent


@pytest.mark.parametrize("script", [Script(end_pause=9), Script(drip=True)], ids=["silent", "dripping"])
def test_a_server_that_does_not_come_to_an_end_is_left_at_the_deadline(script: Script) -> None:
    with mail_server(script) as server:
        begun = time.monotonic()
        result = _send(_provider(server.port), _copies(2), seconds=1.2)
        passed = time.monotonic() - begun

    assert passed < 6
    assert _verdicts(result) == [Verdict.UNKNOWN, Verdict.NOT_SENT]


@pytest.mark.parametrize("script", [Script(mail="421 busy"), Script(data="421 busy"), Script(end="421 busy")])
def test_421_sends_everybody_away_for_a_while(script: Script) -> None:
    with mail_server(script) as server:
        result = _send(_provider(server.port), _copies(2))

    assert _verdicts(result) == [Verdict.NOT_SENT] * 2
    assert result.retry_after == 60
    assert not result.is_configuration
    assert server.connections == 1


RATE = "421 4.7.28 Gmail has detected an unusual rate of mail."


@pytest.mark.parametrize("script", [Script(greeting=RATE), Script(mail=RATE), Script(end=RATE)])
def test_too_high_a_rate_at_gmail_is_not_tried_again_within_ten_minutes(script: Script) -> None:
    with mail_server(script) as server:
        result = _send(_provider(server.port), _copies(2))

    assert _verdicts(result) == [Verdict.NOT_SENT] * 2
    assert result.retry_after == 600
    assert not result.is_configuration
    assert server.connections == 1


@pytest.mark.parametrize(
    "script", [Script(mail=None), Script(data=None), Script(recipients={"reader0@example.org": None})]
)
def test_a_link_lost_before_the_message_means_not_sent(script: Script) -> None:
    with mail_server(script) as server:
        result = _send(_provider(server.port), _copies(2))

    assert _verdicts(result) == [Verdict.NOT_SENT] * 2
    assert server.messages == []


def test_a_connection_that_died_while_idle_costs_no_copy() -> None:
    with mail_server() as server:
        provider = _provider(server.port)
        _send(provider, _copies(1))
        assert provider._session
        assert provider._session.sock
        provider._session.sock.shutdown(socket.SHUT_RDWR)

        result = _send(provider, _copies(2))

    assert _verdicts(result) == [Verdict.ACCEPTED] * 2
    assert server.connections == 2


def test_nobody_there_means_not_sent_and_nobodys_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    result = _send(_provider(port), _copies(2))

    assert _verdicts(result) == [Verdict.NOT_SENT] * 2
    assert not result.is_configuration
    assert result.is_unreachable
    assert "no connection" in result.response


@pytest.mark.parametrize(("options", "tls"), [("tls=start", "start"), ("tls=on", "on")])
def test_a_certificate_nobody_vouches_for_is_refused(options: str, tls: str) -> None:
    with mail_server(Script(tls=tls)) as server:
        refused = _send(_provider(server.port, options), _copies(1))
        trusted = _send(_provider(server.port, f"{options}&ca={CERTIFICATE}"), _copies(1))

    assert _verdicts(refused) == [Verdict.NOT_SENT]
    assert refused.is_configuration
    assert "certificate" in refused.response
    assert _verdicts(trusted) == [Verdict.ACCEPTED]
    assert len(server.messages) == 1


def test_encryption_is_not_given_up_because_a_server_offers_none() -> None:
    with mail_server() as server:
        result = _send(_provider(server.port, "tls=start"), _copies(1))

    assert _verdicts(result) == [Verdict.NOT_SENT]
    assert result.is_configuration
    assert server.messages == []


@pytest.mark.parametrize(
    ("answer", "is_configuration"), [("535 5.7.8 wrong", True), ("454 4.7.0 later", False), ("235 ok", False)]
)
def test_a_wrong_password_is_somebodys_to_repair(answer: str, is_configuration: bool) -> None:
    script = Script(login=answer, extensions=["AUTH PLAIN"])
    with mail_server(script) as server:
        result = _send(_provider(server.port, login="user:p%40ss@"), _copies(1))

    assert result.is_configuration is is_configuration
    assert _verdicts(result) == [Verdict.ACCEPTED if answer.startswith("235") else Verdict.NOT_SENT]


def test_a_refused_sender_stops_the_call() -> None:
    with mail_server(Script(mail="553 5.7.1 not your domain")) as server:
        result = _send(_provider(server.port), _copies(3))

    assert _verdicts(result) == [Verdict.NOT_SENT] * 3
    assert result.is_configuration
    assert len([line for line in server.commands if line.startswith("MAIL")]) == 1


def test_a_copy_that_cannot_be_written_is_not_offered() -> None:
    with mail_server() as server:
        result = _send(_provider(server.port), [make_copy(0, address="jörg@example.org"), make_copy(1)])

    assert _verdicts(result) == [Verdict.REJECTED, Verdict.ACCEPTED]
    assert len(server.messages) == 1


@pytest.mark.parametrize("extensions", [["PIPELINING", "SMTPUTF8", "SIZE 50000000"], ["SMTPUTF8"]])
def test_letters_beyond_ascii_leave_where_the_server_knows_them(extensions: list[str]) -> None:
    copies = [make_copy(0), make_copy(1, address="müller@example.org"), make_copy(2)]
    with mail_server(Script(extensions=extensions)) as server:
        result = _send(_provider(server.port, "tls=off&smtputf8=on"), copies)

    assert _verdicts(result) == [Verdict.ACCEPTED] * 3
    recipients = [recipient.encode("latin-1").decode() for recipient, _raw in server.messages]
    assert recipients == [copy.address for copy in copies]
    assert "To: müller@example.org\r\n".encode() in server.messages[1][1]
    asked = [line for line in server.commands if line.startswith("MAIL")]
    assert ["SMTPUTF8" in line for line in asked] == [False, True, False]


def test_letters_beyond_ascii_are_not_offered_to_a_server_that_does_not_know_them() -> None:
    with mail_server() as server:
        copies = [make_copy(0), make_copy(1, address="müller@example.org"), make_copy(2)]
        result = _send(_provider(server.port, "tls=off&smtputf8=on"), copies)

    assert _verdicts(result) == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.ACCEPTED]
    assert result.outcomes[1].reason == "the server does not offer SMTPUTF8"
    assert not [line for line in server.commands if "ller@" in line]


def test_without_time_nothing_is_offered() -> None:
    with mail_server() as server:
        result = _send(_provider(server.port), _copies(2), seconds=0.5)

    assert _verdicts(result) == [Verdict.NOT_SENT] * 2
    assert server.connections == 0


def test_the_parent_domain_of_an_umlaut_goes_out_as_a_labels() -> None:
    with mail_server() as server:
        mail = make_mail(envelope={"from_address": "info@faß.de"})
        _send(_provider(server.port), [make_copy(0, address="ann@xn--exmple-cua.de")], mail=mail)

    assert "MAIL FROM:<info@xn--fa-hia.de>" in " ".join(server.commands)
    assert [recipient for recipient, _raw in server.messages] == ["ann@xn--exmple-cua.de"]
