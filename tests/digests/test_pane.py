"""The list of candidates: narrowed by its address, holding still, with what the desk wants on top."""

import datetime as dt
import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from digests import marking, selection, workflow
from digests.composer import pane
from digests.models import Digest, LinkCheck, Mark, Pick, Plan, SavedFilter
from digests.states import DigestState, LinkState
from newsroom.articles.models import Article, Byline, Cluster, Picture
from newsroom.web import clock
from subscriptions.states import Cadence
from tests.digests.factories import make_colleague
from tests.factories import (
    make_article,
    make_author,
    make_digest,
    make_newsletter,
    make_pick,
    make_plan,
    make_section,
)
from tests.newsroom.articles.factories import make_feed

HOUR = dt.timedelta(hours=1)
OUTSIDE = "https://www.uferblick.de"


@pytest.fixture
def digest(db: None) -> Digest:
    """A draft whose window began yesterday and ends in an hour."""
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)
    now = clock.now()
    return make_digest(
        newsletter=newsletter, window_start=now - 24 * HOUR, window_end=now + HOUR, due_at=now + HOUR
    )


@pytest.fixture
def jonas(db: None) -> Client:
    user = User.objects.create_user("jonas", "jonas@example.org", "ebbe-und-flut", is_staff=True)
    user.groups.set(Group.objects.filter(name="Redaktion"))
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def news(title: str = "", *, hours: float = 2, **values: Any) -> Article:
    """An article first seen so many hours ago."""
    values |= {"title": title} if title else {}
    return make_article(first_seen_at=clock.now() - hours * HOUR, **values)


def titles(client: Client, digest: Digest, **query: Any) -> list[str]:
    """The list's headlines from top to bottom."""
    answer = client.get(f"{reverse('admin:digests_digest_change', args=[digest.pk])}?{urlencode(query)}")
    return re.findall(r'data-title="([^"]*)"', answer.content.decode())


def post(client: Client, digest: Digest, act: str, /, **data: Any) -> str:
    """The sentence that the desk is told."""
    answer = client.post(reverse(f"admin:digests_digest_{act}", args=[digest.pk]), data, follow=True)
    found = re.findall(r'<li class="(?:success|error)[^"]*">(.*?)</li>', answer.content.decode(), re.S)
    return " ".join(found) if answer.status_code == 200 else str(answer.status_code)


def test_filters_combine_and_stand_in_the_address(jonas: Client, digest: Digest) -> None:
    town, river = make_section(), make_section()
    news("Die Fähre legt ab", section=river)
    news("Die Fähre im Rathaus", section=town)
    news("Das Rathaus tagt", section=town, hours=20)

    assert set(titles(jonas, digest, section=town.pk)) == {"Die Fähre im Rathaus", "Das Rathaus tagt"}
    assert titles(jonas, digest, section=town.pk, q="fähre") == ["Die Fähre im Rathaus"]
    assert titles(jonas, digest, section=town.pk, age=3) == ["Die Fähre im Rathaus"]
    assert len(titles(jonas, digest, section=999, origin="nobody", age="x")) == 3, (
        "what means nothing is passed over"
    )


def test_what_is_held_back_can_be_left_out(jonas: Client, digest: Digest) -> None:
    news("Frei")
    news("Gesperrt", embargo_until=clock.now() + HOUR)

    assert set(titles(jonas, digest)) == {"Frei", "Gesperrt"}
    assert titles(jonas, digest, unused="on") == ["Frei"]


def test_a_list_that_was_loaded_holds_still_and_says_how_many_came_in(jonas: Client, digest: Digest) -> None:
    news("Von gestern", hours=3)
    loaded = clock.now() - HOUR
    news("Neu und frisch", hours=0.5)

    still = titles(jonas, digest, until=loaded.isoformat())
    page = jonas.get(
        reverse("admin:digests_digest_change", args=[digest.pk]), {"until": loaded.isoformat()}
    ).content.decode()
    count = jonas.get(
        reverse("admin:digests_digest_arrivals", args=[digest.pk]), {"until": loaded.isoformat()}
    ).json()

    assert still == ["Von gestern"]
    assert "Load 1 new article" in page
    assert count == {"count": 1, "text": "Load 1 new article", "present": ""}
    assert set(titles(jonas, digest)) == {"Von gestern", "Neu und frisch"}


