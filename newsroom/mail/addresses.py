"""Addresses: what people type, what we compare, what we send to, what we show and what we keep as a hash.

The domain becomes A-labels by IDNA 2008 (UTS 46, non-transitional): by the older rules `info@faß.de` would reach
`fass.de`, somebody else. The local part is a dot-atom (RFC 5321 §4.1.2), with letters of any script if need be
(RFC 6531 §3.3); its dots and tags are never dropped for identity.

What is an address (`normalise`), what we can write to (`reachable`) and who may sign up by a form (`admit`) are three
questions: a reader whom staff took in, or whose letters another provider used to carry, stays one.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna
from django.conf import settings
from django.utils.translation import gettext as _
from rapidfuzz import fuzz, process

from newsroom.mail.errors import BadAddress
from newsroom.mail.provider_urls import parsed
from newsroom.web.masking import mask as mask
from newsroom.web.masking import mask_text as mask_text

_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# RFC 6531 §3.3, without C1 controls and the blanks and invisible signs of general punctuation.
_BEYOND_ASCII = r"\u00a1-\u1fff\u2070-\U0010ffff"
_UTF8_DOT_ATOM = re.compile(_DOT_ATOM.pattern.replace("[", "[" + _BEYOND_ASCII))
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# RFC 2606 §2, RFC 6761, RFC 7686: nobody can have mail there. example.org stays, the demo's readers live on it.
_RESERVED = frozenset({"test", "invalid", "example", "local", "localhost", "onion", "arpa", "internal"})

# Machines and desks for faults and abuse, of RFC 2142 §§4-6 and as they are called since: no person subscribes there, and
# a letter in their tray costs a sender its reputation. RFC 2142's other names (info@, office@, sales@, support@, news@,
# webmaster@) are where small firms, clubs and practices read their mail, in Germany above all; they may sign up.
_NOBODYS = frozenset(
    """
    abuse postmaster hostmaster noc security usenet uucp ftp www root daemon mailer-daemon nobody bounce bounces
    noreply no-reply no_reply no.reply donotreply do-not-reply do_not_reply nicht-antworten keine-antwort dmarc
    """.split()  # noqa: SIM905 - one per line would fill the page
)
_OF_MACHINES = ("-request", "-bounces", "-owner")  # of mailing lists (RFC 2142 §6)

_FREEMAIL = frozenset(
    """
    gmail.com googlemail.com outlook.com outlook.de hotmail.com hotmail.de live.com live.de msn.com gmx.de gmx.net
    gmx.at gmx.ch gmx.com web.de icloud.com me.com mac.com t-online.de freenet.de mail.de posteo.de mailbox.org
    proton.me protonmail.com protonmail.ch pm.me arcor.de aol.com aol.de mail.ru yandex.ru yandex.com ya.ru qq.com 163.com
    """.split()  # noqa: SIM905 - one per line would fill the page
)
_COMMON = (
    *sorted(_FREEMAIL - {"mail.de", "me.com", "mac.com", "pm.me", "ya.ru"}),
    "yahoo.com",
    "yahoo.de",
    "yahoo.co.uk",
    "vodafone.de",
)

# Names of one mail service that lead to the same mailbox, the name to count under, and signs that it passes over.
# Gmail tells of its dots, Proton of its names; that Proton passes over signs it does not tell. Yandex reads a hyphen as a
# dot.
_ONE_MAILBOX: Final[Mapping[str, tuple[str, str]]] = {
    domain: (names[0], passed_over)
    for names, passed_over in (
        (("gmail.com", "googlemail.com"), "."),
        (("proton.me", "protonmail.com", "protonmail.ch", "pm.me"), ".-_"),
        (("icloud.com", "me.com", "mac.com"), ""),
        (("yandex.ru", "yandex.com", "ya.ru"), ".-"),
    )
    for domain in names
}


@dataclass(frozen=True)
class Address:
    """An address that passed: `normal` is compared and stored, `sendable` goes on the envelope. Its domain is ASCII."""

    normal: str
    sendable: str

    @property
    def domain(self) -> str:
        return self.normal.rpartition("@")[2]

    @property
    def is_nobodys(self) -> bool:
        """Whether a machine, or a desk for faults and abuse, has it; never one such as info@, where people read."""
        role = self.normal.rpartition("@")[0].partition("+")[0]
        return role in _NOBODYS or role.endswith(_OF_MACHINES)


def admit(typed: str) -> Address:
    """Judge what somebody typed into a form of ours, or sent to the API. Raises BadAddress with one plain sentence.

    Besides what cannot be written to, addresses that belong to nobody are refused. Staff, who can tell who reads there,
    and files with proof use `reachable`.
    """
    address = reachable(typed)
    if address.is_nobodys:
        # Translators: Diese Adresse gehört keiner Person, sondern einer Technik- oder Meldestelle. Bitte geben Sie Ihre eigene ein.
        raise BadAddress(
            _("This address belongs to no person but to a machine or a desk. Please enter your own."),
            code="role",
        )
    return address


def reachable(typed: str) -> Address:
    """Judge an address that we are to write to from now on. Raises BadAddress with one plain sentence.

    Letters such as ü before the @ (RFC 6531) need servers that know them all the way: they pass if every provider in
    MAIL_PROVIDERS is said to carry them, because any may take over. Nobody is asked while a visitor waits.
    """
    address = normalise(typed)
    if not address.sendable.isascii() and not carries_utf8():
        # Translators: An Adressen mit Umlauten oder anderen besonderen Buchstaben vor dem @ können wir nicht schreiben. Bitte geben Sie eine andere ein.
        raise BadAddress(
            _(
                "We cannot write to addresses with accents or letters of other scripts before the @. Please enter another one."
            ),
            code="eai",
        )
    return address


def carries_utf8() -> bool:
    """Whether all providers carry addresses with letters beyond ASCII before the @ (SMTPUTF8, RFC 6531)."""
    return all(config.carries_utf8 for config in parsed(settings.MAIL_PROVIDERS))


def normalise(typed: str) -> Address:
    """Judge what somebody typed. Raises BadAddress with one plain sentence."""
    text = unicodedata.normalize("NFC", typed.strip(" \t\r\n"))
    if not text:
        raise BadAddress(_("Please enter an e-mail address."), code="empty")
    # Two addresses, a slip, or a robot's byte: whichever it is, the same sentence helps.
    if text.count("@") > 1 or "\0" in text:
        raise _not_one_address()
    # Nearly all are printable ASCII; an import judges a million of them.
    is_plain = text.isascii() and text.isprintable() and " " not in text
    if not is_plain and any(
        character.isspace() or unicodedata.category(character)[0] in "CZ" for character in text
    ):
        raise BadAddress(_("An e-mail address holds no blanks or invisible characters."), code="invisible")
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise _not_one_address()
    _check_local(local)
    ascii_domain = to_ascii(domain)
    if len(local.encode()) + 1 + len(ascii_domain) > 254:
        raise BadAddress(_("This e-mail address is too long."), code="long")
    # Small letters and not `casefold`, which makes one of groß@ and gross@: two mailboxes, perhaps of two people.
    return Address(
        normal=f"{unicodedata.normalize('NFC', local.lower())}@{ascii_domain}",
        sendable=f"{local}@{ascii_domain}",
    )


def _not_one_address() -> BadAddress:
    # Translators: Bitte genau eine E-Mail-Adresse, etwa name@example.org.
    return BadAddress(_("Please enter exactly one e-mail address, such as name@example.org."), code="form")


def _check_local(local: str) -> None:
    if len(local.encode()) > 64:
        raise BadAddress(_("The part before the @ is too long."), code="long")
    if not (_DOT_ATOM if local.isascii() else _UTF8_DOT_ATOM).fullmatch(local):
        raise BadAddress(_("The part before the @ holds a sign that is not possible there."), code="local")


@lru_cache(maxsize=4096)
def to_ascii(domain: str) -> str:
    """The domain as lower A-labels. Raises BadAddress."""
    wrong = BadAddress(_("The part after the @ is not a domain name."), code="domain")
    try:
        encoded = idna.encode(domain, uts46=True, transitional=False, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise wrong from error
    labels = encoded.split(".")
    if (
        len(labels) < 2
        or len(encoded) > 253
        or labels[-1].isdigit()
        or not all(map(_LABEL.fullmatch, labels))
    ):
        raise wrong
    if labels[-1] in _RESERVED:
        raise BadAddress(_("No mail can be delivered to this domain."), code="reserved")
    return encoded


@lru_cache(maxsize=4)
def _key(secret: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(secret, digest_size=32, person=purpose).digest()


def address_hash(normal: str) -> str:
    """The keyed hash of a normal address, 64 hex characters: recognises it, does not tell it."""
    key = _key(settings.ADDRESS_KEY, b"address")
    return hashlib.blake2b(normal.encode(), key=key, digest_size=32).hexdigest()


def counting_hash(normal: str) -> str:
    """One hash for all spellings that reach one mailbox: for limits, never for identity.

    These are +tags, and what some mail services read as one: signs that they pass over, names of their own domain.
    """
    local, _at, domain = normal.rpartition("@")
    local = local.partition("+")[0] or local
    domain, passed_over = _ONE_MAILBOX.get(domain, (domain, ""))
    local = "".join(sign for sign in local if sign not in passed_over) or local
    key = _key(settings.ADDRESS_KEY, b"counting")
    return hashlib.blake2b(f"{local}@{domain}".encode(), key=key, digest_size=32).hexdigest()


def suggest(typed: str) -> str | None:
    """`ann@gmail.com` for `ann@gmial.com`: an offer, never a change. None if nothing is near."""
    local, at, domain = typed.strip().rpartition("@")
    domain = domain.lower()
    if not at or not local or domain in _COMMON or is_freemail(domain):
        return None
    # Short names are alike by chance: gmx.de and gm.de are one letter apart, and both may be meant.
    near = process.extractOne(domain, _COMMON, scorer=fuzz.ratio, score_cutoff=88 if len(domain) > 7 else 92)
    return f"{local}@{near[0]}" if near else None


def is_freemail(domain: str) -> bool:
    """Whether anybody can have an address there: nobody's own domain, so no sender may use it (DMARC)."""
    domain = domain.lower().rstrip(".")
    return domain in _FREEMAIL or domain.startswith("yahoo.")
