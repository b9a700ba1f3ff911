"""Correction mails: a second person always, once only, to those who got the digest and still want mail."""

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from digests import correcting, workflow
from digests.archive import published, web_version
from digests.delivery import freezing, held, ledger, recipients
from digests.delivery.errors import NotHeld
from digests.delivery.models import Batch, Delivery, Mailing
from digests.delivery.states import BatchState, DeliveryState, MailingState
from digests.errors import (
    CorrectionRefused,
    DigestError,
    EditConflict,
    SecondPersonNeeded,
    StaleProof,
    WentOn,
    WrongState,
)
from digests.models import Approval, CorrectionMail, Digest, DigestMailing, Plan, Proof
from digests.states import DigestState, MailingKind
from newsroom.articles.models import Correction
from newsroom.mail.slots import slot_names
from subscriptions import consent
from subscriptions.states import Cadence
from tests.digests.delivery.factories import make_readers
from tests.digests.factories import DAY, HOUR, make_handed_over, make_planned, make_ready, make_user
from tests.factories import NOON, make_author, make_digest, make_subscription
from tests.newsroom.articles.factories import make_picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

LATER = NOON + DAY


def make_sent(readers: int = 4, **values: Any) -> Digest:
    """A digest whose copies were all accepted."""
    newsletter = make_planned().newsletter
    make_readers(newsletter, readers)
    digest = make_handed_over(newsletter, **values)
    mailing = freezing.freeze(Mailing.objects.get().pk, at=NOON)
    ledger.of_mailing(mailing.pk).update(state=DeliveryState.ACCEPTED)
    Mailing.objects.filter(pk=mailing.pk).update(state=MailingState.FINISHED, accepted=readers)
    return digest


def make_correction(digest: Digest | None = None, **values: Any) -> CorrectionMail:
    words = {"subject": "Die Fähre legt um sieben ab", "text": "Wir schrieben **acht**. Richtig ist sieben."}
    return correcting.write(digest or make_sent(), **words | values, by=make_user(), at=LATER)


def make_approved_correction(digest: Digest | None = None) -> CorrectionMail:
    correction = make_correction(digest)
    proof = correcting.propose(correction, by=make_user(), at=LATER)
    correcting.approve(proof, by=make_user(), at=LATER)
    return correction


def readers_of(mailing: Mailing) -> list[int]:
    return list(ledger.of_mailing(mailing.pk).order_by("pk").values_list("subscription_id", flat=True))


def test_a_correction_mail_goes_from_the_desk_to_the_engine() -> None:
    digest = make_sent(readers=4)
    correction = make_correction(digest)
    proof = correcting.propose(correction, by=make_user(), at=LATER)
    correcting.approve(proof, by=make_user(), at=LATER)

    mailing = correcting.hand_over(correction, at=LATER)

    bound = DigestMailing.objects.get(mailing=mailing)
    assert (bound.digest, bound.proof, bound.kind) == (digest, proof, MailingKind.CORRECTION)
    assert mailing.title == "Correction: Die Fähre legt um sieben ab"
    assert readers_of(freezing.freeze(mailing.pk, at=LATER)) == readers_of(Mailing.objects.order_by("pk")[0])


@pytest.mark.parametrize("needs_four_eyes", [True, False])
def test_it_takes_a_second_person_even_where_the_plan_allows_one(needs_four_eyes: bool) -> None:
    digest = make_sent()
    Plan.objects.update(needs_four_eyes=needs_four_eyes)
    jonas = make_user("jonas")
    proof = correcting.propose(make_correction(digest), by=jonas, at=LATER)

    with pytest.raises(SecondPersonNeeded):
        correcting.approve(proof, by=jonas, at=LATER)

    assert not Approval.objects.filter(proof=proof).exists()


def test_what_is_approved_is_what_is_sent() -> None:
    correction = make_approved_correction()
    proof = Proof.objects.get(correction=correction)

    mailing = correcting.hand_over(correction, at=LATER)

    assert mailing.renditions.get().rendition == proof.renditions.get().rendition
    with pytest.raises(CorrectionRefused, match="proofed"):
        correcting.rewrite(correction, subject="Anders", text="Anders", by=make_user(), at=LATER)


