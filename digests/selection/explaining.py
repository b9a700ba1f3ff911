"""Why the plan took an article or did not, written down when it chose: codes and facts, put into words when shown."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from digests.models import Pick
from digests.selection.candidates import Candidate

LEFT_SHOWN = 60
"""Of what was left out, the best; the rest would fill the row and tell nobody anything."""


def choices(
    found: Iterable[Candidate],
    *,
    picks: Iterable[Pick],
    taken: Mapping[int, str],
    left_over: Mapping[int, str],
) -> list[dict[str, Any]]:
    """A line for each candidate that was taken or left, best first: article, title, slot or reason, and score.

    picks: what the digest had before; those of the desk are no choice of the plan. taken: slots by article;
    left_over: what `choose` said of the rest.
    """
    had = {pick.article_id: pick for pick in picks}
    leaders: dict[int | None, str] = {
        pick.article.cluster_id: pick.article.title for pick in had.values() if pick.article.cluster_id
    }
    candidates = [each for each in found if each.article.pk not in had]
    leaders |= {
        each.article.cluster_id: each.article.title
        for each in candidates
        if each.article.cluster_id and each.article.pk in taken
    }
    lines = [
        {
            "article": each.article.pk,
            "title": each.article.title,
            "slot": slot,
            "reason": reason,
            "details": details(each, leaders) if reason else {},
            "score": round(each.score, 2),
            "terms": {name: round(points, 2) for name, points in each.reasons.items()} if slot else {},
        }
        for each in candidates
        for slot in [taken.get(each.article.pk, "")]
        for reason in ["" if slot else each.held_back or left_over.get(each.article.pk, "slot_full")]
    ]
    left = [line for line in lines if not line["slot"]]
    return [line for line in lines if line["slot"]] + left[:LEFT_SHOWN]


def details(each: Candidate, leaders: Mapping[int | None, str]) -> dict[str, str]:
    """The facts that `reasons.why` puts into a sentence."""
    until = each.article.embargo_until
    leader = each.leader.title if each.leader else ""
    return {
        "when": date_format(timezone.localtime(until), "SHORT_DATETIME_FORMAT") if until else "",
        "digest": str(each.sent_in) if each.sent_in else "",
        "title": leaders.get(each.article.cluster_id, leader),
    }
