"""The self-check: each line green and not, what it tells staff, and who may look."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.core.cache import cache
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from digests import self_check
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import BatchState, MailingState
from digests.roles import bring_up_to_date
from digests.self_check import Colour, Line
from newsroom.articles.models import Feed
from newsroom.mail import heartbeats, incidents, sender_domains
from newsroom.mail.models import Incident, Letter, ProviderEvent
from tests.digests.delivery.factories import make_sending
from tests.factories import NOON, make_article

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

MINUTE = timedelta(minutes=1)
TWO_PULSES = timedelta(seconds=90)
DAY = timedelta(days=1)


def lines(at: Any = NOON) -> dict[str, Line]:
    return {line.key: line for group in self_check.look(at=at) for line in group.lines}


def beat_all(at: Any = NOON) -> None:
    for name in ("queue:control", "queue:letters", "queue:mailings", "worker:letters@host"):
        heartbeats.beat(name, at=at)


def test_stopping_the_scheduler_is_red_within_two_intervals() -> None:
    beat_all()

    assert lines(NOON + TWO_PULSES)["scheduler"].colour == Colour.GREEN
    late = lines(NOON + TWO_PULSES + timedelta(seconds=1))

    assert late["scheduler"].colour == Colour.RED
    assert "celery beat" in late["scheduler"].remedy


def test_one_queue_without_a_worker_is_red_and_the_scheduler_is_not() -> None:
    beat_all(NOON - 3 * MINUTE)
    heartbeats.beat("queue:control", at=NOON)

    found = lines()

    assert found["scheduler"].colour == Colour.GREEN
    assert found["queue.control"].colour == Colour.GREEN
    assert found["queue.letters"].colour == Colour.RED


def test_worker_that_went_without_a_word_is_yellow() -> None:
    beat_all(NOON - 3 * MINUTE)

    assert lines()["worker.letters@host"].colour == Colour.YELLOW


def test_job_is_late_by_its_own_rhythm() -> None:
    heartbeats.beat("job:subscriptions.tidy", at=NOON - 119 * MINUTE)
    heartbeats.beat("job:delivery.sweep", at=NOON - 3 * MINUTE)
    heartbeats.beat("job:mail.send_letters", at=NOON - 16 * MINUTE)

    found = lines()

    assert found["job.subscriptions.tidy"].colour == Colour.GREEN
    assert found["job.delivery.sweep"].colour == Colour.YELLOW
    assert found["job.mail.send_letters"].colour == Colour.RED
    assert found["job.digests.run_due_plans"].says == "No good run yet."


def test_letter_that_waits_is_yellow_then_red_and_one_for_later_is_neither() -> None:
    Letter.objects.create(
        kind="welcome", dedupe_key="later", language="de", address_hash="x",
        not_before=NOON + DAY, created_at=NOON - DAY,
    )  # fmt: skip
    assert lines()["waiting.letters"].colour == Colour.GREEN

    Letter.objects.create(
        kind="welcome", dedupe_key="now", language="de", address_hash="x", not_before=NOON, created_at=NOON
    )

    assert lines(NOON + 6 * MINUTE)["waiting.letters"].colour == Colour.YELLOW
    assert lines(NOON + 16 * MINUTE)["waiting.letters"].colour == Colour.RED


def test_report_that_nobody_applies_is_red() -> None:
    ProviderEvent.objects.create(
        provider="main", event_id="1", kind="delivered", occurred_at=NOON, received_at=NOON - 16 * MINUTE
    )

    assert lines()["waiting.events"].colour == Colour.RED


@pytest.mark.postgres
def test_copies_that_wait_are_red_and_those_of_a_stopped_mailing_are_not() -> None:
    mailing = make_sending(readers=1)
    Batch.objects.update(not_before=NOON - 16 * MINUTE)
    assert lines()["waiting.batches"].colour == Colour.RED

    Mailing.objects.filter(pk=mailing.pk).update(state=MailingState.PAUSED)

    assert lines()["waiting.batches"].colour == Colour.GREEN


def test_redis_away_is_yellow(settings: LazySettings) -> None:
    assert lines()["broker"].colour == Colour.GREEN

    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"

    assert lines()["broker"].colour == Colour.YELLOW


def test_held_copies_lead_to_the_page_that_decides_about_them() -> None:
    assert lines()["held"].colour == Colour.GREEN
    mailing = make_sending(readers=3)
    Batch.objects.update(state=BatchState.HELD, held=3)

    line = lines()[f"held.{mailing.pk}"]

    assert line.colour == Colour.YELLOW
    assert line.says.startswith("3 copies are held")
    assert line.page == ("admin:delivery_mailing_held", mailing.pk)


def sent_letter(at: Any) -> None:
    Letter.objects.create(
        kind="welcome", dedupe_key=str(at), language="de", address_hash="x", state="sent", provider="main",
        not_before=at, created_at=at, sent_at=at,
    )  # fmt: skip


@pytest.mark.postgres
def test_provider_that_takes_mail_and_reports_nothing_is_red(settings: LazySettings) -> None:
    settings.MAIL_PROVIDERS = "main=postmark://key@?webhook=0123456789abcdef"
    assert lines()["webhook.main"].colour == Colour.GREEN

    sent_letter(NOON - 5 * timedelta(hours=1))
    assert lines()["webhook.main"].colour == Colour.RED

    ProviderEvent.objects.create(
        provider="main", event_id="1", kind="delivered", occurred_at=NOON, received_at=NOON, applied_at=NOON
    )
    assert lines()["webhook.main"].colour == Colour.GREEN


def test_provider_without_a_webhook_is_not_waited_for() -> None:
    sent_letter(NOON - 5 * timedelta(hours=1))

    assert "webhook.main" not in lines()


def make_feed(**values: Any) -> Feed:
    return Feed.objects.create(
        **{"url": f"https://example.org/{Feed.objects.count()}", "title": "Stadtwerke", **values}
    )


def test_feed_that_nobody_checks_is_yellow_then_red() -> None:
    feed = make_feed(next_check_at=NOON)
    key = f"feed.overdue.{feed.pk}"

    assert key not in lines(NOON + 15 * MINUTE)
    assert lines(NOON + 16 * MINUTE)[key].colour == Colour.YELLOW
    assert lines(NOON + 61 * MINUTE)[key].colour == Colour.RED


def test_feed_that_cannot_be_read_is_yellow_after_an_hour_and_red_after_six() -> None:
    """Its checks come ever more seldom, so it is not overdue meanwhile."""
    failing = {"next_check_at": NOON + DAY, "failures": 3, "last_error": "The server answers 502."}
    feed = make_feed(last_good_at=NOON, **failing)
    key = f"feed.failing.{feed.pk}"

    assert key not in lines(NOON + 60 * MINUTE)
    line = lines(NOON + 61 * MINUTE)[key]
    assert (line.colour, line.title, line.page) == (
        Colour.YELLOW, "Stadtwerke", ("admin:articles_feed_change", feed.pk),
    )  # fmt: skip
    assert line.says == "Last read 1 h 1 min ago; since then: The server answers 502."
    assert lines(NOON + 360 * MINUTE)[key].colour == Colour.YELLOW
    assert lines(NOON + 361 * MINUTE)[key].colour == Colour.RED


def test_feed_that_is_read_again_or_checked_once_a_day_is_not_cried_over() -> None:
    make_feed(next_check_at=NOON + DAY, last_good_at=NOON - DAY)
    daily = {"interval_minutes": 24 * 60, "failures": 1, "last_error": "Too slow."}
    daily_feed = make_feed(next_check_at=NOON + DAY, last_good_at=NOON - DAY - MINUTE, **daily)
    never = make_feed(next_check_at=NOON + DAY, failures=9, last_error="No such name.")

    found = {key: line for key, line in lines().items() if key.startswith("feed")}

    assert {key: line.colour for key, line in found.items()} == {
        f"feed.failing.{daily_feed.pk}": Colour.YELLOW,
        f"feed.failing.{never.pk}": Colour.YELLOW,
    }
    assert found[f"feed.failing.{never.pk}"].says == "It could never be read: No such name."


@pytest.mark.postgres
def test_feed_is_silent_after_three_times_its_usual_gap() -> None:
    feed = make_feed(next_check_at=NOON + 30 * DAY)
    for number in range(5):
        make_article(feed=feed, first_seen_at=NOON + number * DAY)
    last, key = NOON + 4 * DAY, f"feed.silent.{feed.pk}"

    assert key not in lines(last + 3 * DAY)
    line = lines(last + 3 * DAY + MINUTE)[key]

    assert (line.colour, line.page) == (Colour.YELLOW, ("admin:articles_feed_change", feed.pk))
    assert line.says == "Nothing new for 3 days; usually something comes every 24 h 0 min."


def test_feed_that_was_switched_off_or_is_gone_is_not_missed() -> None:
    make_feed(next_check_at=NOON - DAY, is_active=False)
    make_feed(next_check_at=NOON - DAY, gone_at=NOON)

    assert lines()["feeds"].colour == Colour.GREEN


def test_missing_migration_is_red() -> None:
    assert lines()["migrations"].colour == Colour.GREEN

    ((app, name),) = MigrationLoader(connection).graph.leaf_nodes("digests")
    MigrationRecorder(connection).record_unapplied(app, name)

    assert lines()["migrations"].colour == Colour.RED


@pytest.mark.parametrize(("free", "colour"), [(50, "green"), (9, "yellow"), (4, "red")])
def test_room_on_disk_runs_out_in_colours(free: int, colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=100, used=100 - free, free=free)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)

    assert lines()["room.media"].colour == colour


def test_room_on_disk_is_told_in_the_numbers_of_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=280e9, used=196.5e9, free=83.5e9)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)

    with translation.override("de"):
        assert "83,5 GB" in lines()["room.media"].says


def test_watch_tells_of_red_once_and_takes_it_back_when_it_is_well() -> None:
    beat_all(NOON - 3 * MINUTE)

    self_check.watch(at=NOON)
    self_check.watch(at=NOON + MINUTE)

    told = {incident.key for incident in Incident.objects.open()}
    assert told == {
        f"machine.{key}" for key in ("scheduler", "queue.control", "queue.letters", "queue.mailings")
    }

    beat_all(NOON + 5 * MINUTE)
    self_check.watch(at=NOON + 5 * MINUTE)

    assert not Incident.objects.open().exists()
    assert Incident.objects.count() == 4


def test_a_queue_that_nobody_works_on_is_told_by_itself_and_taken_back(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """The rest of the self-check is looked at more seldom, and what it told stays."""
    beat_all(NOON - 2 * MINUTE)
    heartbeats.beat("queue:control", at=NOON)
    heartbeats.beat("job:digests.watch_queues", at=NOON - MINUTE)
    incidents.report("machine.room.var", title="The disk is full", at=NOON)

    assert [line.key for line in self_check.watch_queues(at=NOON)] == ["queue.letters", "queue.mailings"]
    told = set(Incident.objects.open().values_list("key", flat=True))
    beat_all(NOON)
    self_check.watch_queues(at=NOON)

    assert told == {"machine.queue.letters", "machine.queue.mailings", "machine.room.var"}
    assert Incident.objects.open().get().key == "machine.room.var"
    with django_assert_num_queries(2):  # heartbeats, open incidents
        self_check.watch_queues(at=NOON)


def test_the_watch_and_the_pulses_leave_no_standstill_untold_for_two_minutes(settings: LazySettings) -> None:
    """At worst the last pulse came just before the end, and the watch had just looked."""
    watch = next(
        entry for entry in settings.CELERY_BEAT_SCHEDULE.values() if entry["task"] == "digests.watch_queues"
    )

    assert 2 * settings.PULSE_SECONDS + watch["schedule"] < 120
    assert watch["schedule"] + settings.HEARTBEAT_SECONDS < self_check.LOOKED_LATELY.total_seconds()


def test_after_a_rest_of_the_machine_its_queues_get_the_time_to_come_back() -> None:
    beat_all(NOON - DAY)
    heartbeats.beat("queue:control", at=NOON)
    heartbeats.beat("job:digests.watch_queues", at=NOON - DAY)
    first = self_check.watch_queues(at=NOON)
    heartbeats.beat("job:digests.watch_queues", at=NOON)

    second = self_check.watch_queues(at=NOON + MINUTE / 3)

    assert first == []
    assert [line.key for line in second] == ["queue.letters", "queue.mailings"]


def test_a_queue_that_never_had_a_worker_is_told_by_the_whole_look_alone() -> None:
    heartbeats.beat("queue:control", at=NOON)
    heartbeats.beat("job:digests.watch_queues", at=NOON)
    self_check.watch(at=NOON)

    assert self_check.watch_queues(at=NOON) == []
    assert Incident.objects.open().filter(key__startswith="machine.queue.").count() == 2


def test_watch_leaves_other_incidents_alone() -> None:
    beat_all()
    Incident.objects.create(key="digests.missed.1", title="A digest was missed", opened_at=NOON)

    self_check.watch(at=NOON)

    assert Incident.objects.open().get().key == "digests.missed.1"


@pytest.mark.postgres
def test_self_check_asks_a_fixed_number_of_times() -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as found:
            self_check.look(at=NOON)
        return len(found)

    few = count()
    for _ in range(5):
        feed = make_feed(next_check_at=NOON - DAY)
        make_article(feed=feed)
        make_sending(readers=2)
    for number in range(20):
        heartbeats.beat(f"worker:{number}", at=NOON)

    # heartbeats, letters, events, batches, held, feeds, articles, the table of migrations twice
    assert few <= 10
    assert count() <= few + 1  # articles, where there are feeds


def client_of(*groups: str) -> Client:
    bring_up_to_date(Group.objects, Permission.objects)
    user = User.objects.create_user("anna", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_page_says_what_is_red_and_looks_up_no_domain_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(domains: Any) -> list[Any]:
        raise AssertionError("a page must not ask name servers")

    monkeypatch.setattr(sender_domains, "look_up", forbidden)
    cache.clear()

    text = client_of("Betrieb").get("/admin/self-check/").content.decode()

    assert "Start “celery beat”" in text
    assert "Last looked up" not in text


def test_button_looks_up_domains_and_the_page_keeps_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_domains, "ask", lambda name, kind: [])
    monkeypatch.setattr(sender_domains.look_up, "__kwdefaults__", {"ask": sender_domains.ask})
    client = client_of("Betrieb")

    client.post("/admin/self-check/domains/")

    text = client.get("/admin/self-check/").content.decode()
    assert "news.example.org: MX" in text
    assert "No server takes mail for it." in text
    assert "news.example.org: DKIM" in text
    assert "No selector is set" in text


def test_selectors_of_the_installation_are_looked_up(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.DKIM_SELECTORS = {"": ("k1",)}
    monkeypatch.setattr(sender_domains, "ask", lambda name, kind: [])
    monkeypatch.setattr(sender_domains.look_up, "__kwdefaults__", {"ask": sender_domains.ask})
    client = client_of("Betrieb")

    client.post("/admin/self-check/domains/")

    text = client.get("/admin/self-check/").content.decode()
    assert "news.example.org: DKIM (k1)" in text
    assert "No key is published under this selector" in text


def test_only_those_who_run_the_machine_look() -> None:
    client = client_of("Redaktion")

    assert client.get("/admin/self-check/").status_code == 403
    assert client.post("/admin/self-check/domains/").status_code == 403
    assert "self-check" not in client.get("/admin/").content.decode()
