"""Public pages of digests: what went out, for everybody, without anything of a reader's."""

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse

from newsroom.articles.models import Correction
from subscriptions.models import Newsletter
from subscriptions.states import NewsletterState
from tests.digests.factories import DAY, HOUR, make_approved, make_handed_over, make_planned, make_scheduled
from tests.factories import NOON, make_digest, make_newsletter, make_pick

pytestmark = pytest.mark.django_db

ATOM = "{http://www.w3.org/2005/Atom}"


def _archive(newsletter: Newsletter) -> str:
    return reverse("newsletter", args=[newsletter.slug])


def _sent(number: int) -> Newsletter:
    """A newsletter with so many digests behind it."""
    newsletter = make_planned().newsletter
    for day in range(number):
        make_digest(
            newsletter=newsletter,
            state="handed_over",
            subject=f"Ausgabe vom Tag {day}",
            handed_over_at=NOON + day * DAY,
        )
    return newsletter


def test_the_archive_lists_what_went_out_newest_first(client: Client) -> None:
    newsletter = make_planned().newsletter
    first = make_handed_over(newsletter, subject="Die Fähre fährt", at=NOON)
    second = make_handed_over(newsletter, subject="Das Brot ist da", at=NOON + DAY)
    make_approved(newsletter, subject="Noch geheim")

    page = client.get(_archive(newsletter)).content.decode()

    assert page.index("Das Brot ist da") < page.index("Die Fähre fährt")
    assert first.get_absolute_url() in page
    assert second.get_absolute_url() in page
    assert "Noch geheim" not in page
    assert 'lang="de"' in page
    assert "um 6 Uhr · Deutsch ·" in page
    assert newsletter.promise in page


def test_the_archive_has_a_signup_box_and_its_feeds(client: Client) -> None:
    newsletter = make_planned().newsletter

    page = client.get(_archive(newsletter)).content.decode()

    assert 'action="/subscribe/"' in page
    assert reverse("newsletter_atom", args=[newsletter.slug]) in page
    assert reverse("newsletter_json", args=[newsletter.slug]) in page


def test_the_archive_offers_the_newsletter_above_its_issues_and_says_once_what_it_is(client: Client) -> None:
    digest = make_handed_over()

    page = client.get(_archive(digest.newsletter)).content.decode()

    assert page.index('id="signup"') < page.index(digest.get_absolute_url() + '">' + digest.subject)
    body = page[page.index("<main") :]
    assert body.count(digest.newsletter.promise) == 1
    assert f"Get “{digest.newsletter.name}”</h2>".replace("&", "&amp;") in body


def test_the_archive_turns_pages(client: Client) -> None:
    newsletter = _sent(21)

    first = client.get(_archive(newsletter)).content.decode()
    second = client.get(_archive(newsletter) + "?page=2").content.decode()

    assert first.count("Ausgabe vom Tag") == 20
    assert 'rel="next" href="?page=2"' in first
    assert "Ausgabe vom Tag 0" in second
    assert 'rel="prev"' in second


@pytest.mark.parametrize("page", ["0", "-1", "99", "x"])
def test_a_page_that_does_not_exist_is_answered_with_one_that_does(client: Client, page: str) -> None:
    assert client.get(_archive(_sent(1)), {"page": page}).status_code == 200


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (NewsletterState.DRAFT, 404),
        (NewsletterState.ACTIVE, 200),
        (NewsletterState.PAUSED, 200),
        (NewsletterState.RETIRED, 200),
    ],
)
def test_a_newsletter_that_never_began_has_no_public_pages(
    client: Client, state: NewsletterState, status: int
) -> None:
    newsletter = make_newsletter(state=state)

    assert client.get(_archive(newsletter)).status_code == status
    for name in ("newsletter_atom", "newsletter_json"):
        assert client.get(reverse(name, args=[newsletter.slug])).status_code == status


@pytest.mark.parametrize("size", [10, 200])
def test_the_archive_costs_the_same_at_any_size(
    client: Client, size: int, django_assert_num_queries: Any
) -> None:
    newsletter = _sent(size)

    # The newsletter with its sender; how many digests; the digests of the page.
    with django_assert_num_queries(3):
        client.get(_archive(newsletter))


def test_the_web_version_is_what_was_approved(client: Client) -> None:
    digest = make_handed_over(subject="Die Fähre fährt")
    title = digest.picks.get().article.title

    page = client.get(digest.get_absolute_url()).content.decode()

    assert "Die Fähre fährt" in page
    assert title in page
    assert _archive(digest.newsletter) in page


def test_a_later_change_of_the_article_does_not_change_what_was_said(client: Client) -> None:
    digest = make_handed_over()
    article = digest.picks.get().article
    said, article.title = article.title, "Nachträglich anders"
    article.save()

    page = client.get(digest.get_absolute_url()).content.decode()

    assert said in page
    assert "Nachträglich anders" not in page


def test_the_web_version_holds_no_reader_s_link_no_redirect_and_no_slot(client: Client) -> None:
    page = client.get(make_handed_over().get_absolute_url()).content.decode()

    assert not re.search(r'"[^"]*/(u|r|preferences)/[A-Za-z0-9_-]{20}', page)
    assert not re.search("[\ue000\ue001]", page)


@pytest.mark.parametrize("make", [make_approved, make_scheduled])
def test_what_did_not_go_out_has_no_page(client: Client, make: Any) -> None:
    assert client.get(make().get_absolute_url()).status_code == 404


