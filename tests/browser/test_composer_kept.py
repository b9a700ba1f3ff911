"""What was typed behind a proof and not saved yet: it outlives a reload, for whoever typed it, until it is saved."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from digests import curation
from digests.models import Digest
from newsroom.web import clock
from tests.digests.factories import make_colleague, make_proofed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TYPED = "Die Fähre legt um sieben ab"


@pytest.fixture
def digest(site: str) -> Digest:
    """It has a proof: nothing is saved by itself any more."""
    return make_proofed(at=clock.now()).digest


@pytest.fixture
def desk(digest: Digest, sit_down: Callable[..., Page]) -> Page:
    page = sit_down(make_colleague("jonas", "Redaktion"), _address(digest))
    page.locator("#id_subject").fill(TYPED)
    expect(page.locator("#composer-saved")).to_contain_text("Noch nicht gespeichert")
    return page


def _address(digest: Digest) -> str:
    return f"/admin/digests/digest/{digest.pk}/change/"


def _reload(page: Page, complaints: list[str]) -> None:
    """As after a crash: what is dirty is not asked about."""
    page.reload()
    complaints[:] = [complaint for complaint in complaints if "beforeunload" not in complaint]


def _offer(page: Page) -> None:
    expect(page.locator("#composer-kept")).to_contain_text("nicht gespeichert")


def _none_offered(page: Page) -> None:
    expect(page.locator("html.has-script")).to_be_attached()  # the script has looked
    expect(page.locator("#composer-kept p")).to_have_count(0)


def test_what_was_typed_is_offered_after_a_reload_and_taken_back_by_key(
    desk: Page, digest: Digest, complaints: list[str], axe: Callable[..., None]
) -> None:
    _reload(desk, complaints)
    _offer(desk)
    axe(desk)
    desk.get_by_role("button", name="Zurückholen").press("Enter")

    expect(desk.locator("#id_subject")).to_have_value(TYPED)
    expect(desk.locator("#id_subject")).to_be_focused()
    expect(desk.locator("#composer-kept p")).to_have_count(0)
    _reload(desk, complaints)  # still not saved, still kept
    _offer(desk)
    desk.get_by_role("button", name="Zurückholen").press("Enter")
    desk.locator("#id_subject").press("Enter")
    expect(desk.locator(".messagelist")).to_contain_text("Gespeichert")
    _none_offered(desk)
    assert desk.evaluate("sessionStorage.length") == 0
    digest.refresh_from_db()
    assert digest.subject == TYPED


def test_what_is_discarded_is_not_offered_again(desk: Page, complaints: list[str]) -> None:
    _reload(desk, complaints)
    desk.get_by_role("button", name="Verwerfen").press("Enter")

    expect(desk.locator("#id_subject")).to_have_value("Die Fähre fährt wieder")
    desk.reload()
    _none_offered(desk)
    assert desk.evaluate("sessionStorage.length") == 0


def test_where_nothing_can_be_dropped_the_page_works_all_the_same(desk: Page, complaints: list[str]) -> None:
    desk.add_init_script("Storage.prototype.removeItem = () => { throw new Error('not allowed'); };")
    _reload(desk, complaints)
    desk.get_by_role("button", name="Verwerfen").press("Enter")

    expect(desk.locator("#composer-kept p")).to_have_count(0)
    expect(desk.locator("#id_subject")).to_be_focused()


def test_nobody_else_at_the_same_screen_is_offered_it(
    desk: Page, site: str, digest: Digest, complaints: list[str]
) -> None:
    client = Client()
    client.force_login(
        make_colleague("mia", "Redaktion"), backend="django.contrib.auth.backends.ModelBackend"
    )
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}
    desk.context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict of Playwright's own
    _reload(desk, complaints)

    expect(desk.locator("#id_subject")).to_have_value("Die Fähre fährt wieder")
    _none_offered(desk)


def test_what_a_colleague_saved_meanwhile_is_asked_about_and_not_overwritten(
    desk: Page, digest: Digest, complaints: list[str]
) -> None:
    version = Digest.objects.get(pk=digest.pk).version
    curation.edit_digest(digest, expected_version=version, at=clock.now(), subject="Die Brücke ist zu")
    _reload(desk, complaints)
    expect(desk.locator("#id_subject")).to_have_value("Die Brücke ist zu")
    desk.get_by_role("button", name="Zurückholen").press("Enter")
    desk.locator("#id_subject").press("Enter")

    expect(desk.locator(".errornote").first).to_be_visible()
    digest.refresh_from_db()
    assert digest.subject == "Die Brücke ist zu"
    complaints[:] = [complaint for complaint in complaints if "409" not in complaint]


@pytest.mark.parametrize("trouble", ["session", "error"])
def test_what_did_not_arrive_is_offered_though_a_colleague_saved_meanwhile(
    trouble: str, desk: Page, digest: Digest, complaints: list[str]
) -> None:
    """The newer version is not ours, which came to a closed session or to a server in trouble."""
    cookies = desk.context.cookies()
    if trouble == "session":
        desk.context.clear_cookies(name="sessionid")
    else:
        desk.route(desk.url, lambda route: route.fulfill(status=500, body="Gleich wieder."))
    desk.locator("#id_subject").press("Enter")
    expect(desk.locator("#id_subject")).to_have_count(0)
    version = Digest.objects.get(pk=digest.pk).version
    curation.edit_digest(digest, expected_version=version, at=clock.now(), preheader="Und die Brücke ist zu")
    desk.unroute_all()
    desk.context.add_cookies(cookies)  # type: ignore[arg-type]  # as they were read

    desk.goto(desk.url.split("/admin/")[0] + _address(digest))

    _offer(desk)
    desk.get_by_role("button", name="Zurückholen").press("Enter")
    expect(desk.locator("#id_subject")).to_have_value(TYPED)
    complaints[:] = [each for each in complaints if "500" not in each and "beforeunload" not in each]


def test_what_could_not_be_saved_as_it_was_is_kept_on(
    desk: Page, digest: Digest, complaints: list[str]
) -> None:
    """The page that comes back holds what was typed; a reload of the address would not."""
    place = desk.locator("#slot-lead input[type=number]")
    place.fill("")
    desk.locator("#id_subject").press("Enter")
    expect(desk.locator(".messagelist")).to_contain_text("nichts gespeichert")
    expect(desk.locator("#id_subject")).to_have_value(TYPED)
    _none_offered(desk)

    desk.goto(desk.url)

    _offer(desk)
    desk.get_by_role("button", name="Zurückholen").press("Enter")
    expect(desk.locator("#id_subject")).to_have_value(TYPED)
    complaints[:] = [complaint for complaint in complaints if "beforeunload" not in complaint]
