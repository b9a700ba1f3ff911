"""Letters to single people: confirmations, welcomes, notices. Written once, sent at least once, then emptied.

A letter is claimed by compare-and-set on its state and fence, handed over with no transaction open, and settled by
the same fence. Whatever is not known to have arrived is sent again: a second confirmation mail does no harm, a
missing one loses a reader.
"""

import hashlib
import logging
import random
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import css_inline
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.template import Context
from django.template.loader import get_template, render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from newsroom.mail import addresses, incidents, providers, queue
from newsroom.mail.errors import BadMail
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind, LetterState
from newsroom.mail.verdicts import Outcome, Verdict
from newsroom.mail.wire import Content, Copy, Envelope, compile_mail
from newsroom.web import tokens

logger = logging.getLogger(__name__)

_STYLE_BEFORE_CHARSET = re.compile(r"(<style>.*?</style>)\s*(<meta charset=\"utf-8\">)", re.DOTALL)

MAX_TRIES = 8
CALL_SECONDS = 30.0
SLICE_SECONDS = 60.0  # a task ends before its time limit and leaves the rest to the next one


def write(
    kind: str,
    *,
    address: str,
    subscriber_id: int | None = None,
    newsletter_id: int | None = None,
    language: str,
    context: Mapping[str, Any],
    envelope: Envelope,
    dedupe_key: str,
    at: datetime,
    leave_url: str = "",
) -> Letter:
    """Render and keep a letter; it leaves after commit. The same key gives the letter that is there already.

    leave_url: for letters that may carry a one-click unsubscribe (RFC 8058). Raises BadAddress. Queries: 2.
    """
    recipient = addresses.normalise(address)
    key = dedupe_key if len(dedupe_key) <= 120 else hashlib.sha256(dedupe_key.encode()).hexdigest()
    if existing := Letter.objects.filter(dedupe_key=key).first():
        return existing
    content = render(kind, language=language, context=context)
    try:
        with transaction.atomic():
            letter = Letter.objects.create(
                kind=kind,
                dedupe_key=key,
                language=language,
                address=recipient.sendable,
                address_hash=addresses.address_hash(recipient.normal),
                subscriber_id=subscriber_id,
                newsletter_id=newsletter_id,
                subject=content.subject,
                text=content.text,
                html=content.html,
                envelope={**envelope.to_json(), "leave_url": leave_url},
                not_before=at,
                created_at=at,
            )
    except IntegrityError:  # somebody wrote the same letter at the same moment
        return Letter.objects.get(dedupe_key=key)
    queue.wake_letters()
    return letter


def render(kind: str, *, language: str, context: Mapping[str, Any]) -> Content:
    """The three templates of a kind in a language: subject, text, HTML with its styles inlined."""
    folder = f"email/{kind}"
    known = {
        "SITE_NAME": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "site_host": urlsplit(settings.SITE_URL).netloc,
        "language": language,
        **context,
    }
    with override(language):
        subject = " ".join(_plain(f"{folder}/subject.txt", known).split())
        text = _plain(f"{folder}/body.txt", known).strip() + "\n"
        html = render_to_string(f"{folder}/body.html", {**known, "subject": subject})
    inlined = css_inline.inline(
        html, keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False
    )
    # The inliner puts what it keeps of the styles first; the character set belongs there (HTML §4.2.5.4).
    return Content(subject=subject[:300], text=text, html=_STYLE_BEFORE_CHARSET.sub(r"\2\n\1", inlined))


def _plain(template: str, context: Mapping[str, Any]) -> str:
    """A text template, whose values are not HTML and so not escaped."""
    compiled: Any = get_template(template)
    return str(compiled.template.render(Context(dict(context), autoescape=False)))


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


def count_since(address_hash: str, kind: str, since: datetime) -> int:
    """How many letters of a kind were written to an address: in the database, so no flushed cache reopens it."""
    return Letter.objects.for_address_hash(address_hash).filter(kind=kind, created_at__gte=since).count()


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
