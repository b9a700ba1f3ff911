"""Which mailbox provider an address belongs to, and that no domain belongs to two."""

from collections import Counter

import pytest

from newsroom.mail.families import FAMILIES, family_of


@pytest.mark.parametrize(
    ("address", "family"),
    [
        ("mia@gmail.com", "gmail"),
        ("mia@googlemail.com", "gmail"),
        ("mia@hotmail.de", "microsoft"),
        ("mia@outlook.com", "microsoft"),
        ("mia@msn.com", "microsoft"),
        ("mia@yahoo.co.uk", "yahoo"),
        ("mia@aol.com", "yahoo"),
        ("mia@me.com", "apple"),
        ("mia@gmx.net", "gmx"),
        ("mia@web.de", "gmx"),
        ("mia@t-online.de", "t-online"),
        ("mia@mail.gmail.com", ""),
        ("mia@notgmail.com", ""),
        ("mia@example.org", ""),
        ("", ""),
    ],
)
def test_family_of_an_address(address: str, family: str) -> None:
    assert family_of(address) == family


def test_each_domain_belongs_to_one_family() -> None:
    times = Counter(domain for domains in FAMILIES.values() for domain in domains)
    assert [domain for domain, count in times.items() if count > 1] == []
    assert all(domain == domain.lower() and "." in domain for domain in times)
