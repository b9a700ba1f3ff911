"""The candidates beside the slots: filtered by what stands in the address, and holding still until somebody asks for more."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from digests import selection
from digests.composer.rows import Row, row_of
from digests.models import Digest, Pick
from digests.selection import Candidate, Contender
from digests.states import DigestState
from newsroom.articles.models import Article, read_bylines
from newsroom.articles.states import Origin
from newsroom.web.keys import among
from newsroom.web.moments import moment_in

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

    def __init__(self, data: QueryDict, *, found: Sequence[Contender]) -> None:
        # What an old address still names and this window no longer has is passed over, not an error.
        super().__init__(data)
        rows = [each.columns for each in found]
        sections = {str(row.section_id): row.section__name_de or "" for row in rows if row.section_id}
        sources = {str(row.feed_id): row.feed__title or row.feed__url or "" for row in rows if row.feed_id}
        if any(row.feed_id is None for row in rows):
            sources = {OWN: str(_("Own desk")), **sources}
        origins = {origin: str(Origin(origin).label) for origin in {row.origin for row in rows}}
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
    told: Sequence[Pick]
    """Of the articles shown, those picked and what these tell of: where they went out, newest first."""

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
    until = until_of(query, digest, at)
    taken = [pick.article for pick in picks]
    picked = {article.pk for article in taken}
    found = [
        each
        for each in selection.contenders(
            digest.newsletter, cadence=digest.cadence, start=digest.window_start, end=until, at=until, with_marked=True
        )
        if each.key not in picked
    ] if until > digest.window_start else []  # fmt: skip
    filters = FilterForm(query, found=found)
    wanted = dict(filters.wanted)
    text = wanted.pop("q", "")
    # A search must read every article; without one, those that are shown are enough.
    read = {each.article.pk: each for each in _read(found, taken)} if text else {}
    left = [
        each
        for each in found
        if _fits(each, wanted, until)
        and (not text or (each.key in read and _holds(read[each.key].article, text)))
    ]
    # The sort is stable: marked ones first, each part best first.
    left.sort(key=lambda each: not (each.mark and each.sent_in is None))
    shown = _shown(query)
    rows = [read[each.key] for each in left[:shown]] if text else _read(left[:shown], taken)
    told = _told(
        {*picked, *(each.article.pk for each in rows)},
        clusters={article.cluster_id for article in taken if article.cluster_id},
    )
    sent: dict[int, list[Digest]] = {}
    for each in told:
        sent.setdefault(each.article_id, []).append(each.digest)
    return Pane(
        rows=[row_of(row, sent.get(row.article.pk, ())) for row in rows],
        found=len(left),
        until=until,
        arrived=arrivals(digest, until=until, at=at),
        filters=filters,
        shown=shown,
        address=address(query, until=until),
        filter_address=filter_address(query),
        told=told,
    )


def arrivals(digest: Digest, *, until: datetime, at: datetime) -> int:
    """How many articles came in since the list was loaded, beside those the digest has. Queries: 1."""
    end = min(digest.window_end, at)
    if until >= end:
        return 0
    start = max(until, digest.window_start)
    new = selection.window(digest.newsletter, cadence=digest.cadence, start=start, end=end)
    return new.exclude(pk__in=digest.picks.values("article")).count()


def until_in(query: QueryDict) -> datetime | None:
    """The moment the list was loaded, as the address has it; None if it has none that can be read."""
    return moment_in(query.get("until", ""))


def until_of(query: QueryDict, digest: Digest, at: datetime) -> datetime:
    """As of when the list is, as `pane` has it."""
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


def _read(found: Sequence[Contender], taken: Iterable[Article]) -> list[Candidate]:
    """With articles and bylines, and the bylines of what is taken. Queries: 2."""
    candidates = selection.with_articles(found)
    read_bylines([*taken, *(each.article for each in candidates)])
    return candidates


def _holds(article: Article, text: str) -> bool:
    """Whether headline, kicker, teaser and byline together hold each of the words."""
    whole = f"{article.title} {article.kicker} {article.teaser} {' '.join(article.byline)}".casefold()
    return all(word in whole for word in text.casefold().split())


def _fits(contender: Contender, wanted: dict[str, Any], at: datetime) -> bool:
    row = contender.columns
    for name, value in wanted.items():
        match name:
            case "section":
                fits = str(row.section_id) == value
            case "source":
                fits = (str(row.feed_id) if row.feed_id else OWN) == value
            case "origin":
                fits = row.origin == value
            case "age":
                fits = row.first_seen_at >= at - timedelta(hours=value)
            case "unused":
                fits = not contender.held_back
            case "marked":
                fits = contender.mark is not None
            case _:
                fits = True
        if not fits:
            return False
    return True


def _told(articles: Collection[int], *, clusters: Collection[int]) -> list[Pick]:
    """Where these articles and those of these events went out, of every newsletter, newest first. Queries: 1."""
    out = (
        Pick.objects.filter(digest__state=DigestState.HANDED_OVER)
        .select_related("digest__newsletter", "article")
        .defer("digest__note", "digest__slots", "digest__choices", "article__body_html")
    )
    told = out.order_by().filter(article__in=among(articles))
    if clusters:
        # Not with "or" between them, for which PostgreSQL reads every pick there is.
        told = told.union(out.order_by().filter(article__cluster__in=among(clusters)), all=True)
    by_pick = {pick.pk: pick for pick in told}  # one may be found both ways
    return sorted(by_pick.values(), key=lambda pick: (pick.digest.handed_over_at, pick.pk), reverse=True)
