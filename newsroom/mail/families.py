"""Mailbox providers that count mail for all of their domains together, and which domains those are.

The domains under which each of them hands out addresses itself; domains of others that only point their MX there
are not in it.
"""

from functools import cache
from typing import Final

_COUNTRIES: Final = (
    "at",
    "be",
    "co.uk",
    "com.au",
    "com.br",
    "de",
    "dk",
    "es",
    "fr",
    "ie",
    "it",
    "nl",
    "pt",
    "se",
)


def _of(names: str, endings: tuple[str, ...] = ("com",)) -> tuple[str, ...]:
    return tuple(f"{name}.{ending}" for name in names.split() for ending in endings)


FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "gmail": ("gmail.com", "googlemail.com"),
    "microsoft": (
        *_of("outlook hotmail live", ("com", *_COUNTRIES)),
        "msn.com",
        "passport.com",
        "windowslive.com",
    ),
    "yahoo": (
        *_of("yahoo", ("com", *_COUNTRIES)),
        *_of("ymail rocketmail aol", ("com",)),
        *_of("aol", ("de", "fr", "it", "co.uk")),
        *("aim.com", "netscape.net", "verizon.net"),
    ),
    "apple": ("icloud.com", "me.com", "mac.com"),
    "gmx": (
        *_of("gmx", ("de", "net", "at", "ch", "com", "org", "eu", "info", "li", "lu", "fr", "co.uk")),
        *("web.de", "email.de", "online.de", "1und1.de", "mail.com", "caramail.com"),
    ),
    "t-online": ("t-online.de", "magenta.de"),
}


@cache
def _by_domain() -> dict[str, str]:
    return {domain: family for family, domains in FAMILIES.items() for domain in domains}


def family_of(address: str) -> str:
    """The family of a normal address (domain in small letters); nothing if it belongs to none."""
    return _by_domain().get(address.rpartition("@")[2], "")
