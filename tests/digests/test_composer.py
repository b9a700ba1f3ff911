"""The desk at its composer: what it may do, what it is told, and what nobody can do by accident."""

import datetime as dt
import re
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from digests import history
from digests.models import Digest, Pick, Plan, Proof
from digests.rendering import render
from digests.states import DigestState, PickSource
from tests.digests.test_loosening import form_of
from tests.factories import (
    make_article,
    make_digest,
    make_newsletter,
    make_pick,
    make_plan,
    make_section,
    make_subscription,
)

pytestmark = pytest.mark.django_db


def person(name: str, *groups: str) -> Client:
    user = User.objects.create_user(name, f"{name}@example.org", "ebbe-und-flut", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


@pytest.fixture
def digest() -> Digest:
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)
    make_subscription(newsletter=newsletter)
    digest = make_digest(newsletter=newsletter, is_automatic=True)
    make_pick(digest=digest, slot="lead", source=PickSource.AUTOPILOT)
    for position in range(3):
        make_pick(digest=digest, slot="briefs", position=position, source=PickSource.AUTOPILOT)
    return digest


@pytest.fixture
def jonas(db: None) -> Client:
    return person("jonas", "Redaktion")


@pytest.fixture
def aylin(db: None) -> Client:
    return person("aylin", "Abnahme")


def page_of(digest: Digest) -> str:
    return reverse("admin:digests_digest_change", args=[digest.pk])


def act(client: Client, digest: Digest, name: str, **data: Any) -> str:
    """The sentence the desk is told."""
    now = Digest.objects.get(pk=digest.pk)
    data = {"version": now.version, "state": now.state} | data
    answer = client.post(reverse("admin:digests_digest_act", args=[digest.pk, name]), data, follow=True)
    found = re.findall(r'<li class="(?:success|error)[^"]*">(.*?)</li>', answer.content.decode(), re.S)
    return " ".join(found) if answer.status_code == 200 else str(answer.status_code)


def filled_form(digest: Digest, **changes: Any) -> dict[str, Any]:
    """What a browser would send if nobody typed anything, and the changes."""
    digest.refresh_from_db()
    data: dict[str, Any] = {"version": digest.version, "state": digest.state}
    data |= history.words(digest)
    for pick in digest.picks.all():
        prefix = f"pick-{pick.pk}"
        data |= {f"{prefix}-slot": pick.slot, f"{prefix}-position": pick.position + 1}
        data |= {f"{prefix}-{name}": getattr(pick, name) for name in ("kicker", "title", "teaser")}
    return data | changes


def test_the_page_shows_slots_candidates_and_what_readers_get(jonas: Client, digest: Digest) -> None:
    candidate = make_article(title="Der Kran am Südkai", first_seen_at=digest.window_start)

    page = jonas.get(page_of(digest)).content.decode()

    assert "Der Kran am Südkai" in page
    assert candidate.title not in render(digest).html
    assert "Kurz notiert" in page
    assert 'sandbox src="' in page
    assert "1 of 1" in page
    assert "3 of 0 to 5" in page


def test_a_candidate_is_picked_by_one_button(jonas: Client, digest: Digest) -> None:
    article = make_article(first_seen_at=digest.window_start)

    url = reverse("admin:digests_digest_pick", args=[digest.pk])
    jonas.post(url, {"article": article.pk, "slot": "more", "version": digest.version})

    pick = digest.picks.get(article=article)
    assert (pick.slot, pick.source, pick.added_by.username) == ("more", PickSource.DESK, "jonas")  # type: ignore[union-attr]


def test_order_numbers_words_and_removal_are_saved_together(jonas: Client, digest: Digest) -> None:
    first, second, third = digest.picks.filter(slot="briefs")
    changes = {
        f"pick-{third.pk}-position": 1,
        f"pick-{second.pk}-remove": "on",
        f"pick-{first.pk}-title": "Eigene Zeile",
        "subject": "Neuer Betreff",
    }

    answer = jonas.post(page_of(digest), filled_form(digest, **changes))

    assert answer.status_code == 302
    digest.refresh_from_db()
    assert digest.subject == "Neuer Betreff"
    assert list(digest.picks.filter(slot="briefs").values_list("pk", "position")) == [
        (third.pk, 0),
        (first.pk, 1),
    ]
    assert Pick.objects.get(pk=first.pk).title == "Eigene Zeile"
    assert first.article.title != "Eigene Zeile"
    assert not digest.is_automatic


