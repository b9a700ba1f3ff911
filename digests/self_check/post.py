"""Whether mail leaves and we hear of it: copies whose fate is unknown, providers that fell silent."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Max, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests.delivery.models import Attempt, Batch
from digests.delivery.states import AttemptState, BatchState
from digests.self_check.lines import Colour, Line
from newsroom.mail import providers
from newsroom.mail.models import Letter, ProviderEvent
from subscriptions.models import NewsletterQuerySet

_HEARD_WITHIN = timedelta(hours=24)
_TIME_TO_REPORT = timedelta(hours=1)
_EVENTS_LOOKED_AT = 100_000
_MAILINGS_SHOWN = 5


def held(newsletters: NewsletterQuerySet | None = None) -> Iterator[Line]:
    """A line for each mailing with held copies, the newest few; one if there are none. Queries: 1.

    newsletters: of these alone.
    """
    batches = Batch.objects.filter(state=BatchState.HELD)
    if newsletters is not None:
        batches = batches.filter(mailing__newsletter__in=newsletters)
    rows = (
        batches.order_by("-mailing")
        .values_list("mailing", "mailing__title")
        .annotate(batches=Count("pk"), copies=Sum("held"))[:_MAILINGS_SHOWN]
    )
    lines = [
        Line(
            key=f"held.{mailing}",
            colour=Colour.YELLOW,
            title=title,
            says=ngettext(
                "%(number)d copy is held: nobody knows whether it went.",
                "%(number)d copies are held: nobody knows whether they went.",
                copies,
            )
            % {"number": copies},
            remedy=_("Look into the provider's own records, then decide."),
            page=("admin:delivery_mailing_held", mailing),
        )
        for mailing, title, _number, copies in rows
    ]
    yield from lines or [
        Line(key="held", colour=Colour.GREEN, title=_("Held copies"), says=_("There are none."))
    ]


def webhooks(*, at: datetime) -> Iterator[Line]:
    """Each provider that should report: whether it did of what it took. Queries: 4 at most."""
    names = [config.name for config in providers.configs() if config.webhook_secrets]
    if not names:
        return
    since, until = at - _HEARD_WITHIN, at - _TIME_TO_REPORT
    taken = set(
        Attempt.objects.filter(
            provider__in=names, calling_at__gte=since, calling_at__lte=until, state=AttemptState.DONE
        )
        .order_by()
        .values_list("provider", flat=True)
        .distinct()
    ) | set(
        Letter.objects.filter(provider__in=names, sent_at__gte=since, sent_at__lte=until)
        .order_by()
        .values_list("provider", flat=True)
        .distinct()
    )
    last = _last_heard(names)
    for name in names:
        heard = last.get(name)
        is_silent = name in taken and (heard is None or heard < since)
        yield Line(
            key=f"webhook.{name}",
            colour=Colour.RED if is_silent else Colour.GREEN,
            title=_("Reports of %(provider)s") % {"provider": name},
            says=_("It took mail within a day and reported nothing of it.")
            if is_silent
            else _("It reports what becomes of the mail.")
            if heard and heard >= since
            else _("It took no mail within a day, so it has nothing to report."),
            remedy=_(
                "Look at the webhook in the provider's account: bounces and complaints do not reach us, and we go on "
                "mailing where we should not."
            )
            if is_silent
            else "",
        )


def _last_heard(names: list[str]) -> dict[str, datetime]:
    """Among the newest events, for the table is large and has no index by provider."""
    newest = ProviderEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    rows = (
        ProviderEvent.objects.filter(pk__gt=newest - _EVENTS_LOOKED_AT, provider__in=names)
        .order_by()
        .values_list("provider")
        .annotate(last=Max("received_at"))
    )
    return dict(rows)
