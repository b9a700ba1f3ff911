"""What can still be done about a digest that went out, from the quietest way to the loudest."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import reverse
from django.utils.translation import gettext as _

from digests import access
from digests.models import Digest
from digests.states import DigestState


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to put something right: where it begins, what it does, and whether this user may go it."""

    name: str
    url: str
    title: str
    sentence: str
    is_open: bool


def panel(user: AbstractBaseUser | AnonymousUser, digest: Digest) -> dict[str, Any] | None:
    """What `admin/digests/digest/after.html` shows, as `after`; None before the hand-over. Queries: at most 1."""
    if digest.state != DigestState.HANDED_OVER:
        return None
    may_change = access.may(user, "digests.change_digest", digest.newsletter)
    may_send = access.may(user, "digests.send_digest", digest.newsletter)
    may_repoint = access.may(user, "digests.change_link", digest.newsletter)
    may_write = access.may(user, "digests.add_correctionmail", digest.newsletter)
    may_correct = may_change and user.has_perm("articles.add_correction")  # type: ignore[union-attr]
    return {
        "numbers_url": _address("numbers", digest),
        "ways": [
            Way(
                name="links",
                url=_address("links", digest),
                title=_("Let a link lead elsewhere"),
                sentence=_("Works at once in all mails already sent; readers notice nothing."),
                is_open=may_repoint,
            ),
            Way(
                name="note",
                url=_address("note", digest),
                title=_("Put a note into the archive"),
                sentence=_("Stands with its date above the web version; the mails stay as they are."),
                is_open=may_change,
            ),
            Way(
                name="correct",
                url=_address("correct", digest),
                title=_("Correct it in the next digest"),
                sentence=_("Stands beside the article and opens the next digest as a note."),
                is_open=may_correct,
            ),
            Way(
                name="corrections",
                url=_address("corrections", digest),
                title=_("Send a correction mail"),
                sentence=_(
                    "Goes to all who got the digest and still want mail; a second person must approve it."
                ),
                is_open=may_write or may_send,
            ),
        ],
    }


def _address(name: str, digest: Digest) -> str:
    return reverse(f"admin:digests_digest_{name}", args=[digest.pk])