@pytest.mark.parametrize("step", ["written", "proposed", "returned"])
def test_what_is_not_approved_is_not_sent(step: str) -> None:
    correction = make_correction()
    if step != "written":
        proof = correcting.propose(correction, by=make_user(), at=LATER)
        if step == "returned":
            correcting.return_proof(proof, by=make_user(), because="Zu lang.", at=LATER)

    with pytest.raises(CorrectionRefused, match="not approved"):
        correcting.hand_over(correction, at=LATER)

    assert Mailing.objects.count() == 1


def test_a_correction_mail_is_handed_over_once() -> None:
    correction = make_approved_correction()
    correcting.hand_over(correction, at=LATER)

    with pytest.raises(CorrectionRefused, match="already"):
        correcting.hand_over(correction, at=LATER)

    assert DigestMailing.objects.filter(kind=MailingKind.CORRECTION).count() == 1
    assert Mailing.objects.count() == 2


def test_the_database_itself_refuses_a_second_proof_and_a_second_mailing() -> None:
    correction = make_approved_correction()
    proof = Proof.objects.get(correction=correction)
    correcting.hand_over(correction, at=LATER)
    spare = Mailing.objects.create(
        newsletter=proof.digest.newsletter, title="", audience={}, envelope={}, provider="main",
        late_limit_seconds=1, created_at=NOON, active_at=NOON,
    )  # fmt: skip

    with pytest.raises(IntegrityError), transaction.atomic():
        DigestMailing.objects.create(
            digest=proof.digest, mailing=spare, proof=proof, kind=MailingKind.CORRECTION
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Proof.objects.create(
            digest=proof.digest, correction=correction, number=99, digest_version=1, proposed_at=NOON
        )


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_who_send_at_once_make_one_mailing() -> None:
    correction = make_approved_correction()
    refusals, failures = [], []
    barrier = threading.Barrier(3)

    def send() -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=10)
            correcting.hand_over(correction, at=LATER)
        except DigestError as error:
            refusals.append(error)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert failures == []
    assert len(refusals) == 2
    assert DigestMailing.objects.filter(kind=MailingKind.CORRECTION).count() == 1


def test_only_who_got_the_digest_and_still_wants_mail_gets_the_correction() -> None:
    digest = make_sent(readers=8)
    main = DigestMailing.objects.get().mailing
    copies = list(ledger.of_mailing(main.pk).order_by("pk"))
    states = [DeliveryState.REJECTED, DeliveryState.SKIPPED, DeliveryState.CANCELLED, DeliveryState.HELD]
    for copy, state in zip(copies, states, strict=False):
        Delivery.objects.filter(pk=copy.pk).update(state=state)
    left, weekly, paused, stays = (copy.subscription for copy in copies[4:])
    consent.unsubscribe(left, how="/u/", network_address=None, at=LATER)
    type(weekly).objects.filter(pk=weekly.pk).update(cadence=Cadence.WEEKLY)
    type(paused).objects.filter(pk=paused.pk).update(paused_until=LATER + DAY)
    make_subscription(newsletter=digest.newsletter)  # who came later never read the mistake
    correction = make_approved_correction(digest)

    number = correcting.recipients_of(digest, at=LATER)
    mailing = freezing.freeze(correcting.hand_over(correction, at=LATER).pk, at=LATER)

    assert number == 2
    may_have = copies[3].subscription_id
    assert readers_of(mailing) == [may_have, stays.pk]


def hold(main: Mailing, copies: int) -> Batch:
    """The first copies of the mailing are held."""
    ledger.of_numbers(main.pk, range(copies)).update(state=DeliveryState.HELD)
    Batch.objects.filter(mailing=main).delete()
    Mailing.objects.filter(pk=main.pk).update(state=MailingState.FINISHED_WITH_HELD, held=copies)
    return Batch.objects.create(
        mailing=main, lo=0, hi=copies, size=copies, held=copies, state=BatchState.HELD,
        not_before=NOON, provider="main",
    )  # fmt: skip


@pytest.mark.parametrize("decide", [held.mark_accepted, held.leave])
def test_held_copies_are_decided_before_a_correction_goes_out_and_their_readers_are_told(
    decide: Callable[..., object],
) -> None:
    digest = make_sent(readers=5)
    main = DigestMailing.objects.get().mailing
    batch = hold(main, copies=2)
    correction = make_approved_correction(digest)

    with pytest.raises(CorrectionRefused, match="decide about the held copies first"):
        correcting.hand_over(correction, at=LATER)
    undecided = correcting.undecided(digest)
    decide(batch, by=make_user(), because="Das Protokoll sagt nichts.", at=LATER)
    mailing = freezing.freeze(correcting.hand_over(correction, at=LATER).pk, at=LATER)

    assert (undecided, correcting.undecided(digest)) == (main, None)
    assert len(readers_of(mailing)) == 5


