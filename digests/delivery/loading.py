"""From a claimed batch to copies: the last look at each reader, and the mail compiled once per rendition."""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from digests.delivery import footers, ledger
from digests.delivery.errors import UnknownRendition
from digests.delivery.models import Attempt, Batch, Mailing, MailingRendition, Rendition
from digests.delivery.states import DeliveryState
from newsroom.mail.addresses import mask
from newsroom.mail.wire import CompiledMail, Content, Copy, Envelope, Shared, compile_mail
from newsroom.web import tokens
from newsroom.web.tokens import TokenKind
from subscriptions import audiences
from subscriptions.audiences import Deliverable

_KEPT_MAILS = 8
# Readers come in the order in which they signed up, so that few days and places are in use at once.
_KEPT_FEET = 2_000


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a batch comes to when it is handed over: the mail, its copies, and who is left out and why."""

    mail: CompiledMail | None
    copies: list[Copy]
    skipped: dict[str, list[int]] = field(default_factory=dict)
    digest: str = ""


class _Feet:
    """What stands in the foot of each copy of a mail; made once for all readers of whom it says the same."""

    def __init__(self, mail: CompiledMail, language: str, *, newsletter: str) -> None:
        self._name = mail.envelope.list_name or newsletter
        self._language = language
        # A mail frozen before readers had their own foot gets what it always did, to the byte.
        self._is_own = not mail.slot_names.isdisjoint(footers.SLOTS)
        self._made: dict[tuple[object, ...], Shared] = {}

    def of(self, reader: Deliverable, *, is_back: bool) -> Shared:
        key = reader.language, reader.since, reader.is_dated, reader.source, is_back
        if key not in self._made:
            if len(self._made) == _KEPT_FEET:
                self._made.clear()
            self._made[key] = self._make(
                footers.Reader(
                    language=reader.language,
                    since=reader.since,
                    source=reader.source,
                    is_dated=reader.is_dated,
                    is_back=is_back,
                )
            )
        return self._made[key]

    def _make(self, reader: footers.Reader) -> Shared:
        values = footers.former_words(reader, language=self._language)
        if self._is_own:
            values |= footers.words(reader, newsletter=self._name, language=self._language)
        return Shared(values)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A variant's mail, compiled, with what it came from and what goes into its foot."""

    mail: CompiledMail
    rendition: Rendition
    feet: _Feet


class Mails:
    """Compiled mails of the mailings in hand; a worker keeps one of these for a slice."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], Ready] = OrderedDict()
        self._before: dict[int, datetime | None] = {}

    def get(self, mailing: Mailing, variant: int) -> Ready:
        """The mail of a variant. One query the first time. Raises UnknownRendition, BadMail."""
        key = mailing.pk, variant
        if key not in self._kept:
            self._kept[key] = self._compile(mailing, variant)
            if len(self._kept) > _KEPT_MAILS:
                self._kept.popitem(last=False)
        return self._kept[key]

    def before(self, mailing: Mailing) -> datetime | None:
        """When the newsletter's mailing before this one was made. One query the first time."""
        if mailing.pk not in self._before:
            earlier = Mailing.objects.filter(newsletter=mailing.newsletter_id, pk__lt=mailing.pk)
            self._before[mailing.pk] = earlier.order_by("-pk").values_list("created_at", flat=True).first()
        return self._before[mailing.pk]

    def _compile(self, mailing: Mailing, variant: int) -> Ready:
        row = (
            MailingRendition.objects.select_related("rendition")
            .filter(mailing=mailing, variant=variant)
            .first()
        )
        if row is None:
            raise UnknownRendition(f"Mailing {mailing.pk} has no variant {variant}.")
        rendition = row.rendition
        content = Content(subject=rendition.subject, html=rendition.html, text=rendition.text)
        mail = compile_mail(Envelope.from_json(mailing.envelope), content)
        feet = _Feet(mail, rendition.language, newsletter=mailing.newsletter.name)
        return Ready(mail=mail, rendition=rendition, feet=feet)


