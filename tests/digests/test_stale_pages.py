"""A page that stayed open while the digest went on: it undoes no proof, approval or schedule that it never showed."""

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from digests.models import Digest
from digests.states import DigestState
from newsroom.web import clock
from tests.digests.test_composer import act, page_of, person
from tests.digests.test_two_editors import JSON, page, post, sent_by
from tests.factories import (
    make_article,
    make_digest,
    make_newsletter,
    make_pick,
    make_plan,
    make_subscription,
)

pytestmark = pytest.mark.django_db
WENT_ON = "The digest has gone on meanwhile and is now: scheduled."


@pytest.fixture
def digest() -> Digest:
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)
    make_subscription(newsletter=newsletter)
    digest = make_digest(newsletter=newsletter)
    make_pick(digest=digest, article=make_article(title="Die Fähre legt ab"))
    make_pick(digest=digest, slot="briefs", article=make_article(title="Der Kran dreht sich"))
    return digest


@pytest.fixture
def jonas(db: None) -> Client:
    return person("jonas", "Redaktion")


def schedule(digest: Digest) -> None:
    """Two colleagues take it from the draft to the schedule."""
    act(person("petra", "Redaktion"), digest, "propose")
    aylin = person("aylin", "Abnahme")
    act(aylin, digest, "approve", proof=1)
    tomorrow = clock.now() + dt.timedelta(days=1)
    act(aylin, digest, "schedule", when=f"{tomorrow:%Y-%m-%dT%H:%M}")


def state_of(digest: Digest) -> tuple[str, bool]:
    digest.refresh_from_db()
    return digest.state, digest.scheduled_at is not None


def list_form(page: str, act: str) -> dict[str, Any]:
    """What the list's first form for this act carries along."""
    form = page[page.index(f'/{act}/">') :].split("</form>")[0]
    return {
        name: unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    }


def test_a_page_that_saves_by_itself_does_not_undo_a_schedule_it_never_showed(
    jonas: Client, digest: Digest
) -> None:
    seen = sent_by(page(jonas, digest))
    schedule(digest)

    answer = jonas.post(page_of(digest), seen | {"note": "Guten Morgen"}, headers=JSON)

    assert (answer.status_code, answer.json()["saved"]) == (409, False)
    assert answer.json()["message"].startswith(WENT_ON)
    assert state_of(digest) == (DigestState.SCHEDULED, True)
    assert digest.note == ""


def test_a_save_that_changes_nothing_undoes_nothing_and_is_no_trouble(jonas: Client, digest: Digest) -> None:
    seen = sent_by(page(jonas, digest))
    schedule(digest)

    answer = jonas.post(page_of(digest), seen, headers=JSON)

    assert answer.json()["saved"] is True
    assert state_of(digest) == (DigestState.SCHEDULED, True)
    assert jonas.post(page_of(digest), seen | {"note": "Neu"}, headers=JSON).status_code == 409


def test_the_form_comes_back_with_what_was_typed_and_saves_once_it_has_shown_the_schedule(
    jonas: Client, digest: Digest
) -> None:
    seen = sent_by(page(jonas, digest))
    schedule(digest)

    asked = post(jonas, digest, seen, note="Guten Morgen")

    assert WENT_ON in asked
    assert "Goes out" in asked
    assert state_of(digest) == (DigestState.SCHEDULED, True)
    data = sent_by(asked)
    assert data["note"] == "Guten Morgen"
    assert "Saved." in post(jonas, digest, data)
    assert state_of(digest) == (DigestState.DRAFT, False)
    assert digest.note == "Guten Morgen"


def test_what_a_colleague_changed_before_it_went_on_is_not_overwritten_either(
    jonas: Client, digest: Digest
) -> None:
    seen = sent_by(page(jonas, digest))
    post(person("ute", "Redaktion"), digest, seen, subject="Von Ute")
    schedule(digest)

    asked = post(jonas, digest, seen, note="Von Jonas")
    assert WENT_ON in asked
    answer = post(jonas, digest, sent_by(asked))

    assert "together with what others changed" in answer
    digest.refresh_from_db()
    assert (digest.subject, digest.note) == ("Von Ute", "Von Jonas")


def test_a_field_that_cannot_be_saved_does_not_hide_that_the_digest_went_on(
    jonas: Client, digest: Digest
) -> None:
    seen = sent_by(page(jonas, digest))
    schedule(digest)

    asked = post(jonas, digest, seen, subject="Neu " * 60)

    assert WENT_ON in asked
    assert "Please mend what is marked." in asked