def test_a_save_that_changes_nothing_leaves_the_proof_valid(jonas: Client, digest: Digest) -> None:
    act(jonas, digest, "propose")

    jonas.post(page_of(digest), filled_form(digest))

    digest.refresh_from_db()
    assert digest.state == DigestState.PROOFED
    assert digest.proofs.get().digest_version == digest.version


def test_the_slower_of_two_editors_overwrites_nothing_and_keeps_what_was_typed(
    jonas: Client, digest: Digest
) -> None:
    petra = person("petra", "Redaktion")
    seen_by_both = filled_form(digest)

    jonas.post(page_of(digest), seen_by_both | {"subject": "Von Jonas"})
    answer = petra.post(page_of(digest), seen_by_both | {"subject": "Von Petra"})

    digest.refresh_from_db()
    assert digest.subject == "Von Jonas"
    assert answer.status_code == 200
    page = answer.content.decode()
    assert 'value="Von Petra"' in page
    assert "jonas has changed this meanwhile, too." in page
    assert "Von Jonas" in page


def test_a_proof_is_made_only_of_what_the_desk_was_looking_at(jonas: Client, digest: Digest) -> None:
    petra = person("petra", "Redaktion")
    seen = Digest.objects.get(pk=digest.pk).version
    petra.post(page_of(digest), filled_form(digest, subject="Von Petra"))

    sentence = act(jonas, digest, "propose", version=seen)

    assert "Somebody else has changed this digest" in sentence
    assert not digest.proofs.exists()


def test_from_draft_to_schedule_through_two_people_and_back_by_stop(
    jonas: Client, aylin: Client, digest: Digest
) -> None:
    assert "Proof 1" in act(jonas, digest, "propose")
    assert "approved" in act(aylin, digest, "approve", proof=1)
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    assert "Scheduled" in act(aylin, digest, "schedule", when=f"{tomorrow:%Y-%m-%dT%H:%M}")
    digest.refresh_from_db()
    assert digest.state == DigestState.SCHEDULED
    assert "Stop sending" in aylin.get(page_of(digest)).content.decode()

    assert "Stopped" in act(aylin, digest, "stop")

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.APPROVED, None)
    assert LogEntry.objects.filter(object_id=str(digest.pk)).count() == 4


def test_who_proposed_cannot_approve(digest: Digest) -> None:
    both = person("eva", "Redaktion", "Abnahme")
    act(both, digest, "propose")

    sentence = act(both, digest, "approve", proof=1)

    assert "second person" in sentence
    assert not hasattr(Proof.objects.get(), "approval")


@pytest.mark.parametrize("needs_four_eyes", [True, False])
def test_who_proposed_is_offered_to_approve_where_one_pair_of_eyes_is_enough(
    needs_four_eyes: bool, digest: Digest
) -> None:
    Plan.objects.update(needs_four_eyes=needs_four_eyes)
    both, another = person("beide", "Redaktion", "Abnahme"), person("aylin", "Abnahme")
    act(both, digest, "propose", version=1)

    own, of_another = (
        each.get(reverse("admin:digests_digest_proof", args=[digest.pk, 1])).text for each in (both, another)
    )

    assert ("Approve proof 1" in own) != needs_four_eyes
    assert ("Somebody else must approve it." in own) == needs_four_eyes
    assert "Approve proof 1" in of_another
    assert "Return it to the desk" in own
    waits = (
        "Proof 1 waits for a second person to approve it."
        if needs_four_eyes
        else "Proof 1 waits for approval."
    )
    assert waits in both.get(page_of(digest)).text


def test_who_approved_is_named_on_the_proof_and_beside_it(
    jonas: Client, aylin: Client, digest: Digest
) -> None:
    """By the name to sign in with, where no other is known."""
    User.objects.update(first_name="", last_name="")
    act(jonas, digest, "propose", version=1)
    act(aylin, digest, "approve", proof=1)

    proof = jonas.get(reverse("admin:digests_digest_proof", args=[digest.pk, 1])).text
    listed = jonas.get(page_of(digest)).text

    assert re.search(r"<dt>Approved</dt><dd>[^<]* · aylin</dd>", proof)
    assert re.search(r"approved [^<·]* · aylin", listed)


def test_a_wall_clock_time_is_the_newsrooms(jonas: Client, aylin: Client, digest: Digest) -> None:
    digest.newsletter.plans.update(zone="America/New_York")
    act(jonas, digest, "propose")
    act(aylin, digest, "approve", proof=1)

    act(aylin, digest, "schedule", when="2099-07-01T06:00")

    digest.refresh_from_db()
    assert digest.scheduled_at == dt.datetime(2099, 7, 1, 10, 0, tzinfo=dt.UTC)


