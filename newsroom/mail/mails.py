"""A mail before it is bytes: who sends it, what it says, and what is one reader's own."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, Self

from newsroom.mail import encoding
from newsroom.mail.errors import MissingSlot
from newsroom.mail.slots import SLOT


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Who sends, and what mail programs are told beside the content; the same for all copies.

    Frozen as JSON: what is added here needs a default that adds nothing to mails frozen before.
    """

    kind: Literal["digest", "letter"]
    from_name: str
    from_address: str
    reply_to: str = ""
    language: str
    list_id: str = ""  # "label.domain"
    list_name: str = ""
    archive_url: str = ""
    page_url: str = ""  # this very mail, for everybody
    help_url: str = ""
    owner: str = ""  # whom to write to about the list
    feedback_id: str = ""
    auto_submitted: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)


@dataclass(frozen=True, kw_only=True)
class Content:
    """Subject and both parts, with slots; without HTML the mail is text only."""

    subject: str
    html: str
    text: str

    def replaced(
        self, value: Callable[[str], str], *, html_value: Callable[[str], str] | None = None
    ) -> "Content":
        """With `value(name)` for each slot; in HTML with `html_value(name)`, if given."""
        in_html = html_value or value
        return Content(
            subject=self.subject,
            html=SLOT.sub(lambda found: in_html(found[1]), self.html),
            text=SLOT.sub(lambda found: value(found[1]), self.text),
        )


@dataclass(frozen=True, eq=False)
class Shared:
    """Values that many copies have alike, such as words in a language; encoded once for all who hold this object."""

    values: Mapping[str, str]

    @cached_property
    def encoded(self) -> dict[str, tuple[bytes, bytes]]:
        """Each value for the text and for the HTML."""
        return {name: encoding.slot_values(value) for name, value in self.values.items()}


NOTHING_SHARED: Final = Shared({})


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What is one reader's own. shared: what she has alike with others; her own slots go before it."""

    seq: int
    address: str  # sendable
    message_token: str
    leave_url: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    shared: Shared = NOTHING_SHARED

    def value(self, name: str) -> str:
        """The value of a slot. Raises MissingSlot."""
        if name in self.slots:
            return self.slots[name]
        if name in self.shared.values:
            return self.shared.values[name]
        if name == "leave_url" and self.leave_url:
            return self.leave_url
        raise MissingSlot(name)
