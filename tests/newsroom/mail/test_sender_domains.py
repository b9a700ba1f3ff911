"""What a domain publishes, and what we think of it; the name server is one of ours."""

import pytest

from newsroom.mail import sender_domains
from newsroom.mail.errors import NameServerSilent
from newsroom.mail.sender_domains import Ask, DomainRecord

GOOD = {
    ("news.example.org", "MX"): ["10 mx.example.org."],
    ("news.example.org", "TXT"): ["something else", "v=spf1 include:example.net -all"],
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=none"],
}


def server(answers: dict[tuple[str, str], list[str]]) -> Ask:
    return lambda name, kind: answers.get((name, kind), [])


def look(answers: dict[tuple[str, str], list[str]]) -> dict[str, DomainRecord]:
    found = sender_domains.look_up(["news.example.org"], ask=server(answers))
    return {record.name: record for record in found}


def test_domain_that_has_all_is_good_with_the_policy_of_the_domain_above() -> None:
    found = look(GOOD)

    assert {name: record.verdict for name, record in found.items()} == {
        "MX": "good", "SPF": "good", "DMARC": "good",
    }  # fmt: skip
    assert "v=DMARC1; p=none" in found["DMARC"].says


@pytest.mark.parametrize(
    ("name", "kind", "records", "because", "verdict"),
    [
        ("news.example.org", "MX", [], "no_mx", "bad"),
        ("news.example.org", "MX", ["0 ."], "no_mx", "bad"),
        ("news.example.org", "TXT", ["v=spf10 -all"], "no_spf", "doubtful"),
        ("news.example.org", "TXT", ["v=spf1 -all", "v=spf1 ~all"], "many_spf", "bad"),
        ("news.example.org", "TXT", ["v=spf1 +all"], "open_spf", "bad"),
        ("_dmarc.example.org", "TXT", [], "no_dmarc", "bad"),
        ("_dmarc.example.org", "TXT", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "many_dmarc", "bad"),
    ],
)
def test_what_is_missing_or_wrong_is_told(
    name: str, kind: str, records: list[str], because: str, verdict: str
) -> None:
    found = look({**GOOD, (name, kind): records})

    (wrong,) = [record for record in found.values() if record.verdict != "good"]
    assert (wrong.because, wrong.verdict) == (because, verdict)
    assert wrong.says
    assert wrong.remedy


def test_name_server_that_is_silent_is_no_missing_record() -> None:
    def silent(name: str, kind: str) -> list[str]:
        raise NameServerSilent(name)

    found = sender_domains.look_up(["example.org"], ask=silent)

    assert [record.verdict for record in found] == ["unknown"] * 3


def test_no_more_than_ten_domains_are_looked_up_each_once() -> None:
    domains = [f"d{number:02}.example.org" for number in range(12)] * 2

    found = sender_domains.look_up(domains, ask=server({}))

    assert len(found) == 3 * sender_domains.MOST_DOMAINS
