"""Limits, cache, logs, page figures and health: what holds when a part is away, and what nobody gets to see."""

import logging
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.cache.backends.base import BaseCache
from django.test import Client
from django.utils.translation import override
from pytest_django.fixtures import Settings

from newsroom.web import clock, tags, throttles
from newsroom.web.cache import ForgivingRedisCache
from newsroom.web.logs import LineFormatter, MaskAddresses
from newsroom.web.patience import seconds_of

NOBODY = "redis://127.0.0.1:1/0"


@pytest.mark.postgres
@pytest.mark.django_db
def test_the_clock_is_the_databases_and_aware() -> None:
    moment = clock.now()

    assert moment.tzinfo is UTC
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 5


def test_the_limit_lets_through_as_many_as_it_says() -> None:
    answers = [throttles.allow("test", "a", limit=3, seconds=60) for _each in range(5)]

    assert answers == [True, True, True, False, False]
    assert throttles.allow("test", "b", limit=3, seconds=60)


def test_without_redis_the_limit_still_counts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": NOBODY}}
    throttles._shared.cache_clear()
    monkeypatch.setattr(throttles._Outage, "until", 0.0)

    answers = [throttles.allow("away", "a", limit=2, seconds=60) for _each in range(3)]

    throttles._shared.cache_clear()
    assert answers == [True, True, False]


def _cache_without_redis() -> BaseCache:
    return ForgivingRedisCache(NOBODY, {"OPTIONS": {"socket_connect_timeout": 1}})


def test_without_redis_the_cache_misses_and_breaks_nothing() -> None:
    cache = _cache_without_redis()

    cache.set("a", 1)
    assert cache.get("a") is None
    assert cache.get("a", "else") == "else"
    assert cache.get_many(["a"]) == {}
    assert cache.set_many({"a": 1}) == ["a"]
    assert cache.add("a", 1) is False
    assert cache.get_or_set("a", lambda: 7) == 7
    assert cache.has_key("a") is False
    assert cache.incr("a") == 1
    assert cache.delete("a") is False
    cache.delete_many(["a"])
    cache.clear()


def _line(message: str, *args: object, **extra: object) -> str:
    record = logging.getLogger("test").makeRecord(
        "test", logging.INFO, "file", 1, message, args, None, extra=extra
    )
    assert MaskAddresses().filter(record)
    return LineFormatter().format(record)


def test_a_log_line_names_ids_and_no_reader() -> None:
    line = _line(
        "%s asked for a link.", "ann.reader@example.org", subscriber_id=7, note="bob@example.org said so"
    )

    assert "a…@example.org asked for a link." in line
    assert "subscriber_id=7" in line
    assert "note='b…@example.org said so'" in line
    assert "ann.reader" not in line
    assert "bob" not in line


def test_a_log_line_holds_no_key_to_anybodys_settings() -> None:
    line = _line("Not Found: %s", "/preferences/EQAAAAAABb0hIzQSI5E5/")

    assert "EQAAAAAABb0hIzQSI5E5" not in line
    assert "/preferences/…" in line


def test_a_long_line_is_masked_in_a_moment() -> None:
    begun = time.process_time()

    line = _line("Not Found: %s", "/@" + "a" * 50_000 + "a%40" * 50_000 + " ann@example.org")

    assert "a…@example.org" in line
    assert time.process_time() - begun < 2  # by the square of the length it was half a minute


def test_a_log_line_stays_one_line() -> None:
    assert "\n" not in _line("one\r\nINFO forged", note="x\ny")


def test_a_traceback_does_not_quote_an_address() -> None:
    try:
        raise ValueError("ann@example.org is odd")
    except ValueError:
        import sys

        record = logging.getLogger("test").makeRecord("t", logging.ERROR, "f", 1, "No.", (), sys.exc_info())
    MaskAddresses().filter(record)

    text = LineFormatter().format(record)

    assert "ValueError" in text
    assert "ann@example.org" not in text


def test_words_for_templates() -> None:
    assert tags.reading_time(1, "en") == "1 minute read"
    assert tags.reading_time(4, "en") == "4 minute read"
    assert tags.reading_time(0, "en") == ""
    assert tags.long_date(date(2026, 11, 22), "de") == "22. November 2026"
    assert tags.long_date(date(2026, 11, 22), "en") == "November 22, 2026"
    # Late in the evening of Greenwich it is the next day in Berlin.
    assert tags.long_date(datetime(2026, 11, 21, 23, 30, tzinfo=UTC), "de") == "22. November 2026"
    assert tags.long_date(None) == ""
    assert tags.masked_address("maria@example.org") == "m…@example.org"
    assert tags.masked_address("") == ""
    summer, winter = (datetime(2026, month, 4, 12, tzinfo=UTC) for month in (4, 12))
    assert tags.exact_time(summer, "de") == "Samstag, 4. April 2026, 14:00:00\xa0Uhr\xa0MESZ"
    assert tags.exact_time(winter, "de") == "Freitag, 4. Dezember 2026, 13:00:00\xa0Uhr\xa0MEZ"
    assert tags.exact_time(summer, "en") == "Saturday, April 4, 2026, 14:00:00\xa0CEST"


def test_a_short_day_has_its_year_where_that_is_another_one() -> None:
    eve = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
    midnight = eve + timedelta(minutes=1)  # of the year after, in Berlin

    with override("de"):
        assert tags.short_day(eve, eve) == "31. Dezember"
        assert tags.short_time(midnight, midnight) == "1. Januar, 00:00"
        assert tags.short_time(midnight, eve) == "1. Januar 2027, 00:00"
        assert tags.short_day(eve, midnight) == "31. Dezember 2026"
        assert tags.weekday_time(eve, eve) == "Do, 31. Dez, 23:59"
        assert tags.weekday_time(eve, midnight) == "Do, 31. Dez 2026, 23:59"
        assert tags.short_day(datetime(2019, 5, 4, tzinfo=UTC)) == "4. Mai 2019"


def test_patience_is_read_as_seconds_or_as_a_date() -> None:
    assert seconds_of("120") == 120
    assert seconds_of("999999") == 3600
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds_of("") is None
    assert seconds_of("soon") is None


def test_health_answers_without_asking_anybody(client: Client) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
def test_ready_means_the_database_answers(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"database": True, "redis": True}


@pytest.mark.django_db
def test_figures_are_for_this_machine_only(client: Client) -> None:
    here = client.get("/metrics", REMOTE_ADDR="127.0.0.1")

    assert here.status_code == 200
    assert b"newsroom_letters_waiting 0.0" in here.content
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 404


@pytest.mark.django_db
def test_figures_do_not_leak_through_our_own_proxy(client: Client, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]

    answer = client.get("/metrics", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9")

    assert answer.status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("trusted", ["127.0.0.1", "10.0.0.0/8"])
def test_figures_do_not_leak_through_a_proxy_that_names_no_visitor(
    trusted: str, client: Client, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = [trusted]

    answer = client.get("/metrics", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_PROTO="https")

    assert answer.status_code == 404


@pytest.mark.django_db
def test_figures_do_not_leak_through_a_proxy_that_nobody_named(client: Client) -> None:
    answer = client.get("/metrics", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9")

    assert answer.status_code == 404