def test_what_the_digest_has_is_not_offered_as_new(jonas: Client, digest: Digest) -> None:
    loaded = clock.now() - HOUR
    make_pick(digest=digest, slot="briefs", article=news("Von Hand geholt", hours=0.5))

    count = jonas.get(
        reverse("admin:digests_digest_arrivals", args=[digest.pk]), {"until": loaded.isoformat()}
    ).json()

    assert count["count"] == 0


@pytest.mark.parametrize(
    "until",
    [
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "²",
        "2026-02-31T10:00Z",
    ],
)
def test_a_moment_that_nobody_can_mean_is_no_fault_of_ours(until: str, jonas: Client, digest: Digest) -> None:
    for name in ("change", "arrivals"):
        answer = jonas.get(reverse(f"admin:digests_digest_{name}", args=[digest.pk]), {"until": until})
        assert answer.status_code == 200


def test_a_pick_comes_back_to_the_same_list(jonas: Client, digest: Digest) -> None:
    article = news("Die Fähre legt ab")
    until = clock.now().isoformat()

    answer = jonas.post(
        reverse("admin:digests_digest_pick", args=[digest.pk]),
        {
            "article": article.pk, "slot": "briefs", "version": digest.version,
            "list": urlencode({"q": "fähre", "until": until, "next": "//example.org"}),
        },
    )  # fmt: skip

    assert answer.headers["Location"].partition("?")[2] == urlencode({"q": "fähre", "until": until})


def test_a_pick_lands_at_the_place_it_was_dropped_at(jonas: Client, digest: Digest) -> None:
    first = make_pick(digest=digest, slot="briefs")
    article = news()

    post(jonas, digest, "pick", article=article.pk, slot="briefs", version=digest.version, place=1)

    order = list(digest.picks.filter(slot="briefs").order_by("position").values_list("article_id", flat=True))
    assert order == [article.pk, first.article_id]


def test_marked_articles_stand_on_top_with_name_and_note_until_settled(jonas: Client, digest: Digest) -> None:
    wanted = news("Altes Stück", hours=20)
    news("Frisches Stück", hours=1)

    said = post(jonas, digest, "mark", article=wanted.pk, note="Für den Montag <b>")
    page = jonas.get(reverse("admin:digests_digest_change", args=[digest.pk])).content.decode()

    assert "stands on top" in said
    assert titles(jonas, digest) == ["Altes Stück", "Frisches Stück"]
    assert "Marked by jonas" in page
    assert "Für den Montag &lt;b&gt;" in page
    post(jonas, digest, "unmark", article=wanted.pk)
    assert titles(jonas, digest)[0] == "Frisches Stück"
    assert Mark.objects.get().dismissed_at is not None


def test_a_mark_lasts_beyond_the_digests_own_time_until_its_readers_had_the_article(
    jonas: Client, digest: Digest
) -> None:
    """Marked for tomorrow, an article from before the window still stands there tomorrow, and says where it is from."""
    old, sent, pending = (
        news(title, hours=60) for title in ("Alt und gewünscht", "Gesendet", "Nie vorgemerkt")
    )
    withdrawn = news("Zurückgezogen", hours=60, withdrawn_at=clock.now())
    english = news("In English", hours=60, language="en")
    news("Frisches Stück", hours=1)
    newsletter = digest.newsletter
    for article in (old, withdrawn, sent):
        marking.mark(article, newsletter, note="", by=User.objects.get(), at=clock.now())
    Mark.objects.create(newsletter=newsletter, article=english, marked_at=clock.now())
    marking.mark(pending, make_newsletter(), note="", by=User.objects.get(), at=clock.now())
    earlier = make_digest(
        newsletter=newsletter,
        state=DigestState.HANDED_OVER,
        window_start=digest.window_start - 24 * HOUR,
        window_end=digest.window_start,
    )
    make_pick(digest=earlier, article=sent)

    page = jonas.get(reverse("admin:digests_digest_change", args=[digest.pk])).content.decode()

    assert titles(jonas, digest) == ["Alt und gewünscht", "Frisches Stück"]
    assert page.count("not from this digest&#x27;s time") == 1
    assert titles(jonas, digest, marked="on") == ["Alt und gewünscht"]
    post(jonas, digest, "unmark", article=old.pk)
    assert titles(jonas, digest) == ["Frisches Stück"]


