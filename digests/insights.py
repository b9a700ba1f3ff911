"""Numbers that help tomorrow: how often each story of a digest was followed, beside what its slot usually gets.

All of them are sums over readers. Those below LEAST_SHOWN are not told at all, because so few readers are nearly
persons; what is told adds up without them, so that no hidden number can be worked out from the others.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final, NamedTuple

from django.db.models import Count, Q, QuerySet, Sum

from digests.clicks import KEPT_DAYS
from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from digests.models import Digest, DigestMailing, Link, Pick
from digests.preflight import slot_name
from digests.states import MailingKind
from subscriptions.models import ConsentEvent
from subscriptions.states import ConsentKind, SubscriptionState, SuppressionReason

LEAST_SHOWN: Final = 5
"""A number of people below this is told as "under 5"."""
COMPARED: Final = 20
"""So many earlier digests of the newsletter a story is compared with."""
WINDOW_DAYS: Final = 7
"""So long after its hand-over who leaves is told with a digest, unless the next one went out before."""

UNDER_WAY: Final = (
    MailingState.FREEZING,
    MailingState.READY,
    MailingState.SENDING,
    MailingState.PAUSED,
)
_BOUNCES: Final = (SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCES)

# Who never confirmed was no reader. The record of a stop names the state before, that of leaving all settings before.
_A_READER_LEFT: Final = Q(
    kind=ConsentKind.UNSUBSCRIBED, facts__before__state=SubscriptionState.ACTIVE.value
) | Q(kind=ConsentKind.SUPPRESSED, facts__before=SubscriptionState.ACTIVE.value)


@dataclass(frozen=True, kw_only=True)
class StoryNumbers:
    """One story. clicks, usual: None if fewer than LEAST_SHOWN; share: of all clicks that are told, 0 to 1.

    is_compared: whether there are earlier stories in its slot; usual is their median.
    """

    number: int
    slot: str
    title: str
    clicks: int | None
    share: float | None
    usual: int | None
    is_compared: bool


@dataclass(frozen=True, kw_only=True)
class Partings:
    """Who left the newsletter between a digest and the next one. None: fewer than LEAST_SHOWN."""

    since: datetime
    until: datetime
    is_open: bool
    unsubscribed: int | None
    complained: int | None
    bounced: int | None


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What is known of a digest that went out. told: clicks of all stories that are told.

    note_clicks: of all links in the editor's note together; None if fewer than LEAST_SHOWN.
    """

    stories: list[StoryNumbers]
    has_note_links: bool
    note_clicks: int | None
    told: int
    machines: int
    is_counted: bool
    compared: int
    partings: Partings
    mailing: Mailing | None
    is_under_way: bool


def of_digest(digest: Digest, *, at: datetime) -> Numbers:
    """The numbers of a digest that was handed over. Queries: 6, whatever its size and the newsletter's past."""
    assert digest.handed_over_at is not None
    picks = _in_order(digest)
    usual, compared = _usual(digest, at=at)
    told = sum(pick.people for pick in picks if pick.people >= LEAST_SHOWN)
    note = Link.objects.filter(digest=digest, pick=None).aggregate(
        links=Count("pk", distinct=True),
        people=Sum("counts__people", default=0),
        machines=Sum("counts__machines", default=0),
    )
    machines = sum(pick.machines for pick in picks) + note["machines"]
    names = {slot["key"]: slot["title"] or slot_name(slot["key"]) for slot in digest.slots}
    bound = (
        DigestMailing.objects.filter(digest=digest, kind=MailingKind.MAIN).select_related("mailing").first()
    )
    return Numbers(
        stories=[
            _story(pick, number, slot=names.get(pick.slot, pick.slot), told=told, usual=usual.get(pick.slot))
            for number, pick in enumerate(picks, 1)
        ],
        has_note_links=bool(note["links"]),
        note_clicks=_told(note["people"]),
        told=told,
        machines=machines,
        is_counted=bool(machines or note["people"] or any(pick.people for pick in picks)),
        compared=compared,
        partings=_partings(digest, at=at),
        mailing=bound.mailing if bound else None,
        is_under_way=bound is not None and bound.mailing.state in UNDER_WAY,
    )