def test_a_past_time_is_refused_and_not_sent_at_once(jonas: Client, aylin: Client, digest: Digest) -> None:
    act(jonas, digest, "propose")
    act(aylin, digest, "approve", proof=1)

    assert "past" in act(aylin, digest, "schedule", when="2020-01-01T06:00")

    digest.refresh_from_db()
    assert digest.state == DigestState.APPROVED


@pytest.mark.parametrize("when", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_time_at_the_end_of_all_time_is_refused(
    when: str, jonas: Client, aylin: Client, digest: Digest
) -> None:
    Plan.objects.update(zone="Asia/Kolkata" if when < "2" else "America/New_York")
    act(jonas, digest, "propose")
    act(aylin, digest, "approve", proof=1)

    assert "too far away" in act(aylin, digest, "schedule", when=when)

    digest.refresh_from_db()
    assert digest.state == DigestState.APPROVED


def test_what_blocks_is_named_and_no_proof_is_made(jonas: Client, digest: Digest) -> None:
    digest.picks.filter(slot="lead").delete()

    sentence = act(jonas, digest, "propose")

    assert "Lead" in sentence
    assert not digest.proofs.exists()


@pytest.mark.parametrize(
    ("group", "name", "may"),
    [
        ("Redaktion", "propose", True),
        ("Redaktion", "approve", False),
        ("Redaktion", "send", False),
        ("Abnahme", "propose", True),
        ("Abnahme", "approve", True),
        ("Abnahme", "send", True),
        ("Community", "propose", False),
        ("Betrieb", "send", True),
        ("Betrieb", "approve", False),
        ("Lesend", "propose", False),
        ("Redaktion", "stop", True),
        ("Redaktion", "continue", False),
        ("Redaktion", "end", False),
        ("Abnahme", "stop", True),
        ("Betrieb", "stop", True),
        ("Community", "stop", False),
        ("Lesend", "stop", False),
    ],
)
def test_each_role_may_press_its_own_buttons_and_no_others(
    group: str, name: str, may: bool, digest: Digest
) -> None:
    client = person("somebody", group)

    answer = client.post(reverse("admin:digests_digest_act", args=[digest.pk, name]))

    # 404: the button may be pressed, but there is no such proof.
    assert answer.status_code == ((404 if name == "approve" else 302) if may else 403)


def test_preview_and_proof_are_the_bytes_that_go_out(jonas: Client, digest: Digest) -> None:
    act(jonas, digest, "propose")
    preview = jonas.get(reverse("admin:digests_digest_preview", args=[digest.pk]))
    frozen = jonas.get(reverse("admin:digests_digest_proof_mail", args=[digest.pk, 1]))

    assert preview.content == frozen.content
    assert digest.proofs.get().content_hash == render(Digest.objects.get(pk=digest.pk)).content_hash


def test_the_preview_is_sandboxed_and_runs_nothing(jonas: Client, digest: Digest) -> None:
    answer = jonas.get(reverse("admin:digests_digest_preview", args=[digest.pk]))

    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("spelling", [" {}", "+{}", "0_{}"])
def test_no_other_address_writes_state_past_the_buttons(spelling: str, jonas: Client, digest: Digest) -> None:
    url = f"/admin/digests/digest/{quote(spelling.format(digest.pk))}/change/"

    assert jonas.get(url).status_code == 404
    assert jonas.post(url, {"state": "scheduled"}).status_code == 404


@pytest.mark.parametrize("name", ["propose", "approve", "send", "stop", "skip"])
def test_a_get_does_nothing(name: str, jonas: Client, digest: Digest) -> None:
    assert jonas.get(reverse("admin:digests_digest_act", args=[digest.pk, name])).status_code == 405


def test_strangers_are_sent_to_the_login(digest: Digest) -> None:
    answer = Client().get(page_of(digest))

    assert answer.status_code == 302
    assert "/admin/login/" in answer.headers["Location"]


@pytest.mark.parametrize("junk", ["x", "-1", "²", "99999999999999999999", ""])
def test_junk_in_a_form_is_never_a_fault_of_ours(junk: str, jonas: Client, digest: Digest) -> None:
    url = reverse("admin:digests_digest_pick", args=[digest.pk])

    assert jonas.post(url, {"article": junk, "slot": junk, "version": junk}).status_code == 404
    assert jonas.post(page_of(digest), {"version": junk}).status_code == 200


@pytest.mark.parametrize("junk", ["9" * 5_000, "²", "-1"])
def test_junk_on_a_button_at_a_pick_is_never_a_fault_of_ours(
    junk: str, jonas: Client, digest: Digest
) -> None:
    for typed in ({"stand": f"{junk}:x"}, {"instead": f"{digest.picks.all()[0].pk}:{junk}"}):
        assert jonas.post(page_of(digest), filled_form(digest, **typed)).status_code == 302


def test_what_is_pasted_along_is_not_kept(jonas: Client, digest: Digest) -> None:
    lead = digest.picks.get(slot="lead")
    typed = {
        "subject": "Guten\x07 Morgen",
        "note": "Eins\r\nzwei\x0b\u202e",
        f"pick-{lead.pk}-title": "\x01Kran",
    }

    jonas.post(page_of(digest), filled_form(digest, **typed))

    digest.refresh_from_db()
    lead.refresh_from_db()
    assert (digest.subject, lead.title) == ("Guten Morgen", "Kran")
    assert digest.note.split() == ["Eins", "zwei"]


def test_a_digest_is_built_from_its_plan(jonas: Client) -> None:
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)

    answer = jonas.post(reverse("admin:digests_digest_add"), {"newsletter": newsletter.pk})

    built = Digest.objects.get(newsletter=newsletter)
    assert answer.headers["Location"] == page_of(built)


