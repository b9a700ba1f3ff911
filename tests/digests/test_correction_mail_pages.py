"""The pages of correction mails: each step by its button, and nobody's words under somebody else's."""

import html

import pytest
from django.urls import reverse

from digests import correcting
from digests.models import CorrectionMail, DigestMailing, Proof
from digests.states import MailingKind
from tests.digests.factories import DAY, make_user
from tests.digests.test_after_pages import as_of, page, sentences, staff, url
from tests.digests.test_correcting import hold, make_approved_correction, make_correction, make_sent
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def test_a_correction_mail_is_written_proofed_approved_and_sent_by_buttons() -> None:
    editor, _ = staff("Redaktion", "thea")
    approver, _ = staff("Abnahme", "jonas")
    digest = make_sent(readers=3)

    editor.post(url("corrections", digest), {"subject": "Sie legt um sieben ab", "text": "Nicht um acht."})
    one = CorrectionMail.objects.get()
    first = as_of(page(editor, url("correction", digest, one.pk)))
    editor.post(url("correction", digest, one.pk), first | {"subject": "Um sieben", "text": "Nicht um acht."})
    editor.post(
        url("correction_propose", digest, one.pk), as_of(page(editor, url("correction", digest, one.pk)))
    )
    approver.post(url("correction_approve", digest, one.pk))
    ready = page(approver, url("correction", digest, one.pk))
    approver.post(url("correction_send", digest, one.pk))
    again = approver.post(url("correction_send", digest, one.pk), follow=True)

    assert "Send to 3 readers" in ready
    assert "sent already" in html.unescape(again.content.decode())
    bound = DigestMailing.objects.get(kind=MailingKind.CORRECTION)
    assert bound.mailing.title == "Correction: Um sieben"
    assert len(sentences()) == 5
    assert "handed over" in sentences()[-1]


def test_a_correction_mail_that_somebody_rewrote_meanwhile_is_neither_overwritten_nor_proofed() -> None:
    browser, _ = staff("Redaktion")
    digest, one = (made := make_correction()).digest, made.pk
    before = as_of(page(browser, url("correction", digest, one)))
    typed = {"subject": "Um sechs", "text": "Sie legt um sechs ab."}
    browser.post(url("correction", digest, one), before | {"subject": "Um sieben", "text": "Um **sieben**."})

    answer = browser.post(url("correction", digest, one), before | typed)
    proofed = browser.post(url("correction_propose", digest, one), before, follow=True)

    shown = html.unescape(answer.content.decode())
    assert answer.status_code == 409
    assert "Sie legt um sechs ab.</textarea>" in shown
    for told in (shown, html.unescape(proofed.content.decode())):
        assert "Somebody else has changed these words meanwhile" in told
        assert "Correction: Um sieben" in told
    made.refresh_from_db()
    assert (made.subject, made.text) == ("Um sieben", "Um **sieben**.")
    assert not Proof.objects.filter(correction=made).exists()

    browser.post(url("correction", digest, one), as_of(shown) | typed)
    made.refresh_from_db()
    assert made.text == "Sie legt um sechs ab."


def test_words_typed_while_somebody_proofed_the_correction_mail_are_still_there_to_copy() -> None:
    browser, _ = staff("Redaktion")
    digest, one = (made := make_correction()).digest, made.pk
    before = as_of(page(browser, url("correction", digest, one)))
    correcting.propose(made, by=make_user(), at=NOON + DAY)

    answer = browser.post(
        url("correction", digest, one), before | {"subject": "Um sechs", "text": "Um sechs."}
    )

    shown = html.unescape(answer.content.decode())
    assert answer.status_code == 409
    assert "is proofed and can no longer be changed" in shown
    assert "Um sechs.</textarea>" in shown
    assert 'name="as_of"' not in page(browser, url("correction", digest, one))


def test_while_copies_are_held_the_page_leads_there_and_offers_no_sending() -> None:
    browser, _ = staff("Abnahme")
    digest = make_sent(readers=3)
    main = DigestMailing.objects.get().mailing
    one = make_approved_correction(digest)
    hold(main, copies=1)

    shown = page(browser, url("correction", digest, one.pk))
    answer = browser.post(url("correction_send", digest, one.pk), follow=True)

    assert url("correction_send", digest, one.pk) not in shown
    assert reverse("admin:delivery_mailing_held", args=[main.pk]) in shown
    for told in (shown, html.unescape(answer.content.decode())):
        assert "decide about the held copies first" in told
    assert not DigestMailing.objects.filter(kind=MailingKind.CORRECTION).exists()


def test_whoever_proposed_it_is_not_offered_to_approve_and_cannot() -> None:
    browser, user = staff("Abnahme")
    digest = make_sent()
    one = make_correction(digest)
    correcting.propose(one, by=user, at=NOON + DAY)

    shown = page(browser, url("correction", digest, one.pk))
    answer = browser.post(url("correction_approve", digest, one.pk), follow=True)

    assert url("correction_approve", digest, one.pk) not in shown
    assert "a second person must" in html.unescape(answer.content.decode())
    assert not hasattr(Proof.objects.get(correction=one), "approval")


def test_what_was_returned_is_written_anew_from_the_same_words() -> None:
    browser, _ = staff("Abnahme")
    digest = make_sent()
    one = make_correction(digest)
    correcting.propose(one, by=make_user(), at=NOON + DAY)

    browser.post(url("correction_return", digest, one.pk), {"because": "Zu lang."})

    assert "Returned: Zu lang." in page(browser, url("correction", digest, one.pk))
    assert one.text in page(browser, f"{url('corrections', digest)}?from={one.pk}")


@pytest.mark.parametrize("number", ["", "x", "999999", "9" * 40])
def test_a_strange_number_to_write_anew_from_is_no_error(number: str) -> None:
    browser, _ = staff("Abnahme")

    page(browser, f"{url('corrections', make_sent())}?from={number}")


def test_the_mail_in_the_frame_can_do_nothing() -> None:
    browser, _ = staff("Lesend")
    digest = make_sent()

    answer = browser.get(url("correction_mail", digest, make_correction(digest).pk))

    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "/u/" not in answer.content.decode()


def test_the_composer_shows_the_digests_own_proofs_and_not_those_of_its_corrections() -> None:
    browser, _ = staff("Abnahme")
    correction = make_correction()
    digest, number = correction.digest, correcting.propose(correction, by=make_user(), at=NOON + DAY).number

    text = page(browser, url("change", digest))

    assert url("proof", digest, 1) in text
    assert url("proof", digest, number) not in text
    for name in ("proof", "proof_mail"):
        assert browser.get(url(name, digest, 1)).status_code == 200
        assert browser.get(url(name, digest, number)).status_code == 404
