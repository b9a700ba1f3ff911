"""The candidates beside the slots: filtered by what stands in the address, and holding still until somebody asks for more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from digests import selection
from digests.models import Digest, Mark, Pick
from digests.reasons import held_back_name, reason_name
from digests.selection import Candidate
from digests.states import DigestState
from digests.stories import labels
from newsroom.articles.models import Article, read_bylines
from newsroom.articles.states import Origin

SHOWN = 40
MOST_SHOWN = 400
LONGEST_FILTER = 500
AGES = (3, 6, 12, 24)
OWN = "own"
"""The source of articles that came from no feed."""


class FilterForm(forms.Form):
    """What the list is narrowed to. Each field stands in the address, so a view of the list can be kept and shared."""

    q = forms.CharField(label=_("Search"), required=False, max_length=100)
    section = forms.ChoiceField(label=_("Section"), required=False)
    source = forms.ChoiceField(label=_("Source"), required=False)
    origin = forms.ChoiceField(label=_("Origin"), required=False)
    age = forms.TypedChoiceField(label=_("Age"), required=False, coerce=int)
    unused = forms.BooleanField(label=_("only what is free to take"), required=False)
    marked = forms.BooleanField(label=_("only what is marked"), required=False)

    def __init__(self, data: QueryDict, *, found: Sequence[Candidate]) -> None:
        # What an old address still names and this window no longer has is passed over, not an error.
        super().__init__(data)
        articles = [each.article for each in found]
        sections = {str(each.section_id): str(each.section) for each in articles if each.section}
        sources = {str(each.feed_id): str(each.feed) for each in articles if each.feed}
        if any(each.feed_id is None for each in articles):
            sources = {OWN: str(_("Own desk")), **sources}
        origins = {origin: str(Origin(origin).label) for origin in {each.origin for each in articles}}
        everything = [("", _("all"))]
        for name, choices in (("section", sections), ("source", sources), ("origin", origins)):
            choice = self.fields[name]
            assert isinstance(choice, forms.ChoiceField)
            by_name = sorted((name.casefold(), key, name) for key, name in choices.items())
            choice.choices = everything + [(key, name) for _folded, key, name in by_name]
        age = self.fields["age"]
        assert isinstance(age, forms.ChoiceField)
        age.choices = everything + [
            (hours, _("the last %(hours)d hours") % {"hours": hours}) for hours in AGES
        ]

    @cached_property
    def wanted(self) -> dict[str, Any]:
        """The filters that are set and mean something here."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A candidate as the list shows it."""

    article: Article
    score: float
    reasons: list[tuple[str, float]]
    held_back: str
    also: tuple[Article, ...]
    labels: Sequence[str]
    mark: Mark | None
    sent_in: Sequence[Digest] = ()


@dataclass(frozen=True, kw_only=True)
class Pane:
    """The list, what it is narrowed to, and what came in since it was loaded."""

    rows: list[Row]
    found: int
    until: datetime
    arrived: int
    filters: FilterForm
    shown: int
    address: str
    """Filters, moment and length of the list, as they stand in the address."""
    filter_address: str
    """The filters alone: what somebody keeps under a name."""

    @property
    def has_more(self) -> bool:
        return self.found > len(self.rows)

    @property
    def more(self) -> int:
        return min(self.shown + SHOWN, MOST_SHOWN)


def pane(digest: Digest, query: QueryDict, *, picks: Iterable[Pick], at: datetime) -> Pane:
    """The candidates as the address wants them. Queries: 8, and 1 more for a best-of, whatever the number of candidates.

    Ranked as of the address's `until`, and without what came in later: no row moves by itself.
    """
    until = _until(query, digest, at)
    picked = {pick.article_id for pick in picks}
    found = [
        each
        for each in selection.candidates(
            digest.newsletter, cadence=digest.cadence, start=digest.window_start, end=until, at=until
        )
        if each.article.pk not in picked
    ] if until > digest.window_start else []  # fmt: skip
    filters = FilterForm(query, found=found)
    if "q" in filters.wanted:
        read_bylines(each.article for each in found)
    left = [each for each in found if _fits(each, filters.wanted, until)]
    # The sort is stable: marked ones first, each part best first.
    left.sort(key=lambda each: not (each.mark and each.sent_in is None))
    shown = _shown(query)
    rows = left[:shown]
    read_bylines(each.article for each in rows)
    sent = _sent([each.article for each in rows])
    return Pane(
        rows=[_row(each, sent) for each in rows],
        found=len(left),
        until=until,
        arrived=arrivals(digest, until=until, at=at),
        filters=filters,
        shown=shown,
        address=address(query, until=until),
        filter_address=filter_address(query),
    )