@pytest.mark.parametrize("size", [2, 20])
def test_the_page_asks_the_same_questions_whatever_it_shows(
    size: int, jonas: Client, digest: Digest, django_assert_max_num_queries: Any
) -> None:
    for number in range(size):
        make_article(first_seen_at=digest.window_start)
        make_pick(digest=digest, slot="more", position=number)

    with django_assert_max_num_queries(25):
        jonas.get(page_of(digest))


def without_masks(html: str) -> str:
    """The token of a form is masked anew each time."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", html)


@pytest.mark.parametrize("query", ["", "?view=text", "?q=Kran&view=dark"])
def test_what_a_save_sends_back_is_the_page_it_would_be(query: str, jonas: Client, digest: Digest) -> None:
    sent = filled_form(digest, subject="")
    query = f"{query}{'&' if query else '?'}until={quote(digest.window_end.isoformat())}"

    answer = jonas.post(page_of(digest) + query, sent, headers={"accept": "application/json"}).json()

    alone = jonas.get(f"{page_of(digest)}{query}&only=outcome").content.decode()
    page = without_masks(jonas.get(page_of(digest) + query).content.decode())
    assert answer["version"] == digest.version + 1
    assert without_masks(answer["outcome"]) == without_masks(alone)
    status, findings, heads, view = [
        without_masks(part) for part in re.split(r"\n(?=<section|<div id=)", alone) if part.strip()
    ]
    counts = re.findall(r"<h3.*?</h3>", heads)
    assert len(counts) == 3
    for part in (status, findings, view, *counts):
        assert part.strip() in page
    assert "The subject is missing." in findings


def test_a_refused_save_names_the_fields(jonas: Client, digest: Digest) -> None:
    pick = digest.picks.get(slot="lead")

    answer = jonas.post(
        page_of(digest),
        filled_form(digest, **{f"pick-{pick.pk}-position": ""}),
        headers={"accept": "application/json"},
    )

    assert answer.status_code == 400
    assert answer.json()["fields"] == [f"id_pick-{pick.pk}-position"]


def test_a_plan_that_is_made_or_moved_begins_now_and_makes_up_nothing(admin_client: Client) -> None:
    plan = make_plan(newsletter=make_newsletter())
    before = plan.last_due_at
    url = reverse("admin:digests_plan_change", args=[plan.pk])

    answer = admin_client.post(url, form_of(admin_client.get(url)) | {"time": "07:30"})

    plan.refresh_from_db()
    assert answer.status_code == 302, answer.context["errors"]
    assert before is None
    assert plan.last_due_at is not None
    assert dt.datetime.now(dt.UTC) - plan.last_due_at < dt.timedelta(minutes=1)


def test_what_a_plan_favours_is_ticked_without_a_script(admin_client: Client) -> None:
    plan, section = make_plan(newsletter=make_newsletter()), make_section(name_de="Wissen")
    url = reverse("admin:digests_plan_change", args=[plan.pk])
    page = admin_client.get(url)

    admin_client.post(url, form_of(page) | {"favoured_sections": [section.pk]})

    assert re.search(
        r'<label[^>]*><input type="checkbox" name="favoured_sections"[^>]*>\s*Wissen', page.content.decode()
    )
    assert list(plan.favoured_sections.all()) == [section]
