"""Digests at each station of their way, made by the services themselves."""

import datetime as dt
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import Group, Permission, User

from digests import planning, selection, workflow
from digests.models import Digest, Plan, Proof
from digests.roles import bring_up_to_date
from newsroom.articles.models import Article
from newsroom.web import clock
from subscriptions.models import Newsletter
from subscriptions.states import Cadence
from tests.factories import (
    NOON,
    make_article,
    make_author,
    make_digest,
    make_newsletter,
    make_pick,
    make_plan,
    make_section,
)

_numbers = count(1)

MONDAY_SIX = dt.datetime(2026, 5, 4, 4, 0, tzinfo=dt.UTC)
"""Six in the morning in Berlin: when make_plan's plan is due."""

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
SATURDAY_EIGHT = MONDAY_SIX + 5 * DAY + 2 * HOUR
"""Eight in the morning in Berlin: when a best-of is due."""


def make_user(name: str = "") -> User:
    return User.objects.create_user(name or f"jonas{next(_numbers)}")


def make_colleague(name: str, group: str = "Abnahme", **values: Any) -> User:
    """Somebody on staff with an address and the rights of a group."""
    user = User.objects.create_user(name, f"{name}@example.org", is_staff=True, **values)
    if not Group.objects.filter(name=group).exists():  # emptied after a test with transactions of its own
        bring_up_to_date(Group.objects, Permission.objects)
    user.groups.add(Group.objects.get(name=group))
    return user


def make_planned(language: str = "de", **plan: Any) -> Plan:
    """An active newsletter with a plan whose first window began on Sunday at six."""
    return make_plan(
        newsletter=make_newsletter(language=language), **{"first_window_from": MONDAY_SIX - DAY, **plan}
    )


def make_news(number: int, *, at: dt.datetime, **values: Any) -> list[Article]:
    """So many articles, a minute apart, the last one first seen at this moment."""
    return [
        make_article(first_seen_at=at - dt.timedelta(minutes=minute), **values)
        for minute in reversed(range(number))
    ]


def make_ready(newsletter: Newsletter | None = None, *, stories: int = 1, **values: Any) -> Digest:
    """A draft that preflight lets pass: subject, preheader and a lead; further stories go into the briefs."""
    if newsletter is None:
        newsletter = make_planned().newsletter
    digest = make_digest(newsletter=newsletter, **values)
    make_pick(digest=digest)
    for position in range(stories - 1):
        make_pick(digest=digest, slot="briefs", position=position)
    return digest


def make_built_ahead(*titles: str, due: dt.datetime) -> Digest:
    """The draft that a plan puts together within the hour before it is due, of these stories; by the real clock."""
    at = clock.now()
    make_planned(
        time=due.astimezone(ZoneInfo("Europe/Berlin")).time(),
        weekdays="mo,tu,we,th,fr,sa,su",
        lead_minutes=60,
        first_window_from=at - DAY,
        last_due_at=at,
    )
    for number, title in enumerate(titles, 1):
        make_article(
            title=title, section=make_section(), authors=(make_author(),), first_seen_at=at - number * HOUR
        )
    (digest,) = planning.run_due_plans(at)
    assert (digest.due_at, digest.is_automatic, digest.picks.count()) == (due, True, len(titles))
    return digest


def make_proofed(
    newsletter: Newsletter | None = None, *, by: User | None = None, at: dt.datetime = NOON, **values: Any
) -> Proof:
    digest = make_ready(newsletter, **values)
    return workflow.propose(digest, by=by or make_user(), at=at)


def make_approved(newsletter: Newsletter | None = None, **values: Any) -> Digest:
    proof = make_proofed(newsletter, **values)
    workflow.approve(proof, by=make_user(), at=NOON)
    return proof.digest


def make_scheduled(when: dt.datetime = NOON + HOUR, **values: Any) -> Digest:
    digest = make_approved(**values)
    workflow.schedule(digest, when=when, by=None, at=NOON)
    return digest


def make_handed_over(
    newsletter: Newsletter | None = None, *, at: dt.datetime = NOON, **values: Any
) -> Digest:
    digest = make_approved(newsletter, **values)
    workflow.send_now(digest, by=None, at=at, grace_seconds=0)
    workflow.hand_over(digest, at=at)
    return digest


def make_weekly(newsletter: Newsletter | None = None, **values: Any) -> Plan:
    """A plan for the best-of of a newsletter that also has a plan for each digest."""
    newsletter = newsletter or make_planned().newsletter
    plan = make_plan(
        newsletter=newsletter,
        **{
            "cadence": Cadence.WEEKLY,
            "weekdays": "sa",
            "time": dt.time(8),
            "first_window_from": MONDAY_SIX - DAY,
            "last_due_at": MONDAY_SIX - DAY,
            "minimum_new": 1,
        }
        | values,
    )
    planning.tell_newsletter(newsletter, at=MONDAY_SIX - HOUR)
    newsletter.refresh_from_db()
    return plan


def build_best_of(
    plan: Plan, *, at: dt.datetime = SATURDAY_EIGHT, until: dt.datetime | None = None
) -> Digest:
    """The draft of the plan's best-of, as somebody builds it at this moment."""
    return selection.build(
        plan.newsletter, cadence=Cadence.WEEKLY, at=at, window_end=until or at, by=make_user()
    )


def titles(digest: Digest) -> list[str]:
    """The headlines of its articles, slot by slot."""
    order = [slot["key"] for slot in digest.slots]
    picks = sorted(
        digest.picks.select_related("article"), key=lambda pick: (order.index(pick.slot), pick.position)
    )
    return [pick.article.title for pick in picks]


def make_sent(
    newsletter: Newsletter, *, at: dt.datetime, articles: list[Article] | None = None, **values: Any
) -> Digest:
    """A digest that was handed over at this moment, with these articles: the lead first, the others in the briefs."""
    digest = make_handed_over(newsletter, **{"window_start": at - DAY, "window_end": at} | values)
    Digest.objects.filter(pk=digest.pk).update(handed_over_at=at)
    if articles is not None:
        digest.picks.all().delete()
        for position, article in enumerate(articles):
            slot = "briefs" if position else "lead"
            make_pick(digest=digest, article=article, slot=slot, position=position)
    digest.refresh_from_db()
    return digest