def test_what_was_left_held_is_sent_again_only_when_its_readers_were_counted_for_the_correction() -> None:
    digest = make_sent(readers=3)
    batch = hold(DigestMailing.objects.get().mailing, copies=2)
    user = make_user()
    held.leave(batch, by=user, because="Das Protokoll sagt nichts.", at=LATER)
    made = correcting.hand_over(make_approved_correction(digest), at=LATER)

    with pytest.raises(NotHeld):
        held.send_again(batch, by=user, because="Sie fehlen doch.", at=LATER)
    mailing = freezing.freeze(made.pk, at=LATER)
    held.send_again(batch, by=user, because="Sie fehlen doch.", at=LATER)

    assert len(readers_of(mailing)) == 3


@pytest.mark.parametrize("page_rows", [1, 3, 100])
def test_a_restricted_freeze_walks_its_pages_like_any_other(page_rows: int) -> None:
    digest = make_sent(readers=12)
    main = DigestMailing.objects.get().mailing
    wanted = [copy for copy in ledger.of_mailing(main.pk).order_by("pk") if copy.seq % 4 == 3]
    ledger.of_mailing(main.pk).exclude(pk__in=[copy.pk for copy in wanted]).update(
        state=DeliveryState.REJECTED
    )
    made = correcting.hand_over(make_approved_correction(digest), at=LATER)

    mailing = freezing.freeze(made.pk, at=LATER, page_rows=page_rows)

    assert readers_of(mailing) == [copy.subscription_id for copy in wanted]
    assert (mailing.frozen, mailing.state) == (3, MailingState.READY)


def test_another_mailing_s_copies_count_for_nothing() -> None:
    digest, other = make_sent(readers=3), Mailing.objects.get()
    made = freezing.freeze(correcting.hand_over(make_approved_correction(digest), at=LATER).pk, at=LATER)

    assert recipients.count(recipients.of_those_who_had(made), at=LATER) == 0
    assert recipients.count(recipients.of_those_who_had(other), at=LATER) == 3


@pytest.mark.parametrize("state", ["freezing", "ready", "sending", "paused"])
def test_nothing_is_sent_while_the_digest_itself_is_on_its_way(state: str) -> None:
    correction = make_approved_correction()
    Mailing.objects.update(state=state)

    with pytest.raises(CorrectionRefused, match="still being sent"):
        correcting.hand_over(correction, at=LATER)


def test_nothing_is_sent_once_it_is_forgotten_who_got_the_digest() -> None:
    correction = make_approved_correction()
    Mailing.objects.update(account={})

    with pytest.raises(CorrectionRefused, match="no longer kept"):
        correcting.hand_over(correction, at=LATER)

    assert Mailing.objects.count() == 1


def test_the_mail_has_the_digest_s_frame_and_the_reader_s_own_links() -> None:
    author = make_author(name="Ada Beispiel", portrait=make_picture())
    digest = make_sent(note="Guten Morgen", note_author=author)
    correction = make_correction(digest, text="Wir schrieben **acht**.\n\n<script>alert(1)</script>")

    rendered = correcting.render(correction)

    assert rendered.subject == "Correction: Die Fähre legt um sieben ab"
    assert slot_names(rendered.html) >= {"leave_url", "manage_url"}
    assert slot_names(rendered.text) >= {"leave_url", "manage_url"}
    assert re.search(r"<strong[^>]*>acht</strong>", rendered.html)
    assert "<script" not in rendered.html
    assert digest.newsletter.name.replace("&", "&amp;") in rendered.html
    for part in (rendered.html, rendered.text):
        assert "Guten Morgen" not in part
        assert "Ada Beispiel" not in part
        assert digest.get_absolute_url() in part


@pytest.mark.parametrize("state", [DigestState.DRAFT, DigestState.SCHEDULED, DigestState.SKIPPED])
def test_before_a_digest_went_out_there_is_nothing_to_correct(state: DigestState) -> None:
    digest = make_ready()
    digest.state = state

    with pytest.raises(CorrectionRefused):
        make_correction(digest)


