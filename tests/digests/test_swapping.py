"""The exchange at the last minute: the time stays wanted, and nothing goes out before somebody approves."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User

from digests import curation, swapping, underway, workflow
from digests.composer.wording import status
from digests.delivery.models import Mailing
from digests.errors import DigestError, EditConflict, NotReady, PickRefused, WrongState
from digests.models import Digest, Pick
from digests.states import DigestState, PickSource
from tests.digests.factories import HOUR, make_approved, make_scheduled, make_user
from tests.factories import NOON, make_article

pytestmark = pytest.mark.django_db

SIX = NOON + HOUR
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def digest() -> Digest:
    return make_scheduled(SIX, stories=3)


@pytest.fixture
def jonas() -> User:
    return make_user("jonas")


def exchange(digest: Digest, by: User, *, at: dt.datetime = SIX - 10 * MINUTE, slot: str = "lead") -> Pick:
    """Exchange the first story of a slot; the new pick."""
    article = make_article(title="Die Brücke ist gesperrt")
    pick = digest.picks.filter(slot=slot).order_by("position")[0]
    swapping.swap(pick, article, expected_version=digest.version, by=by, at=at)
    digest.refresh_from_db()
    return digest.picks.get(article=article)


def test_the_new_story_stands_where_the_old_one_stood(digest: Digest, jonas: User) -> None:
    new = exchange(digest, jonas, slot="briefs")

    assert (new.slot, new.position, new.source, new.added_by) == ("briefs", 0, PickSource.DESK, jonas)
    assert digest.picks.count() == 3


def test_the_countdown_holds_until_the_new_proof_is_approved(digest: Digest, jonas: User) -> None:
    exchange(digest, jonas)

    assert (digest.state, digest.scheduled_at, digest.wanted_at) == (DigestState.PROOFED, None, SIX)
    assert workflow.hand_over_due(SIX + MINUTE) == []
    assert not Mailing.objects.exists()


def test_one_approval_puts_it_back_at_the_same_time(digest: Digest, jonas: User) -> None:
    exchange(digest, jonas)

    workflow.approve(digest.proofs.first(), by=make_user(), at=SIX - 5 * MINUTE)  # type: ignore[arg-type]

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at, digest.wanted_at) == (DigestState.SCHEDULED, SIX, None)
    (mailing,) = workflow.hand_over_due(SIX)
    assert "Die Brücke ist gesperrt" in mailing.renditions.get().rendition.html


def test_an_approval_after_the_time_sends_at_once(digest: Digest, jonas: User) -> None:
    exchange(digest, jonas)

    workflow.approve(digest.proofs.first(), by=make_user(), at=SIX + 30 * MINUTE)  # type: ignore[arg-type]

    assert len(workflow.hand_over_due(SIX + 30 * MINUTE)) == 1


def test_an_approval_past_the_late_limit_waits_for_a_person(digest: Digest, jonas: User) -> None:
    exchange(digest, jonas)

    workflow.approve(digest.proofs.first(), by=make_user(), at=SIX + 3 * HOUR)  # type: ignore[arg-type]

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at, digest.wanted_at) == (DigestState.APPROVED, None, None)


def test_the_version_before_stays_on_record(digest: Digest, jonas: User) -> None:
    first = digest.proofs.get()
    old = digest.picks.get(slot="lead").article.title

    exchange(digest, jonas)

    newest, kept = digest.proofs.all()
    assert (kept, newest.number) == (first, first.number + 1)
    assert old in kept.renditions.get().rendition.html
    assert old not in newest.renditions.get().rendition.html


def test_whoever_exchanges_cannot_approve_it(digest: Digest, jonas: User) -> None:
    exchange(digest, jonas)

    with pytest.raises(DigestError):
        workflow.approve(digest.proofs.first(), by=jonas, at=SIX - MINUTE)  # type: ignore[arg-type]


def test_a_stop_while_it_waits_takes_the_time_away(digest: Digest, jonas: User) -> None:
    exchange(digest, jonas)
    workflow.stop(digest, by=jonas, at=SIX - MINUTE)

    workflow.approve(digest.proofs.first(), by=make_user(), at=SIX - MINUTE)  # type: ignore[arg-type]

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at, digest.wanted_at) == (DigestState.APPROVED, None, None)


def returned(digest: Digest) -> Digest:
    """Exchanged, and sent back by the second person ten minutes before."""
    exchange(digest, make_user())
    proof = digest.proofs.first()
    assert proof is not None
    workflow.return_proof(proof, by=make_user(), because="Falsches Bild.", at=SIX - 9 * MINUTE)
    return Digest.objects.get(pk=digest.pk)


def says(digest: Digest, *, at: dt.datetime) -> str:
    return status(digest, None, at=at, zone=ZoneInfo("Europe/Berlin"), newest=2)


@pytest.mark.usefixtures("in_english")
def test_what_was_returned_is_mended_approved_and_still_goes_out_at_its_time(
    digest: Digest, jonas: User
) -> None:
    draft = returned(digest)
    waits = underway.look(draft, at=SIX - 8 * MINUTE)
    assert waits is not None
    assert (waits.stage, waits.sends_at) == (underway.Stage.WAITS, SIX)
    assert says(draft, at=SIX - 8 * MINUTE).startswith("Draft. Proofed and approved anew, it goes out ")

    curation.edit_digest(draft, expected_version=draft.version, at=SIX - 8 * MINUTE, subject="Die Brücke")
    draft = Digest.objects.get(pk=draft.pk)
    assert says(draft, at=SIX - 8 * MINUTE).startswith("Draft. Proofed and approved anew, it goes out ")
    proof = workflow.propose(draft, by=jonas, at=SIX - 7 * MINUTE)
    waits = underway.look(draft, at=SIX - 6 * MINUTE)
    assert waits is not None
    assert waits.stage is underway.Stage.WAITS
    workflow.approve(proof, by=make_user(), at=SIX - 5 * MINUTE)

    draft.refresh_from_db()
    assert (draft.state, draft.scheduled_at, draft.wanted_at) == (DigestState.SCHEDULED, SIX, None)
    assert len(workflow.hand_over_due(SIX)) == 1


@pytest.mark.usefixtures("in_english")
def test_what_was_returned_and_not_mended_in_time_is_promised_no_time_any_more(
    digest: Digest, jonas: User
) -> None:
    draft, late = returned(digest), SIX + 3 * HOUR

    proof = workflow.propose(draft, by=jonas, at=late)
    assert underway.look(draft, at=late) is None
    assert "goes out" not in says(draft, at=late)
    workflow.approve(proof, by=make_user(), at=late)

    draft.refresh_from_db()
    assert (draft.state, draft.scheduled_at, draft.wanted_at) == (DigestState.APPROVED, None, None)


def test_an_edit_that_meets_a_stop_does_not_bring_the_time_back(digest: Digest, jonas: User) -> None:
    """The editor's page was made before somebody else stopped it."""
    seen = returned(digest)
    workflow.stop(Digest.objects.get(pk=digest.pk), by=make_user(), at=SIX - 8 * MINUTE)

    curation.edit_digest(seen, expected_version=seen.version, at=SIX - 7 * MINUTE, by=jonas, subject="Neu")

    assert Digest.objects.get().wanted_at is None


