"""The date of the next digest: told only while it lies ahead, in the welcome letter and on every page."""

import datetime as dt

import pytest

from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web.tags import long_date, weekday_date
from subscriptions.models import Newsletter, Subscription
from subscriptions.states import Cadence
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, make_confirmation, make_pending, settings_path

pytestmark = pytest.mark.django_db

MINUTE = dt.timedelta(minutes=1)
TIMES = pytest.mark.parametrize(
    ("planned", "is_told"),
    [(NOON + MINUTE, True), (NOON, False), (NOON - MINUTE, False), (NOON - dt.timedelta(days=3), False)],
    ids=["ahead", "now", "a-minute-late", "long-past"],
)
CADENCES = pytest.mark.parametrize("cadence", [Cadence.EACH, Cadence.WEEKLY])


def planned_for(planned: dt.datetime, cadence: Cadence) -> Newsletter:
    """A newsletter whose next mail of this kind is planned; the other kind has no time that could be mistaken for it."""
    name = "next_weekly_at" if cadence == Cadence.WEEKLY else "next_at"
    return make_newsletter(has_weekly=True, **{name: planned})


@TIMES
@CADENCES
def test_who_confirms_is_promised_no_date_that_has_passed(
    cadence: Cadence, planned: dt.datetime, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.views.confirming.now", lambda: NOON)
    row = make_pending(planned_for(planned, cadence), make_subscriber(language="en"), cadence=cadence)
    _confirmation, secret = make_confirmation(row, at=NOON - MINUTE)

    page = fresh_client().post(f"/confirm/{secret}/").content.decode()
    again = fresh_client().get(f"/confirm/{secret}/").content.decode()

    welcome = Letter.objects.get(kind=LetterKind.WELCOME)
    for text in (page, again, welcome.text, welcome.html):
        assert ("The next issue comes on" in text) == is_told
        assert (long_date(planned, "en") in text) == is_told


@TIMES
@CADENCES
def test_the_settings_name_no_date_that_has_passed(
    cadence: Cadence, planned: dt.datetime, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsletter = planned_for(planned, cadence)
    before = Cadence.EACH if cadence == Cadence.WEEKLY else Cadence.WEEKLY
    row = make_subscription(newsletter=newsletter, subscriber=make_subscriber(language="en"), cadence=before)
    client = fresh_client()
    client.post(settings_path(row))
    monkeypatch.setattr("subscriptions.views.preferences.now", lambda: NOON)

    fields = {f"on-{newsletter.slug}": "1", f"cadence-{newsletter.slug}": cadence.value, "language": "en"}
    page = client.post("/preferences/", fields).content.decode()

    row.refresh_from_db()
    assert row.cadence == cadence
    assert ("The next issue for you" in page) == is_told
    assert (weekday_date(planned.date()) in page) == is_told


def test_a_break_that_begins_while_a_digest_is_late_ends_when_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newsletter = planned_for(NOON - MINUTE, Cadence.EACH)
    row = make_subscription(newsletter=newsletter, subscriber=make_subscriber(language="en"))
    client = fresh_client()
    client.post(settings_path(row))
    monkeypatch.setattr("subscriptions.views.preferences.now", lambda: NOON)

    fields = {f"on-{newsletter.slug}": "1", f"pause-{newsletter.slug}": "1", "language": "en"}
    page = client.post("/preferences/", fields).content.decode()

    first = (NOON + dt.timedelta(days=8)).date()
    assert f"The next issue for you: from {weekday_date(first)} on." in page


@pytest.mark.parametrize(("planned", "told"), [(1, 60), (59, 60), (60, 60), (61, 61), (None, 60)])
@pytest.mark.parametrize("turns", ["to-weekly", "off-and-on"])
def test_no_date_within_a_break_is_promised_by_what_else_she_changes(
    turns: str, planned: int | None, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = dt.timedelta(days=1)
    due = None if planned is None else NOON + planned * day
    newsletter = make_newsletter(has_weekly=True, next_weekly_at=due, next_at=NOON + day)
    row = make_subscription(
        newsletter=newsletter,
        subscriber=make_subscriber(language="en"),
        cadence=Cadence.EACH if turns == "to-weekly" else Cadence.WEEKLY,
        paused_until=NOON + 60 * day,
    )
    client = fresh_client()
    client.post(settings_path(row))
    monkeypatch.setattr("subscriptions.views.preferences.now", lambda: NOON)
    on = {f"on-{newsletter.slug}": "1", f"cadence-{newsletter.slug}": "weekly", "language": "en"}

    if turns == "off-and-on":
        assert (
            "The next issue for you" not in client.post("/preferences/", {"language": "en"}).content.decode()
        )
    page = client.post("/preferences/", on).content.decode()

    row.refresh_from_db()
    assert (row.cadence, row.paused_until) == (Cadence.WEEKLY, NOON + 60 * day)
    assert f"The next issue for you: from {weekday_date((NOON + told * day).date())} on." in page


def test_who_ends_a_break_and_changes_how_often_it_comes_reads_of_the_very_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newsletter = planned_for(NOON + MINUTE, Cadence.WEEKLY)
    row = make_subscription(
        newsletter=newsletter,
        subscriber=make_subscriber(language="en"),
        paused_until=NOON + dt.timedelta(days=60),
    )
    client = fresh_client()
    client.post(settings_path(row))
    monkeypatch.setattr("subscriptions.views.preferences.now", lambda: NOON)

    fields = {"cadence": "weekly", "pause": "none", "on": "1"}
    posted = {f"{name}-{newsletter.slug}": value for name, value in fields.items()}
    page = client.post("/preferences/", posted | {"language": "en"}).content.decode()

    assert page.count(f"The next issue for you: from {weekday_date(NOON.date())} on.") == 1


def test_an_old_link_that_confirmed_names_no_date_within_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subscriptions.views.confirming.now", lambda: NOON)
    row = make_pending(planned_for(NOON + MINUTE, Cadence.EACH), make_subscriber(language="en"))
    _confirmation, secret = make_confirmation(row, at=NOON - MINUTE)
    assert "The next issue comes on" in fresh_client().post(f"/confirm/{secret}/").content.decode()

    Subscription.objects.update(paused_until=NOON + dt.timedelta(days=60))

    assert "The next issue comes on" not in fresh_client().get(f"/confirm/{secret}/").content.decode()
