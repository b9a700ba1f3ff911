"""A candidate as the list shows it: nothing but words, so that two rows which read alike are written once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from digests.models import Digest, Mark
from digests.reasons import held_back_name, reason_name
from digests.selection import Candidate
from digests.stories import labels
from newsroom.articles.models import Article
from newsroom.web.tags import reading_time, short_day, short_time

_MOST_KEPT = 2000
"""Rows, some 3 kB each: a few dozen editors' lists."""
_EACH_FORM = SafeString("<!-- each form -->")
"""Where a row's forms carry what differs with each request. No title can hold it: theirs are escaped."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A candidate in words. note: of the mark; sent: in which digests readers had it; also: who else tells of it."""

    article: int
    title: str
    meta: str
    score: str
    reasons: tuple[str, ...]
    has_unsaid_picture: bool
    """Whether it has a picture and no reason says so: a plan may give nothing for one."""
    held_back: str
    taken: str
    """The digest for the same readers that took it, or another article on the same event, and its day."""
    labels: tuple[str, ...]
    sent: tuple[str, ...]
    also: tuple[str, ...]
    marked: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Around:
    """What all rows of a list share."""

    digest: int
    may_mark: bool
    slot_options: SafeString
    language: str | None


def row_of(candidate: Candidate, sent_in: Sequence[Digest]) -> Row:
    """The article's byline must have been read. No query."""
    article, mark = candidate.article, candidate.mark
    return Row(
        article=article.pk,
        title=article.title,
        meta=_meta(article),
        score=_points(candidate.score),
        reasons=tuple(
            f"{reason_name(name)} {'+' if points > 0 else ''}{_points(points)}"
            for name, points in candidate.reasons.items()
        ),
        has_unsaid_picture=_has_picture(article) and "picture" not in candidate.reasons,
        held_back="" if candidate.held_back == "sent" else held_back_name(candidate.held_back),
        taken=_taken(candidate.sent_in) if candidate.sent_in else "",
        labels=(
            # Translators: Merkmal eines vorgemerkten Artikels, der nicht aus dem Zeitraum der Ausgabe ist
            *([_("not from this digest's time")] if candidate.is_from_elsewhere else []),
            *labels(article, shows_picture=bool(article.picture)),
        ),
        sent=tuple(_sent(digest) for digest in sent_in),
        also=tuple(str(each) for each in candidate.also),
        marked=_marked(mark) if mark else "",
        note=mark.note if mark else "",
    )


def write(rows: Iterable[Row], around: Around, *, each_form: str) -> SafeString:
    """The rows as HTML. each_form: hidden fields, which each of their forms carries along."""
    return SafeString("".join(_written(row, around) for row in rows).replace(_EACH_FORM, each_form))


def around(digest: Digest, *, may_mark: bool, slot_options: SafeString) -> Around:
    return Around(digest=digest.pk, may_mark=may_mark, slot_options=slot_options, language=get_language())


@lru_cache(maxsize=_MOST_KEPT)
def _written(row: Row, around: Around) -> SafeString:
    context = {"row": row, "around": around, "each_form": _EACH_FORM}
    return render_to_string("admin/digests/digest/candidate.html", context)


def _meta(article: Article) -> str:
    parts = [
        str(article.feed or ""),
        str(article.section or ""),
        ", ".join(article.byline),
        reading_time(article.reading_minutes),
        short_time(article.first_seen_at),
    ]
    return " · ".join(part for part in parts if part)


def _sent(digest: Digest) -> str:
    return _("Sent on %(date)s in %(newsletter)s") % {
        "date": short_day(digest.handed_over_at) if digest.handed_over_at else "–",
        "newsletter": digest.newsletter.name,
    }


def _taken(digest: Digest) -> str:
    day = digest.handed_over_at or digest.scheduled_at or digest.due_at or digest.window_end
    # Translators: schon genommen: Morgenpost 12, 3. Mai
    return _("taken before: %(digest)s, %(day)s") % {
        "digest": digest,
        "day": short_day(day),
    }


def _marked(mark: Mark) -> str:
    by = mark.marked_by
    name = (by.get_full_name() or by.get_username()) if by else "–"
    return _("Marked by %(name)s, %(date)s") % {"name": name, "date": short_time(mark.marked_at)}


def _has_picture(article: Article) -> bool:
    return article.picture is not None and article.picture.withdrawn_at is None


def _points(value: float) -> str:
    return number_format(f"{value:.2f}", 2)
