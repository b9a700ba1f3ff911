"""Signed tokens in links and Message-IDs: opaque, short, valid for years, each for one purpose only.

A token is one byte kind and key number, a number, and eight bytes of keyed BLAKE2b over both, as base64url without
padding: 20 characters, 23 for deliveries and approvals, whose numbers need eight bytes. It holds no person and
does not expire (RFC 8058 §3.1 wants it opaque and hard to forge); LINK_KEYS are never dropped, so old links live.
"""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any

from django.conf import settings

from newsroom.web.errors import BadToken

_MAC_BYTES = 8
# Of a settings link's 48 bits the lower ones are the subscription, 68 billion of them.
_MARKED_BITS = 36
_LARGEST_MARKED = (1 << _MARKED_BITS) - 1


class TokenKind(IntEnum):
    """What a token's number is, and thereby what the token may do. Never renumber: they stand in sent mails."""

    LEAVE = 1  # a subscription, to end it
    MANAGE = 2  # a subscription and a mark of its reader's address, to open her settings
    LINK = 3  # a link of a digest, for everybody the same
    DELIVERY = 4  # a delivery, in the Message-ID and in what providers report
    LETTER = 5  # a letter, likewise
    APPROVAL = 6  # a proof and who may decide about it, packed into one number
    DECLINE = 7  # a confirmation, to say that it was not hers and that nobody shall ask again
    DECLINE_ADDRESS = 8  # a change of address, likewise


def _number_bytes(kind: TokenKind) -> int:
    return 8 if kind in (TokenKind.DELIVERY, TokenKind.APPROVAL) else 6


@lru_cache(maxsize=8)
def _macs(keys: tuple[tuple[int, bytes], ...]) -> dict[int, Any]:
    """A prepared keyed hash per key number: derived once per process, copied for each token."""
    return {
        number: hashlib.blake2b(
            key=hashlib.blake2b(key, digest_size=32, person=b"newsroom links").digest(),
            digest_size=_MAC_BYTES,
        )
        for number, key in keys
    }


def _prepared() -> dict[int, Any]:
    return _macs(tuple(sorted(settings.LINK_KEYS.items())))


def make(kind: TokenKind, number: int) -> str:
    """The token for a number, signed with the newest key. Raises OverflowError if the number does not fit."""
    return make_many(kind, [number])[0]


def make_many(kind: TokenKind, numbers: Iterable[int]) -> list[str]:
    """Tokens for many numbers in their order; about 800,000 a second on one core."""
    return _signed(kind, numbers, key=max(_prepared()))


def make_all(kind: TokenKind, numbers: Sequence[int]) -> dict[str, int]:
    """Every token that may ever have been made for these numbers, one per key, with its number."""
    return {
        token: number
        for key in _prepared()
        for token, number in zip(_signed(kind, numbers, key=key), numbers, strict=True)
    }


def _signed(kind: TokenKind, numbers: Iterable[int], *, key: int) -> list[str]:
    head = bytes([kind << 4 | key])
    copy = _prepared()[key].copy
    width = _number_bytes(kind)
    tokens = []
    for number in numbers:
        body = head + number.to_bytes(width, "big")
        mac = copy()
        mac.update(body)
        tokens.append(urlsafe_b64encode(body + mac.digest()).rstrip(b"=").decode("ascii"))
    return tokens


def starts(kind: TokenKind, number: int) -> list[str]:
    """How the tokens of this number begin, and of all that differ in their lowest 30 bits: one start per key we hold.

    For a mailing's first delivery that is the start of all its deliveries' tokens.
    """
    body = number.to_bytes(_number_bytes(kind), "big")
    length = (8 + 8 * len(body) - 30) // 6
    return [
        urlsafe_b64encode(bytes([kind << 4 | key]) + body).decode("ascii")[:length] for key in _prepared()
    ]


