"""Links of the editor's note lead over us like those of stories, so that they can be mended in mails already sent."""

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse

from digests import clicks, colleagues, curation, insights, links, saving, workflow
from digests.errors import WrongState
from digests.models import Digest, Link, LinkCount
from digests.rendering import render
from newsroom.mail.models import Letter
from newsroom.web.tokens import link_url
from tests.digests.factories import (
    HOUR,
    make_colleague,
    make_handed_over,
    make_planned,
    make_ready,
    make_user,
)
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

TIMETABLE = "https://faehre.example/plan?von=1&bis=2"
NOTE = f"Der [*neue* Fahrplan]({TIMETABLE}) gilt ab heute, Fragen an [uns](mailto:post@news.example.org)."


def note_link(digest: Digest) -> Link:
    return Link.objects.get(digest=digest, pick=None)


def save_note(digest: Digest, note: str) -> None:
    fresh = Digest.objects.get(pk=digest.pk)
    saving.save(
        fresh, expected_version=fresh.version, words={"note": note}, edits=[], at=NOON, by=make_user()
    )


def make_sent_note(**values: Any) -> Digest:
    return make_handed_over(make_planned(language="en").newsletter, note=NOTE, **values)


def test_each_edit_that_changes_the_note_places_its_links() -> None:
    digest = make_ready(make_planned(language="en").newsletter)

    curation.edit_digest(digest, expected_version=1, at=NOON, note=NOTE)
    assert note_link(digest).url == TIMETABLE

    curation.edit_digest(digest, expected_version=2, at=NOON, subject="Neu")
    assert note_link(digest).url == TIMETABLE

    curation.edit_digest(digest, expected_version=3, at=NOON, note="Guten Morgen")
    assert not Link.objects.filter(digest=digest, pick=None).exists()


def test_the_mail_leads_over_us_and_the_web_version_straight_there(client: Client) -> None:
    digest = make_sent_note()
    ours = link_url(note_link(digest).pk)

    rendered = render(digest)

    assert f'href="{ours}"' in rendered.html
    assert f"neue Fahrplan ({ours})" in rendered.text
    assert "faehre.example" not in rendered.html + rendered.text
    assert f'href="{TIMETABLE.replace("&", "&amp;")}"' in rendered.web_html
    assert "/r/" not in rendered.web_html
    assert client.get(ours)["Location"] == TIMETABLE


def test_what_leads_to_no_web_address_stays_as_it_is() -> None:
    digest = make_sent_note()

    assert 'href="mailto:post@news.example.org"' in render(digest).html
    assert note_link(digest).url == TIMETABLE


def test_a_note_that_is_saved_shows_what_a_proof_will_freeze() -> None:
    digest = make_ready()
    links.place(digest, at=NOON)  # as picking does
    save_note(digest, NOTE)
    digest = Digest.objects.get(pk=digest.pk)
    shown = render(digest).content_hash

    assert link_url(note_link(digest).pk) in render(digest).html
    assert workflow.propose(digest, by=make_user(), at=NOON).content_hash == shown


def test_an_address_that_was_still_being_typed_leaves_no_link_behind() -> None:
    digest = make_ready()
    for note in ("Der [Plan](https://faehre.exa)", "Der [Plan](https://faehre.example/)"):
        save_note(digest, note)
    assert note_link(digest).url == "https://faehre.example/"

    save_note(digest, "Ohne.")

    assert not Link.objects.filter(digest=digest, pick=None).exists()


def test_an_address_named_twice_has_one_link_and_one_with_a_password_none() -> None:
    digest = make_ready()

    save_note(
        digest, f"[Plan]({TIMETABLE}), [derselbe]({TIMETABLE}), [geheim](https://jonas:ebbe@faehre.example/)"
    )

    link = note_link(digest)
    assert links.name_of(link, Digest.objects.get(pk=digest.pk).note) == "Plan"


def test_repointing_mends_mails_and_web_version_and_says_so_in_the_log(client: Client) -> None:
    digest = make_sent_note()
    link = note_link(digest)
    desk = Client(headers={"accept-language": "en"})
    desk.force_login(make_colleague("aylin"))
    page = desk.get(reverse("admin:digests_digest_links", args=[digest.pk])).content.decode()
    assert page.index("Editor's note: neue Fahrplan") < page.index(digest.picks.get().article.title)

    desk.post(
        reverse("admin:digests_digest_link", args=[digest.pk, link.pk]),
        {"url": "https://faehre.example/richtig", "seen": TIMETABLE},
    )

    assert client.get(link_url(link.pk))["Location"] == "https://faehre.example/richtig"
    shown = client.get(digest.get_absolute_url()).content.decode()
    assert 'href="https://faehre.example/richtig"' in shown
    assert "faehre.example/plan" not in shown


def test_a_story_that_leads_to_the_same_address_keeps_its_own_link(client: Client) -> None:
    digest = make_handed_over(note=f"[Mehr]({TIMETABLE})")
    pick = digest.picks.get()
    story = Link.objects.create(
        digest=digest, pick=pick, url=TIMETABLE, current_url=TIMETABLE, created_at=NOON
    )

    links.repoint(note_link(digest), url="https://faehre.example/richtig")

    assert client.get(link_url(story.pk))["Location"] == TIMETABLE


