"""What can be done when something in a digest that went out was wrong, beyond mending its links and its archive page.

A correction mail goes the way of a digest: written, proofed, approved, handed over. It always needs a second person,
whatever the plan allows, and it is handed over once, to those who got the digest, or may have, and still want mail.
"""

import textwrap
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from digests import curation
from digests.delivery import freezing, held, recipients, renditions
from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from digests.envelopes import correction_envelope_of
from digests.errors import CorrectionRefused, SecondPersonNeeded, WordsChanged
from digests.models import Approval, CorrectionMail, Digest, DigestMailing, Pick, Proof, ProofRendition
from digests.rendering import Rendered, digest_date, render_in_frame, web_url
from digests.states import ApprovalPolicy, DigestState, MailingKind
from newsroom.articles.models import Correction
from newsroom.articles.text import markdown_to_html, plain, strip_unwanted

_OVER = (MailingState.FINISHED, MailingState.FINISHED_WITH_HELD, MailingState.ENDED)


def write(digest: Digest, *, subject: str, text: str, by: User, at: datetime) -> CorrectionMail:
    """Write a correction mail. text: Markdown. Raises CorrectionRefused if the digest has not gone out, or words lack."""
    if digest.state != DigestState.HANDED_OVER:
        raise CorrectionRefused(_("Readers can be told of a mistake only once the digest has gone out."))
    subject, text = _words(subject, text)
    return CorrectionMail.objects.create(
        digest=digest, subject=subject, text=text, written_by=by, written_at=at
    )


def rewrite(correction: CorrectionMail, *, subject: str, text: str, by: User, at: datetime) -> None:
    """Change what nobody was asked to approve yet.

    correction: as whoever writes was shown it. Raises WordsChanged if somebody rewrote it since, and CorrectionRefused.
    """
    subject, text = _words(subject, text)
    with transaction.atomic():
        locked = _locked(correction)
        if locked.proofs.exists():
            raise CorrectionRefused(_("This correction mail is proofed and can no longer be changed."))
        _see_that_unchanged(locked, correction)
        locked.subject, locked.text, locked.written_by, locked.written_at = subject, text, by, at
        locked.save()
    correction.refresh_from_db()


def _words(subject: str, text: str) -> tuple[str, str]:
    subject, text = " ".join(strip_unwanted(subject).split())[:200], strip_unwanted(text).strip()
    if not subject or not text:
        raise CorrectionRefused(_("Readers need a subject and a text."))
    return subject, text


def render(correction: CorrectionMail) -> Rendered:
    """The mail as it would be now, in the frame of the digest's own. Queries: 1."""
    digest = correction.digest
    with translation.override(digest.newsletter.language):
        html = markdown_to_html(correction.text)
        context = {
            "subject": correction.subject,
            "html": html,
            "text": plain(html).replace("\n", "\n\n"),
            "date": digest_date(digest),
            "language": digest.newsletter.language,
            "web_url": web_url(digest),
        }
        return render_in_frame(
            digest,
            subject=render_to_string("email/correction/subject.txt", context),
            preheader=textwrap.shorten(plain(html), 100, placeholder=" …"),
            html=render_to_string("email/correction/body.html", context),
            text=render_to_string("email/correction/body.txt", context).strip(),
        )


def propose(correction: CorrectionMail, *, by: User, at: datetime) -> Proof:
    """Freeze the mail as a proof that a second person can approve.

    correction: as whoever proposes was shown it. Raises WordsChanged if somebody rewrote it since, and CorrectionRefused
    the second time.
    """
    with transaction.atomic():
        locked = _locked(correction)
        if locked.proofs.exists():
            raise CorrectionRefused(_("This correction mail is proofed already."))
        _see_that_unchanged(locked, correction)
        rendered = render(locked)
        highest = Proof.objects.filter(digest=locked.digest).aggregate(highest=Max("number"))["highest"]
        proof = Proof.objects.create(
            digest=locked.digest,
            correction=locked,
            number=(highest or 0) + 1,
            content_hash=rendered.content_hash,
            digest_version=locked.digest.version,
            proposed_by=by,
            proposed_at=at,
        )
        rendition = renditions.keep(
            subject=rendered.subject,
            preheader=rendered.preheader,
            html=rendered.html,
            text=rendered.text,
            language=rendered.language,
            at=at,
        )
        ProofRendition.objects.create(proof=proof, rendition=rendition)
    return proof


def approve(proof: Proof, *, by: User, at: datetime) -> Approval:
    """Let the correction mail go out. Always a second person. Raises SecondPersonNeeded and CorrectionRefused."""
    with transaction.atomic():
        open_proof = _open(proof)
        if open_proof.proposed_by_id == by.pk:
            raise SecondPersonNeeded(
                _("Whoever proposed a correction mail cannot approve it: a second person must.")
            )
        return Approval.objects.create(
            proof=open_proof,
            policy=ApprovalPolicy.FOUR_EYES,
            proposer_id=open_proof.proposed_by_id,
            approver=by,
            approved_at=at,
        )


