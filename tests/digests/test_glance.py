"""The board and the composer agree: what stands in a digest's way, and when it goes out."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from digests import board, preflight, swapping, workflow
from digests.board import Card
from digests.models import Digest, LinkCheck
from digests.states import LinkState
from digests.stories import picks_of
from newsroom.articles.models import Article
from subscriptions.states import Cadence
from tests.digests.factories import (
    DAY,
    HOUR,
    make_colleague,
    make_planned,
    make_ready,
    make_scheduled,
    make_sent,
    make_user,
    make_weekly,
)
from tests.factories import NOON, make_article, make_pick

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

DEAD = "https://www.uferblick.de/faehre"


def make_flawed(**values: Any) -> Digest:
    """A draft with a dead link, another one in its note, and a story that readers had yesterday."""
    newsletter = make_planned().newsletter
    told = make_article()
    make_sent(newsletter, at=NOON - DAY, articles=[told])
    digest = make_ready(
        newsletter, due_at=NOON + HOUR, note=f"Guten Morgen, [die Karte]({DEAD}?a=1).", **values
    )
    Article.objects.filter(picks__digest=digest).update(canonical_url=DEAD)
    make_pick(digest=digest, article=told, slot="briefs")
    for url in (DEAD, f"{DEAD}?a=1"):
        seen = {"state": LinkState.DEAD, "answer": "it answers 404", "looked_at": NOON}
        LinkCheck.objects.get_or_create(url=url, defaults=seen)
    return digest


def card_of(digest: Digest, user: User) -> Card:
    (card,) = [card for card in board.look(user, at=NOON).cards if card.digest == digest]
    return card


def blocking_in_composer(digest: Digest, user: User) -> int:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("admin:digests_digest_change", args=[digest.pk]))
    return sum(finding.blocks for finding in page.context["findings"])


@pytest.mark.postgres
def test_board_and_composer_count_the_same_blockers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsroom.web.clock.now", lambda: NOON)
    digest, user = make_flawed(), make_colleague("aylin", "Redaktion")

    assert card_of(digest, user).blocking == blocking_in_composer(digest, user) == 3


def test_what_readers_of_another_newsletter_or_cadence_had_is_no_repeat() -> None:
    told = make_article()
    digest = make_ready(due_at=NOON + HOUR)
    make_pick(digest=digest, article=told, slot="briefs")
    make_sent(make_planned().newsletter, at=NOON - DAY, articles=[told])
    best_of = make_sent(digest.newsletter, at=NOON - DAY, articles=[told])
    Digest.objects.filter(pk=best_of.pk).update(cadence=Cadence.WEEKLY)

    assert card_of(digest, make_colleague("aylin", "Redaktion")).blocking == 0


@pytest.mark.postgres
@pytest.mark.parametrize(("days_ago", "is_empty"), [(1, False), (9, True)])
def test_a_best_of_without_a_week_is_blocked_on_the_board(days_ago: int, is_empty: bool) -> None:
    plan = make_weekly()
    make_sent(plan.newsletter, at=NOON - days_ago * DAY)
    digest = make_ready(
        plan.newsletter,
        cadence=Cadence.WEEKLY,
        window_start=NOON - 7 * DAY,
        window_end=NOON,
        due_at=NOON + HOUR,
    )

    found = preflight.glance([digest], picks={digest.pk: picks_of(digest)}, at=NOON)

    rules = [finding.rule for finding in found[digest.pk] if finding.blocks]
    assert rules == (["empty_week"] if is_empty else [])


def test_a_glance_at_many_asks_no_more_than_at_one() -> None:
    plan = make_weekly()
    counts = []
    for number in (1, 4):
        ids = [make_flawed().pk for _ in range(number)]
        ids += [make_ready(plan.newsletter, cadence=Cadence.WEEKLY).pk for _ in range(number)]
        digests = list(Digest.objects.filter(pk__in=ids).with_frame())
        picks = {digest.pk: picks_of(digest) for digest in digests}
        with CaptureQueriesContext(connection) as queries:
            preflight.glance(digests, picks=picks, at=NOON)
        counts.append(len(queries))

    # Looks at links, what was sent lately, best-ofs without a week.
    assert counts == [3, 3]


def test_after_an_exchange_the_board_counts_down_to_the_time_it_had() -> None:
    at = NOON + 3 * HOUR
    digest = make_scheduled(at, due_at=NOON + 9 * HOUR, stories=2)
    by = make_user()
    swapping.swap(
        digest.picks.get(slot="lead"), make_article(), expected_version=digest.version, by=by, at=NOON + HOUR
    )
    digest.refresh_from_db()

    card = card_of(digest, make_colleague("aylin"))

    assert card.moment == at
    assert card.says == "A story was exchanged. Once approved, proof 2 goes out at the time it had."


def test_after_a_stop_the_board_counts_down_to_the_plans_time_again() -> None:
    digest = make_scheduled(NOON + 3 * HOUR, due_at=NOON + 9 * HOUR, stories=2)
    by = make_user()
    swapping.swap(
        digest.picks.get(slot="lead"), make_article(), expected_version=digest.version, by=by, at=NOON + HOUR
    )
    digest.refresh_from_db()
    workflow.stop(digest, by=by, at=NOON + 2 * HOUR)
    digest.refresh_from_db()

    card = card_of(digest, make_colleague("aylin"))

    assert card.moment == NOON + 9 * HOUR
    assert "exchanged" not in card.says
