"""Sending letters: claimed by one worker, offered to the default provider, settled by what that answered."""

import logging
import random
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext as _

from newsroom.mail import addresses, incidents, providers, queue
from newsroom.mail.errors import BadMail
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind, LetterState
from newsroom.mail.verdicts import Outcome, Verdict
from newsroom.mail.wire import Content, Copy, Envelope, compile_mail
from newsroom.web import tokens

logger = logging.getLogger(__name__)

MAX_TRIES = 8
CALL_SECONDS = 30.0
SLICE_SECONDS = 60.0  # a task ends before its time limit and leaves the rest to the next one


def send_due(*, at: datetime, limit: int = 100) -> int:
    """Send letters that are due, oldest first; returns how many were accepted. Safe with many workers.

    Ends after 60 s; what is left is due at the next call. Queries: 3 per letter, and one look.
    """
    begun = time.monotonic()
    recover(at)
    accepted = 0
    for number in list(Letter.objects.due(at).order_by("not_before").values_list("pk", flat=True)[:limit]):
        passed = time.monotonic() - begun
        if passed > SLICE_SECONDS:
            queue.wake_letters()
            break
        accepted += _send(number, at + timedelta(seconds=passed))
    return accepted


def recover(at: datetime) -> int:
    """Letters whose sender never came back wait again: they may have been sent, and are sent once more."""
    return (
        Letter.objects.abandoned(at)
        .filter(state=LetterState.CALLING)
        .update(state=LetterState.WAITING, fence=F("fence") + 1, lease_until=None, not_before=at)
    )


def send_again(letter: Letter, *, at: datetime) -> bool:
    """Let a failed letter that was kept start anew. False if there is nothing left to send."""
    changed = (
        Letter.objects.filter(pk=letter.pk, state=LetterState.FAILED)
        .exclude(address="")
        .update(state=LetterState.WAITING, tries=0, not_before=at, fence=F("fence") + 1)
    )
    queue.wake_letters()
    return bool(changed)


def _send(number: int, at: datetime) -> bool:
    letter = claim(number, at=at)
    if letter is None:
        return False
    call = hand_over(letter)
    return settle(letter, call, at=at)


