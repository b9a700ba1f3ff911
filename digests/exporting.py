"""What readers got, to take along: each digest that went out, a line for each of its stories, as CSV."""

import html
import re
from collections.abc import Iterator, Sequence
from typing import Final

from django.db.models import Prefetch
from django.utils.html import strip_tags

from digests.models import Digest, Link, Pick, Proof
from subscriptions.models import Newsletter
from subscriptions.transfer.exporting import as_lines

COLUMNS: Final = (
    "newsletter", "number", "for", "sent_at", "subject", "preheader", "slot", "position", "title", "link",
)  # fmt: skip
_CHUNK: Final = 100
# As templates/digests/web_version.html frames a story.
_TITLE: Final = re.compile(r'id="story-(\d+)".*?<h(\d)[^>]*>(.*?)</h\2>', re.DOTALL)


def lines(newsletters: Sequence[Newsletter] | None = None) -> Iterator[str]:
    """The lines of the export, oldest digest first, no cell of which a spreadsheet computes.

    Titles as they were mailed, links as they lead today. Memory and queries: by a hundred digests, whatever their number.
    """
    return as_lines(COLUMNS, _rows(newsletters))


def _rows(newsletters: Sequence[Newsletter] | None) -> Iterator[list[str]]:
    approved = Proof.objects.filter(approval__isnull=False, correction__isnull=True).order_by("number")
    digests = (
        Digest.objects.public()
        .select_related("newsletter")
        .prefetch_related(
            Prefetch("picks", Pick.objects.select_related("article")),
            Prefetch("picks__links", Link.objects.order_by("pk")),
            Prefetch("proofs", approved),
        )
        .order_by("newsletter_id", "handed_over_at", "pk")
    )
    if newsletters is not None:
        digests = digests.filter(newsletter__in=newsletters)
    for digest in digests.iterator(chunk_size=_CHUNK):
        yield from _of(digest)


def _of(digest: Digest) -> Iterator[list[str]]:
    sent_at = digest.handed_over_at.isoformat() if digest.handed_over_at else ""
    number = "" if digest.number is None else str(digest.number)
    opening = [digest.newsletter.slug, number, digest.cadence, sent_at, digest.subject, digest.preheader]
    titles = _titles(digest)
    slots = [slot["key"] for slot in digest.slots]

    def place(pick: Pick) -> tuple[int, int, int]:
        return (slots.index(pick.slot) if pick.slot in slots else len(slots), pick.position, pick.pk)

    picks = sorted(digest.picks.all(), key=place)
    for pick in picks:
        links = list(pick.links.all())
        title = titles.get(pick.pk) or pick.title or pick.article.title
        yield [*opening, pick.slot, str(pick.position), title, links[-1].current_url if links else ""]
    if not picks:
        yield [*opening, "", "", "", ""]


def _titles(digest: Digest) -> dict[int, str]:
    """The headlines of the proof that went out; an article may be called otherwise by now. Without soft hyphens."""
    proofs = list(digest.proofs.all())
    found = _TITLE.findall(proofs[-1].web_html) if proofs else []
    return {
        int(pick): html.unescape(strip_tags(title)).replace("\xad", "").strip()
        for pick, _level, title in found
    }
