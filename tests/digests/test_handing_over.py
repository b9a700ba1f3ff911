"""The hand-over: what was approved, to whom it belongs, once."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from digests import workflow
from digests.composer.wording import status
from digests.delivery.models import Mailing
from digests.errors import EditConflict, NotReady, TooLate, WrongState
from digests.models import Digest, DigestMailing
from digests.states import DigestState, MailingKind
from newsroom.mail.models import Incident, Letter
from newsroom.mail.notices import tell_staff
from newsroom.mail.states import LetterKind
from newsroom.mail.wire import Envelope
from subscriptions.models import Newsletter
from subscriptions.states import NewsletterState
from tests.digests.factories import (
    DAY,
    HOUR,
    MONDAY_SIX,
    make_approved,
    make_colleague,
    make_handed_over,
    make_planned,
    make_scheduled,
    make_user,
)
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

LATE = dt.timedelta(seconds=settings.DELIVERY_LATE_LIMIT_SECONDS)


def test_the_mailing_carries_the_approved_rendition_the_sender_and_the_audience() -> None:
    digest = make_scheduled(subject="Die Fähre fährt")

    mailing = workflow.hand_over(digest, at=NOON + HOUR)

    proof = digest.proofs.get()
    envelope = Envelope.from_json(mailing.envelope)
    assert mailing.renditions.get().rendition == proof.renditions.get().rendition
    assert (mailing.title, mailing.newsletter) == ("Die Fähre fährt", digest.newsletter)
    assert mailing.audience["newsletter"] == digest.newsletter_id
    assert (envelope.kind, envelope.from_address) == ("digest", "post@news.example.org")
    assert envelope.list_id == f"{digest.newsletter.list_id_label}.news.example.org"
    assert envelope.archive_url == f"https://news.example.org/newsletters/{digest.newsletter.slug}/"
    bound = DigestMailing.objects.get()
    assert (bound.digest, bound.proof, bound.kind) == (digest, proof, MailingKind.MAIN)
    assert (digest.state, digest.handed_over_at) == (DigestState.HANDED_OVER, NOON + HOUR)


@pytest.mark.parametrize("state", [NewsletterState.DRAFT, NewsletterState.PAUSED, NewsletterState.RETIRED])
def test_a_newsletter_at_rest_sends_nothing_that_was_scheduled_before(state: NewsletterState) -> None:
    digest = make_scheduled()
    Newsletter.objects.update(state=state)
    told = status(Digest.objects.get(), None, at=NOON, zone=ZoneInfo("Europe/Berlin"), newest=1)

    assert workflow.hand_over_due(NOON + HOUR) == []

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.APPROVED, None)
    assert "The newsletter is not active" in told
    assert "The newsletter is not active" in Incident.objects.get(key=f"digests.not_sent.{digest.pk}").text
    assert not Mailing.objects.exists()


def test_a_newsletter_paused_while_its_digest_is_looked_at_sends_nothing() -> None:
    make_scheduled()
    digest = Digest.objects.with_frame().get()
    Newsletter.objects.update(state=NewsletterState.PAUSED)

    with pytest.raises(NotReady, match="not active"):
        workflow.hand_over(digest, at=NOON + HOUR)

    assert not Mailing.objects.exists()


def test_nothing_of_a_newsletter_at_rest_is_put_on_the_schedule() -> None:
    digest = make_approved()
    Newsletter.objects.update(state=NewsletterState.PAUSED)

    with pytest.raises(NotReady, match="not active"):
        workflow.schedule(digest, when=NOON + HOUR, by=None, at=NOON)
    with pytest.raises(NotReady, match="not active"):
        workflow.send_now(Digest.objects.get(), by=None, at=NOON)

    assert Digest.objects.get().state == DigestState.APPROVED


def test_a_digest_is_handed_over_once() -> None:
    digest = make_scheduled()
    again = Digest.objects.get(pk=digest.pk)
    workflow.hand_over(digest, at=NOON + HOUR)

    with pytest.raises(WrongState):
        workflow.hand_over(again, at=NOON + HOUR)

    assert workflow.hand_over_due(NOON + HOUR) == []
    assert Mailing.objects.count() == 1


def test_the_database_itself_refuses_a_second_main_mailing() -> None:
    digest = make_handed_over()
    other = make_handed_over()

    with pytest.raises(IntegrityError), transaction.atomic():
        DigestMailing.objects.filter(digest=other).update(digest=digest)


def test_it_is_not_handed_over_before_its_time() -> None:
    digest = make_scheduled(NOON + HOUR)

    with pytest.raises(WrongState, match="later"):
        workflow.hand_over(digest, at=NOON)

    assert not Mailing.objects.exists()


def test_what_is_not_scheduled_is_not_handed_over() -> None:
    with pytest.raises(WrongState, match="Only a scheduled digest"):
        workflow.hand_over(make_approved(), at=NOON)


def test_an_edit_that_the_hand_over_did_not_see_stops_it() -> None:
    digest = make_scheduled()
    Digest.objects.filter(pk=digest.pk).update(version=2)

    with pytest.raises(EditConflict):
        workflow.hand_over(digest, at=NOON + HOUR)


def test_an_article_withdrawn_since_the_approval_blocks_the_hand_over() -> None:
    digest = make_scheduled()
    article = digest.picks.get().article
    article.withdrawn_at = NOON
    article.save()

    with pytest.raises(NotReady, match="withdrawn"):
        workflow.hand_over(digest, at=NOON + HOUR)
    assert workflow.hand_over_due(NOON + HOUR) == []

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.APPROVED, None)
    assert "withdrawn" in Incident.objects.get(key=f"digests.not_sent.{digest.pk}").text
    assert not Mailing.objects.exists()


def test_a_digest_up_to_the_late_limit_still_goes() -> None:
    make_scheduled(NOON + HOUR)

    assert len(workflow.hand_over_due(NOON + HOUR + LATE)) == 1


def test_a_later_one_is_approved_only_and_staff_are_told() -> None:
    digest = make_scheduled(NOON + HOUR)
    late = NOON + HOUR + LATE + dt.timedelta(seconds=1)

    with pytest.raises(TooLate):
        workflow.hand_over(digest, at=late)
    assert workflow.hand_over_due(late) == []

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.APPROVED, None)
    assert Incident.objects.open().filter(key=f"digests.not_sent.{digest.pk}").exists()
    assert workflow.hand_over_due(late + DAY) == []


def test_sending_it_after_all_closes_the_incident() -> None:
    digest = make_scheduled(NOON + HOUR)
    workflow.hand_over_due(NOON + HOUR + 2 * LATE)
    digest.refresh_from_db()

    workflow.send_now(digest, by=make_user(), at=NOON + DAY, grace_seconds=0)
    workflow.hand_over(digest, at=NOON + DAY)

    assert not Incident.objects.open().exists()


def test_a_second_failure_after_a_new_schedule_is_told_by_a_second_letter() -> None:
    make_colleague("betrieb", "Betrieb")
    digest = make_scheduled(NOON + HOUR)
    late = NOON + HOUR + 2 * LATE
    letters = []
    for failed_at in (late, late + 2 * DAY):
        workflow.hand_over_due(failed_at)
        tell_staff(failed_at)
        letters.append(Letter.objects.filter(kind=LetterKind.STAFF_NOTICE).count())
        digest.refresh_from_db()
        if failed_at == late:
            workflow.schedule(digest, when=late + DAY, by=make_user(), at=failed_at)
            assert not Incident.objects.open().exists()

    assert letters == [1, 2]
    assert Incident.objects.open().count() == 1


def test_a_schedule_that_is_refused_leaves_the_incident_open() -> None:
    digest = make_scheduled(NOON + HOUR)
    workflow.hand_over_due(NOON + HOUR + 2 * LATE)
    digest.refresh_from_db()
    article = digest.picks.get().article
    article.embargo_until = NOON + 9 * DAY
    article.save()

    with pytest.raises(NotReady):
        workflow.send_now(digest, by=make_user(), at=NOON + DAY)

    assert Incident.objects.open().exists()


def test_one_digest_s_trouble_does_not_hold_up_the_others() -> None:
    blocked, fine = make_scheduled(NOON + HOUR), make_scheduled(NOON + HOUR)
    article = blocked.picks.get().article
    article.withdrawn_at = NOON
    article.save()

    mailings = workflow.hand_over_due(NOON + HOUR)

    assert [mailing.newsletter for mailing in mailings] == [fine.newsletter]


def test_the_newsletter_shows_its_latest_digest_and_the_next_time() -> None:
    plan = make_planned()

    digest = make_handed_over(plan.newsletter, subject="Die Fähre fährt", at=NOON)

    plan.newsletter.refresh_from_db()
    assert plan.newsletter.latest_url == digest.get_absolute_url()
    assert plan.newsletter.latest_title == "Die Fähre fährt"
    assert plan.newsletter.next_at == MONDAY_SIX + DAY


def test_a_freeze_is_woken_once_the_hand_over_is_committed(
    django_capture_on_commit_callbacks: object,
) -> None:
    digest = make_scheduled()

    with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[operator]
        workflow.hand_over(digest, at=NOON + HOUR)

    assert callbacks
