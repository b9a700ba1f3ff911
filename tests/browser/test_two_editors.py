"""Two editors at one digest in two browsers, without a script and with a keyboard; the history; no barriers."""

import os
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from digests import curation
from digests.models import Digest, Pick
from digests.roles import bring_up_to_date
from newsroom.articles.models import Article
from newsroom.web import clock
from tests.factories import (
    make_article,
    make_digest,
    make_newsletter,
    make_pick,
    make_plan,
    make_subscription,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PICTURES = os.environ.get("PICTURES", "")
"""A folder, for whoever wants to look at the pages."""
URL = "https://quelle.example.org/schleuse"


@pytest.fixture
def digest(site: str) -> Digest:
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)
    make_subscription(newsletter=newsletter)
    digest = make_digest(newsletter=newsletter)
    lead = make_article(title="Die Fähre legt ab", kicker="Hafen", canonical_url=URL)
    make_pick(digest=digest, article=lead)
    for position, title in enumerate(["Der Kran dreht sich", "Die Schleuse schließt"]):
        article = make_article(title=title, canonical_url=URL if position else "")
        make_pick(digest=digest, slot="briefs", position=position, article=article)
    return digest


@pytest.fixture
def desk(site: str, digest: Digest) -> Callable[[Page, str, str], Page]:
    """Opens the composer as somebody of the desk: `desk(page, "Petra", "Anger")`."""
    bring_up_to_date(Group.objects, Permission.objects)  # other tests of a real database empty it

    def open_composer(page: Page, first: str, last: str) -> Page:
        user = User.objects.create_user(first.lower(), is_staff=True, first_name=first, last_name=last)
        user.groups.set(Group.objects.filter(name="Redaktion"))
        client = Client()
        client.force_login(user)
        cookie = client.cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": site}])
        page.goto(f"{site}{reverse('admin:digests_digest_change', args=[digest.pk])}")
        return page

    return open_composer


def save(page: Page) -> None:
    page.locator("#digest-form input[type=submit].default").click()