def test_an_exchange_that_meets_a_stop_does_not_bring_the_time_back(digest: Digest, jonas: User) -> None:
    """The editor's page still shows a countdown; somebody else has stopped it."""
    seen = digest.picks.get(slot="lead")
    workflow.stop(Digest.objects.get(pk=digest.pk), by=make_user(), at=SIX - 9 * MINUTE)

    with pytest.raises(WrongState):
        swapping.swap(seen, make_article(), expected_version=digest.version, by=jonas, at=SIX - 8 * MINUTE)

    digest.refresh_from_db()
    assert (digest.state, digest.wanted_at) == (DigestState.APPROVED, None)


def test_what_preflight_blocks_is_not_exchanged_and_the_old_one_goes_out(digest: Digest, jonas: User) -> None:
    old = digest.picks.get(slot="lead")
    secret = make_article(embargo_until=NOON + 9 * HOUR)

    with pytest.raises(NotReady):
        swapping.swap(old, secret, expected_version=digest.version, by=jonas, at=SIX - MINUTE)

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.SCHEDULED, SIX)
    assert digest.picks.get(slot="lead") == old
    assert len(workflow.hand_over_due(SIX)) == 1


def test_an_embargo_counts_by_the_time_the_exchange_comes_back_to(digest: Digest, jonas: User) -> None:
    """It is scheduled before the plan's time: what is free only then comes too late for it."""
    Digest.objects.update(due_at=SIX + 2 * HOUR)
    old = digest.picks.get(slot="lead")
    secret = make_article(embargo_until=SIX + HOUR)

    with pytest.raises(NotReady):
        swapping.swap(old, secret, expected_version=digest.version, by=jonas, at=SIX - MINUTE)

    assert len(workflow.hand_over_due(SIX)) == 1


def test_an_embargo_that_comes_after_the_exchange_is_told_to_whoever_approves(
    digest: Digest, jonas: User
) -> None:
    new = exchange(digest, jonas).article
    new.embargo_until = SIX + MINUTE
    new.save()

    with pytest.raises(NotReady):
        workflow.approve(digest.proofs.first(), by=make_user(), at=SIX - 5 * MINUTE)  # type: ignore[arg-type]

    digest.refresh_from_db()
    assert (digest.state, digest.wanted_at) == (DigestState.PROOFED, SIX)


def test_an_old_page_an_article_twice_and_a_withdrawn_one_are_refused(digest: Digest, jonas: User) -> None:
    lead, brief = digest.picks.get(slot="lead"), digest.picks.filter(slot="briefs")[0]
    at, version = SIX - MINUTE, digest.version

    with pytest.raises(EditConflict):
        swapping.swap(lead, make_article(), expected_version=version + 1, by=jonas, at=at)
    with pytest.raises(PickRefused):
        swapping.swap(lead, brief.article, expected_version=version, by=jonas, at=at)
    with pytest.raises(PickRefused):
        swapping.swap(lead, make_article(withdrawn_at=NOON), expected_version=version, by=jonas, at=at)

    digest.refresh_from_db()
    assert (digest.state, digest.version) == (DigestState.SCHEDULED, version)


def test_a_digest_without_a_time_is_simply_edited(jonas: User) -> None:
    digest = make_approved()

    with pytest.raises(WrongState):
        swapping.swap(digest.picks.get(), make_article(), expected_version=digest.version, by=jonas, at=NOON)


def test_it_can_be_exchanged_again_while_it_waits(digest: Digest, jonas: User) -> None:
    exchange(digest, jonas)

    lead = digest.picks.get(slot="lead")
    swapping.swap(lead, make_article(), expected_version=digest.version, by=jonas, at=SIX - 7 * MINUTE)

    digest.refresh_from_db()
    assert (digest.state, digest.wanted_at) == (DigestState.PROOFED, SIX)
