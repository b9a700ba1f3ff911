"""What a domain publishes, and what we think of it; the name server is one of ours."""

import base64

import pytest

from newsroom.mail import sender_domains
from newsroom.mail.errors import NameServerSilent
from newsroom.mail.sender_domains import Ask, DomainRecord


def rsa(size: int) -> str:
    """Something as long as a public key: a DER sequence of so many bytes."""
    return base64.b64encode(b"\x30\x82" + (size - 4).to_bytes(2) + b"\1" * (size - 4)).decode()


RSA_2048, RSA_1024 = rsa(294), base64.b64encode(b"\x30\x81\x9f" + b"\1" * 159).decode()
RSA_768 = base64.b64encode(b"\x30\x7c" + b"\1" * 124).decode()
ED25519 = base64.b64encode(b"\1" * 32).decode()
GOOD = {
    ("news.example.org", "MX"): ["10 mx.example.org."],
    ("news.example.org", "TXT"): ["something else", "v=spf1 include:example.net -all"],
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=none"],
    ("k1._domainkey.news.example.org", "TXT"): [f"v=DKIM1; k=rsa; p={RSA_2048}"],
}
SELECTORS = {"news.example.org": ("k1",), "elsewhere.example.org": ("k9",)}


KEY = "k1._domainkey.news.example.org"


def server(answers: dict[tuple[str, str], list[str]]) -> Ask:
    return lambda name, kind: answers.get((name, kind), [])


def look(answers: dict[tuple[str, str], list[str]]) -> dict[str, DomainRecord]:
    found = sender_domains.look_up(["news.example.org"], selectors=SELECTORS, ask=server(answers))
    return {record.name: record for record in found}


def test_domain_that_has_all_is_good_with_the_policy_of_the_domain_above() -> None:
    found = look(GOOD)

    assert {name: record.verdict for name, record in found.items()} == {
        "MX": "good", "SPF": "good", "DMARC": "good", "DKIM (k1)": "good",
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
        (KEY, "TXT", [], "no_dkim", "bad"),
        (KEY, "TXT", ["google-site-verification=x"], "no_dkim", "bad"),
        (KEY, "TXT", [f"p={RSA_2048}", f"v=DKIM1; p={RSA_2048}"], "many_dkim", "bad"),
        (KEY, "TXT", ["v=DKIM1; p="], "revoked_dkim", "bad"),
        (KEY, "TXT", [f"v=DKIM2; p={RSA_2048}"], "broken_dkim", "bad"),
        (KEY, "TXT", [f"v=DKIM1; p={RSA_2048[:-40]}"], "broken_dkim", "bad"),
        (KEY, "TXT", ["v=DKIM1; p=MIIB…"], "broken_dkim", "bad"),
        (KEY, "TXT", [f"v=DKIM1; k=dsa; p={RSA_2048}"], "broken_dkim", "bad"),
        (KEY, "TXT", [f"v=DKIM1; k=ed25519; p={RSA_2048}"], "broken_dkim", "bad"),
        (KEY, "TXT", [f"v=DKIM1; t=s:y; p={RSA_2048}"], "tested_dkim", "doubtful"),
        (KEY, "TXT", [f"v=DKIM1; p={RSA_1024}"], "short_dkim", "doubtful"),
        (KEY, "TXT", [f"v=DKIM1; p={RSA_768}"], "short_dkim", "bad"),
        (KEY, "TXT", ["v=DKIM1; p=MA=="], "broken_dkim", "bad"),
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

    found = sender_domains.look_up(["news.example.org"], selectors=SELECTORS, ask=silent)

    assert [record.because for record in found] == ["silent"] * 4


@pytest.mark.parametrize(
    "record",
    [
        f"p={RSA_2048}",
        f"v = DKIM1 ; h=sha256; s=email; t=s; p={RSA_2048[:60]} {RSA_2048[60:]} ;",
        f"v=DKIM1; k=ed25519; p={ED25519}",
        f"v=DKIM1; k=rsa; p={rsa(550)}",
    ],
)
def test_a_key_is_read_however_it_is_written(record: str) -> None:
    assert look({**GOOD, (KEY, "TXT"): [record]})["DKIM (k1)"].verdict == "good"


def test_a_domain_without_a_selector_says_so_and_is_not_asked_about() -> None:
    asked: list[str] = []

    def ask(name: str, kind: str) -> list[str]:
        asked.append(name)
        return []

    found = sender_domains.look_up(["example.org"], selectors={"news.example.org": ("k1",)}, ask=ask)

    (dkim,) = [record for record in found if record.name == "DKIM"]
    assert (dkim.verdict, dkim.because) == ("unknown", "no_selector")
    assert "DKIM_SELECTORS" in dkim.remedy
    assert not [name for name in asked if "_domainkey" in name]


def test_selectors_of_all_domains_and_of_one_are_each_looked_for_once() -> None:
    selectors = {sender_domains.ALL_DOMAINS: ("k1", "k2"), "news.example.org": ("k1",)}

    found = sender_domains.look_up(["news.example.org"], selectors=selectors, ask=server(GOOD))

    assert [(each.name, each.because) for each in found if each.name.startswith("DKIM")] == [
        ("DKIM (k1)", "dkim"),
        ("DKIM (k2)", "no_dkim"),
    ]


def test_no_more_than_ten_domains_are_looked_up_each_once() -> None:
    domains = [f"d{number:02}.example.org" for number in range(12)] * 2

    found = sender_domains.look_up(domains, selectors={}, ask=server({}))

    assert len(found) == 4 * sender_domains.MOST_DOMAINS