def test_what_is_picked_for_its_mark_alone_keeps_its_reasons(jonas: Client, digest: Digest) -> None:
    old = news("Alt und gewünscht", hours=60)
    marking.mark(old, digest.newsletter, note="", by=User.objects.get(), at=clock.now())

    post(jonas, digest, "pick", article=old.pk, slot="briefs", version=digest.version)

    assert digest.picks.get().reasons["marked"] > 0


def test_a_plan_keeps_to_its_window_whatever_is_marked(digest: Digest) -> None:
    old, fresh = news("Alt und gewünscht", hours=60), news("Frisches Stück", hours=1)
    for article in (old, fresh):
        Mark.objects.create(newsletter=digest.newsletter, article=article, marked_at=clock.now())

    selection.fill(digest, at=clock.now())

    assert [pick.article for pick in digest.picks.all()] == [fresh]
    assert [line["article"] for line in digest.choices] == [fresh.pk]


def test_for_the_best_of_a_mark_is_settled_by_any_digest_of_the_newsletter(digest: Digest) -> None:
    """Its readers get what the other digests had; what none had may be wanted for the week."""
    told, untold = news("Im Frühjahr erzählt", hours=900), news("Nie erzählt", hours=900)
    daily = make_digest(
        newsletter=digest.newsletter,
        state=DigestState.HANDED_OVER,
        window_start=clock.now() - 950 * HOUR,
        window_end=clock.now() - 890 * HOUR,
        handed_over_at=clock.now() - 890 * HOUR,
    )
    make_pick(digest=daily, article=told)
    for article in (told, untold):
        Mark.objects.create(newsletter=digest.newsletter, article=article, marked_at=clock.now())

    found = selection.contenders(
        digest.newsletter,
        cadence=Cadence.WEEKLY,
        start=digest.window_start,
        end=digest.window_end,
        at=clock.now(),
        with_marked=True,
    )

    assert [(each.key, each.is_from_elsewhere) for each in found] == [(untold.pk, True)]


def test_a_mark_that_nobody_would_see_is_refused_in_words(jonas: Client, digest: Digest) -> None:
    said = post(jonas, digest, "mark", article=news("In English", language="en").pk)

    assert said.startswith("Only a newsletter in the article&#x27;s language that goes on can take it")
    assert not Mark.objects.exists()


def test_only_who_may_mark_marks(digest: Digest) -> None:
    user = User.objects.create_user("lea", "lea@example.org", "ebbe-und-flut", is_staff=True)
    user.groups.set(Group.objects.filter(name="Lesend"))
    client = Client()
    client.force_login(user)

    assert post(client, digest, "mark", article=news().pk) == "403"
    assert not Mark.objects.exists()


def test_a_filter_is_kept_by_name_for_oneself_and_dropped_again(jonas: Client, digest: Digest) -> None:
    news("Die Fähre legt ab")

    post(jonas, digest, "keep_filter", name=" Am  Fluss ", list="q=f%C3%A4hre&until=2026-01-01&view=text")
    page = jonas.get(reverse("admin:digests_digest_change", args=[digest.pk])).content.decode()

    kept = SavedFilter.objects.get()
    assert (kept.name, kept.query, kept.user.username) == ("Am Fluss", "q=f%C3%A4hre", "jonas")
    assert '<a href="?q=f%C3%A4hre">Am Fluss</a>' in page
    other = User.objects.create_superuser("anna")
    theirs = SavedFilter.objects.create(newsletter=digest.newsletter, user=other, name="Ihrer", query="q=x")
    assert post(jonas, digest, "drop_filter", filter=theirs.pk) == "404"
    post(jonas, digest, "drop_filter", filter=kept.pk)
    assert list(SavedFilter.objects.all()) == [theirs]


def test_a_filter_without_a_name_or_without_a_filter_is_not_kept(jonas: Client, digest: Digest) -> None:
    assert "give it a name" in post(jonas, digest, "keep_filter", name="", list="q=x")
    assert "give it a name" in post(jonas, digest, "keep_filter", name="Leer", list="until=2026-01-01")
    assert not SavedFilter.objects.exists()


