"""Addresses: what people type, what we compare, what we send to, what we show and what we keep as a hash.

The domain becomes A-labels by IDNA 2008 (UTS 46, non-transitional): by the older rules `info@faß.de` would reach
`fass.de`, somebody else. The local part is an ASCII dot-atom (RFC 5321 §4.1.2); its dots and tags are never dropped
for identity.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna
from django.conf import settings
from django.utils.translation import gettext as _
from rapidfuzz import fuzz, process

from newsroom.mail.errors import BadAddress
from newsroom.web.masking import mask as mask
from newsroom.web.masking import mask_text as mask_text

_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# RFC 2606 §2, RFC 6761, RFC 7686: nobody can have mail there. example.org stays, the demo's readers live on it.
_RESERVED = frozenset({"test", "invalid", "example", "local", "localhost", "onion", "arpa", "internal"})

_FREEMAIL = frozenset(
    """
    gmail.com googlemail.com outlook.com outlook.de hotmail.com hotmail.de live.com live.de msn.com gmx.de gmx.net
    gmx.at gmx.ch gmx.com web.de icloud.com me.com mac.com t-online.de freenet.de mail.de posteo.de mailbox.org
    proton.me protonmail.com arcor.de aol.com aol.de mail.ru yandex.ru yandex.com qq.com 163.com
    """.split()  # noqa: SIM905 - one per line would fill the page
)
_COMMON = (
    *sorted(_FREEMAIL - {"mail.de", "me.com", "mac.com"}),
    "yahoo.com",
    "yahoo.de",
    "yahoo.co.uk",
    "vodafone.de",
)


@dataclass(frozen=True)
class Address:
    """An address that passed: `normal` is compared and stored, `sendable` goes on the envelope. Both are ASCII."""

    normal: str
    sendable: str

    @property
    def domain(self) -> str:
        return self.normal.rpartition("@")[2]


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
    if len(local) + 1 + len(ascii_domain) > 254:
        raise BadAddress(_("This e-mail address is too long."), code="long")
    return Address(normal=f"{local.casefold()}@{ascii_domain}", sendable=f"{local}@{ascii_domain}")


def _not_one_address() -> BadAddress:
    # Translators: Bitte genau eine E-Mail-Adresse, etwa name@example.org.
    return BadAddress(_("Please enter exactly one e-mail address, such as name@example.org."), code="form")


def _check_local(local: str) -> None:
    if not local.isascii():
        # RFC 6531 addresses: most providers refuse them, and so do browsers' e-mail fields.
        raise BadAddress(
            _("The part before the @ may only hold letters without accents, digits and some signs."),
            code="eai",
        )
    if len(local) > 64:
        raise BadAddress(_("The part before the @ is too long."), code="long")
    if not _DOT_ATOM.fullmatch(local):
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
    """One hash for all spellings that reach one mailbox (+tags, dots at Gmail): for limits, never for identity."""
    local, _at, domain = normal.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in {"gmail.com", "googlemail.com"}:
        local, domain = local.replace(".", ""), "gmail.com"
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