def return_proof(proof: Proof, *, by: User, because: str, at: datetime) -> None:
    """Send it back with a reason; it is then written anew. Raises CorrectionRefused."""
    if not because.strip():
        raise CorrectionRefused(_("Say why the proof is returned."))
    with transaction.atomic():
        open_proof = _open(proof)
        open_proof.returned_at, open_proof.returned_by = at, by
        open_proof.returned_because = because.strip()[:500]
        open_proof.save(update_fields=["returned_at", "returned_by", "returned_because"])


def _open(proof: Proof) -> Proof:
    """The proof, locked, if it still waits for an answer."""
    locked = Proof.objects.select_for_update().get(pk=proof.pk, correction__isnull=False)
    if locked.returned_at is not None or Approval.objects.filter(proof=locked).exists():
        raise CorrectionRefused(_("This proof was decided already."))
    return locked


def recipients_of(digest: Digest, *, at: datetime) -> int:
    """How many readers a correction mail would go to now. Queries: 2."""
    main = _main(digest)
    return recipients.count(recipients.of_those_who_had(main), at=at) if main else 0


def hand_over(correction: CorrectionMail, *, at: datetime) -> Mailing:
    """Hand the approved mail over to the engine. Never twice, whoever presses the button at the same time.

    Raises CorrectionRefused if it is not approved, went out already, or the digest itself is still on its way or held
    for some and nobody decided: who gets that later would else not be told.
    """
    try:
        with transaction.atomic():
            locked = _locked(correction)
            proof = Proof.objects.filter(correction=locked, approval__isnull=False).first()
            if proof is None:
                raise CorrectionRefused(_("This correction mail is not approved."))
            main = _main(locked.digest)
            if main is None or main.state not in _OVER:
                raise CorrectionRefused(
                    _("The digest is still being sent: wait for its end, or stop and end it first.")
                )
            if not held.all_decided(main.pk):
                raise CorrectionRefused(held_sentence())
            if main.account is not None:
                raise CorrectionRefused(_("Who got this digest is no longer kept: nobody can be told."))
            mailing = _mail(locked.digest, proof, main, at=at)
            DigestMailing.objects.create(
                digest=locked.digest, mailing=mailing, proof=proof, kind=MailingKind.CORRECTION
            )
    except IntegrityError as error:
        raise CorrectionRefused(_("This correction mail was sent already.")) from error
    return mailing


def undecided(digest: Digest) -> Mailing | None:
    """The digest's mailing, if it holds copies about which nobody decided: no correction mail goes out before. Queries: 3."""
    main = _main(digest)
    return main if main and not held.all_decided(main.pk) else None


def held_sentence() -> str:
    return _(
        "Copies of this digest are held, and readers may get them later: decide about the held copies first."
    )


def _mail(digest: Digest, proof: Proof, main: Mailing, *, at: datetime) -> Mailing:
    rendition = proof.renditions.select_related("rendition").get().rendition
    return freezing.create(
        newsletter=digest.newsletter,
        title=rendition.subject,
        renditions={0: rendition},
        envelope=correction_envelope_of(digest),
        audience=recipients.of_those_who_had(main),
        at=at,
        late_limit=settings.DELIVERY_LATE_LIMIT_SECONDS,
    )


def _main(digest: Digest) -> Mailing | None:
    return (
        Mailing.objects.filter(digest_mailing__digest=digest, digest_mailing__kind=MailingKind.MAIN)
        .select_related("newsletter")
        .first()
    )


def _locked(correction: CorrectionMail) -> CorrectionMail:
    """The row, ours until the transaction ends."""
    rows = CorrectionMail.objects.select_for_update(of=("self",)).select_related("digest__newsletter__sender")
    return rows.get(pk=correction.pk)


def _see_that_unchanged(locked: CorrectionMail, seen: CorrectionMail) -> None:
    if locked.written_at != seen.written_at:
        raise WordsChanged


def next_draft(digest: Digest) -> Digest | None:
    """The next digest to the same readers, while it is a draft. One query."""
    later = Digest.objects.alike(digest).filter(window_end__gt=digest.window_end)
    return later.filter(state=DigestState.DRAFT).order_by("window_end").first()


def correct(pick: Pick, *, text: str, draft: Digest | None, by: User, at: datetime) -> Correction:
    """Correct the article: beside it, beside its story in the archive, and in the note that opens the draft, if any.

    draft: as the editor saw it. Raises CorrectionRefused, EditConflict, WentOn if it is no draft any more, and
    WrongState; then nothing is written.
    """
    text = strip_unwanted(text).strip()
    if not text:
        raise CorrectionRefused(_("Say what is right."))
    with transaction.atomic():
        correction = Correction.objects.create(
            article=pick.article, text=text, made_at=at, made_by=by.get_username()
        )
        if draft is not None:
            with translation.override(draft.newsletter.language):
                # Translators: Korrektur zu „Die Fähre fährt wieder“: Sie legt um sieben ab.
                told = _("**Correction to “%(title)s”:** %(text)s") % {
                    "title": pick.title or pick.article.title,
                    "text": text,
                }
            note = "\n\n".join(part for part in (draft.note.strip(), told) if part)
            seen = DigestState.DRAFT
            curation.edit_digest(draft, expected_version=draft.version, seen=seen, by=by, at=at, note=note)
    return correction