def test_it_says_where_and_when_readers_had_it(jonas: Client, digest: Digest) -> None:
    article = news("Die Fähre legt ab")
    other = make_newsletter(name="Ufer am Abend")
    sent = make_digest(
        newsletter=other, state=DigestState.HANDED_OVER, handed_over_at=clock.now() - HOUR,
        window_start=clock.now() - 48 * HOUR, window_end=clock.now() - 2 * HOUR,
    )  # fmt: skip
    make_pick(digest=sent, article=article)

    page = jonas.get(reverse("admin:digests_digest_change", args=[digest.pk])).content.decode()

    assert re.search(r"Sent on \d+\. \w+ in Ufer am Abend", page)


def test_an_event_that_readers_had_from_another_source_names_the_digest_and_the_day(
    jonas: Client, digest: Digest
) -> None:
    event = Cluster.objects.create(made_at=clock.now())
    former = make_digest(
        newsletter=digest.newsletter, state=DigestState.HANDED_OVER, handed_over_at=clock.now() - 24 * HOUR,
        window_start=clock.now() - 72 * HOUR, window_end=digest.window_start,
    )  # fmt: skip
    make_pick(digest=former, article=news("Die Fähre liegt fest", hours=40, cluster=event))
    again = news("Fähre: Motor kaputt", cluster=event)

    page = unescape(jonas.get(reverse("admin:digests_digest_change", args=[digest.pk])).text)
    make_pick(digest=digest, article=again)
    picked = unescape(jonas.get(reverse("admin:digests_digest_change", args=[digest.pk])).text)

    assert re.search(rf"<li class=.is-label.>taken before: {former}, \d+\. \w+</li>", page)
    told = rf"“Die Fähre liegt fest” told of the same event on \d+\. \w+ in {former} already\."
    assert re.search(told, picked)
    assert len(re.findall(told, picked)) == 2, "at the pick, and among the hints"


def test_the_chips_sum_to_the_score(digest: Digest) -> None:
    for hours in range(1, 12):
        news(hours=hours, section=make_section() if hours % 3 else None)

    found = pane.pane(digest, QueryDict(), picks=[], at=clock.now())

    assert len(found.rows) == 11
    for row in found.rows:
        points = [float(reason.rpartition(" ")[2]) for reason in row.reasons]
        assert sum(points) == pytest.approx(float(row.score), abs=0.005 * (len(points) + 1))


def test_a_list_shows_forty_and_more_on_request(jonas: Client, digest: Digest) -> None:
    for number in range(45):
        news(f"Stück {number}")

    assert len(titles(jonas, digest)) == 40
    assert len(titles(jonas, digest, show=80)) == 45
    assert len(titles(jonas, digest, show="9999999")) == 40


@pytest.mark.parametrize(("number", "query"), [(50, ""), (500, ""), (50, "?q=stück"), (50, "?marked=on")])
def test_the_composer_costs_the_same_queries_for_many_candidates(
    number: int, query: str, jonas: Client, digest: Digest
) -> None:
    section = make_section()
    for each in range(number):
        news(f"Stück {each}", section=section)
        marked = news(f"Vorgemerktes Stück {each}", hours=60) if each % 5 == 0 else None
        if marked:
            Mark.objects.create(newsletter=digest.newsletter, article=marked, marked_at=clock.now())
    make_pick(digest=digest)
    make_pick(digest=digest, slot="briefs")

    with CaptureQueriesContext(connection) as queries:
        address = reverse("admin:digests_digest_change", args=[digest.pk])
        assert jonas.get(address + query).status_code == 200

    assert len(queries) <= 25, "\n".join(each["sql"][:150] for each in queries.captured_queries)


