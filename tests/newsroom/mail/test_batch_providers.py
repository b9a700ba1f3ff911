"""Postmark and Resend take a list of whole mails: what is in it for each reader, and what each answer means."""

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from newsroom.mail.provider_urls import parse
from newsroom.mail.providers import make
from newsroom.mail.providers.base import Found, HandOver, Provider, Searchable
from newsroom.mail.verdicts import Verdict
from newsroom.mail.wire import CompiledMail, Copy
from tests.newsroom.http_server import HANG_UP, Answer, Asked, web_server
from tests.newsroom.mail.mails import make_copy, make_mail

ATTEMPT = uuid.UUID(int=42)
ACCEPTED, REJECTED, NOT_SENT, UNKNOWN = (
    Verdict.ACCEPTED,
    Verdict.REJECTED,
    Verdict.NOT_SENT,
    Verdict.UNKNOWN,
)


def provider_at(port: int, scheme: str, options: str = "") -> Provider:
    [config] = parse(f"main={scheme}://KEY@?api_url=http://127.0.0.1:{port}{options}")
    return make(config)


def send(provider: Provider, copies: Sequence[Copy], mail: CompiledMail | None = None) -> HandOver:
    return provider.hand_over(mail or make_mail(), copies, attempt_id=ATTEMPT, seconds=10)


def verdicts(result: HandOver) -> list[Verdict]:
    return [result.outcomes[seq].verdict for seq in sorted(result.outcomes)]


def readers(count: int) -> list[Copy]:
    return [make_copy(seq) for seq in range(count)]


def said(answer: Any, status: int = 200) -> Callable[[Asked], Answer]:
    return lambda asked: Answer(status=status, body=json.dumps(answer).encode())


def taken(address: str) -> dict[str, Any]:
    return {"ErrorCode": 0, "Message": "OK", "MessageID": f"id-{address}", "To": address}


def by_postmark(asked: Asked) -> Answer:
    return Answer(body=json.dumps([taken(item["To"]) for item in json.loads(asked.body)]).encode())


def by_resend(asked: Asked) -> Answer:
    ids = [{"id": f"id-{item['to'][0]}"} for item in json.loads(asked.body)]
    return Answer(body=json.dumps({"data": ids}).encode())


def test_postmark_gets_one_call_with_each_readers_own_mail() -> None:
    mail = make_mail()
    with web_server(by_postmark) as server:
        result = send(provider_at(server.port, "postmark", "&message_stream=broadcast"), readers(3), mail)

    assert verdicts(result) == [ACCEPTED] * 3
    assert result.outcomes[1].provider_ref == "id-reader1@example.org"
    [asked] = server.asked
    assert (asked.path, asked.headers["x-postmark-server-token"]) == ("/email/batch", "KEY")
    for copy, item in zip(readers(3), json.loads(asked.body), strict=True):
        headers = {header["Name"]: header["Value"] for header in item["Headers"]}
        assert item["To"] == copy.address
        assert (item["HtmlBody"], item["TextBody"]) == (mail.fill(copy).html, mail.fill(copy).text)
        assert headers["List-Unsubscribe"] == f"<{copy.leave_url}>"
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert headers["List-Id"] == '"Uferblick am Morgen" <morgen.news.example.org>'
        assert item["Metadata"] == {"t": copy.message_token, "a": str(ATTEMPT)}
        assert (item["TrackOpens"], item["TrackLinks"]) == (False, "None")
        assert item["From"] == "Uferblick am Morgen <morgen@example.org>"
        assert (item["ReplyTo"], item["MessageStream"]) == ("redaktion@example.org", "broadcast")