@pytest.mark.parametrize("words", [{"subject": "  "}, {"text": "\n "}])
def test_a_correction_mail_needs_words(words: dict[str, Any]) -> None:
    with pytest.raises(CorrectionRefused, match="subject and a text"):
        make_correction(**words)


def test_a_decided_proof_is_not_decided_again() -> None:
    proof = correcting.propose(make_correction(), by=make_user(), at=LATER)
    correcting.return_proof(proof, by=make_user(), because="Zu lang.", at=LATER)

    with pytest.raises(CorrectionRefused):
        correcting.approve(proof, by=make_user(), at=LATER)
    with pytest.raises(CorrectionRefused):
        correcting.return_proof(proof, by=make_user(), because="Doch.", at=LATER)
    with pytest.raises(CorrectionRefused, match="proofed already"):
        correcting.propose(proof.correction, by=make_user(), at=LATER)  # type: ignore[arg-type]  # it has one


def page_of(digest: Digest) -> str:
    return web_version(published(Digest.objects.filter(pk=digest.pk))).body


def test_a_correction_s_proof_stands_for_nothing_in_the_digest_s_own_way() -> None:
    digest = make_sent()
    before = page_of(digest)
    proof = Proof.objects.get(correction=make_approved_correction(digest))

    assert page_of(digest) == before
    with pytest.raises((StaleProof, WrongState)):
        workflow.approve(proof, by=make_user(), at=LATER)


def test_a_correction_in_the_next_digest_stands_beside_the_article_and_in_the_draft_s_note() -> None:
    digest = make_sent()
    draft = make_digest(newsletter=digest.newsletter, window_end=NOON + 3 * DAY, note="Guten Morgen.")
    pick = digest.picks.get()
    assert correcting.next_draft(digest) == draft

    correcting.correct(pick, text=" Sie legt um sieben ab. ", draft=draft, by=make_user("jonas"), at=LATER)

    draft.refresh_from_db()
    made = Correction.objects.get()
    assert (made.article, made.text, made.made_by) == (pick.article, "Sie legt um sieben ab.", "jonas")
    assert draft.versions.get(number=2).made_by == User.objects.get(username="jonas")
    assert draft.note.startswith("Guten Morgen.\n\n**")
    assert f"“{pick.article.title}”" in draft.note
    assert draft.note.endswith("Sie legt um sieben ab.")
    assert draft.version == 2
    assert "Sie legt um sieben ab." in page_of(digest)


def test_a_draft_that_somebody_edits_meanwhile_leaves_the_article_uncorrected() -> None:
    digest = make_sent()
    draft = make_digest(newsletter=digest.newsletter, window_end=NOON + 3 * DAY)
    Digest.objects.filter(pk=draft.pk).update(version=7)

    with pytest.raises(EditConflict):
        correcting.correct(digest.picks.get(), text="Sieben.", draft=draft, by=make_user(), at=LATER)

    assert not Correction.objects.exists()


def test_a_draft_that_is_proofed_meanwhile_leaves_the_article_uncorrected() -> None:
    digest = make_sent()
    draft = make_digest(newsletter=digest.newsletter, window_end=NOON + 3 * DAY)
    Digest.objects.filter(pk=draft.pk).update(state=DigestState.PROOFED)

    with pytest.raises(WentOn):
        correcting.correct(digest.picks.get(), text="Sieben.", draft=draft, by=make_user(), at=LATER)

    assert not Correction.objects.exists()
    assert Digest.objects.get(pk=draft.pk).state == DigestState.PROOFED


@pytest.mark.parametrize("state", [DigestState.PROOFED, DigestState.APPROVED, DigestState.SCHEDULED])
def test_a_digest_that_somebody_has_read_for_approval_is_not_touched(state: DigestState) -> None:
    digest = make_sent()
    make_digest(
        newsletter=digest.newsletter, window_end=NOON + 3 * DAY, state=state, scheduled_at=NOON + 4 * DAY
    )

    assert correcting.next_draft(digest) is None


def test_a_correction_of_an_article_needs_words() -> None:
    with pytest.raises(CorrectionRefused):
        correcting.correct(make_sent().picks.get(), text=" ", draft=None, by=make_user(), at=NOON + HOUR)
