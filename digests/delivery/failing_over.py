"""Moves what a provider out of order did not come to, to the one that its `failover` names.

Only ready batches move: nothing in them was sent, or it was proved that it was not. What is being handed over or
unknown stays where it is, because the other provider could only send it twice.
"""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, When
from django.utils.translation import gettext as _

from digests.delivery import circuits, history, ledger, queue, settling, sizes
from digests.delivery.models import Batch, Mailing, ProviderState
from digests.delivery.states import BatchState, Circuit, DeliveryState, MailingState
from newsroom.mail import incidents, providers
from newsroom.mail.provider_urls import ProviderConfig
from newsroom.mail.states import Severity

# Cut smaller in one sweep, each in a transaction of its own; the next sweep goes on.
_SPLIT_AT_A_TIME: Final = 100


def move(*, at: datetime) -> int:
    """Move ready batches away from each provider that has been out of order for too long. How many.

    Queries: none without a failover, else 1 while all is well.
    """
    return sum(_move_from(config, at=at) for config in providers.configs() if config.failover)


def _move_from(config: ProviderConfig, *, at: datetime) -> int:
    patience = timedelta(seconds=settings.DELIVERY_FAILOVER_SECONDS)
    # Where a trial is due or under way its batch is left to it, else a provider that works again is never found out.
    given_up = ProviderState.objects.filter(
        name=config.name, circuit=Circuit.OPEN, opened_until__gt=at, open_since__lte=at - patience
    )
    if not given_up.exists():
        return 0
    mailings = Mailing.objects.filter(
        state=MailingState.SENDING, batches__state=BatchState.READY, batches__provider=config.name
    )
    waiting = list(mailings.select_related("newsletter").distinct())
    if not waiting or config.failover in set().union(*circuits.unusable(at=at)):
        return 0
    if not _may_carry(config):
        _report(config, waiting, count=0, at=at)
        return 0
    count = sum(_move_mailing(mailing, config, at=at) for mailing in waiting)
    if count:
        _report(config, waiting, count=count, at=at)
        queue.wake_pump()
    return count


def _may_carry(config: ProviderConfig) -> bool:
    """Whether readers can leave as easily by the other provider's mail."""
    own = providers.provider(config.name).capabilities
    other = providers.provider(config.failover).capabilities
    has_own_headers = other.personal_headers or other.one_call_per_reader
    return has_own_headers and (other.keeps_list_headers or not own.keeps_list_headers)


def _move_mailing(mailing: Mailing, config: ProviderConfig, *, at: datetime) -> int:
    most = sizes.batch_size(mailing, config.failover)
    ready = Batch.objects.filter(mailing=mailing, state=BatchState.READY, provider=config.name)
    # One statement is a compare-and-set on every row: what a worker claims meanwhile is no longer ready.
    count = ready.filter(size__lte=most).update(
        provider=config.failover,
        fence=F("fence") + 1,
        tries=0,
        not_before=Case(When(not_before=ledger.GATED, then=F("not_before")), default=at),
    )
    large = ready.filter(size__gt=most).order_by("pk").values_list("pk", flat=True)[:_SPLIT_AT_A_TIME]
    count += sum(_split(pk, config, most=most, at=at) for pk in list(large))
    if count:
        said = _("%(count)d batches moved from %(name)s to %(other)s")
        names = {"count": count, "name": config.name, "other": config.failover}
        history.note(mailing, said=said % names, by=None, at=at)
    return count


def _split(batch_id: int, config: ProviderConfig, *, most: int, at: datetime) -> bool:
    """Replace a batch that is too large for one call of the other provider by smaller ones there."""
    with transaction.atomic():
        ready = Batch.objects.filter(pk=batch_id, state=BatchState.READY, provider=config.name)
        whole = ready.select_for_update().first()
        if whole is None:
            return False
        rows = ledger.of_batch(whole).filter(state=DeliveryState.WAITING).order_by("pk")
        numbers = [ledger.number_of(pk) for pk in rows.values_list("pk", flat=True)]
        Batch.objects.bulk_create(
            ledger.new_batch(
                numbers[low : low + most],
                mailing_id=whole.mailing_id,
                provider=config.failover,
                not_before=whole.not_before if whole.not_before == ledger.GATED else at,
                parent=whole,
            )
            for low in range(0, len(numbers), most)
        )
        whole.size -= len(numbers)
        whole.state = settling.state_of(whole)
        whole.save(update_fields=["size", "state"])
    return True


def _report(config: ProviderConfig, mailings: list[Mailing], *, count: int, at: datetime) -> None:
    names = {"name": config.name, "other": config.failover}
    if count:
        title = _("Mailings go on with %(other)s instead of %(name)s") % names
        text = _("What %(name)s may have taken already stays with it; the rest was moved.") % names
    else:
        title = _("%(other)s cannot take over from %(name)s") % names
        text = _("It does not carry each reader's own List-Unsubscribe. The mailings wait.")
    incidents.report(
        f"delivery.failover.{config.name}",
        title=title,
        text=text,
        severity=Severity.WARNING if count else Severity.ERROR,
        facts={"mailings": [mailing.pk for mailing in mailings[:20]], **names},
        at=at,
    )