def _told(number: int) -> int | None:
    """The number if it may be told."""
    return number if number >= LEAST_SHOWN else None


class _Counted(NamedTuple):
    """A pick with what was counted for its links."""

    digest_id: int
    slot: str
    title: str
    people: int
    machines: int


def _story(pick: _Counted, number: int, *, slot: str, told: int, usual: list[int] | None) -> StoryNumbers:
    clicks = _told(pick.people)
    return StoryNumbers(
        number=number,
        slot=slot,
        title=pick.title,
        clicks=clicks,
        share=clicks / told if clicks else None,
        usual=_told(round(median(usual))) if usual else None,
        is_compared=bool(usual),
    )


def _counted(picks: QuerySet[Pick]) -> list[_Counted]:
    """The picks in order of their position. One query."""
    rows = (
        picks.annotate(
            people=Sum("links__counts__people", default=0),
            machines=Sum("links__counts__machines", default=0),
        )
        .order_by("position", "pk")
        .values_list("digest_id", "slot", "title", "article__title", "people", "machines")
    )
    return [
        _Counted(digest_id, slot, own or title, people, machines)
        for digest_id, slot, own, title, people, machines in rows
    ]


def _in_order(digest: Digest) -> list[_Counted]:
    """The picks as readers saw them, with their counts. One query."""
    order = {slot["key"]: place for place, slot in enumerate(digest.slots)}
    # Stable: within a slot they come by position.
    return sorted(_counted(digest.picks.all()), key=lambda pick: order.get(pick.slot, len(order)))


def _usual(digest: Digest, *, at: datetime) -> tuple[dict[str, list[int]], int]:
    """The clicks of earlier stories by slot, and how many digests they come from. One query.

    A digest nobody counted for, because it is too old or older than counting, is none to compare with.
    """
    earlier = Digest.objects.public().filter(
        newsletter=digest.newsletter_id,
        cadence=digest.cadence,
        handed_over_at__lt=digest.handed_over_at,
        handed_over_at__gte=at - timedelta(days=KEPT_DAYS),
    )
    chosen = earlier.order_by("-handed_over_at", "-pk").values("pk")[:COMPARED]
    picks = _counted(Pick.objects.filter(digest__in=chosen))
    counted = {pick.digest_id for pick in picks if pick.people or pick.machines}
    usual: dict[str, list[int]] = defaultdict(list)
    for pick in picks:
        if pick.digest_id in counted:
            usual[pick.slot].append(pick.people)
    return usual, len(counted)


def _partings(digest: Digest, *, at: datetime) -> Partings:
    """Two queries. Nobody's leaving is tied to a mail: the link for it is the same in all mails to a reader."""
    since = digest.handed_over_at
    assert since is not None
    following = Digest.objects.public().filter(newsletter=digest.newsletter_id, handed_over_at__gt=since)
    ends = [since + timedelta(days=WINDOW_DAYS)]
    if next_at := following.order_by("handed_over_at").values_list("handed_over_at", flat=True).first():
        ends.append(next_at)
    until = min(ends)
    rows = (
        ConsentEvent.objects.filter(newsletter=digest.newsletter_id, at__gte=since, at__lt=until)
        .filter(_A_READER_LEFT)
        .order_by()
        .values_list("kind", "form")
        .annotate(number=Count("pk"))
    )
    by_reason: dict[str, int] = defaultdict(int)
    for kind, form, number in rows:
        # What a provider was asked for is the reader's own wish as well.
        is_own = kind == ConsentKind.UNSUBSCRIBED or form == SuppressionReason.UNSUBSCRIBED
        by_reason["own" if is_own else form] += number
    return Partings(
        since=since,
        until=min(until, at),
        is_open=until > at,
        unsubscribed=_told(by_reason["own"]),
        complained=_told(by_reason[SuppressionReason.COMPLAINT]),
        bounced=_told(sum(by_reason[reason] for reason in _BOUNCES)),
    )