def shoot(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def messages(page: Page, text: str) -> None:
    expect(page.locator(".messagelist")).to_contain_text(text)


def test_two_editors_at_once_without_a_script(
    desk: Callable[..., Page], open_page: Callable[..., Page], digest: Digest
) -> None:
    petra = desk(open_page(java_script_enabled=False), "Petra", "Anger")
    jonas = desk(open_page(java_script_enabled=False), "Jonas", "Ufermann")
    brief = digest.picks.filter(slot="briefs")[0]
    petra.locator("#id_subject").fill("Petras Betreff")
    petra.locator(f"#pick-{brief.pk} details summary").click()
    petra.locator(f"[name=pick-{brief.pk}-title]").fill("Petras Zeile")
    save(petra)
    messages(petra, "Gespeichert")

    jonas.locator("#id_subject").fill("Jonas’ Betreff")
    jonas.locator("#id_note").fill("Guten Morgen")
    save(jonas)

    clash = jonas.locator(".desk-clash")
    expect(clash).to_have_count(1)
    expect(clash).to_contain_text("Petra Anger")
    expect(clash).to_contain_text("Petras Betreff")
    expect(jonas.locator("#id_subject")).to_have_value("Jonas’ Betreff")
    expect(jonas.locator("#id_note")).to_have_value("Guten Morgen")
    expect(jonas.locator(f"[name=pick-{brief.pk}-title]")).to_have_value("Petras Zeile")
    save(jonas)
    messages(jonas, "Noch nichts gespeichert")
    clash.get_by_label("Fassung von Petra Anger").check()
    save(jonas)
    messages(jonas, "Gespeichert")

    digest.refresh_from_db()
    assert (digest.subject, digest.note) == ("Petras Betreff", "Guten Morgen")
    assert Pick.objects.get(pk=brief.pk).title == "Petras Zeile"


def test_a_pick_is_worded_described_and_ordered_without_a_script(
    desk: Callable[..., Page], open_page: Callable[..., Page], digest: Digest
) -> None:
    page = desk(open_page(width=390, height=844, java_script_enabled=False), "Jonas", "Ufermann")
    first, second = digest.picks.filter(slot="briefs")
    page.locator(f"#pick-{first.pk} details summary").click()
    page.get_by_label("Überschrift: „Der Kran dreht sich“", exact=True).fill("Am Kai dreht sich was")
    page.get_by_label("Linktext: „Der Kran dreht sich“", exact=True).fill("Zum Kran")
    page.locator(f"[name=pick-{first.pk}-position]").fill("2")
    page.locator(f"[name=pick-{second.pk}-position]").fill("1")
    save(page)
    messages(page, "Gespeichert")

    assert list(digest.picks.filter(slot="briefs")) == [second, first]
    first.refresh_from_db()
    assert (first.title, first.link_label) == ("Am Kai dreht sich was", "Zum Kran")
    expect(page.locator(f"#pick-{first.pk} .desk-dot")).to_be_visible()


def test_return_in_a_field_saves_and_presses_no_button_beside_a_hint(
    desk: Callable[..., Page], open_page: Callable[..., Page], digest: Digest
) -> None:
    page = desk(open_page(java_script_enabled=False), "Jonas", "Ufermann")
    expect(page.locator(".desk-double")).to_have_count(1)

    page.locator("#id_note_by").fill("Jonas Ufermann, Redakteur vom Dienst")
    page.keyboard.press("Enter")

    messages(page, "Gespeichert")
    assert digest.picks.count() == 3
    assert all(pick.let_stand == [] for pick in digest.picks.all())


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_each_is_told_that_the_other_is_here(
    width: int,
    scheme: str,
    desk: Callable[..., Page],
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
    complaints: list[str],
) -> None:
    first = open_page(width=width, color_scheme=scheme)
    first.clock.install()
    with first.expect_response(lambda response: "/arrivals/" in response.url):
        petra = desk(first, "Petra", "Anger")
    expect(petra.locator("#composer-present")).to_be_empty()

    jonas = desk(open_page(java_script_enabled=False), "Jonas", "Ufermann")
    save(jonas)

    expect(jonas.locator("#composer-present")).to_contain_text("Petra Anger ist auch hier, seit ")
    petra.clock.fast_forward(31_000)
    expect(petra.locator("#composer-present")).to_contain_text("Jonas Ufermann ist auch hier, seit ")
    shoot(petra, f"present-{width}-{scheme}")
    axe(petra)
    fits(petra)
    # Playwright's clock is a script for every frame, and the mail's frame runs none.
    complaints[:] = [each for each in complaints if not each.startswith("Blocked script execution")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_clash_hints_and_the_history_fit_and_have_no_barrier(
    width: int,
    scheme: str,
    desk: Callable[..., Page],
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
    digest: Digest,
    site: str,
    complaints: list[str],
) -> None:
    lead = digest.picks.get(slot="lead")
    Pick.objects.filter(pk=lead.pk).update(original={"kicker": "Hafen", "title": "Die Fähre legt ab"})
    Article.objects.filter(pk=lead.article_id).update(title="Die Fähre legt wieder ab")
    page = desk(open_page(width=width, color_scheme=scheme), "Jonas", "Ufermann")
    petra = User.objects.create_user("petra", first_name="Petra", last_name="Anger")
    curation.change_pick(lead, expected_version=1, at=clock.now(), by=petra, title="Petras Zeile")
    page.locator(f"#pick-{lead.pk} details summary").click()
    page.locator(f"[name=pick-{lead.pk}-title]").fill("Jonas’ Zeile")
    save(page)

    expect(page.locator(".desk-clash")).to_have_count(1)
    axe(page)
    fits(page)
    page.get_by_label("Ihre Fassung").check()
    save(page)
    # The page may have saved the choice by itself before the button was pressed.
    expect(page.locator(".desk-clash")).to_have_count(0)
    assert Pick.objects.get(pk=lead.pk).title == "Jonas’ Zeile"
    page.goto(f"{site}{reverse('admin:digests_digest_versions', args=[digest.pk])}")
    expect(page.locator(".desk-differences ins")).to_have_count(1)
    axe(page)
    fits(page)
    # Chromium calls the answer to a save that must be decided an error; it is meant.
    complaints[:] = [complaint for complaint in complaints if "409" not in complaint]
