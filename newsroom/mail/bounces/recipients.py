"""Whose address a returned mail speaks of, where no report for machines says it."""

import re
from collections.abc import Iterable

from newsroom.mail.bounces.parts import Parts

ADDRESS = re.compile(
    r"(?<![\w.!#$%&'*+/=?^`{|}~@-])(?:\"[^\"\s]{1,64}\"|[\w!#$%&'*+/=?^`{|}~.-]{1,64})@(?:[\w-]{1,63}\.)+[\w-]{2,63}",
    re.ASCII,
)
# An Internet address inside one of X.400's, whose "=" an address may have too.
_X400 = re.compile(r"^(?:smtp|rfc-?822)=", re.I)
_GLOBAL_ADDRESS = re.compile(r"[^\s<>;,:\"()]{1,64}@[^\s<>;,:\"()@]{1,253}\.[^\s<>;,:\"()@.]{2,63}")
# "<ann@example.org>:" or the address alone on its line: how servers head what they say about it.
HEADING = re.compile(
    r"^[ \t>*|-]{0,20}(?:[45]\d\d (?:[45]\.\d\.\d+ )?|(?:(?:failed|final|intended)? ?(?:recipient|address)(?: address)?)[ \t]*[:=][ \t]*)?[\"'<\[(]?(?:mailto:|smtp:)?(\S{1,64}@[^\s<>:;,\])]{1,253})[\"'>\])]*[ \t]*(?:$|:|,|on |\.\.\.|[-(\[])",
    re.I | re.M,
)
_LABELLED = re.compile(
    r"^[ \t]*(?:to|for|recipient)s?[ \t]*:[ \t]*<?(\S{1,64}@[^\s<>,;]{1,253})", re.I | re.M
)
# The sentence that leads up to the addresses, and what follows it.
_ANNOUNCED = re.compile(
    r"(?:following (?:recipient|address|user|destination|person|mailbox)(?:\(e?s\)|e?s)?|not (?:be )?delivered to|did not reach|n't deliver to)"
    r"[^\n:]{0,60}:?[^\n]{0,40}\n\s{0,9}(\S[^\n]*(?:\n[^\n]+){0,3})",
    re.I,
)
_COMMANDED = re.compile(r"RCPT TO: ?<?([^\s<>@]{1,64}@[^\s<>@]{1,253})>?", re.I)
_NOBODY = re.compile(r"^(?:mailer-daemon|postmaster|abuse|hostmaster|noreply|no-reply|bounces?)@", re.I)
_NAMED_ID = re.compile(
    r"^[ \t]*(?:message-id|in-reply-to)[ \t]*:[ \t]*<?([^\s<>@]{1,250}@[^\s<>@]{1,250})", re.I | re.M
)
_MOST = 50


def cleaned(text: str) -> str:
    """An address out of a field such as `rfc822;<ann@example.org>`; empty if there is none."""
    value = text.rpartition(";")[2] if ";" in text else text
    value = re.sub(r"^(?:mailto|smtp|rfc822|utf-?8)[:=]", "", value.strip(" \t<>'"), flags=re.I)
    value = re.sub(r"\\x\{([0-9A-Fa-f]{1,6})\}", _character, value)  # RFC 6533 §3, utf-8-addr-xtext
    found = ADDRESS.search(value) if value.isascii() else _GLOBAL_ADDRESS.search(value)
    return _X400.sub("", found[0]).strip(".'") if found else ""


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def in_field(text: str) -> list[str]:
    """Every address of a header, once."""
    return _unique(match[0] for match in ADDRESS.finditer(text))


def from_text(parts: Parts) -> list[str]:
    """Whom the text names: the header that Exim and Google write, else who heads a line, else who is named at all,
    else whom the returned mail was for."""
    if named := in_field(parts.head.get("x-failed-recipients", "")):
        return named
    not_them = {
        address.lower()
        for name in ("from", "to", "return-path")
        for address in in_field(parts.head.get(name, ""))
    }
    sender = {address.lower() for address in in_field(parts.returned.get("from", ""))}
    not_them |= {match[1].lower() for match in _NAMED_ID.finditer(parts.everything)}
    announced = "\n".join(match[1] for match in _ANNOUNCED.finditer(parts.said))
    for way, text in (
        (HEADING, parts.said),
        (ADDRESS, announced),
        (_COMMANDED, parts.said),
        (_LABELLED, parts.said),
        (ADDRESS, parts.said),
    ):
        found = _unique(cleaned(match[match.re.groups]) for match in way.finditer(text))
        found = [one for one in found if one.lower() not in not_them | sender and not _NOBODY.match(one)]
        if found:
            return found[:_MOST]
    return in_field(parts.returned.get("to", ""))[:1]


def _unique(addresses: Iterable[str]) -> list[str]:
    """In their order, small and large letters alike."""
    return list({address.lower(): address for address in addresses if address}.values())
