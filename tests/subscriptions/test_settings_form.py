"""The settings page as a form: breaks by weeks or to a day, how often a newsletter comes, slips that lose nothing."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from newsroom.web.clock import now
from newsroom.web.tags import weekday_date
from subscriptions import audiences, consent
from subscriptions.consent import LONGEST_PAUSE
from subscriptions.errors import NothingToPause, NoWeekly
from subscriptions.models import ConsentEvent, Newsletter, Subscription
from subscriptions.settings_form import SettingsForm, last_day, midnight_after, rows_of
from subscriptions.states import Cadence, ConsentKind
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, settings_path

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


def reading(**newsletter: object) -> Subscription:
    reader = make_subscriber(address="mia@example.org", language="en")
    return make_subscription(newsletter=make_newsletter(**newsletter), subscriber=reader)


def opened(row: Subscription) -> Client:
    client = fresh_client()
    client.post(settings_path(row))
    return client


def save(row: Subscription, **fields: str) -> str:
    """Save the settings with her newsletter on and these fields of it; the page that answers."""
    slug = row.newsletter.slug
    posted = {f"{name}-{slug}": value for name, value in fields.items()}
    page = opened(row).post("/preferences/", {f"on-{slug}": "1", "language": "en"} | posted)
    row.refresh_from_db()
    return str(page.content.decode())


# --- A break to a day -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y"], ids=["calendar", "typed"])
def test_a_break_ends_with_the_day_she_names(form: str) -> None:
    row = reading()
    day = timezone.localdate(now()) + 40 * DAY

    page = save(row, until=day.strftime(form))

    assert row.paused_until is not None
    assert last_day(row.paused_until) == day
    assert f"On a break up to and including {day:%A}, " in page


def test_a_break_holds_over_the_change_of_clocks_and_ends_by_itself() -> None:
    row = reading()
    at = dt.datetime(2026, 10, 20, 12, tzinfo=dt.UTC)
    until = midnight_after(dt.date(2026, 10, 25))  # the day of 25 hours

    consent.pause(row, until=until, how="/preferences/", network_address="", at=at)

    assert until == dt.datetime(2026, 10, 25, 23, tzinfo=dt.UTC)
    look = audiences.deliverable([row.pk], newsletter=row.newsletter, at=until - dt.timedelta(seconds=1))
    assert look[row.pk].skip_reason == "paused"
    assert not audiences.deliverable([row.pk], newsletter=row.newsletter, at=until)[row.pk].skip_reason


@pytest.mark.parametrize(
    "today", [dt.date(2027, 10, 31), dt.date(2028, 2, 29), dt.date(2027, 3, 28)], ids=str
)
@pytest.mark.parametrize("seconds", [0, 86_399])
def test_the_longest_break_the_form_allows_is_allowed(today: dt.date, seconds: int) -> None:
    at = timezone.make_aware(dt.datetime.combine(today, dt.time.min)) + dt.timedelta(seconds=seconds)
    form = SettingsForm([], language="de", at=at)

    assert form.first_day == today
    assert midnight_after(form.last_day) <= at + LONGEST_PAUSE


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"until": "soon"}, "Please write the date like "),
        ({"until": "2001-01-01"}, "This day is past. Please choose today or a later one."),
        ({"until": "2199-01-01"}, "A break lasts a year at most, up to "),
        ({"until": "2199-01-01", "pause": "2"}, "Please choose either weeks or a date."),
    ],
    ids=["no-date", "past", "too-long", "both"],
)
def test_a_slip_is_explained_and_nothing_typed_is_lost(fields: dict[str, str], words: str) -> None:
    row = reading(name="Am Fluss", has_weekly=True)
    slug, other = row.newsletter.slug, make_newsletter(name="Kultur")

    posted = {f"{name}-{slug}": value for name, value in fields.items()}
    page = (
        opened(row)
        .post(
            "/preferences/",
            {f"on-{slug}": "1", f"cadence-{slug}": "weekly", f"on-{other.slug}": "1", "language": "de"}
            | posted,
        )
        .content.decode()
    )

    assert "<title>Error: " in page
    assert page.count(words) == 2  # in the summary and at the field
    assert f'href="#until-{slug}"><span lang="de">Am Fluss</span>: ' in page
    assert f'aria-describedby="until-{slug}-error"' in page
    assert f'value="{fields["until"]}"' in page
    assert '<option value="weekly" selected>' in page
    assert f'id="on-{other.slug}" checked' in page
    assert '<option value="de" lang="de" selected>' in page
    assert fields.get("pause") is None or '<option value="2" selected>' in page
    row.refresh_from_db()
    assert (row.paused_until, row.cadence, row.subscriber.language) == (None, "each", "en")
    assert not Subscription.objects.filter(newsletter=other).exists()


def ends_meanwhile(newsletter: Newsletter) -> Callable[..., Any]:
    """Puts the best-of to rest when the form was read and the save begins."""
    has_read: list[str] = []
    is_done: list[int] = []

    def step(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if 'FROM "subscriptions_newsletter"' in sql:
            has_read.append(sql)
        elif sql.startswith("SAVEPOINT") and has_read and not is_done:
            is_done.append(Newsletter.objects.filter(pk=newsletter.pk).update(has_weekly=False))
        return execute(sql, *rest)

    return step


@pytest.mark.parametrize("when", ["before the form is read", "before it is saved"])
def test_a_best_of_that_ends_while_she_chooses_it_is_said_and_nothing_half_saved(when: str) -> None:
    other = make_newsletter(name="Kultur", position=0)
    row = reading(name="Am Fluss", has_weekly=True, position=1)
    make_subscription(newsletter=other, subscriber=row.subscriber)
    client, slug = opened(row), row.newsletter.slug
    posted = {f"on-{slug}": "1", f"cadence-{slug}": "weekly", f"pause-{slug}": "2", "language": "de"}

    if when == "before the form is read":
        Newsletter.objects.update(has_weekly=False)
        answer = client.post("/preferences/", posted)
    else:
        with connection.execute_wrapper(ends_meanwhile(row.newsletter)):
            answer = client.post("/preferences/", posted)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count("There is no weekly best-of of Am Fluss any more; nothing is saved yet") == 1
    assert f'id="on-{other.slug}" checked' not in page  # what she typed stays
    assert '<option value="2" selected>' in page
    assert '<option value="de" lang="de" selected>' in page
    row.refresh_from_db()
    assert (row.paused_until, row.cadence, row.subscriber.language) == (None, "each", "en")
    assert Subscription.objects.active().filter(newsletter=other).exists()
    assert f"cadence-{slug}" not in page

    saved = client.post("/preferences/", {name: posted[name] for name in posted if "cadence" not in name})

    row = Subscription.objects.get(pk=row.pk)
    assert "no weekly best-of" not in saved.content.decode()
    assert (row.paused_until is not None, row.subscriber.language) == (True, "de")
    assert not Subscription.objects.active().filter(newsletter=other).exists()


def test_what_is_switched_off_needs_no_good_date() -> None:
    row = reading()

    opened(row).post("/preferences/", {f"until-{row.newsletter.slug}": "never", "language": "en"})

    row.refresh_from_db()
    assert row.state == "unsubscribed"


# --- How often ------------------------------------------------------------------------------------------------


def test_she_may_have_the_best_of_the_week_where_there_is_one() -> None:
    row = reading(has_weekly=True)

    page = save(row, cadence="weekly")

    assert row.cadence == Cadence.WEEKLY
    assert "every digest → the weekly best-of" in page
    event = ConsentEvent.objects.get(kind=ConsentKind.CHANGED)
    assert event.facts == {"what": "cadence", "before": "each", "after": "weekly"}
    look = audiences.deliverable([row.pk], newsletter=row.newsletter, at=now())
    assert look[row.pk].skip_reason == "cadence"


@pytest.mark.parametrize(
    ("before", "fields", "days"),
    [
        ("each", {"cadence": "weekly"}, 20),
        ("weekly", {"cadence": "each"}, 1),
        ("weekly", {"pause": "1"}, 20),
        ("each", {"pause": "none"}, None),
    ],
    ids=["to-weekly", "to-each", "a-break", "nothing"],
)
def test_the_answer_names_the_first_mail_of_the_kind_she_gets(
    before: str, fields: dict[str, str], days: int | None
) -> None:
    row = reading(has_weekly=True)
    Subscription.objects.update(cadence=before)
    today = now()
    row.newsletter.next_at, row.newsletter.next_weekly_at = today + DAY, today + 20 * DAY
    row.newsletter.save()

    page = save(row, **fields)

    if days is None:
        assert "The next issue for you" not in page
    else:
        first = timezone.localdate(today + days * DAY)
        assert f"The next issue for you: from {weekday_date(first)} on." in page


def test_nobody_is_promised_a_weekly_that_does_not_exist() -> None:
    row = reading()

    assert "cadence-" not in opened(row).get("/preferences/").content.decode()
    save(row, cadence="weekly")
    with pytest.raises(NoWeekly):
        consent.set_cadence(row, cadence=Cadence.WEEKLY, how="/preferences/", network_address="", at=NOON)

    assert row.cadence == Cadence.EACH
    assert not ConsentEvent.objects.filter(kind=ConsentKind.CHANGED).exists()


def test_who_chose_a_weekly_that_ended_is_told_and_goes_back() -> None:
    row = reading(has_weekly=True)
    save(row, cadence="weekly")
    row.newsletter.has_weekly = False
    row.newsletter.save()

    page = opened(row).get("/preferences/").content.decode()
    assert "This newsletter has no weekly best-of any more" in page
    save(row)  # saved without a choice: nothing changes behind her back
    kept = row.cadence
    save(row, cadence="each")

    assert (kept, row.cadence) == (Cadence.WEEKLY, Cadence.EACH)


def test_only_a_subscription_that_runs_has_a_cadence() -> None:
    row = reading(has_weekly=True)
    Subscription.objects.update(state="unsubscribed")

    with pytest.raises(NothingToPause):
        consent.set_cadence(row, cadence=Cadence.WEEKLY, how="/preferences/", network_address="", at=NOON)


def test_undoing_restores_the_cadence_as_well() -> None:
    row = reading(has_weekly=True)
    save(row, cadence="weekly")
    consent.unsubscribe(row, how="/u/", network_address="", at=now())

    consent.restore(row, how="/u/", network_address="", at=now())

    row.refresh_from_db()
    assert row.cadence == Cadence.WEEKLY


def test_a_row_says_what_holds() -> None:
    row = reading()
    until = midnight_after(dt.date(2026, 6, 14))
    Subscription.objects.update(paused_until=until)

    (line,) = rows_of(row.subscriber, {}, at=NOON)

    assert (line.is_on, line.wants_on, line.paused_through) == (True, True, dt.date(2026, 6, 14))
    assert SettingsForm([line], language="en", at=NOON).pauses == {}