@pytest.mark.parametrize("state", ["", "scheduled?", "handed_over", None])
def test_a_form_that_does_not_say_what_it_showed_counts_as_a_drafts(
    state: str | None, jonas: Client, digest: Digest
) -> None:
    schedule(digest)
    seen = sent_by(page(jonas, digest))
    seen.pop("state")

    post(jonas, digest, seen | ({} if state is None else {"state": state}), note="Neu")

    assert state_of(digest) == (DigestState.SCHEDULED, True)


def test_a_list_that_never_showed_the_schedule_picks_nothing(jonas: Client, digest: Digest) -> None:
    article = make_article(first_seen_at=digest.window_start)
    carried = list_form(page(jonas, digest), "pick")
    schedule(digest)
    url = reverse("admin:digests_digest_pick", args=[digest.pk])

    answer = jonas.post(url, carried | {"slot": "more"}, follow=True).content.decode()

    assert WENT_ON in answer
    assert state_of(digest) == (DigestState.SCHEDULED, True)
    assert not digest.picks.filter(article=article).exists()
    jonas.post(url, list_form(answer, "pick") | {"slot": "more"})
    assert state_of(digest) == (DigestState.DRAFT, False)
    assert digest.picks.filter(article=article).exists()


def test_an_address_pasted_into_a_list_that_never_showed_the_schedule_is_not_picked(
    jonas: Client, digest: Digest
) -> None:
    address = f"{settings.SITE_URL}{reverse('article', args=[make_article().slug])}"
    carried = list_form(page(jonas, digest), "take")
    schedule(digest)

    url = reverse("admin:digests_digest_take", args=[digest.pk])
    answer = jonas.post(url, carried | {"slot": "more", "address": address}, follow=True).content.decode()

    assert WENT_ON in answer
    assert state_of(digest) == (DigestState.SCHEDULED, True)


def test_a_history_that_never_showed_the_schedule_restores_nothing(jonas: Client, digest: Digest) -> None:
    post(jonas, digest, sent_by(page(jonas, digest)), subject="Neu")
    history = reverse("admin:digests_digest_versions", args=[digest.pk])
    restore = reverse("admin:digests_digest_restore", args=[digest.pk])
    stale = list_form(jonas.get(history).content.decode(), "restore")
    schedule(digest)

    answer = jonas.post(restore, stale, follow=True).content.decode()

    assert WENT_ON in answer
    assert state_of(digest) == (DigestState.SCHEDULED, True)
    jonas.post(restore, list_form(jonas.get(history).content.decode(), "restore"))
    assert state_of(digest) == (DigestState.DRAFT, False)
    assert digest.subject == "Die Fähre fährt wieder"


def test_a_digest_is_not_skipped_by_a_page_that_never_showed_its_schedule(
    jonas: Client, digest: Digest
) -> None:
    schedule(digest)

    assert WENT_ON in act(jonas, digest, "skip", because="Zu wenig", state="draft")
    assert state_of(digest) == (DigestState.SCHEDULED, True)
    assert "Skipped" in act(jonas, digest, "skip", because="Zu wenig")


@pytest.mark.parametrize("name", ["schedule", "send"])
def test_what_was_approved_anew_is_not_sent_by_a_page_that_never_showed_it(
    name: str, jonas: Client, digest: Digest
) -> None:
    aylin = person("aylin", "Abnahme")
    act(jonas, digest, "propose")
    act(aylin, digest, "approve", proof=1)
    stale = list_form(page(aylin, digest), name)
    post(jonas, digest, sent_by(page(jonas, digest)), subject="Neu")
    act(jonas, digest, "propose")
    act(aylin, digest, "approve", proof=2)
    url = reverse("admin:digests_digest_act", args=[digest.pk, name])
    when = {"when": "2098-12-01T06:00"}

    assert "reload it and try again" in aylin.post(url, stale | when, follow=True).content.decode()
    assert state_of(digest) == (DigestState.APPROVED, False)
    aylin.post(url, list_form(page(aylin, digest), name) | when)
    assert state_of(digest) == (DigestState.SCHEDULED, True)


def test_who_saw_a_later_state_than_the_digest_has_now_just_saves(jonas: Client, digest: Digest) -> None:
    schedule(digest)
    seen = sent_by(page(jonas, digest))
    act(jonas, digest, "stop")

    assert "Saved." in post(jonas, digest, seen, note="Neu")