def arrivals(digest: Digest, *, until: datetime, at: datetime) -> int:
    """How many articles came in since the list was loaded. Queries: 1."""
    end = min(digest.window_end, at)
    if until >= end:
        return 0
    return selection.window(digest.newsletter, cadence=digest.cadence, start=until, end=end).count()


def until_in(query: QueryDict) -> datetime | None:
    """The moment the list was loaded, as the address has it; None if it has none that can be read."""
    try:
        moment = parse_datetime(query.get("until", ""))
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def sent_before(article: Article) -> list[Digest]:
    """The digests that told it to readers, of every newsletter, newest first. Queries: 1."""
    return list(_sent([article]).get(article.pk, ()))


def _until(query: QueryDict, digest: Digest, at: datetime) -> datetime:
    return min(until_in(query) or at, at, digest.window_end)


def _shown(query: QueryDict) -> int:
    text = query.get("show", "")
    return min(max(int(text), SHOWN), MOST_SHOWN) if text.isdecimal() and len(text) < 4 else SHOWN


def filter_address(query: QueryDict) -> str:
    """The filters of an address and nothing else, in their order; at most 500 characters."""
    kept = QueryDict(mutable=True)
    for name in FilterForm.base_fields:
        if value := query.get(name, ""):
            kept[name] = value[:100]
    encoded = kept.urlencode()
    return encoded if len(encoded) <= LONGEST_FILTER else ""


def address(query: QueryDict, *, until: datetime | None = None) -> str:
    """What of an address is the list's: filters, moment, length. Anything else that somebody put there is left out."""
    kept = QueryDict(filter_address(query), mutable=True)
    if moment := until or until_in(query):
        kept["until"] = moment.isoformat()
    if (shown := _shown(query)) != SHOWN:
        kept["show"] = str(shown)
    return kept.urlencode()


def _fits(candidate: Candidate, wanted: dict[str, Any], at: datetime) -> bool:
    article = candidate.article
    for name, value in wanted.items():
        match name:
            case "q":
                text = (
                    f"{article.title} {article.kicker} {article.teaser} {' '.join(article.byline)}".casefold()
                )
                fits = all(word in text for word in value.casefold().split())
            case "section":
                fits = str(article.section_id) == value
            case "source":
                fits = (str(article.feed_id) if article.feed_id else OWN) == value
            case "origin":
                fits = article.origin == value
            case "age":
                fits = article.first_seen_at >= at - timedelta(hours=value)
            case "unused":
                fits = not candidate.held_back
            case "marked":
                fits = candidate.mark is not None
            case _:
                fits = True
        if not fits:
            return False
    return True


def _sent(articles: Sequence[Article]) -> dict[int, list[Digest]]:
    """By article: the digests that went out with it, of every newsletter, newest first. Queries: 1."""
    picks = (
        Pick.objects.filter(article__in=[each.pk for each in articles], digest__state=DigestState.HANDED_OVER)
        .select_related("digest__newsletter")
        .defer("digest__note", "digest__slots", "digest__choices")
        .order_by("-digest__handed_over_at")
    )
    found: dict[int, list[Digest]] = {}
    for pick in picks:
        found.setdefault(pick.article_id, []).append(pick.digest)
    return found


def _row(candidate: Candidate, sent: dict[int, list[Digest]]) -> Row:
    article = candidate.article
    return Row(
        article=article,
        score=candidate.score,
        reasons=[(reason_name(name), points) for name, points in candidate.reasons.items()],
        held_back=held_back_name(candidate.held_back),
        also=candidate.also,
        labels=labels(article, shows_picture=bool(article.picture)),
        mark=candidate.mark,
        sent_in=sent.get(article.pk, ()),
    )
