"""How many copies a provider is still to get today: an account in the database, which no lost memory fills again.

Taken in the transaction that records a call, before it is made; what was certainly not sent is given back to the day
it was taken from. Days are those of the site's zone. Providers without a quota have no account and cost no query.
"""

from datetime import date, datetime, time, timedelta

from django.db.models import F, Q, Sum
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from digests.delivery.errors import QuotaUsedUp
from digests.delivery.models import Attempt, Batch, Mailing, QuotaDay
from digests.delivery.states import AttemptState, BatchState, MailingState
from newsroom.mail import incidents, providers
from newsroom.mail.errors import MailError
from newsroom.mail.states import Severity


def day_of(at: datetime) -> date:
    """The site's day at that time."""
    return at.astimezone(timezone.get_default_timezone()).date()


def next_day(at: datetime) -> datetime:
    """When the site's next day begins, summer time or not."""
    return datetime.combine(day_of(at) + timedelta(days=1), time(), timezone.get_default_timezone())


def left(provider: str, *, quota: int, at: datetime) -> int:
    """Copies that may still be taken today. Queries: 1, on a new day 5."""
    return max(quota - _today(provider, at=at).used, 0)


def take(provider: str, copies: int, *, at: datetime) -> None:
    """Count the copies of a call that is about to be recorded, in the caller's transaction.

    Of workers that race for the last copies some lose, none goes over. Raises QuotaUsedUp, and takes nothing then.
    """
    quota = _quota(provider)
    if quota is None:
        return
    today = _today(provider, at=at)
    if not QuotaDay.objects.filter(pk=today.pk, used__lte=quota - copies).update(used=F("used") + copies):
        raise QuotaUsedUp(provider=provider, copies=copies)


def give_back(attempt: Attempt, copies: int) -> None:
    """Copies of this call were certainly not sent."""
    if copies and _quota(attempt.provider) is not None:
        account = QuotaDay.objects.filter(provider=attempt.provider, day=day_of(attempt.calling_at))
        account.update(used=Greatest(F("used") - copies, 0))


def rest_until_tomorrow(provider: str, *, at: datetime) -> int:
    """All that waits for this provider waits for the next day, and staff hear of it once. How many batches."""
    tomorrow = next_day(at)
    waiting = Batch.objects.filter(state=BatchState.READY, provider=provider, not_before__lt=tomorrow)
    mailings = list(waiting.values_list("mailing", flat=True).distinct())
    count = waiting.update(not_before=tomorrow)
    # It waits because it was told to, so its idle time begins when it may go on.
    Mailing.objects.filter(pk__in=mailings, state=MailingState.SENDING).update(active_at=tomorrow)
    incidents.report(
        _incident(provider),
        title=_("The daily quota of the mail provider %(name)s is used up") % {"name": provider},
        text=_("What still waits goes on after midnight. End the mailing if nobody wants it tomorrow."),
        severity=Severity.WARNING,
        facts={"provider": provider, "day": day_of(at).isoformat(), "mailings": sorted(mailings)[:20]},
        at=at,
    )
    return count


def _incident(provider: str) -> str:
    return f"delivery.quota.{provider}"


def _quota(provider: str) -> int | None:
    try:
        return providers.config(provider).quota
    except MailError:
        return None


def _today(provider: str, *, at: datetime) -> QuotaDay:
    """Today's account; a new one begins with what the calls of the day say, so that a quota may be set at noon."""
    day = day_of(at)
    account = QuotaDay.objects.filter(provider=provider, day=day).first()
    if account is not None:
        return account
    began = datetime.combine(day, time(), timezone.get_default_timezone())
    calls = Attempt.objects.filter(~Q(state=AttemptState.NOT_SENT), provider=provider, calling_at__gte=began)
    used = calls.aggregate(copies=Sum("size", default=0))["copies"]
    account, is_new = QuotaDay.objects.get_or_create(provider=provider, day=day, defaults={"used": used})
    if is_new:
        incidents.resolve(_incident(provider), at=at)
    return account
