"""Characters into bytes that every mail program reads alike: quoted-printable, encoded-words, phrases.

RFC 2045 §6.7 (quoted-printable), RFC 2047 (encoded-words), RFC 5322 §2.2.3 (folding).
"""

import re
import unicodedata
from base64 import b64encode
from binascii import b2a_qp
from functools import lru_cache
from html import escape

from newsroom.mail.errors import BadHeader

# What may not stand in a header value: C0, DEL, C1, LINE and PARAGRAPH SEPARATOR, lone surrogates.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What a body loses; tab, line feed and what becomes one stay.
_NOT_IN_BODY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_NEWLINE = re.compile(r"\r\n|\r|\x85|\u2028|\u2029")
# Stands in quoted-printable and in HTML as it is, and begins with no dot: links, dates, most addresses.
_PLAIN_VALUE = re.compile(r"[!#$%(-\-/-;?-~][!#$%(-;?-~]{0,74}")
_SHORT_VALUE = 25  # bytes, which take 75 at most when each is quoted
_TO_QUOTE = re.compile(rb"[^\t -<>-~]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")

_WORD_BYTES = 45  # 60 characters of base64, and 12 around them: under the 75 of RFC 2047 §2
_LINE = 76


def refuse_controls(header: str, value: str) -> str:
    """The value, if nothing in it could end the header and begin another. Raises BadHeader."""
    if _FORBIDDEN.search(value):
        raise BadHeader(header, "holds a control character or a line break")
    return value


def token(header: str, value: str) -> str:
    """A value of printable ASCII without blanks. Raises BadHeader."""
    if not re.fullmatch(r"[!-~]{1,900}", value):
        raise BadHeader(header, "must be printable ASCII without blanks")
    return value


def unstructured(header: str, value: str) -> str:
    """Text as a header value: plain and folded at blanks if it is short-worded ASCII, else encoded-words."""
    refuse_controls(header, value)
    value = value.strip()
    is_plain = value.isascii() and "=?" not in value
    if is_plain and all(len(word) < _LINE - len(header) - 2 for word in value.split(" ")):
        return _fold(value, used=len(header) + 2)
    return encoded_words(value, used=len(header) + 2)


def mailbox(header: str, name: str, address: str) -> str:
    """`Name <address>`: the name as atoms, as a quoted-string, or as encoded-words."""
    refuse_controls(header, name)
    name = name.strip()
    if not name:
        return address
    if not name.isascii() or "=?" in name:
        return f"{encoded_words(name, used=len(header) + 2)}\r\n <{address}>"
    if not _ATOMS.fullmatch(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{address}>"


def plain_mailbox(name: str, address: str) -> str:
    """`Name <address>` in Unicode, for an API that encodes by itself."""
    name = refuse_controls("From", name).strip()
    if not name or _ATOMS.fullmatch(name):
        return f"{name} <{address}>" if name else address
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + f'" <{address}>'


def encoded_words(text: str, *, used: int) -> str:
    """The text as encoded-words of whole characters, one to a line. used: columns taken before the first."""
    words: list[str] = []
    chunk, room = b"", min(_WORD_BYTES, (_LINE - used - 12) // 4 * 3)
    for cluster in _clusters(text):
        encoded = cluster.encode()
        if chunk and len(chunk) + len(encoded) > room:
            words.append(_word(chunk))
            chunk, room = b"", _WORD_BYTES
        while len(encoded) > room:  # a cluster longer than a word: between its characters, then
            cut = room
            while encoded[cut] & 0xC0 == 0x80:
                cut -= 1
            words.append(_word(encoded[:cut]))
            encoded, room = encoded[cut:], _WORD_BYTES
        chunk += encoded
    return "\r\n ".join([*words, _word(chunk)] if chunk else words)


def ascii_phrase(name: str) -> str:
    """The name in ASCII, for a phrase that must be readable undecoded: `Groesste Nachrichten, taeglich`."""
    spelled = name.translate(_SPELLED)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode("ascii")
    return " ".join(re.sub(r'["\\<>]|=\?', "", plain).split())[:120].strip()


_SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "Ae",
     "ø": "o", "Ø": "O", "–": "-", "—": "-", "’": "'", "‘": "'"}
)  # fmt: skip