def test_a_test_of_the_digest_leads_straight_there() -> None:
    digest = make_ready(note=NOTE)
    links.place(digest, at=NOON)

    colleagues.send_test(digest, to=[make_colleague("jonas").pk], at=NOON)

    letter = Letter.objects.get()
    assert "/r/" not in letter.html + letter.text
    assert TIMETABLE in letter.text


def test_a_page_of_our_own_is_named_whole_in_the_mail_and_led_to_as_any_other() -> None:
    digest = make_handed_over(note="Alles im [Archiv](/newsletters/morgenpost/).")

    link = note_link(digest)

    assert link.url == "https://news.example.org/newsletters/morgenpost/"
    assert f"Archiv ({link_url(link.pk)})" in render(digest).text
    assert "](/" not in render(digest).html


@pytest.mark.parametrize(
    "note",
    [
        "<https://faehre.example/plan>",
        "[https://faehre.example/plan](https://faehre.example/plan)",
        "[faehre.example/plan](https://faehre.example/plan)",
        "[www.faehre.example](https://faehre.example/plan)",
    ],
)
def test_an_address_that_readers_see_is_the_one_they_are_led_to(note: str) -> None:
    digest = make_handed_over(note=note)

    rendered = render(digest)

    assert not Link.objects.filter(pick=None).exists()
    assert 'href="https://faehre.example/plan"' in rendered.html
    assert "https://faehre.example/plan (https://faehre.example/plan)" not in rendered.text


def test_the_same_address_in_words_and_as_itself_is_led_over_us_where_it_stands_in_words() -> None:
    digest = make_handed_over(note=f"Der [Plan]({TIMETABLE}): <{TIMETABLE}>")
    ours = link_url(note_link(digest).pk)

    text = render(digest).text

    assert f"Plan ({ours})" in text.replace("\n", " ")
    assert text.count(TIMETABLE) == 1


def test_a_proof_that_is_refused_leaves_no_link_behind() -> None:
    digest = make_sent_note()
    Link.objects.filter(pick=None).delete()  # as of a mail from before notes had links

    with pytest.raises(WrongState):
        workflow.propose(digest, by=make_user(), at=NOON)

    assert not Link.objects.filter(pick=None).exists()


@pytest.mark.parametrize(("people", "told"), [(4, None), (5, 5)])
def test_clicks_of_the_note_are_told_together_and_few_are_not(people: int, told: int | None) -> None:
    digest = make_sent_note()
    LinkCount.objects.create(link=note_link(digest), hour=NOON, people=people, machines=2)

    found = insights.of_digest(digest, at=NOON)

    assert (found.note_clicks, found.machines, found.told, found.is_counted) == (told, 2, 0, True)


def test_a_digest_whose_note_has_no_link_says_nothing_of_clicks_on_it() -> None:
    assert not insights.of_digest(make_handed_over(), at=NOON).has_note_links


def test_a_click_on_a_note_s_link_is_counted() -> None:
    digest = make_sent_note()
    link = links.find(link_url(note_link(digest).pk).rpartition("/")[2])

    clicks.count(
        link, method="GET", headers={"User-Agent": "Firefox"}, network="192.0.2.0/24", at=NOON + HOUR
    )

    assert sum(count.people + count.machines for count in LinkCount.objects.filter(link=link)) == 1


@pytest.mark.parametrize("note", ["", "Kein Link.", NOTE])
def test_a_note_with_links_costs_one_query_more(note: str, django_assert_num_queries: Any) -> None:
    digest = make_ready(note=note)
    links.place(digest, at=NOON)

    with django_assert_num_queries(1 if note == NOTE else 0):
        links.urls_of_note(digest)


@pytest.mark.postgres
def test_a_digest_can_be_read_with_the_links_of_its_note(django_assert_num_queries: Any) -> None:
    digest = make_sent_note()
    bare = make_handed_over(note="Ohne [Ziel](mailto:post@news.example.org).")
    read = {each.pk: each for each in links.with_links_of_note(Digest.objects.with_frame())}

    with django_assert_num_queries(0):
        found = [links.urls_of_note(read[each.pk]) for each in (digest, bare)]

    assert found == [{TIMETABLE: link_url(note_link(digest).pk)}, {}]


def test_a_link_that_is_placed_after_the_digest_was_read_is_known() -> None:
    digest = links.with_links_of_note(Digest.objects.filter(pk=make_ready(note=NOTE).pk)).get()

    links.place_of_note(digest, at=NOON)

    assert links.urls_of_note(digest) == {TIMETABLE: link_url(note_link(digest).pk)}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_links_made_before_they_knew_their_digest_are_told_it() -> None:
    digest = make_sent_note()
    link = Link.objects.get(pick__isnull=False)
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes("digests")

    MigrationExecutor(connection).migrate([("digests", "0015_plan_in_words")])
    MigrationExecutor(connection).migrate(latest)

    link.refresh_from_db()
    assert link.digest == digest
    assert Link.objects.count() == 1  # the note's had no place there