def claim(number: int, *, at: datetime) -> Letter | None:
    """Take a due letter for this worker, or None if another was quicker. Queries: 2."""
    letter = Letter.objects.due(at).filter(pk=number).first()
    if letter is None:
        return None
    taken = Letter.objects.filter(pk=number, state=LetterState.WAITING, fence=letter.fence).update(
        state=LetterState.CALLING,
        fence=F("fence") + 1,
        tries=F("tries") + 1,
        lease_until=at + timedelta(seconds=settings.LETTER_LEASE_SECONDS),
    )
    if not taken:
        return None
    letter.fence += 1
    letter.tries += 1
    letter.state = LetterState.CALLING
    return letter


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a hand-over of a letter came to."""

    provider: str
    outcome: Outcome
    retry_after: float | None = None
    is_configuration: bool = False
    is_broken: bool = False  # the letter itself cannot be written


def hand_over(letter: Letter) -> Call:
    """Offer a claimed letter to the default provider. Raises nothing: a fault of ours is an unknown outcome."""
    name = providers.default_name()
    try:
        fields = dict(letter.envelope)
        leave_url = fields.pop("leave_url", "")
        content = Content(subject=letter.subject, html=letter.html, text=letter.text)
        mail = compile_mail(Envelope.from_json(fields), content)
        copy = Copy(
            seq=0,
            address=letter.address,
            message_token=tokens.make(tokens.TokenKind.LETTER, letter.pk),
            leave_url=leave_url,
        )
        # The same for each try, so that a provider that knows idempotency keys sees one letter.
        attempt_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{settings.SITE_URL}/letter/{letter.pk}")
        result = providers.provider(name).hand_over(mail, [copy], attempt_id=attempt_id, seconds=CALL_SECONDS)
    except BadMail as error:
        broken = Outcome(verdict=Verdict.REJECTED, reason=str(error))
        return Call(provider=name, outcome=broken, is_broken=True)
    except Exception as error:
        logger.exception(
            "A letter could not be handed over.", extra={"letter_id": letter.pk, "provider": name}
        )
        outcome = Outcome(verdict=Verdict.UNKNOWN, reason=f"{type(error).__name__} {error}")
        return Call(provider=name, outcome=outcome)
    return Call(
        provider=name,
        outcome=result.outcomes[0],
        retry_after=result.retry_after,
        is_configuration=result.is_configuration,
    )


def settle(letter: Letter, call: Call, *, at: datetime) -> bool:
    """Write down what a call came to, if the letter is still ours; True if it was accepted."""
    outcome = call.outcome
    match outcome.verdict:
        case Verdict.ACCEPTED:
            _end(letter, LetterState.SENT, call, sent_at=at, **_EMPTIED)
            return True
        case Verdict.REJECTED:
            # A letter that is broken by itself is kept, for whoever repairs it.
            _end(letter, LetterState.FAILED, call, **({} if call.is_broken else _EMPTIED))
        case Verdict.NOT_SENT | Verdict.UNKNOWN if letter.tries >= MAX_TRIES and call.retry_after is None:
            _end(letter, LetterState.FAILED, call)
        case Verdict.NOT_SENT | Verdict.UNKNOWN:
            costs_no_try = outcome.verdict is Verdict.NOT_SENT and call.retry_after is not None
            pause = call.retry_after if call.retry_after is not None else _pause_seconds(letter.tries)
            _end(
                letter,
                LetterState.WAITING,
                call,
                tries=letter.tries - 1 if costs_no_try else letter.tries,
                not_before=at + timedelta(seconds=pause),
            )
    _tell(letter, call, at)
    return False


_EMPTIED = {"address": "", "subject": "", "text": "", "html": "", "envelope": {}}


def _end(letter: Letter, state: LetterState, call: Call, **values: Any) -> None:
    """Leave CALLING, unless the lease ran out and another worker has the letter by now."""
    outcome = call.outcome
    reason = "" if outcome.verdict is Verdict.ACCEPTED else addresses.mask_text(outcome.reason)[:500]
    changed = Letter.objects.filter(pk=letter.pk, state=LetterState.CALLING, fence=letter.fence).update(
        state=state,
        lease_until=None,
        provider=call.provider,
        provider_ref=outcome.provider_ref[:250],
        last_error=reason,
        **values,
    )
    if changed:
        letter.state = state
    level = logging.INFO if outcome.verdict is Verdict.ACCEPTED else logging.WARNING
    logger.log(
        level,
        "A letter was offered: %s.",
        outcome.verdict,
        extra={"letter_id": letter.pk, "kind": letter.kind, "provider": call.provider, "reason": reason},
    )


def _tell(letter: Letter, call: Call, at: datetime) -> None:
    """Staff learn of what no retry repairs: a provider that refuses us, a letter that failed."""
    reason = addresses.mask_text(call.outcome.reason)
    if call.is_configuration:
        incidents.report(
            f"provider:{call.provider}:letters",
            title=_("%(provider)s refuses our letters") % {"provider": call.provider},
            text=_("Letters wait until this is repaired: %(reason)s") % {"reason": reason},
            facts={"provider": call.provider},
            at=at,
        )
    # A notice about a failed notice would be the next to fail.
    failed_for_good = letter.state == LetterState.FAILED and (
        call.is_broken or call.outcome.verdict is not Verdict.REJECTED
    )
    if failed_for_good and letter.kind != LetterKind.STAFF_NOTICE:
        incidents.report(
            f"letter:{letter.kind}:failed",
            title=_("Letters could not be sent"),
            text=_("The last one: %(reason)s") % {"reason": reason},
            facts={"letter_id": letter.pk},
            at=at,
        )


def _pause_seconds(tries: int) -> float:
    """15 s, 1 min, 4 min … 12 h, a little scattered: eight tries reach over a night."""
    return min(15.0 * 4.0 ** (tries - 1), 12 * 3600.0) * random.uniform(0.9, 1.1)  # noqa: S311