def test_resend_gets_one_call_under_the_attempts_key() -> None:
    mail = make_mail()
    with web_server(by_resend) as server:
        result = send(provider_at(server.port, "resend"), readers(2), mail)

    assert verdicts(result) == [ACCEPTED] * 2
    assert result.outcomes[1].provider_ref == "id-reader1@example.org"
    [asked] = server.asked
    assert (asked.path, asked.headers["authorization"]) == ("/emails/batch", "Bearer KEY")
    assert asked.headers["idempotency-key"] == str(ATTEMPT)
    assert asked.headers["x-batch-validation"] == "strict"
    for copy, item in zip(readers(2), json.loads(asked.body), strict=True):
        assert item["to"] == [copy.address]
        assert (item["html"], item["text"]) == (mail.fill(copy).html, mail.fill(copy).text)
        assert item["headers"]["List-Unsubscribe"] == f"<{copy.leave_url}>"
        assert json.loads(item["headers"]["X-Metadata"]) == {"t": copy.message_token, "a": str(ATTEMPT)}
        assert item["reply_to"] == ["redaktion@example.org"]


@pytest.mark.parametrize("scheme", ["postmark", "resend"])
def test_the_same_call_again_is_the_same_to_the_byte(scheme: str) -> None:
    with web_server(lambda asked: HANG_UP) as server:
        for _ in range(2):
            send(provider_at(server.port, scheme), readers(5))

    first, second = server.asked
    assert first.body == second.body


@pytest.mark.parametrize("scheme", ["postmark", "resend"])
def test_a_letter_without_a_leave_link_has_no_list_headers(scheme: str) -> None:
    copies = [make_copy(0), make_copy(1, leave_url="", slots={"masked_address": "r", "leave_url": "-"})]
    with web_server(by_postmark if scheme == "postmark" else by_resend) as server:
        result = send(provider_at(server.port, scheme), copies)

    assert verdicts(result) == [ACCEPTED] * 2
    with_link, without = (json.dumps(item) for item in json.loads(server.asked[0].body))
    assert "List-Unsubscribe" in with_link
    assert "List-Unsubscribe" not in without


@pytest.mark.parametrize("scheme", ["postmark", "resend"])
def test_a_readers_value_is_escaped_in_html_and_cannot_break_the_list(scheme: str) -> None:
    trick = '<b> & "co" \\ {{x}}'
    with web_server(by_postmark if scheme == "postmark" else by_resend) as server:
        send(provider_at(server.port, scheme), [make_copy(0, slots={"masked_address": trick})])

    [item] = json.loads(server.asked[0].body)
    html, text = (
        (item["HtmlBody"], item["TextBody"]) if scheme == "postmark" else (item["html"], item["text"])
    )
    assert trick in text
    assert "&lt;b&gt; &amp; &quot;co&quot; \\ {{x}}" in html


@pytest.mark.parametrize(
    ("item", "verdict", "flag"),
    [
        ({"ErrorCode": 300, "Message": "Invalid 'To' address"}, REJECTED, ""),
        ({"ErrorCode": 406, "Message": "inactive"}, REJECTED, ""),
        ({"ErrorCode": 402, "Message": "Invalid JSON"}, NOT_SENT, ""),
        ({"ErrorCode": 405, "Message": "no credit"}, NOT_SENT, "is_configuration"),
        ({"ErrorCode": 429, "Message": "too fast"}, NOT_SENT, "retry_after"),
        ({"ErrorCode": 100, "Message": "maintenance"}, NOT_SENT, "retry_after"),
        ({"ErrorCode": 4711, "Message": "what nobody has heard of"}, UNKNOWN, ""),
        ({"Message": "Message accepted, but delivery may be delayed.", "MessageID": "abc"}, ACCEPTED, ""),
        ({"Message": "no code"}, UNKNOWN, ""),
        ({"ErrorCode": "odd"}, UNKNOWN, ""),
        (None, UNKNOWN, ""),
        (7, UNKNOWN, ""),
    ],
)
def test_an_odd_item_of_postmarks_never_hides_the_accepted_others(
    item: Any, verdict: Verdict, flag: str
) -> None:
    answer = [taken("reader0@example.org"), item, taken("reader2@example.org")]
    with web_server(said(answer)) as server:
        result = send(provider_at(server.port, "postmark"), readers(3))

    assert verdicts(result) == [ACCEPTED, verdict, ACCEPTED]
    flags = ("is_configuration", "retry_after", "is_splittable", "is_conflict")
    assert [name for name in flags if getattr(result, name)] == ([flag] if flag else [])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([taken("reader0@example.org"), taken("reader2@example.org")], [ACCEPTED, UNKNOWN, ACCEPTED]),
        (
            [taken("reader2@example.org"), taken("reader0@example.org"), {"ErrorCode": 406}],
            [ACCEPTED, UNKNOWN, REJECTED],
        ),
        ([], [UNKNOWN] * 3),
    ],
    ids=["short", "shifted", "empty"],
)
def test_a_list_of_postmarks_that_does_not_fit_never_accepts_the_wrong_reader(
    answer: list[Any], expected: list[Verdict]
) -> None:
    with web_server(said(answer)) as server:
        result = send(provider_at(server.port, "postmark"), readers(3))

    assert [result.outcomes[seq].verdict is ACCEPTED for seq in range(3)] == [
        verdict is ACCEPTED for verdict in expected
    ]