def load(batch: Batch, mails: Mails, *, at: datetime) -> Load:
    """Read the waiting copies of a batch and look at each reader once more. Queries: 3, whatever the size.

    One more, once per mailing, if somebody in it had a break.
    """
    waiting = ledger.of_batch(batch).filter(state=DeliveryState.WAITING).order_by("pk")
    return _loaded(batch, list(waiting.values_list("pk", "subscription_id", "variant")), mails, at=at)


def load_again(batch: Batch, attempt: Attempt, mails: Mails, *, at: datetime) -> Load | None:
    """What the attempt handed over, whatever became of it; None if that is not the same any more, to the byte."""
    numbers = [number for low, high in attempt.seqs for number in range(low, high)]
    rows = ledger.of_numbers(batch.mailing_id, numbers).order_by("pk")
    loaded = _loaded(batch, list(rows.values_list("pk", "subscription_id", "variant")), mails, at=at)
    return loaded if loaded.digest and loaded.digest == attempt.payload_digest else None


def _loaded(batch: Batch, rows: list[tuple[int, int, int]], mails: Mails, *, at: datetime) -> Load:
    if not rows:
        return Load(mail=None, copies=[])
    look = audiences.deliverable(
        [subscription for _, subscription, _ in rows],
        newsletter=batch.mailing.newsletter,
        cadence=batch.mailing.audience["cadence"],
        at=at,
    )
    skipped: dict[str, list[int]] = {}
    going: list[tuple[int, Deliverable]] = []
    for pk, subscription, _ in rows:
        reader = look[subscription]
        if reader.skip_reason:
            skipped.setdefault(reader.skip_reason, []).append(ledger.number_of(pk))
        else:
            going.append((pk, reader))
    if not going:
        return Load(mail=None, copies=[], skipped=skipped)
    variants = {variant for _, _, variant in rows}
    if len(variants) > 1:
        raise UnknownRendition(f"Batch {batch.pk} mixes variants {sorted(variants)}.")
    ready = mails.get(batch.mailing, variants.pop())
    had_break = any(reader.paused_until for _, reader in going)
    before = mails.before(batch.mailing) if had_break else None
    copies = _copies(going, ready.feet, before)
    digest = _digest(batch.mailing, ready.rendition, copies)
    return Load(mail=ready.mail, copies=copies, skipped=skipped, digest=digest)


def _copies(going: list[tuple[int, Deliverable]], feet: _Feet, before: datetime | None) -> list[Copy]:
    own = tokens.make_many(TokenKind.DELIVERY, [pk for pk, _ in going])
    leave_urls = tokens.leave_urls([reader.subscription_id for _, reader in going])
    manage_urls = tokens.manage_urls([(reader.subscription_id, reader.address_hash) for _, reader in going])
    copies = []
    for (pk, reader), token, leave_url, manage_url in zip(going, own, leave_urls, manage_urls, strict=True):
        is_back = reader.paused_until is not None and before is not None and before < reader.paused_until
        copies.append(
            Copy(
                seq=ledger.number_of(pk),
                address=reader.address,
                message_token=token,
                leave_url=leave_url,
                slots={
                    "leave_url": leave_url,
                    "manage_url": manage_url,
                    "masked_address": mask(reader.address),
                },
                shared=feet.of(reader, is_back=is_back),
            )
        )
    return copies


def _digest(mailing: Mailing, rendition: Rendition, copies: list[Copy]) -> str:
    """A checksum of all that goes out, so that a replay can be known for the same."""
    digest = hashlib.sha256(rendition.content_hash.encode())
    digest.update(json.dumps(mailing.envelope, sort_keys=True).encode())
    # All in one piece: thousands of small updates cost more than the hashing.
    digest.update("".join([_line(copy) for copy in copies]).encode())
    return digest.hexdigest()


def _line(copy: Copy) -> str:
    values = " ".join([*copy.slots.values(), *copy.shared.values.values()])
    return f"\n{copy.message_token} {copy.address} {copy.leave_url} {values}"
