"""Where the links of digests in the making lead: who is looked at, when again, and what an answer is worth."""

import datetime as dt
from collections.abc import Callable

import pytest

from digests import dead_links, preflight, workflow
from digests.models import Digest, LinkCheck
from digests.states import DigestState, LinkState
from newsroom.articles.models import Article
from newsroom.web.errors import PrivateAddress, TooSlow, UnknownName
from tests.digests.factories import DAY, make_ready, make_scheduled
from tests.factories import NOON

pytestmark = pytest.mark.django_db

PAGE = "https://www.uferblick.de/faehre"
MINUTE = dt.timedelta(minutes=1)


class Web:
    """Answers with a status, or raises; remembers who was asked for."""

    def __init__(self, answer: int | Exception = 200) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, url: str) -> int:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def make_linked(url: str = PAGE, make: Callable[[], Digest] = make_ready) -> Digest:
    digest = make()
    Article.objects.filter(picks__digest=digest).update(canonical_url=url)
    return digest


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (200, LinkState.FINE),
        (204, LinkState.FINE),
        (403, LinkState.FINE),
        (429, LinkState.FINE),
        (404, LinkState.DEAD),
        (410, LinkState.DEAD),
        (UnknownName("No such name.", url=PAGE), LinkState.DEAD),
        (500, LinkState.DOUBTFUL),
        (503, LinkState.DOUBTFUL),
        (TooSlow("Too slow.", url=PAGE), LinkState.DOUBTFUL),
        (PrivateAddress("Private.", url=PAGE), LinkState.DOUBTFUL),
    ],
)
def test_an_answer_is_worth(answer: int | Exception, state: LinkState) -> None:
    assert dead_links.judge(PAGE, look=Web(answer))[0] == state


@pytest.mark.parametrize(
    "url",
    [
        "https://news.example.org/a/",
        "https://uferblick.example/a",
        "http://localhost:8000/",
        "https://a.test/",
    ],
)
def test_our_own_pages_and_names_nobody_owns_are_not_asked(url: str) -> None:
    make_linked(url)
    web = Web()

    assert dead_links.look_around(NOON, look=web) == 0
    assert web.asked == []


@pytest.mark.parametrize(
    ("answer", "rests_for"), [(200, dead_links.FRESH_FOR), (404, dead_links.TRIED_AGAIN_AFTER)]
)
def test_an_address_rests_between_two_looks_and_a_bad_one_less(answer: int, rests_for: dt.timedelta) -> None:
    make_linked()
    web = Web(answer)

    for at in (NOON, NOON + rests_for - MINUTE, NOON + rests_for):
        dead_links.look_around(at, look=web)

    assert web.asked == [PAGE, PAGE]
    assert LinkCheck.objects.get().looked_at == NOON + rests_for


@pytest.mark.parametrize("state", [DigestState.HANDED_OVER, DigestState.SKIPPED])
def test_digests_that_are_done_are_not_looked_at(state: str) -> None:
    digest = make_linked()
    Digest.objects.filter(pk=digest.pk).update(state=state)

    assert dead_links.look_around(NOON, look=Web()) == 0


def test_a_draft_that_nobody_works_on_any_more_is_not_looked_at() -> None:
    make_linked()

    assert dead_links.look_around(NOON + dead_links.IN_THE_MAKING + DAY, look=Web()) == 0


def test_links_of_the_note_are_looked_at_too() -> None:
    digest = make_ready(note=f"Guten Morgen, [die Karte]({PAGE}?a=1&b=2).")
    web = Web(404)

    dead_links.look_around(NOON, look=web)

    assert web.asked == [f"{PAGE}?a=1&b=2"]
    assert "dead_link_in_note" in {finding.rule for finding in preflight.check(digest, at=NOON)}


def test_one_page_that_nobody_reaches_does_not_keep_the_others_waiting() -> None:
    make_linked()
    make_linked("https://www.uferblick.de/bruecke")

    assert dead_links.look_around(NOON, look=Web(TooSlow("Too slow.", url=PAGE))) == 2


def test_a_link_that_died_since_the_proof_stops_the_hand_over() -> None:
    digest = make_linked(make=make_scheduled)
    dead_links.look_around(NOON, look=Web(410))
    at = digest.scheduled_at
    assert at is not None

    assert workflow.hand_over_due(at) == []

    digest.refresh_from_db()
    assert digest.state == DigestState.APPROVED


def test_what_nobody_links_to_any_more_is_forgotten() -> None:
    LinkCheck.objects.create(url=PAGE, state=LinkState.FINE, answer="", looked_at=NOON)

    dead_links.look_around(NOON + dead_links.REMEMBERED_FOR + MINUTE, look=Web())

    assert not LinkCheck.objects.exists()


def test_neither_page_nor_hand_over_asks_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **values: object) -> None:
        raise AssertionError("The network was asked.")

    monkeypatch.setattr("httpcore.ConnectionPool.stream", refuse)
    digest = make_linked(make=make_scheduled)
    assert digest.scheduled_at is not None

    preflight.check(digest, at=NOON)
    [mailing] = workflow.hand_over_due(digest.scheduled_at)

    assert mailing.pk