@pytest.mark.parametrize("number", [100, 500])
@pytest.mark.parametrize(
    "state",
    [
        DigestState.DRAFT,
        DigestState.PROOFED,
        DigestState.APPROVED,
        DigestState.SCHEDULED,
        DigestState.HANDED_OVER,
    ],
)
def test_the_composer_costs_the_same_queries_at_each_station(
    state: DigestState, number: int, jonas: Client, digest: Digest
) -> None:
    """With what a feed brings: outside links, authors, events told twice; and a note with a link and a portrait."""
    feed, section, at = make_feed(), make_section(), clock.now()
    for each in range(number):
        event = Cluster.objects.create(made_at=at) if each % 10 == 0 else None
        news(f"Stück {each}", section=section, feed=feed, cluster=event, canonical_url=f"{OUTSIDE}/{each}")
    for position, article in enumerate(Article.objects.order_by("pk")[:6]):
        slot = "briefs" if position else "lead"
        Byline.objects.create(article=article, author=make_author(), position=0)
        make_pick(digest=digest, article=article, slot=slot, position=position)
        LinkCheck.objects.create(url=article.canonical_url, state=LinkState.FINE, looked_at=at)
    Digest.objects.filter(pk=digest.pk).update(note=f"[Karte]({OUTSIDE}/karte)", note_author=make_author())
    digest.refresh_from_db()
    if state != DigestState.DRAFT:
        proof = workflow.propose(digest, by=User.objects.get(), at=at)
    if state not in (DigestState.DRAFT, DigestState.PROOFED):
        workflow.approve(proof, by=make_colleague("aylin"), at=at)
    if state == DigestState.SCHEDULED:
        workflow.schedule(digest, when=at + HOUR, by=None, at=at)
    if state == DigestState.HANDED_OVER:
        workflow.send_now(digest, by=None, at=at, grace_seconds=0)
        workflow.hand_over(digest, at=at)
    digest.refresh_from_db()
    assert digest.state == state

    with CaptureQueriesContext(connection) as queries:
        assert jonas.get(reverse("admin:digests_digest_change", args=[digest.pk])).status_code == 200

    assert len(queries) <= 25, "\n".join(each["sql"][:150] for each in queries.captured_queries)


@given(
    st.dictionaries(
        st.sampled_from(["q", "section", "source", "age", "unused", "until", "show", "next", "view"]),
        st.text(max_size=300),
    )
)
def test_whatever_an_address_says_only_the_lists_own_is_kept_and_keeping_is_stable(
    values: dict[str, str],
) -> None:
    query = QueryDict(mutable=True)
    query.update(values)

    kept = pane.address(query)

    assert set(QueryDict(kept)) <= {*pane.FilterForm.base_fields, "until", "show"}
    assert pane.address(QueryDict(kept)) == kept
    assert "\n" not in kept
    assert "\r" not in kept


def test_a_pick_that_was_taken_is_no_candidate(jonas: Client, digest: Digest) -> None:
    article = news("Die Fähre legt ab")
    Pick.objects.create(digest=digest, article=article, slot="lead")

    assert titles(jonas, digest) == []


def test_a_candidate_is_offered_the_first_slot_that_has_room(jonas: Client, digest: Digest) -> None:
    article = news()

    def offered() -> str:
        page = jonas.get(reverse("admin:digests_digest_change", args=[digest.pk])).text
        row = page[page.index(f'id="candidate-{article.pk}"') :]
        found = re.search(r'<option value="(\w+)" selected>', row)
        return found[1] if found else ""

    assert offered() == "lead"
    make_pick(digest=digest)
    assert offered() == "briefs"
    for position in range(5):
        make_pick(digest=digest, slot="briefs", position=position)
    assert offered() == "more"


@pytest.mark.parametrize(("weight", "chip"), [(0.5, "has a picture +0.50"), (0, "with picture")])
def test_a_picture_is_told_once(weight: float, chip: str, jonas: Client, digest: Digest) -> None:
    Plan.objects.filter(newsletter=digest.newsletter).update(weights={"picture": weight})
    news("Mit", picture=Picture.objects.create(sha256="b" * 64))
    news("Ohne")
    news("Entzogen", picture=Picture.objects.create(sha256="c" * 64, withdrawn_at=clock.now()))

    page = jonas.get(reverse("admin:digests_digest_change", args=[digest.pk])).content.decode()

    assert re.findall(r"<li>([^<]*picture[^<]*)</li>", page) == [chip]


def test_what_is_held_back_is_marked_as_such(jonas: Client, digest: Digest) -> None:
    free, held = news("Frei"), news("Heikel", is_sensitive=True)

    page = jonas.get(reverse("admin:digests_digest_change", args=[digest.pk])).content.decode()

    assert f'class="desk-candidate is-held-back" id="candidate-{held.pk}"' in page
    assert f'class="desk-candidate" id="candidate-{free.pk}"' in page
