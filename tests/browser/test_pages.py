"""What only a browser sees of public pages: what lies on top of what, how far apart, how large for a thumb."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page

from digests.models import Digest
from newsroom.articles.models import Article
from subscriptions.models import Newsletter
from tests.digests.factories import make_handed_over, make_planned
from tests.factories import make_article, make_author, make_section

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def article(site: str) -> Article:
    return make_article(authors=(make_author(),), section=make_section())


@pytest.fixture
def digest(site: str) -> Digest:
    """One that went out, of a newsletter with a plan."""
    return make_handed_over(make_planned().newsletter, stories=4)


def test_the_first_tab_leads_past_the_masthead_and_focus_is_seen(
    site: str, article: Article, page: Page
) -> None:
    page.goto(site + article.get_absolute_url())

    page.keyboard.press("Tab")

    focused = page.locator(":focus")
    assert focused.get_attribute("href") == "#main"
    outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline != "none"


def test_both_languages_are_offered_and_kept(
    site: str, digest: Digest, open_page: Callable[..., Page]
) -> None:
    page = open_page(locale="en-GB", java_script_enabled=False)
    page.goto(f"{site}/newsletters/")
    assert page.locator("html").get_attribute("lang") == "en"

    page.get_by_role("button", name="DE").click()
    assert page.locator("html").get_attribute("lang") == "de"
    page.goto(f"{site}/imprint/")
    assert page.locator("html").get_attribute("lang") == "de"
    assert Newsletter.objects.count() == 1


def test_related_articles_cover_nothing_else_on_the_page(site: str, article: Article, page: Page) -> None:
    related = make_article(title="Was nebenan geschah")
    article.related.add(related)
    address = site + article.get_absolute_url()
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

    assert clicked(page.locator(".byline a")) == f"{site}/authors/{article.authors.get().slug}/"
    assert clicked(page.locator(".site-nav a[href='/newsletters/']")) == f"{site}/newsletters/"
    assert clicked(link) == site + related.get_absolute_url()

    page.goto(address)
    page.keyboard.press("Tab")
    link.focus()
    assert link.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


def test_links_of_the_catalogue_can_be_hit_by_a_thumb(
    site: str, digest: Digest, open_page: Callable[..., Page]
) -> None:
    Newsletter.objects.update(latest_url="/newsletters/wirtschaft/12/", latest_title="Die Fähre fährt")
    page = open_page(width=320, height=640)
    page.goto(f"{site}/newsletters/")

    heights = [link.bounding_box() for link in page.locator(".card .meta a").all()]

    assert len(heights) == 2
    assert all(box and box["height"] >= 44 for box in heights)


def test_stories_of_a_web_version_stand_apart_and_kickers_close_to_their_headline(
    site: str, digest: Digest, page: Page
) -> None:
    page.goto(site + digest.get_absolute_url())

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
