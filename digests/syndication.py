"""A newsletter's digests as feeds: the same entries as Atom and as JSON Feed, without anything of a reader's."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from django.conf import settings
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape

from digests import archive
from digests.models import Digest
from newsroom.articles.text import strip_unwanted
from subscriptions.models import Newsletter

_BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


class _Atom(Atom1Feed):
    """Without entries Django dates a feed now, which would make every answer a new one."""

    def latest_post_date(self) -> datetime:
        return super().latest_post_date() if self.items else _BEGINNING


def atom(newsletter: Newsletter, digests: Sequence[Digest]) -> str:
    """The feed as text; each digest's subject, preheader, address and time."""
    feed = _Atom(
        title=strip_unwanted(newsletter.name),
        link=_absolute(newsletter.get_absolute_url()),
        description=strip_unwanted(newsletter.promise),
        subtitle=strip_unwanted(newsletter.promise),
        language=newsletter.language,
        feed_url=_absolute(reverse("newsletter_atom", args=[newsletter.slug])),
        author_name=strip_unwanted(newsletter.sender.name),
    )
    for digest in digests:
        url = _absolute(_path(newsletter, digest))
        feed.add_item(
            title=strip_unwanted(
                _title(newsletter, digest)
            ),  # XML knows no controls, and Django raises for them
            link=url,
            unique_id=url,
            # Django says that a summary is HTML.
            description=escape(strip_unwanted(digest.preheader)),
            pubdate=digest.handed_over_at,
            updateddate=archive.changed_at(digest),
        )
    return feed.writeString("utf-8")


def json_feed(newsletter: Newsletter, digests: Sequence[Digest]) -> str:
    """JSON Feed 1.1 (jsonfeed.org/version/1.1)."""
    return json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": newsletter.name,
            "description": newsletter.promise,
            "language": newsletter.language,
            "home_page_url": _absolute(newsletter.get_absolute_url()),
            "feed_url": _absolute(reverse("newsletter_json", args=[newsletter.slug])),
            "authors": [{"name": newsletter.sender.name}],
            "items": [_item(newsletter, digest) for digest in digests],
        },
        ensure_ascii=False,
    )


def _item(newsletter: Newsletter, digest: Digest) -> dict[str, str]:
    url = _absolute(_path(newsletter, digest))
    changed_at = archive.changed_at(digest)
    assert digest.handed_over_at is not None  # only such digests are public
    assert changed_at is not None
    return {
        "id": url,
        "url": url,
        "title": _title(newsletter, digest),
        "summary": digest.preheader,
        "content_text": digest.preheader or digest.subject,
        "date_published": digest.handed_over_at.isoformat(timespec="seconds"),
        "date_modified": changed_at.isoformat(timespec="seconds"),
    }


def _title(newsletter: Newsletter, digest: Digest) -> str:
    """A best-of says what it is, for its stories were in the feed before."""
    name = archive.best_of_name(newsletter)
    is_named = not digest.is_best_of or digest.subject.startswith(name)
    return digest.subject if is_named else f"{name}: {digest.subject}"


def _path(newsletter: Newsletter, digest: Digest) -> str:
    """As `digest.get_absolute_url`, without asking for the newsletter again."""
    return reverse("digest", args=[newsletter.slug, digest.number])


def _absolute(path: str) -> str:
    return f"{settings.SITE_URL}{path}"