def read(kind: TokenKind, token: str) -> int:
    """The number in a token of this kind. Raises BadToken, whatever was wrong."""
    width = _number_bytes(kind)
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError as error:
        raise BadToken("This link is not complete.") from error
    # The second test refuses other spellings of the same bytes: base64 has spare bits, and decoders skip what they
    # do not know.
    if len(raw) != 1 + width + _MAC_BYTES or urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != token:
        raise BadToken("This link is not complete.")
    body, given = raw[: 1 + width], raw[1 + width :]
    prepared = _prepared().get(body[0] & 0x0F)
    if body[0] >> 4 != kind or prepared is None:
        raise BadToken("This link is not one of ours.")
    mac = prepared.copy()
    mac.update(body)
    if not hmac.compare_digest(mac.digest(), given):
        raise BadToken("This link is not one of ours.")
    return int.from_bytes(body[1:], "big")


# The paths are the site's public surface: they stand in mails that people keep for years.


def leave_url(subscription_id: int) -> str:
    """The address that ends a subscription: a page on GET, the end on POST (RFC 8058)."""
    return leave_urls([subscription_id])[0]


def leave_urls(subscription_ids: Iterable[int]) -> list[str]:
    """The same for many, in their order."""
    start = f"{settings.SITE_URL}/u/"
    return [start + token for token in make_many(TokenKind.LEAVE, subscription_ids)]


def manage_url(subscription_id: int, address_hash: str) -> str:
    """The address that opens the reader's settings, for as long as she has the address of this hash."""
    return manage_urls([(subscription_id, address_hash)])[0]


def manage_urls(subscriptions: Iterable[tuple[int, str]]) -> list[str]:
    """The same for many, in their order. Raises OverflowError for a subscription's number that does not fit."""
    start = f"{settings.SITE_URL}/preferences/"
    numbers = (_marked(subscription_id, known) for subscription_id, known in subscriptions)
    return [f"{start}{token}/" for token in make_many(TokenKind.MANAGE, numbers)]


def read_manage(token: str) -> tuple[int, int]:
    """The subscription in a settings link, and the mark of the address it was written to. Raises BadToken.

    The mark is 0 in links older than marks.
    """
    number = read(TokenKind.MANAGE, token)
    return number & _LARGEST_MARKED, number >> _MARKED_BITS


def address_mark(address_hash: str) -> int:
    """Twelve bits of an address's keyed hash, never 0: they tell it from 4,094 of 4,095 others, and tell nothing of it."""
    return int(address_hash[:8], 16) % 4095 + 1 if address_hash else 0


def _marked(subscription_id: int, address_hash: str) -> int:
    if subscription_id > _LARGEST_MARKED:
        raise OverflowError("A settings link has no room for this subscription.")
    return address_mark(address_hash) << _MARKED_BITS | subscription_id


def decline_url(number: int, *, kind: TokenKind = TokenKind.DECLINE) -> str:
    """The address by which who gets a letter to confirm says no, for good: a page on GET, the no on POST.

    It stands in a header too, which more programs read than the letter's body; the secret that confirms does not.
    """
    return f"{settings.SITE_URL}/not-me/{make(kind, number)}"


def link_url(link_id: int) -> str:
    """The address that leads on to a link's present target; the same for all readers."""
    return f"{settings.SITE_URL}/r/{make(TokenKind.LINK, link_id)}"


# What token_urlsafe makes of 16 bytes.
_SECRET = re.compile(r"[A-Za-z0-9_-]{22}")


def secret_token() -> str:
    """128 random bits for a link that proves who opens it, such as a confirmation; kept only as `hash_secret`."""
    return secrets.token_urlsafe(16)


def may_be_secret(token: str) -> bool:
    """Whether this looks like a `secret_token` of which nothing was cut off."""
    return _SECRET.fullmatch(token) is not None


def hash_secret(token: str) -> str:
    """What the database keeps of a secret token: 64 hex characters. Unkeyed, because the token is random enough."""
    return hashlib.blake2b(
        token.encode("utf-8", "replace"), digest_size=32, person=b"newsroom secret"
    ).hexdigest()
