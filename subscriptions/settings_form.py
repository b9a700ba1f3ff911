"""A reader's settings as a form: one row per newsletter, showing what holds or, after a slip, what she had typed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from newsroom.web.tags import weekday_date
from subscriptions.forms import PAUSES, language_code
from subscriptions.models import Newsletter, Subscriber, Subscription, Suppression
from subscriptions.states import Cadence, NewsletterState, SubscriptionState, SuppressionReason

KEEP, GO_ON = "keep", "none"
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y")


@dataclass(kw_only=True)
class Row:
    """One newsletter: whether she gets it, until when it rests, how often it comes, and what the form says of these."""

    newsletter: Newsletter
    subscription: Subscription | None
    is_on: bool
    paused_through: date | None
    wants_on: bool
    cadence: Cadence
    offers_cadence: bool
    stop: Suppression | None = None
    pause: str = KEEP
    until: str = ""
    error: str = ""
    pause_end: datetime | None = None
    asks_in_vain: bool = False
    """Whether she chose a weekly best-of that was there when she opened the page, and is no more."""

    @property
    def is_barred(self) -> bool:
        """Stopped by staff: she cannot switch it on herself."""
        return self.stop is not None and self.stop.reason == SuppressionReason.MANUAL


def rows_of(reader: Subscriber, stops: Mapping[int | None, Suppression], *, at: datetime) -> list[Row]:
    """What the page offers: newsletters that take sign-ups, and those she reads though they rest. Two queries.

    stops: what stops her mail, as `suppression.of_reader` tells it.
    """
    known = {
        row.newsletter_id: row
        for row in reader.subscriptions.select_related("newsletter__sender").order_by("pk")
    }
    rows = []
    for newsletter in Newsletter.objects.select_related("sender"):
        subscription = known.get(newsletter.pk)
        is_on = subscription is not None and subscription.state == SubscriptionState.ACTIVE
        if newsletter.state == NewsletterState.ACTIVE or is_on:
            row = _row(newsletter, subscription, is_on=is_on, at=at)
            row.stop = stops.get(None) or stops.get(newsletter.pk)
            rows.append(row)
    return rows


def _row(newsletter: Newsletter, subscription: Subscription | None, *, is_on: bool, at: datetime) -> Row:
    until = subscription.paused_until if subscription else None
    cadence = Cadence(subscription.cadence) if subscription else Cadence.EACH
    return Row(
        newsletter=newsletter,
        subscription=subscription,
        is_on=is_on,
        paused_through=last_day(until) if until and until > at else None,
        wants_on=is_on,
        cadence=cadence,
        # Who chose a weekly best-of that is no more may still go back to each digest.
        offers_cadence=is_on and (newsletter.has_weekly or cadence == Cadence.WEEKLY),
    )


class SettingsForm:
    """The settings page's form over its rows; posted data is laid over them, so that nothing typed is lost.

    Not a Django form: its fields are one set per newsletter. language: of our letters; shown_in: of the page.
    """

    def __init__(
        self, rows: Iterable[Row], *, language: str, at: datetime, data: Mapping[str, str] | None = None
    ) -> None:
        self.rows = list(rows)
        self.ended: list[Newsletter] = []
        self.language = self.shown_in = language_code(language)
        self.first_day = timezone.localdate(at)
        self.last_day = _a_year_after(self.first_day)
        if data is not None:
            self._take(data)

    @property
    def errors(self) -> list[Row]:
        """The rows in which something cannot be, in the order of the page."""
        return [row for row in self.rows if row.error]

    @property
    def asked_in_vain(self) -> list[Row]:
        """The rows whose weekly best-of ended while she chose it."""
        return [row for row in self.rows if row.asks_in_vain]

    @property
    def newsletters(self) -> list[Newsletter]:
        return [row.newsletter for row in self.rows]

    @property
    def wanted(self) -> set[int]:
        return {row.newsletter.pk for row in self.rows if row.wants_on}

    @property
    def pauses(self) -> dict[int, datetime | None]:
        """By newsletter, as far as the form says something: the end of the break, None to go on."""
        return {row.newsletter.pk: row.pause_end for row in self.rows if row.pause != KEEP or row.pause_end}

    @property
    def cadences(self) -> dict[int, Cadence]:
        return {row.newsletter.pk: row.cadence for row in self.rows if row.offers_cadence}

    def leave_ended(self, earlier: "SettingsForm", *, ended: int) -> None:
        """Name what ended after an earlier reading of the same form, and do not switch it on again: she had it on then.

        ended: the number of the subscription that was found to have ended.
        """
        on = {row.newsletter.pk for row in self.rows if row.is_on}
        for row in earlier.rows:
            is_found = row.subscription is not None and row.subscription.pk == ended
            if row.is_on and (is_found or row.newsletter.pk not in on):
                self.ended.append(row.newsletter)
        for row in self.rows:
            if row.newsletter in self.ended:
                row.wants_on = row.is_on

    def _take(self, data: Mapping[str, str]) -> None:
        self.language = language_code(data.get("language"))
        # Another page may have changed her language since this one was shown.
        self.shown_in = language_code(data.get("shown_in") or self.shown_in)
        everything_off = "everything_off" in data
        for row in self.rows:
            slug = row.newsletter.slug
            row.wants_on = data.get(f"on-{slug}") == "1" and not everything_off and not row.is_barred
            cadence = data.get(f"cadence-{slug}")
            row.asks_in_vain = row.is_on and row.wants_on and _is_gone(cadence, row)
            if row.offers_cadence:
                row.cadence = _cadence(cadence, row)
            pause = data.get(f"pause-{slug}", KEEP)
            row.pause = pause if pause in {GO_ON, *map(str, PAUSES)} else KEEP
            row.until = data.get(f"until-{slug}", "").strip()[:20]
            if row.is_on and row.wants_on:
                row.pause_end, row.error = self._pause_end(row)

    def _pause_end(self, row: Row) -> tuple[datetime | None, str]:
        """When the break ends that this row asks for, and what is wrong with it."""
        if not row.until:
            weeks = int(row.pause) if row.pause.isdigit() else 0
            return (end_of_pause(weeks, first_day=self.first_day) if weeks else None), ""
        if row.pause != KEEP:
            # Translators: Bitte wählen Sie entweder Wochen oder ein Datum.
            return None, _("Please choose either weeks or a date.")
        day = _date(row.until)
        if day is None:
            # Translators: Bitte schreiben Sie das Datum wie 24.12.2026.
            return None, _("Please write the date like %(example)s.") % {
                "example": f"{self.last_day:%d.%m.%Y}"
            }
        if day < self.first_day:
            # Translators: Dieser Tag ist vorbei. Bitte wählen Sie heute oder einen späteren.
            return None, _("This day is past. Please choose today or a later one.")
        if day > self.last_day:
            # Translators: Eine Pause dauert höchstens ein Jahr, also bis %(day)s.
            words = _("A break lasts a year at most, up to %(day)s.")
            return None, words % {"day": weekday_date(self.last_day)}
        return midnight_after(day), ""


def _is_gone(posted: str | None, row: Row) -> bool:
    return posted == Cadence.WEEKLY and row.cadence != Cadence.WEEKLY and not row.newsletter.has_weekly


def _cadence(posted: str | None, row: Row) -> Cadence:
    if posted == Cadence.WEEKLY and row.newsletter.has_weekly:
        return Cadence.WEEKLY
    return Cadence.EACH if posted == Cadence.EACH else row.cadence


def _date(text: str) -> date | None:
    """A day as browsers send it, or as people write it where the browser has no calendar."""
    for form in _DATES:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def _a_year_after(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + 1, day=28)


def end_of_pause(weeks: int, *, first_day: date) -> datetime:
    """When a break of some weeks from today ends: with a whole day."""
    return midnight_after(first_day + timedelta(weeks=weeks))


def midnight_after(day: date) -> datetime:
    """The midnight, where the site is, after this last day of a break."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def last_day(until: datetime) -> date:
    """The last day of a break that ends at this moment."""
    return timezone.localdate(until - timedelta(microseconds=1))
