"""The form of a call to Mailgun, `application/x-www-form-urlencoded`: the mail encoded once, each reader's values per call.

The shape of `to`, `h:`, `v:` and `recipient-variables` is that of "Batch sending" and "Messages" in Mailgun's user
manual (read 2026-11-22).
"""

import json
import re
from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import quote_plus, urlencode
from uuid import UUID

from newsroom.mail.encoding import plain_mailbox
from newsroom.mail.wire import CompiledMail, Content, Copy

FORM_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_FIELDS = frozenset({"From", "Subject"})
_VARIABLE = re.compile(r"%(?=recipient)", re.IGNORECASE)
_NEEDS_ESCAPING = re.compile("[&<>\"']")
# What must be replaced in printable ASCII. "%" and "+" come first, because the others are replaced by them.
_ESCAPES: Final = [
    (character, quote_plus(character))
    for character in "%+" + "".join(map(chr, range(32, 127))).translate({ord("%"): None, ord("+"): None})
    if quote_plus(character) != character
]


class Forms:
    """Builds the forms of calls and keeps the encoded mail of the last: a mailing's calls follow each other."""

    def __init__(self) -> None:
        self._kept: tuple[CompiledMail, dict[str, str], bool, str] | None = None

    def build(self, mail: CompiledMail, copies: Sequence[Copy], attempt_id: UUID) -> bytes:
        """The body of one call for these copies, each with an address of its own. Raises MissingSlot."""
        names = sorted(mail.slot_names)
        # Values that HTML must escape are rare; only then do they travel a second time.
        in_html = {
            name: f"{name}_html"
            if _NEEDS_ESCAPING.search("\n".join([copy.value(name) for copy in copies]))
            else name
            for name in names
        }
        shared = self._shared(mail, in_html, has_leave_url=any(copy.leave_url for copy in copies))
        variables = {copy.address: _variables(copy, names, in_html) for copy in copies}
        return "".join(
            (
                shared,
                f"&v%3Aa={attempt_id}&to=",
                # No address that can be sent to holds a comma.
                quoted(",".join([copy.address for copy in copies])).replace("%2C", "&to="),
                "&recipient-variables=",
                quoted(json.dumps(variables, separators=(",", ":"))),
            )
        ).encode("ascii")

    def _shared(self, mail: CompiledMail, in_html: dict[str, str], *, has_leave_url: bool) -> str:
        kept = self._kept
        if kept is None or kept[0] is not mail or kept[1:3] != (in_html, has_leave_url):
            encoded = urlencode(_fields(mail, in_html, has_leave_url=has_leave_url))
            kept = self._kept = (mail, in_html, has_leave_url, encoded)
        return kept[3]


def quoted(text: str) -> str:
    """As urllib's `quote_plus`, but for printable ASCII some ten times as fast: one replacement per character."""
    if not (text.isascii() and text.isprintable()):
        return quote_plus(text)
    for character, escaped in _ESCAPES:
        text = text.replace(character, escaped)
    return text


def _fields(mail: CompiledMail, in_html: dict[str, str], *, has_leave_url: bool) -> list[tuple[str, str]]:
    """What is the same for all calls of a mail."""
    content = _with_variables(mail, in_html)
    fields = [
        ("from", plain_mailbox(mail.envelope.from_name, mail.from_address)),
        ("subject", _without_variables(mail.content.subject)),
        ("text", content.text),
        ("v:t", "%recipient.t%"),
        ("o:tracking", "no"),
        ("o:tracking-clicks", "no"),
        ("o:tracking-opens", "no"),
    ]
    if content.html:
        fields.append(("html", content.html))
    fields += [(f"h:{name}", value) for name, value in mail.shared_headers if name not in _FIELDS]
    if has_leave_url:
        fields += [
            ("h:List-Unsubscribe", "%recipient.list_unsubscribe%"),
            ("h:List-Unsubscribe-Post", "%recipient.list_unsubscribe_post%"),
        ]
    return fields


def _variables(copy: Copy, names: Sequence[str], in_html: dict[str, str]) -> dict[str, str]:
    values = {name: copy.value(name) for name in names}
    values |= {in_html[name]: escape(values[name]) for name in names if in_html[name] != name}
    values["t"] = copy.message_token
    if copy.leave_url:
        values["list_unsubscribe"] = f"<{copy.leave_url}>"
        values["list_unsubscribe_post"] = "List-Unsubscribe=One-Click"
    return values


def _with_variables(mail: CompiledMail, in_html: dict[str, str]) -> Content:
    """The content with variables for slots, and with nothing else that Mailgun would take for one."""
    content = mail.content
    safe = Content(
        subject=content.subject,
        html=_VARIABLE.sub("&#37;", content.html),
        text=_without_variables(content.text),
    )
    return safe.replaced(
        lambda name: f"%recipient.{name}%", html_value=lambda name: f"%recipient.{in_html[name]}%"
    )


def _without_variables(text: str) -> str:
    """In plain text a word joiner, which nobody sees, keeps an article's own `%recipient` from being replaced."""
    return _VARIABLE.sub("%\u2060", text)
