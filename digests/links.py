"""Links of a digest: placed when it is proofed, the same for every reader, repointed by one UPDATE when a target moves."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from digests.errors import BadAddress, LinkMoved
from digests.models import Digest, Link, Pick
from digests.stories import article_url
from newsroom.articles.text import strip_unwanted
from newsroom.web.tokens import TokenKind, link_url, read

MOST_CHARACTERS: Final = 1_000
_is_web_address = URLValidator(schemes=["http", "https"])


def place(digest: Digest, *, at: datetime) -> Mapping[int, str]:
    """Make sure that every pick has a link to its article's present address; returns `urls`. Safe to repeat.

    Queries: 3, whatever the number of picks.
    """
    picks = digest.picks.select_related("article")
    made = [
        Link(pick=pick, url=url, current_url=url, created_at=at)
        for pick in picks
        for url in [article_url(pick.article)]
    ]
    # A link placed by an earlier proof stays as it is, so that links in mails already tested keep their repointing.
    Link.objects.bulk_create(made, ignore_conflicts=True)
    return urls(digest)


def urls(digest: Digest) -> dict[int, str]:
    """The redirect address per pick, of its newest link; nothing for picks not placed yet. One query."""
    placed = Link.objects.filter(pick__digest=digest).order_by("id").values_list("pick_id", "id")
    return {pick_id: link_url(link_id) for pick_id, link_id in placed}


def urls_of(picks: Iterable[Pick]) -> dict[int, str]:
    """As `urls`, for picks that were read `with_stories`. Asks the database nothing."""
    newest: dict[int, int | None] = {pick.pk: vars(pick)["newest_link"] for pick in picks}
    return {pick: link_url(link) for pick, link in newest.items() if link}


def find(token: str) -> Link:
    """The link of this token, with its digest's state. Raises BadToken or Link.DoesNotExist. One query."""
    known = Link.objects.select_related("pick__digest").only("current_url", "pick__digest__state")
    return known.get(pk=read(TokenKind.LINK, token))


def of_digest(digest: Digest) -> QuerySet[Link]:
    """The links in the digest's mails with their stories, by position in the slot."""
    return (
        Link.objects.filter(pick__digest=digest)
        .select_related("pick__article")
        .order_by("pick__position", "pk")
    )


def repoint(link: Link, *, url: str) -> str:
    """Let the link lead elsewhere from now on, in mails already sent too; returns where it led.

    The address as proofed stays on record. Raises BadAddress, and LinkMoved if it leads elsewhere than when it
    was read. Queries: 1.
    """
    before = link.current_url
    address = checked_address(url)
    if Link.objects.filter(pk=link.pk, current_url=before).update(current_url=address) != 1:
        raise LinkMoved
    link.current_url = address
    return before


def checked_address(url: str) -> str:
    """The address, if a reader may be sent there: a web address of a host, without credentials, none of our redirects.

    Raises BadAddress with a sentence for whoever typed it.
    """
    typed = strip_unwanted(url).strip()
    try:
        _is_web_address(typed)
        parts = urlsplit(typed)
    except (ValidationError, ValueError) as error:
        raise BadAddress(_("Enter a whole web address that begins with https:// or http://.")) from error
    if len(typed) > MOST_CHARACTERS:
        raise BadAddress(_("This address is too long."))
    if parts.username is not None or parts.password is not None:
        raise BadAddress(_("An address with a name or a password in it would tell it to every reader."))
    if f"{parts.scheme}://{parts.netloc}".lower() == settings.SITE_URL.lower() and parts.path.startswith(
        "/r/"
    ):
        raise BadAddress(_("This is a link of a mail itself; enter where it should lead."))
    return typed
