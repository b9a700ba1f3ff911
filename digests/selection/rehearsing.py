"""What would go out now: each article taken or not, with one reason. Nothing is written."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digests import history
from digests.choosing import choose
from digests.models import Digest, Pick, Plan
from digests.reasons import why
from digests.selection.building import last_cut_off, next_due, plan_of, slots_of
from digests.selection.candidates import Candidate, candidates
from digests.selection.explaining import details
from digests.selection.filling import caps_of, choice_of, place_of, takeable
from digests.states import EDITABLE
from digests.weights import Weights
from newsroom.articles.models import Article
from subscriptions.models import Newsletter
from subscriptions.states import Cadence

BEFORE = timedelta(days=3)
"""How far before the window we look, to say of an article that it is not new."""
OUTSIDE_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Line:
    """One article. slot: where it goes, or empty; because: why not, one sentence, or empty.

    rank, rank_before: its place among the candidates from 1, by the weights tried and by the plan's; 0 outside.
    """

    article: Article
    slot: str = ""
    because: str = ""
    code: str = ""
    score: float = 0.0
    reasons: Mapping[str, float] = field(default_factory=dict)
    rank: int = 0
    rank_before: int = 0
    is_desks: bool = False

    @property
    def moved(self) -> int:
        """By how many ranks the weights tried lift it."""
        return self.rank_before - self.rank


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """A digest as it would be, in the order of its slots, and what it would leave."""

    start: datetime
    end: datetime
    draft: Digest | None
    taken: list[Line]
    left: list[Line]


def rehearse(
    newsletter: Newsletter, *, at: datetime, tried: Weights | None = None, cadence: str = Cadence.EACH
) -> Rehearsal:
    """The next digest if it were filled at this moment; where the desk began one, with its picks and its window.

    tried: weights to rank by instead of the plan's. Raises NoPlan. Queries: a fixed number, whatever the size.
    """
    plan = plan_of(newsletter, cadence)
    draft = (
        Digest.objects.filter(newsletter=newsletter, cadence=cadence, state__in=EDITABLE, window_end__gt=at)
        .order_by("window_end")
        .first()
    )
    start, end = (draft.window_start, draft.window_end) if draft else (last_cut_off(plan), at)
    slots = draft.slots if draft else slots_of(plan, on=next_due(plan, after=at) or at)
    picks = _picks(draft)
    found = candidates(newsletter, cadence=cadence, start=start, end=end, at=at, tried=tried)
    before = candidates(newsletter, cadence=cadence, start=start, end=end, at=at) if tried else found
    gone_by_hand, begun = history.taken_out(draft, picks) if draft else (set(), set())
    left_over = dict.fromkeys(gone_by_hand, "taken_out")
    chosen = list(
        choose(
            slots,
            map(place_of, picks),
            map(choice_of, takeable(found, picks, but=gone_by_hand)),
            caps=caps_of(plan),
            begun=begun,
            why_not=left_over,
        )
    )
    ranks = {each.article.pk: place for place, each in enumerate(before, 1)}
    lines = list(_lines(found, picks, {key: slot for slot, _position, key in chosen}, left_over, ranks))
    order = [slot["key"] for slot in slots]
    listed = {line.article.pk for line in lines}
    return Rehearsal(
        start=start,
        end=end,
        draft=draft,
        taken=sorted(
            (line for line in lines if line.slot),
            key=lambda line: (
                order.index(line.slot) if line.slot in order else len(order),
                not line.is_desks,
            ),
        ),
        left=[line for line in lines if not line.slot] + list(_outside(plan, listed, start=start, end=end)),
    )


def _picks(draft: Digest | None) -> list[Pick]:
    if draft is None:
        return []
    picks = draft.picks.select_related("article__section", "article__cluster")
    return list(picks.prefetch_related("article__bylines__author"))


def _lines(
    found: Iterable[Candidate],
    picks: Iterable[Pick],
    slots: Mapping[int, str],
    left_over: Mapping[int, str],
    ranks: Mapping[int, int],
) -> Iterator[Line]:
    """The desk's picks, then every candidate in its rank."""
    picked = {pick.article_id: pick for pick in picks}
    found = list(found)
    by_cluster: dict[int | None, str] = {
        each.article.cluster_id: each.article.title
        for each in found
        if each.article.cluster_id and (each.article.pk in slots or each.article.pk in picked)
    }
    by_cluster |= {
        pick.article.cluster_id: pick.article.title for pick in picked.values() if pick.article.cluster_id
    }
    seen = set()
    for place, each in enumerate(found, 1):
        key = each.article.pk
        seen.add(key)
        slot = picked[key].slot if key in picked else slots.get(key, "")
        code = "" if slot else each.held_back or left_over.get(key, "slot_full")
        yield Line(
            article=each.article,
            slot=slot,
            code=code,
            because=_because(code, each, by_cluster) if code else "",
            score=each.score,
            reasons=each.reasons,
            rank=place,
            rank_before=ranks.get(key, place),
            is_desks=key in picked,
        )
    for key, pick in picked.items():
        if key not in seen:
            yield Line(article=pick.article, slot=pick.slot, reasons=pick.reasons, is_desks=True)


def _because(code: str, each: Candidate, by_cluster: Mapping[int | None, str]) -> str:
    return why(code, details(each, by_cluster))


def _outside(plan: Plan, listed: set[int], *, start: datetime, end: datetime) -> Iterator[Line]:
    """The newest articles that are no candidates at all."""
    newsletter = plan.newsletter
    others = Article.objects.first_seen_between(start - BEFORE, end)
    if not plan.is_best_of:
        others = others.exclude(
            withdrawn_at__isnull=True, language=newsletter.language, first_seen_at__gte=start
        )
    for article in (
        others.select_related("section").defer("body_html").order_by("-first_seen_at")[:OUTSIDE_SHOWN]
    ):
        if article.pk in listed:
            continue
        if article.withdrawn_at:
            code = "withdrawn"
        elif article.language != newsletter.language:
            code = "language"
        elif plan.is_best_of:
            code = "not_of_week"
        else:
            code = "not_new"
        yield Line(article=article, code=code, because=why(code, {}))
