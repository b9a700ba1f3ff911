"""The desk's pages in a real browser, and what only a browser sees of the public ones. All of these: test_public_pages."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import Locator, Page, expect

from digests.models import Digest, DigestMailing
from newsroom.articles.models import Article, Correction
from newsroom.articles.states import Origin, Review
from newsroom.mail.addresses import counting_hash
from newsroom.web import clock
from newsroom.web.tokens import TokenKind, hash_secret, make
from subscriptions.models import Confirmation, Newsletter
from subscriptions.states import SubscriptionState
from tests.digests.factories import make_handed_over, make_planned, make_ready
from tests.factories import make_article, make_author, make_section, make_subscriber, make_subscription

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK = [
    "/admin/",
    "/admin/digests/digest/",
    "/admin/digests/digest/add/",
    "/admin/digests/digest/{draft}/change/",
    "/admin/digests/digest/{sent}/change/",
    "/admin/digests/digest/{sent}/proofs/1/",
    "/admin/delivery/mailing/",
    "{arithmetic}",
    "/admin/digests/plan/",
    "/admin/articles/article/",
    "/admin/subscriptions/subscriber/",
    "/admin/mail/incident/",
]
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk"


@pytest.fixture
def words(site: str) -> dict[str, object]:
    """A small newsroom with one of everything; what stands in the addresses of its pages."""
    Group.objects.all().delete()
    plan = make_planned()
    newsletter = plan.newsletter
    author = make_author(bio_de="Schreibt über den Fluss.", contact="thea@example.org")
    article = make_article(
        authors=(author,),
        section=make_section(),
        title=f"Das {LONG_WORD} öffnet seine Tore",
        body_html="<h2>Am Ufer</h2><p>Am Morgen legte sie ab.</p>" * 5,
        headings=["Am Ufer"] * 5,
        origin=Origin.USER_SUBMISSION,
        review=Review.REVIEWED,
        picture_is_illustration=True,
        rights_contact="rechte@news.example.org",
    )
    Correction.objects.create(
        article=article, text="In einer früheren Fassung stand Dienstag.", made_at=clock.now()
    )
    sent = make_handed_over(newsletter, stories=4)
    draft = make_ready(newsletter, stories=3)
    reader = make_subscriber(address="mia@example.org")
    active = make_subscription(newsletter=newsletter, subscriber=reader)
    other = make_subscriber(address="noah@example.org")
    pending = make_subscription(
        newsletter=newsletter, subscriber=other, state=SubscriptionState.PENDING, confirmed_at=None
    )
    secret = "f" * 22
    now = clock.now()
    confirmation = Confirmation.objects.create(
        token_hash=hash_secret(secret),
        counting_hash=counting_hash("noah@example.org"),
        subscriber=other,
        created_at=now,
        expires_at=now + timedelta(days=7),
    )
    confirmation.subscriptions.add(pending)
    bound = DigestMailing.objects.get(digest=sent)
    return {
        "article": article.slug,
        "author": author.slug,
        "newsletter": newsletter.slug,
        "number": sent.number,
        "secret": secret,
        "manage": make(TokenKind.MANAGE, active.pk),
        "leave": make(TokenKind.LEAVE, active.pk),
        "draft": draft.pk,
        "sent": sent.pk,
        "arithmetic": f"/admin/delivery/mailing/{bound.mailing_id}/arithmetic/",
    }


def signed_in(page: Page, site: str) -> None:
    user = User.objects.create_superuser("rui", "rui@example.org", "ebbe-und-flut")
    client = Client()
    client.force_login(user)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}])


def test_desk_pages_have_no_barriers(
    site: str, words: dict[str, object], open_page: Callable[..., Page], axe: Callable[..., None]
) -> None:
    page = open_page(width=1440, height=1000)
    signed_in(page, site)
    for address in DESK:
        page.goto(site + address.format(**words))
        axe(page)


def test_a_digest_is_curated_by_keyboard_alone_and_without_script(
    site: str, words: dict[str, object], open_page: Callable[..., Page]
) -> None:
    page = open_page(width=1440, height=1000, java_script_enabled=False)
    signed_in(page, site)
    draft = Digest.objects.get(pk=str(words["draft"]))
    page.goto(f"{site}/admin/digests/digest/{draft.pk}/change/")

    subject = page.locator("#id_subject")
    subject.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("Mit der Tastatur")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist .success")).to_be_visible()
    button = page.locator(".desk-status input[type=submit]")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist .success")).to_be_visible()

    draft.refresh_from_db()
    assert (draft.subject, draft.state) == ("Mit der Tastatur", "proofed")


def test_the_first_tab_leads_past_the_masthead_and_focus_is_seen(
    site: str, words: dict[str, object], page: Page
) -> None:
    page.goto(f"{site}/articles/{words['article']}/")

    page.keyboard.press("Tab")

    focused = page.locator(":focus")
    assert focused.get_attribute("href") == "#main"
    outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline != "none"


def test_both_languages_are_offered_and_kept(
    site: str, words: dict[str, object], open_page: Callable[..., Page]
) -> None:
    page = open_page(locale="en-GB", java_script_enabled=False)
    page.goto(f"{site}/newsletters/")
    assert page.locator("html").get_attribute("lang") == "en"

    page.get_by_role("button", name="DE").click()
    assert page.locator("html").get_attribute("lang") == "de"
    page.goto(f"{site}/imprint/")
    assert page.locator("html").get_attribute("lang") == "de"
    assert Newsletter.objects.count() == 1


def test_related_articles_cover_nothing_else_on_the_page(
    site: str, words: dict[str, object], page: Page
) -> None:
    article = Article.objects.get(slug=str(words["article"]))
    related = make_article(title="Was nebenan geschah")
    article.related.add(related)
    address = f"{site}/articles/{article.slug}/"
    page.goto(address)
    link = page.get_by_role("link", name=related.title)
    assert link.count() == 1

    def clicked(target: Locator) -> str:
        """Where a mouse gets that presses in the middle of it, whatever lies on top."""
        page.goto(address)
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        assert box
        with page.expect_navigation():
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        return page.url

    assert clicked(page.locator(".byline a")) == f"{site}/authors/{words['author']}/"
    assert clicked(page.locator(".site-nav a[href='/newsletters/']")) == f"{site}/newsletters/"
    assert clicked(link) == site + related.get_absolute_url()

    page.goto(address)
    page.keyboard.press("Tab")
    link.focus()
    assert link.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


def test_links_of_the_catalogue_can_be_hit_by_a_thumb(
    site: str, words: dict[str, object], open_page: Callable[..., Page]
) -> None:
    Newsletter.objects.update(latest_url="/newsletters/wirtschaft/12/", latest_title="Die Fähre fährt")
    page = open_page(width=320, height=640)
    page.goto(f"{site}/newsletters/")

    heights = [link.bounding_box() for link in page.locator(".card .meta a").all()]

    assert len(heights) == 2
    assert all(box and box["height"] >= 44 for box in heights)


def test_stories_of_a_web_version_stand_apart_and_kickers_close_to_their_headline(
    site: str, words: dict[str, object], page: Page
) -> None:
    page.goto(f"{site}/newsletters/{words['newsletter']}/{words['number']}/")

    page.locator(".digest-story :is(h2, h3)").first.evaluate(
        "headline => headline.insertAdjacentHTML('beforebegin', '<p class=\"kicker\">Hafen</p>')"
    )

    def box(selector: str) -> dict[str, float]:
        found = page.locator(selector).first.bounding_box()
        assert found
        return {"top": found["y"], "bottom": found["y"] + found["height"]}

    kicker, headline = box(".digest-story .kicker"), box(".digest-story .kicker + :is(h2, h3)")
    assert 0 <= headline["top"] - kicker["bottom"] <= 8
    second = page.locator(".digest-story + .digest-story").first
    gap, rule = second.evaluate(
        "story => [getComputedStyle(story).marginBlockStart, getComputedStyle(story).borderBlockStartWidth]"
    )
    assert (gap, rule) == ("32px", "1px")
