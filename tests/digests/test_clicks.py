"""Clicks are counted by the hour and by kind, and nothing of who clicked is kept anywhere."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.test import Client

from digests import bursts, clicks, links
from digests.models import Digest, Link, LinkCount
from digests.tasks import forget_clicks
from newsroom.web.tokens import link_url
from tests.digests.factories import make_handed_over, make_ready
from tests.digests.test_machines import READERS
from tests.factories import NOON

pytestmark = pytest.mark.django_db

READER = {"User-Agent": READERS[0]}
ROBOT = {"User-Agent": "curl/8.5.0"}
AT = NOON + dt.timedelta(minutes=17)


def found(link: Link) -> Link:
    return links.find(link_url(link.pk).rpartition("/")[2])


def follow(
    link: Link, headers: dict[str, str] = READER, *, network: str = "192.0.2.7", at: dt.datetime = AT
) -> None:
    clicks.count(found(link), method="GET", headers=headers, network=network, at=at)


def counts(digest: Digest) -> list[tuple[int, int]]:
    """(people, machines) per link."""
    return [
        (sum(row.people for row in link.counts.all()), sum(row.machines for row in link.counts.all()))
        for link in Link.objects.filter(pick__digest=digest).order_by("pk")
    ]


@pytest.fixture
def digest() -> Digest:
    return make_handed_over(stories=6)


@pytest.fixture
def link(digest: Digest) -> Link:
    first = Link.objects.order_by("pk").first()
    assert first is not None
    return first


@pytest.fixture(autouse=True)
def _redis_is_believed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test begins in the rest that another one's outage left behind."""
    monkeypatch.setattr(bursts, "_resting_until", 0.0)
    yield
    bursts._redis.cache_clear()


def test_people_and_machines_are_counted_apart_by_the_hour(link: Link) -> None:
    follow(link)
    follow(link, at=AT + dt.timedelta(minutes=2))
    follow(link, ROBOT)
    follow(link, at=AT + dt.timedelta(hours=1))

    rows = link.counts.order_by("hour").values_list("hour", "people", "machines")
    assert list(rows) == [(NOON, 2, 1), (NOON + dt.timedelta(hours=1), 1, 0)]


def test_the_redirect_counts_and_leads_on(client: Client, link: Link) -> None:
    url = link_url(link.pk)

    answers = [
        client.get(url, headers=READER),
        client.get(url, headers=ROBOT),
        client.head(url, headers=READER),
        client.get(url, headers={**READER, "Sec-Purpose": "prefetch"}),
    ]

    assert {answer["Location"] for answer in answers} == {link.current_url}
    assert not any(answer.cookies for answer in answers)
    row = LinkCount.objects.get()
    assert (row.people, row.machines) == (1, 3)
    assert (row.hour.minute, row.hour.second, row.hour.microsecond) == (0, 0, 0)


def test_before_a_digest_goes_out_nothing_is_counted() -> None:
    links.place(make_ready(), at=NOON)

    follow(Link.objects.get())

    assert not LinkCount.objects.exists()


def test_who_opens_all_links_within_a_second_is_a_machine_from_the_first(digest: Digest) -> None:
    for each in Link.objects.order_by("pk"):
        follow(each)

    assert counts(digest) == [(0, 1)] * 6


def test_a_reader_may_open_three_links_at_once(digest: Digest) -> None:
    for each in Link.objects.order_by("pk")[: bursts.MOST_LINKS]:
        follow(each)
        follow(each)

    assert counts(digest) == [(2, 0)] * 3 + [(0, 0)] * 3


@pytest.mark.parametrize(
    "apart",
    [
        lambda number: {"network": f"192.0.2.{number}"},
        lambda number: {"at": AT + dt.timedelta(seconds=number)},
    ],
    ids=["from networks of their own", "one a second"],
)
def test_readers_are_no_burst(digest: Digest, apart: Callable[[int], dict[str, Any]]) -> None:
    for number, each in enumerate(Link.objects.order_by("pk")):
        follow(each, **apart(number))

    assert counts(digest) == [(1, 0)] * 6


def test_links_of_several_digests_are_no_burst() -> None:
    digests = [make_handed_over() for _ in range(6)]

    for each in Link.objects.order_by("pk"):
        follow(each)

    assert [counts(each) for each in digests] == [[(1, 0)]] * 6


def test_what_is_kept_of_a_visitor_is_a_hash_for_ten_seconds(link: Link, settings: LazySettings) -> None:
    follow(link, network="192.0.2.77")

    with redis.Redis.from_url(str(settings.CACHES["default"]["LOCATION"])) as server:
        keys = {key.decode(): server.ttl(key) for key in server.scan_iter("newsroom:burst:*")}
        values = [server.dump(key) for key in keys]
    marks = [key for key in keys if ":salt:" not in key]
    assert len(marks) == 1
    assert 0 < keys[marks[0]] <= 10
    assert len(marks[0].rpartition(":")[2]) == 32
    assert not any(b"192.0.2" in (value or b"") for value in values)


def test_with_redis_away_everybody_is_a_reader_and_the_redirect_leads_on(
    client: Client, digest: Digest, settings: LazySettings
) -> None:
    away = {"BACKEND": "newsroom.web.cache.ForgivingRedisCache", "LOCATION": "redis://127.0.0.1:9/1"}
    settings.CACHES = {"default": away}
    bursts._redis.cache_clear()

    answers = [client.get(url, headers=READER).status_code for url in links.urls(digest).values()]

    assert answers == [302] * 6
    assert counts(digest) == [(1, 0)] * 6


@pytest.mark.django_db(transaction=True)
def test_a_count_that_fails_does_not_keep_the_reader(client: Client, link: Link) -> None:
    def full(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if sql.startswith("INSERT INTO digests_linkcount"):
            raise OperationalError("database or disk is full")
        return execute(sql, *rest)

    with connection.execute_wrapper(full):
        answer = client.get(link_url(link.pk), headers=READER)

    assert answer["Location"] == link.current_url
    assert not LinkCount.objects.exists()


def test_counts_go_after_thirteen_months(link: Link) -> None:
    for days in (0, clicks.KEPT_DAYS, clicks.KEPT_DAYS + 1):
        LinkCount.objects.create(link=link, hour=NOON - dt.timedelta(days=days), people=1)

    gone = clicks.forget(at=NOON)

    assert gone == 1
    assert clicks.forget(at=NOON) == 0
    assert LinkCount.objects.count() == 2


def test_the_hourly_task_forgets(link: Link) -> None:
    LinkCount.objects.create(link=link, hour=NOON - dt.timedelta(days=5_000), people=1)

    assert forget_clicks() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_visitors_at_once_are_all_counted(link: Link) -> None:
    known = found(link)
    barrier = threading.Barrier(4)
    failures: list[BaseException] = []

    def visit(number: int) -> None:
        try:
            barrier.wait(timeout=10)
            for _ in range(10):
                clicks.count(known, method="GET", headers=READER, network=f"192.0.2.{number}", at=AT)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert failures == []
    assert LinkCount.objects.get().people == 40