def clean(content: str) -> str:
    """A body's text with \\n for every line end, without controls and lone surrogates."""
    text = _NEWLINE.sub("\n", content)
    return _NOT_IN_BODY.sub("", text).encode("utf-8", "replace").decode()


def quoted_printable(text: str, *, ends_soft: bool) -> bytes:
    """Clean text in quoted-printable with CRLF, lines up to 76, ending at the start of a line.

    No line begins with a dot, so that nobody has to double it on the way (RFC 5321 §4.5.2).
    ends_soft: with a soft break if it does not end with a line end, because more follows on the same line.
    Not by `binascii.b2a_qp`, whose lines reach 78 where a blank ends one.
    """
    lines = text.split("\n")
    encoded: list[bytes] = []
    for number, line in enumerate(lines, 1):
        is_last = number == len(lines)
        if is_last and not line:
            break
        soft = is_last and ends_soft
        encoded += _wrapped(_quoted(line.encode()), room=_LINE - 1 if soft else _LINE)
        encoded.append(b"=\r\n" if soft else b"\r\n")
    return b"".join(encoded)


def slot_values(value: str) -> tuple[bytes, bytes]:
    """A reader's value for the text and for the HTML, where it is escaped, each as `slot_value`.

    A plain value, such as a link, costs one look for both.
    """
    if _PLAIN_VALUE.fullmatch(value):
        encoded = b"%b=\r\n" % value.encode("ascii")
        return encoded, encoded
    return _quoted_values(value)


@lru_cache(maxsize=2_048)
def _quoted_values(value: str) -> tuple[bytes, bytes]:
    """Few readers have such a value to themselves: dates, and addresses of which one letter is left."""
    in_text, escaped = slot_value(value), escape(value)
    return in_text, in_text if escaped == value else slot_value(escaped)


def slot_value(value: str) -> bytes:
    """A reader's value on lines of its own, ending softly."""
    raw = value.encode("utf-8", "replace")
    if not value.isprintable():
        return quoted_printable(clean(value), ends_soft=True)
    encoded = b2a_qp(raw) if len(raw) <= _SHORT_VALUE else _quoted(raw)
    if len(encoded) < _LINE - 2:
        return _without_dot(encoded) + b"=\r\n" if encoded else b""
    return quoted_printable(clean(value), ends_soft=True)


def _quoted(line: bytes) -> bytes:
    """One line, quoted: no blank at its end, because relays drop those."""
    quoted = _TO_QUOTE.sub(lambda found: b"=%02X" % found[0][0], line)
    if quoted[-1:] in {b" ", b"\t"}:
        return quoted[:-1] + b"=%02X" % quoted[-1]
    return quoted


def _without_dot(line: bytes) -> bytes:
    """A quoted line whose leading dot, if any, is quoted as well."""
    return b"=2E" + line[1:] if line[:1] == b"." else line


def _wrapped(quoted: bytes, *, room: int) -> list[bytes]:
    """A quoted line in physical lines, the last one up to `room`, none cut within a `=XX`."""
    physical: list[bytes] = []
    while len(quoted := _without_dot(quoted)) > room:
        cut = _LINE - 1
        if (torn := quoted.rfind(b"=", cut - 2, cut)) >= 0:
            cut = torn
        physical.append(quoted[:cut] + b"=\r\n")
        quoted = quoted[cut:]
    return [*physical, quoted]


def _fold(value: str, *, used: int) -> str:
    lines, column = [""], used
    for word in re.split(r"(?<=\S)(?= \S)", value):
        if column + len(word) > _LINE and lines[-1]:
            lines.append("")
            column = 0
        lines[-1] += word
        column += len(word)
    return "\r\n".join(lines)


def _word(chunk: bytes) -> str:
    return f"=?utf-8?b?{b64encode(chunk).decode('ascii')}?="


def _clusters(text: str) -> list[str]:
    """Characters with the marks and joiners that belong to them: an emoji family stays in one word."""
    clusters: list[str] = []
    joins = False
    for character in text:
        belongs = (
            unicodedata.combining(character) or character in "\u200d\ufe0e\ufe0f" or "🏻" <= character <= "🏿"
        )
        if clusters and (belongs or joins):
            clusters[-1] += character
        else:
            clusters.append(character)
        joins = character == "\u200d"
    return clusters
