"""Links of a digest: placed when it is proofed, the same for every reader, repointed by one UPDATE when a target moves."""

from collections.abc import Mapping
from datetime import datetime

from digests.models import Digest, Link
from digests.stories import article_url
from newsroom.web.tokens import TokenKind, link_url, read


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


def target(token: str) -> str:
    """Where the link of this token leads now. Raises BadToken or Link.DoesNotExist. One query."""
    link = Link.objects.only("current_url").get(pk=read(TokenKind.LINK, token))
    return link.current_url


def repoint(link: Link, *, url: str) -> None:
    """Let the link lead elsewhere from now on, in mails already sent too. The address as proofed stays on record."""
    link.current_url = url
    link.full_clean(exclude=["pick", "url"])
    link.save(update_fields=["current_url"])
