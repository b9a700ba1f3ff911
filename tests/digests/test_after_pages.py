"""The pages after sending: what each shows, who may act, and that each act is one entry in the log."""

import html
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from digests import after_panel, archive, correcting
from digests.delivery.models import Mailing
from digests.errors import WrongState
from digests.models import Digest, Link, NewsletterAccess
from digests.roles import bring_up_to_date
from digests.states import DigestState
from newsroom.articles.models import Correction
from tests.digests.factories import DAY, HOUR, make_handed_over, make_planned, make_ready, make_user
from tests.digests.test_correcting import make_sent
from tests.digests.test_insights import make_counted
from tests.factories import NOON, make_digest, make_newsletter

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def staff(role: str, name: str = "") -> tuple[Client, User]:
    bring_up_to_date(Group.objects, Permission.objects)
    user = make_user(name)
    user.is_staff = True
    user.save()
    user.groups.set(Group.objects.filter(name=role))
    browser = Client(headers={"Accept-Language": "en"})
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser, user


def url(name: str, digest: Digest, *more: int) -> str:
    return reverse(f"admin:digests_digest_{name}", args=[digest.pk, *more])


def page(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def sentences() -> list[str]:
    return [str(entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")]


def test_the_panel_goes_from_the_quietest_way_to_the_loudest() -> None:
    _, editor = staff("Redaktion")
    _, approver = staff("Abnahme")
    digest = make_handed_over()

    for_editor, for_approver = (after_panel.panel(user, digest) for user in (editor, approver))

    assert for_editor is not None and for_approver is not None  # noqa: PT018 — both are needed below
    assert [way.name for way in for_editor["ways"]] == ["links", "note", "correct", "corrections"]
    assert [way.is_open for way in for_editor["ways"]] == [True, True, True, True]
    assert [way.is_open for way in for_approver["ways"]] == [True, True, False, True]
    assert after_panel.panel(editor, make_ready()) is None


@pytest.mark.parametrize("name", ["numbers", "links", "note", "correct", "corrections"])
def test_before_a_digest_went_out_there_are_no_such_pages(name: str) -> None:
    browser, _ = staff("Redaktion")

    assert browser.get(url(name, make_ready())).status_code == 404


@pytest.mark.parametrize("name", ["numbers", "links", "note", "correct", "corrections"])
def test_another_newsletter_s_desk_sees_none_of_them(name: str) -> None:
    browser, user = staff("Redaktion")
    NewsletterAccess.objects.create(user=user, newsletter=make_newsletter())

    assert browser.get(url(name, make_handed_over())).status_code == 403


def test_the_table_has_the_numbers_of_the_chart() -> None:
    browser, _ = staff("Lesend")
    newsletter = make_planned().newsletter
    make_counted(newsletter, 40, at=NOON - DAY)
    digest = make_counted(newsletter, 1234, 3, machines=77)

    text = page(browser, url("numbers", digest))

    chart = text[text.index('<svg class="numbers-chart"') : text.index("</svg>", text.index("numbers-chart"))]
    table = text[text.index("<table") : text.index("</table>")]
    for part in (chart, table):
        assert "1,234" in part or "1234" in part
        assert "under 5" in part
        assert digest.picks.get(slot="lead").article.title[:20] in part
    assert "154 visits by programs" in text
    assert 'role="img"' in chart
    assert "style=" not in chart


def test_no_complaint_is_not_said_to_mean_that_nobody_complained() -> None:
    browser, _ = staff("Lesend")

    text = page(browser, url("numbers", make_counted(None, 9)))

    assert "Gmail and Apple report no single complaints: a 0 from there means unknown, not none." in text


def test_a_digest_that_is_still_being_sent_says_so() -> None:
    browser, _ = staff("Lesend")
    digest = make_counted(None, 9)
    Mailing.objects.update(state="sending")

    assert "Still under way" in page(browser, url("numbers", digest))


@pytest.mark.parametrize(("digests", "stories"), [(1, 1), (8, 6)])
def test_the_numbers_page_costs_the_same_at_any_size(
    digests: int, stories: int, django_assert_max_num_queries: Any
) -> None:
    browser, _ = staff("Lesend")
    newsletter = make_planned().newsletter
    for number in range(digests):
        make_counted(newsletter, *[9] * stories, at=NOON - number * HOUR - DAY)
    digest = make_counted(newsletter, *[9] * stories)

    # Session, user, two for permissions, the digest, access, the time, 6 of the numbers, open incidents,
    # 3 of the bar.
    with django_assert_max_num_queries(18):
        browser.get(url("numbers", digest))


def test_repointing_a_link_leaves_both_addresses_in_the_log(client: Client) -> None:
    browser, _ = staff("Abnahme")
    digest = make_handed_over()
    link = Link.objects.get()
    before, after = link.url, "https://example.org/richtig?a=1&b=2"

    answer = browser.post(url("link", digest, link.pk), {"url": after, "seen": before})

    link.refresh_from_db()
    assert answer.status_code == 302
    assert (link.current_url, link.url) == (after, before)
    assert all(address in sentences()[-1] for address in (before, after))
    assert after in html.unescape(client.get(digest.get_absolute_url()).content.decode())
    assert after in page(browser, url("links", digest))


def test_a_link_can_go_back_to_the_address_as_proofed(client: Client) -> None:
    browser, _ = staff("Abnahme")
    digest = make_handed_over()
    link = Link.objects.get()
    Link.objects.update(current_url="https://example.org/falsch")

    browser.post(
        url("link", digest, link.pk),
        {"url": "https://example.org/egal", "seen": "https://example.org/falsch", "reset": "1"},
    )

    assert Link.objects.get().current_url == link.url
    assert "falsch" not in client.get(digest.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    "given", [{"url": "javascript:alert(1)"}, {"seen": "https://example.org/x"}, {"url": ""}]
)
def test_what_is_refused_changes_and_logs_nothing(given: dict[str, str]) -> None:
    browser, _ = staff("Abnahme")
    digest = make_handed_over()
    link = Link.objects.get()

    browser.post(url("link", digest, link.pk), {"url": "https://example.org/a", "seen": link.url} | given)

    assert Link.objects.get().current_url == link.url
    assert sentences() == []


def test_a_link_of_another_digest_is_not_found() -> None:
    browser, _ = staff("Abnahme")
    digest, other = make_handed_over(), make_handed_over()
    link = Link.objects.get(pick__digest=other)

    answer = browser.post(url("link", digest, link.pk), {"url": "https://example.org/a", "seen": link.url})

    assert answer.status_code == 404


def test_a_note_stands_above_the_web_version_with_its_date_and_in_list_and_feeds(client: Client) -> None:
    browser, _ = staff("Redaktion")
    digest = make_handed_over(make_planned(language="en").newsletter)
    slug = digest.newsletter.slug
    feeds = [reverse(name, args=[slug]) for name in ("newsletter_atom", "newsletter_json")]
    before = [client.get(feed) for feed in feeds]

    browser.post(url("note", digest), {"text": "Die Fähre fährt **nicht**. <script>alert(1)</script>"})

    digest.refresh_from_db()
    shown = client.get(digest.get_absolute_url()).content.decode()
    assert shown.index("Die Fähre fährt <strong>nicht</strong>") < shown.index('id="story-')
    assert "<script>alert" not in shown
    assert "Note from the newsroom, " in shown
    assert "Note from the newsroom, " in client.get(digest.newsletter.get_absolute_url()).content.decode()
    assert digest.archive_note_at is not None
    for feed, old in zip(feeds, before, strict=True):
        new = client.get(feed)
        assert digest.archive_note_at.isoformat(timespec="minutes")[:16] in new.content.decode()
        assert new["Last-Modified"] != old["Last-Modified"]
    assert "Die Fähre fährt **nicht**." in sentences()[-1]


def as_of(shown: str) -> dict[str, str]:
    """When the words had been written that the page showed, as each of its forms says."""
    (moment,) = set(re.findall(r'name="as_of" value="([^"]*)"', shown))
    return {"as_of": moment}


def test_a_note_that_somebody_else_wrote_meanwhile_is_not_overwritten() -> None:
    browser, _ = staff("Redaktion")
    digest = make_handed_over(make_planned(language="en").newsletter)
    before = as_of(page(browser, url("note", digest)))
    browser.post(url("note", digest), before | {"text": "Der Fahrplan ist *berichtigt*."})
    logged = len(sentences())

    answer = browser.post(url("note", digest), before | {"text": "Die Fähre fährt nicht."})

    shown = html.unescape(answer.content.decode())
    assert answer.status_code == 409
    assert "Somebody else has changed these words meanwhile" in shown
    assert "Der Fahrplan ist <em>berichtigt</em>." in shown
    assert "Die Fähre fährt nicht.</textarea>" in shown
    digest.refresh_from_db()
    assert digest.archive_note == "Der Fahrplan ist *berichtigt*."
    assert len(sentences()) == logged

    browser.post(url("note", digest), as_of(shown) | {"text": "Die Fähre fährt nicht."})
    digest.refresh_from_db()
    assert digest.archive_note == "Die Fähre fährt nicht."


@pytest.mark.parametrize("junk", ["", "x", "2026-02-31T10:00:00+01:00", "2026-04-05"])
def test_a_form_that_does_not_say_which_note_it_showed_overwrites_none(junk: str) -> None:
    browser, _ = staff("Redaktion")
    digest = make_handed_over()
    archive.annotate(digest, text="Berichtigt.", at=NOON + HOUR)

    answer = browser.post(url("note", digest), {"text": "Die Fähre fährt nicht.", "as_of": junk})

    assert answer.status_code == 409
    digest.refresh_from_db()
    assert digest.archive_note == "Berichtigt."


def test_an_empty_note_is_taken_away(client: Client) -> None:
    browser, _ = staff("Redaktion")
    digest = make_handed_over(make_planned(language="en").newsletter)
    archive.annotate(digest, text="Falsch.", at=NOON + HOUR)

    shown = page(browser, url("note", digest))
    browser.post(url("note", digest), as_of(shown) | {"text": " ", "csrfmiddlewaretoken": "x"})

    digest.refresh_from_db()
    assert (digest.archive_note, digest.archive_note_at) == ("", None)
    assert "Note from the newsroom" not in client.get(digest.get_absolute_url()).content.decode()


def test_a_draft_is_not_in_the_archive_and_gets_no_note() -> None:
    with pytest.raises(WrongState):
        archive.annotate(make_ready(), text="Falsch.", at=NOON)


def test_a_correction_goes_beside_the_article_and_into_the_draft() -> None:
    browser, _ = staff("Redaktion")
    digest = make_sent()
    draft = make_digest(newsletter=digest.newsletter, window_end=NOON + 3 * DAY)
    given = seen_on(page(browser, url("correct", digest)))
    given |= {"pick": str(digest.picks.get().pk), "text": "Sie legt um sieben ab."}

    answer = browser.post(url("correct", digest), given)

    draft.refresh_from_db()
    assert answer.status_code == 302
    assert "Sie legt um sieben ab." in draft.note
    assert Correction.objects.get().article == digest.picks.get().article
    assert len(sentences()) == 2  # one for each digest


def seen_on(shown: str) -> dict[str, str]:
    """Which digest the page showed as the next draft, and in which version."""
    return dict(re.findall(r'<input type="hidden" name="(draft|version)" value="(\d+)"', shown))


@pytest.mark.parametrize("meanwhile", [{"version": 5}, {"state": DigestState.PROOFED}, None])
def test_a_correction_joins_no_draft_that_was_not_shown(meanwhile: dict[str, Any] | None) -> None:
    """Edited, or proofed with another one next in line, or there was none at all."""
    browser, _ = staff("Redaktion")
    digest = make_sent()
    given = {"pick": str(digest.picks.get().pk), "text": "Sieben."}
    seen = seen_on(page(browser, url("correct", digest)))
    shown = make_digest(newsletter=digest.newsletter, window_end=NOON + 3 * DAY)
    if meanwhile:
        seen = seen_on(page(browser, url("correct", digest)))
        Digest.objects.filter(pk=shown.pk).update(**meanwhile)
        make_digest(newsletter=digest.newsletter, window_end=NOON + 4 * DAY)

    answer = browser.post(url("correct", digest), seen | given)

    assert answer.status_code == 200
    assert "changed" in answer.content.decode()
    assert "Sieben." in answer.content.decode()
    assert not Correction.objects.exists()
    assert not Digest.objects.exclude(note="").exists()
    # The page shows what is next now: whoever presses again means that one.
    again = browser.post(url("correct", digest), seen_on(answer.content.decode()) | given)
    assert again.status_code == 302
    assert "Sieben." in correcting.next_draft(digest).note  # type: ignore[union-attr]  # there is one


@pytest.mark.parametrize("junk", ["", "x", "-1", "99999999999999999999"])
def test_a_correction_that_does_not_say_which_draft_it_saw_is_not_written(junk: str) -> None:
    browser, _ = staff("Redaktion")
    digest = make_sent()
    make_digest(newsletter=digest.newsletter, window_end=NOON + 3 * DAY)
    given = {"pick": digest.picks.get().pk, "text": "Sieben.", "draft": junk, "version": junk}

    answer = browser.post(url("correct", digest), given)

    assert "The next digest has changed meanwhile" in answer.content.decode()
    assert not Correction.objects.exists()


def test_the_desk_may_repoint_a_link_and_readers_of_the_admin_may_not() -> None:
    digest = make_handed_over()
    link = Link.objects.get()
    for role, code in (("Redaktion", 302), ("Betrieb", 302), ("Community", 403), ("Lesend", 403)):
        before = Link.objects.get().current_url
        typed = {"url": f"https://example.org/{role}", "seen": before}
        assert staff(role)[0].post(url("link", digest, link.pk), typed).status_code == code, role
        assert (Link.objects.get().current_url != before) is (code == 302), role