@pytest.mark.parametrize(
    ("scheme", "answer"),
    [
        ("postmark", [{"ErrorCode": 300, "Message": "Invalid 'From' address"}] * 3),
        ("resend", {"data": [], "errors": [{"index": number, "message": "from"} for number in range(3)]}),
    ],
)
def test_if_everybody_is_invalid_it_is_not_the_readers(scheme: str, answer: Any) -> None:
    with web_server(said(answer)) as server:
        result = send(provider_at(server.port, scheme), readers(3))

    assert verdicts(result) == [NOT_SENT] * 3
    assert result.is_splittable


def test_a_refused_item_of_resends_does_not_move_the_ids_of_the_others() -> None:
    answer = {"data": [{"id": "a"}, {"id": "c"}], "errors": [{"index": 1, "message": "Invalid `to`"}]}
    with web_server(said(answer)) as server:
        result = send(provider_at(server.port, "resend"), readers(3))

    assert verdicts(result) == [ACCEPTED, REJECTED, ACCEPTED]
    assert [result.outcomes[seq].provider_ref for seq in range(3)] == ["a", "", "c"]


@pytest.mark.parametrize(
    "answer",
    [
        {"data": [{"id": "a"}]},
        {"data": "odd"},
        {"data": [], "errors": [{"index": 9}]},
        {"errors": 7, "data": [1, 2, 3]},
        [],
    ],
)
def test_an_answer_of_resends_that_does_not_fit_is_unknown(answer: Any) -> None:
    with web_server(said(answer)) as server:
        result = send(provider_at(server.port, "resend"), readers(3))

    assert verdicts(result) == [UNKNOWN] * 3


@pytest.mark.parametrize(
    ("name", "is_conflict"),
    [("invalid_idempotent_request", True), ("concurrent_idempotent_requests", False)],
)
def test_a_key_that_was_seen_before_proves_nothing(name: str, is_conflict: bool) -> None:
    with web_server(said({"name": name}, status=409)) as server:
        result = send(provider_at(server.port, "resend"), readers(2))

    assert verdicts(result) == [UNKNOWN] * 2
    assert result.is_conflict is is_conflict


@pytest.mark.parametrize("scheme", ["postmark", "resend"])
@pytest.mark.parametrize(
    ("answer", "verdict", "flag"),
    [
        (Answer(status=422), NOT_SENT, "is_splittable"),
        (Answer(status=413), NOT_SENT, "is_splittable"),
        (Answer(status=429, headers={"Retry-After": "7"}), NOT_SENT, "retry_after"),
        (Answer(status=401), NOT_SENT, "is_configuration"),
        (Answer(status=500), UNKNOWN, ""),
        (Answer(body=b"<html>Bad gateway</html>"), UNKNOWN, ""),
        (Answer(body=b""), UNKNOWN, ""),
        (Answer(body=b'[{"ErrorCode": 0}]', cut=4), UNKNOWN, ""),
        (HANG_UP, UNKNOWN, ""),
    ],
)
def test_what_an_answer_to_the_whole_call_means(
    scheme: str, answer: Answer | None, verdict: Verdict, flag: str
) -> None:
    with web_server(lambda asked: answer) as server:
        result = send(provider_at(server.port, scheme), readers(2))

    assert verdicts(result) == [verdict] * 2
    assert not flag or getattr(result, flag)
    assert len(server.asked) == 1