def test_a_withdrawn_article_gives_way_to_a_note_in_the_newsletter_s_language_and_the_others_stay(
    client: Client,
) -> None:
    newsletter = make_planned(language="en").newsletter
    digest = make_handed_over(newsletter, stories=2)
    withdrawn, other = (pick.article for pick in digest.picks.order_by("pk"))
    withdrawn.withdrawn_at = NOON + HOUR
    withdrawn.save()

    page = client.get(digest.get_absolute_url(), headers={"Accept-Language": "de"}).content.decode()

    assert withdrawn.title not in page
    assert withdrawn.get_absolute_url() not in page
    assert page.count("This article was withdrawn.") == 1
    assert other.title in page


def test_a_correction_made_after_sending_stands_beside_its_story(client: Client) -> None:
    digest = make_handed_over(at=NOON)
    article = digest.picks.get().article
    Correction.objects.create(
        article=article, text="Sie legt um sieben ab & nicht um acht.", made_at=NOON + HOUR
    )
    Correction.objects.create(article=article, text="Stand schon drin.", made_at=NOON - HOUR)

    page = client.get(digest.get_absolute_url()).content.decode()

    assert "Sie legt um sieben ab &amp; nicht um acht." in page
    assert "Stand schon drin." not in page


@pytest.mark.parametrize("size", [1, 6])
def test_the_web_version_costs_the_same_at_any_size(
    client: Client, size: int, django_assert_num_queries: Any
) -> None:
    digest = make_handed_over()
    for _ in range(size):
        pick = make_pick(digest=digest, slot="more")
        Correction.objects.create(article=pick.article, text="Korrigiert.", made_at=NOON + HOUR)

    url = digest.get_absolute_url()

    # The approved proof with digest, newsletter and sender; picks with articles; their corrections; mended links.
    with django_assert_num_queries(4):
        client.get(url)


def test_the_atom_feed_has_an_entry_per_digest(client: Client) -> None:
    newsletter = make_planned().newsletter
    digest = make_handed_over(newsletter, subject="Brot & Fähre", preheader="Beides <b>da</b> & warm.")

    answer = client.get(reverse("newsletter_atom", args=[newsletter.slug]))

    feed = ElementTree.fromstring(answer.content)
    entry = feed.find(f"{ATOM}entry")
    assert entry is not None
    assert answer["Content-Type"].startswith("application/atom+xml")
    assert feed.findtext(f"{ATOM}title") == newsletter.name
    assert entry.findtext(f"{ATOM}title") == "Brot & Fähre"
    # Said to be HTML, so that its text is escaped once more.
    assert entry.findtext(f"{ATOM}summary") == "Beides &lt;b&gt;da&lt;/b&gt; &amp; warm."
    assert entry.findtext(f"{ATOM}id") == f"https://news.example.org{digest.get_absolute_url()}"
    assert entry.findtext(f"{ATOM}updated") == "2026-05-04T12:00:00+00:00"


def test_no_control_sign_breaks_the_atom_feed(client: Client) -> None:
    newsletter = make_planned().newsletter
    newsletter.promise = "Jeden\x0b Morgen"
    newsletter.save()
    make_handed_over(newsletter, subject="Guten\x07 Morgen")

    answer = client.get(reverse("newsletter_atom", args=[newsletter.slug]))

    entry = ElementTree.fromstring(answer.content).find(f"{ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{ATOM}title") == "Guten Morgen"


def test_the_json_feed_says_the_same(client: Client) -> None:
    newsletter = make_planned().newsletter
    digest = make_handed_over(newsletter, subject="Brot & Fähre")

    answer = client.get(reverse("newsletter_json", args=[newsletter.slug]))

    feed = json.loads(answer.content)
    assert answer["Content-Type"].startswith("application/feed+json")
    assert (feed["version"], feed["language"]) == ("https://jsonfeed.org/version/1.1", "de")
    assert [item["title"] for item in feed["items"]] == ["Brot & Fähre"]
    assert feed["items"][0]["url"] == f"https://news.example.org{digest.get_absolute_url()}"
    assert feed["items"][0]["content_text"]


@pytest.mark.parametrize("name", ["newsletter_atom", "newsletter_json"])
@pytest.mark.parametrize("size", [0, 2])
def test_a_feed_that_did_not_change_is_not_sent_again(client: Client, name: str, size: int) -> None:
    newsletter = _sent(size)
    url = reverse(name, args=[newsletter.slug])
    first = client.get(url)

    by_etag = client.get(url, headers={"If-None-Match": first["ETag"]})
    make_digest(newsletter=newsletter, state="handed_over", handed_over_at=NOON + 9 * DAY)
    changed = client.get(url, headers={"If-None-Match": first["ETag"]})

    assert by_etag.status_code == 304
    assert not by_etag.content
    assert changed.status_code == 200


@pytest.mark.parametrize("name", ["newsletter_atom", "newsletter_json"])
def test_a_feed_answers_by_date_too(client: Client, name: str) -> None:
    url = reverse(name, args=[_sent(2).slug])
    first = client.get(url)

    assert first["Last-Modified"] == "Tue, 05 May 2026 12:00:00 GMT"
    assert client.get(url, headers={"If-Modified-Since": first["Last-Modified"]}).status_code == 304


@pytest.mark.parametrize("name", ["newsletter_atom", "newsletter_json"])
@pytest.mark.parametrize("size", [1, 15])
def test_a_feed_costs_the_same_at_any_size(
    client: Client, name: str, size: int, django_assert_num_queries: Any
) -> None:
    newsletter = _sent(size)

    # The newsletter with its sender; its digests.
    with django_assert_num_queries(2):
        client.get(reverse(name, args=[newsletter.slug]))