@pytest.mark.parametrize("scheme", ["postmark", "resend"])
def test_what_does_not_fit_into_a_call_by_bytes_is_left_for_another(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = make_mail(html="ü" * 5_000)  # 10 kB as it travels
    with web_server(by_postmark if scheme == "postmark" else by_resend) as server:
        provider = provider_at(server.port, scheme)
        monkeypatch.setattr(provider, "_most_bytes", 45_000)
        result = send(provider, readers(7), mail)

    assert verdicts(result) == [ACCEPTED] * 4 + [NOT_SENT] * 3
    assert len(server.asked[0].body) <= 45_000


def test_a_copy_that_cannot_be_written_costs_the_others_nothing() -> None:
    with web_server(by_postmark) as server:
        result = send(
            provider_at(server.port, "postmark"), [make_copy(0, address="jörg@example.org"), make_copy(1)]
        )

    assert verdicts(result) == [REJECTED, ACCEPTED]


class Outbound:
    """Postmark's message search over these tokens, each with the attempt it belongs to."""

    def __init__(self, *tokens: str, attempt: str = str(ATTEMPT), total: int | None = None) -> None:
        self.messages = [
            {"MessageID": f"id-{token}", "Metadata": {"t": token, "a": attempt}} for token in tokens
        ]
        self.total = len(tokens) if total is None else total
        self.asked: list[dict[str, list[str]]] = []

    def __call__(self, asked: Asked) -> Answer:
        query = parse_qs(urlsplit(asked.path).query)
        self.asked.append(query)
        first, count = int(query["offset"][0]), int(query["count"][0])
        answer = {"TotalCount": self.total, "Messages": self.messages[first : first + count]}
        return Answer(body=json.dumps(answer).encode())


def sequel(answers: list[dict[str, Any] | int]) -> Callable[[Asked], Answer]:
    """One answer after the other; a number is a status."""
    waiting = list(answers)

    def script(asked: Asked) -> Answer:
        answer = waiting.pop(0)
        return said({}, status=answer)(asked) if isinstance(answer, int) else said(answer)(asked)

    return script


def searched(script: Callable[[Asked], Answer], options: str = "") -> Found:
    now = datetime.now(UTC)
    with web_server(script) as server:
        provider = provider_at(server.port, "postmark", options)
        assert isinstance(provider, Searchable)
        return provider.search(attempt_id=ATTEMPT, since=now, until=now, seconds=5)


def test_postmarks_messages_of_an_attempt_are_found_page_by_page() -> None:
    tokens = [f"t{number}" for number in range(501)]
    outbound = Outbound(*tokens)

    found = searched(outbound, "&message_stream=broadcast")

    assert (found.tokens, found.is_complete) == (frozenset(tokens), True)
    assert [query["offset"] for query in outbound.asked] == [["0"], ["500"]]
    for query in outbound.asked:
        assert (query["metadata_a"], query["messagestream"]) == ([str(ATTEMPT)], ["broadcast"])


@pytest.mark.parametrize(
    ("script", "tokens", "is_complete"),
    [
        (Outbound(), "", True),
        (Outbound("x", attempt="another"), "", True),
        (Outbound("x", total=2), "x", False),
        (
            sequel([{"TotalCount": 2, "Messages": [{"Metadata": {"t": "x", "a": str(ATTEMPT)}}]}, 422]),
            "x",
            False,
        ),
        (said({"TotalCount": 1}), "", False),
        (said({"TotalCount": "many", "Messages": []}), "", False),
        (said({"Message": "no"}, status=422), "", False),
        (said({"TotalCount": 0, "Messages": []}, status=500), "", False),
        (lambda asked: HANG_UP, "", False),
    ],
)
def test_postmarks_search_counts_as_absence_only_when_complete(
    script: Callable[[Asked], Answer], tokens: str, is_complete: bool
) -> None:
    found = searched(script)

    assert (found.tokens, found.is_complete) == (frozenset(tokens), is_complete)
