"""Feeds are polled politely: over real HTTP, from a server on a loopback port."""

import datetime as dt
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from newsroom.articles import feeds, tasks
from newsroom.articles.models import Article, Feed
from newsroom.articles.states import FeedRights
from newsroom.mail.models import Incident
from newsroom.web.fetching import Fetched
from tests.factories import NOON, make_article
from tests.newsroom.articles.factories import make_feed, make_picture_bytes
from tests.newsroom.articles.publisher import Answer, Publisher, item, rss

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def check(feed: Feed, publisher: Publisher, at: dt.datetime = NOON) -> feeds.Checked:
    return feeds.check(feed, at=at, allow=publisher.allow, jitter=lambda: 1.0)


@pytest.fixture
def feed(publisher: Publisher) -> Feed:
    publisher.answers["/feed"] = Answer(
        body=rss(item(1), item(2)),
        headers={"ETag": 'W/"a\\b c"', "Last-Modified": "Mon, 04 May 2026 09:00:00 GMT"},
    )
    return make_feed(url=publisher.url("/feed"))


def test_a_check_takes_in_what_is_new(feed: Feed, publisher: Publisher) -> None:
    checked = check(feed, publisher)

    feed.refresh_from_db()
    assert (checked.new, checked.known, checked.error) == (2, 0, "")
    assert Article.objects.filter(feed=feed, first_seen_at=NOON).count() == 2
    assert feed.title == "Hafenmeldungen"
    assert feed.last_good_at == feed.last_checked_at == NOON
    assert feed.next_check_at == NOON + HOUR


def test_what_the_server_said_is_sent_back_byte_for_byte(feed: Feed, publisher: Publisher) -> None:
    check(feed, publisher)
    publisher.answers["/feed"] = Answer(304)

    check(Feed.objects.get(), publisher, NOON + HOUR)

    headers = publisher.asked[-1][1]
    assert headers["if-none-match"] == 'W/"a\\b c"'
    assert headers["if-modified-since"] == "Mon, 04 May 2026 09:00:00 GMT"
    assert "Newsroom (+https://" in headers["user-agent"]
    assert "if-none-match" not in publisher.asked[0][1]


def test_nothing_new_touches_only_the_times_of_checking(feed: Feed, publisher: Publisher) -> None:
    check(feed, publisher)
    publisher.answers["/feed"] = Answer(304, headers={"ETag": '"other"'})
    before = Feed.objects.filter(pk=feed.pk).values().get()

    check(Feed.objects.get(), publisher, NOON + HOUR)

    after = Feed.objects.filter(pk=feed.pk).values().get()
    times = dict.fromkeys(("last_checked_at", "last_good_at"), NOON + HOUR)
    assert dict(after) == {**before, **times, "next_check_at": NOON + 2 * HOUR}


@pytest.mark.parametrize("status", [301, 308])
def test_a_feed_that_moved_for_good_is_followed(feed: Feed, publisher: Publisher, status: int) -> None:
    publisher.answers["/new"] = publisher.answers["/feed"]
    publisher.answers["/feed"] = Answer(status, headers={"Location": "/new"})

    check(feed, publisher)

    assert Feed.objects.get().url == publisher.url("/new")


@pytest.mark.parametrize("status", [302, 307])
def test_a_detour_changes_no_address(feed: Feed, publisher: Publisher, status: int) -> None:
    publisher.answers["/new"] = publisher.answers["/feed"]
    publisher.answers["/feed"] = Answer(status, headers={"Location": "/new"})

    checked = check(feed, publisher)

    assert checked.new == 2
    assert Feed.objects.get().url == publisher.url("/feed")


def test_a_feed_that_moves_to_a_known_address_is_merged(feed: Feed, publisher: Publisher) -> None:
    other = make_feed(url=publisher.url("/new"))
    old = make_article(feed=feed)
    publisher.answers["/new"] = publisher.answers["/feed"]
    publisher.answers["/feed"] = Answer(301, headers={"Location": "/new"})

    checked = check(feed, publisher)

    feed.refresh_from_db()
    old.refresh_from_db()
    assert checked.feed == other
    assert not feed.is_active
    assert "check already" in feed.last_error
    assert old.feed == other
    assert not Incident.objects.exists()
    assert Article.objects.filter(feed=other).count() == 3


def test_a_feed_that_leads_to_another_sites_feed_leaves_its_articles_where_they_are(
    feed: Feed, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One loopback server has one host: the stranger's is another only by its name.
    stranger = make_feed(url="https://fremd.example.net/feed")
    false = make_article(feed=stranger)
    moved = Fetched(
        url=feed.url, status=200, headers={}, body=publisher.answers["/feed"].body, permanent_url=feed.url
    )
    monkeypatch.setattr(feeds, "fetch", lambda *_args, **_named: moved)

    checked = check(stranger, publisher)

    stranger.refresh_from_db()
    false.refresh_from_db()
    assert false.feed == stranger
    assert not stranger.is_active
    assert checked.feed == feed
    assert set(Article.objects.exclude(pk=false.pk).values_list("feed", flat=True)) == {feed.pk}
    incident = Incident.objects.get()
    assert incident.key == f"feed-moved:{stranger.pk}"
    assert stranger.url in incident.text
    assert feed.url in incident.text


def test_a_redirect_loop_ends(feed: Feed, publisher: Publisher) -> None:
    publisher.answers["/feed"] = Answer(301, headers={"Location": "/feed"})

    checked = check(feed, publisher)

    assert checked.error
    assert len(publisher.asked) == 6


def test_a_feed_that_is_gone_stops_and_staff_hear_of_it(feed: Feed, publisher: Publisher) -> None:
    publisher.answers["/feed"] = Answer(410)

    checked = check(feed, publisher)

    feed.refresh_from_db()
    assert feed.gone_at == NOON
    assert "gone for good" in checked.error
    assert not Feed.objects.due(NOON + dt.timedelta(days=100)).exists()
    assert Incident.objects.get().key == f"feed-gone:{feed.pk}"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("said", "gap"),
    [
        ("7200", 2 * HOUR),
        ("100000", dt.timedelta(seconds=100_000)),
        ("60", 2 * HOUR),
        ("9999999", 168 * HOUR),
    ],
)
def test_a_server_that_names_a_time_is_left_alone_for_so_long(
    feed: Feed, publisher: Publisher, status: int, said: str, gap: dt.timedelta
) -> None:
    publisher.answers["/feed"] = Answer(status, headers={"Retry-After": said})

    check(feed, publisher)

    assert Feed.objects.get().next_check_at == NOON + gap


def test_each_failure_doubles_the_gap_up_to_a_day_and_success_resets_it(
    feed: Feed, publisher: Publisher
) -> None:
    whole = publisher.answers.pop("/feed")
    gaps = []
    for _ in range(8):
        check(Feed.objects.get(), publisher)
        gaps.append(Feed.objects.get().next_check_at - NOON)  # type: ignore[operator] # it has just been set
    hours = [gap / HOUR for gap in gaps]
    assert hours == [2, 4, 8, 16, 24, 24, 24, 24]
    assert Incident.objects.open().get().key == f"feed-failing:{feed.pk}"

    publisher.answers["/feed"] = whole
    check(Feed.objects.get(), publisher)

    feed.refresh_from_db()
    assert (feed.failures, feed.last_error) == (0, "")
    assert feed.next_check_at == NOON + HOUR
    assert not Incident.objects.open().exists()


def test_jitter_only_shortens_the_gap(feed: Feed, publisher: Publisher) -> None:
    publisher.answers.clear()

    feeds.check(feed, at=NOON, allow=publisher.allow, jitter=lambda: 0.0)

    assert Feed.objects.get().next_check_at == NOON + dt.timedelta(hours=1.5)


def test_a_feed_that_asks_for_more_time_gets_it(feed: Feed, publisher: Publisher) -> None:
    body = publisher.answers["/feed"].body.replace(b"<language>", b"<ttl>180</ttl><language>")
    publisher.answers["/feed"] = Answer(body=body)

    check(feed, publisher)

    assert Feed.objects.get().next_check_at == NOON + 3 * HOUR


@pytest.mark.parametrize("body", [b"", b"<html>Wartung</html>", rss(item(1), item(2))[:300]])
def test_an_answer_that_is_no_feed_is_a_failure_and_stores_nothing(
    feed: Feed, publisher: Publisher, body: bytes
) -> None:
    publisher.answers["/feed"] = Answer(body=body, headers={"ETag": '"x"'})

    checked = check(feed, publisher)

    feed.refresh_from_db()
    assert "is no feed" in checked.error
    assert feed.failures == 1
    assert feed.etag == "", "else the next answer would be: nothing new"
    assert not Article.objects.exists()


def test_a_feed_that_takes_a_workers_time_comes_back_later_each_time(
    feed: Feed, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_time(*_args: object, **_named: object) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr("feedparser.parse", out_of_time)

    with pytest.raises(SoftTimeLimitExceeded):
        check(feed, publisher)

    feed.refresh_from_db()
    assert feed.failures == 1
    assert feed.next_check_at == NOON + 2 * HOUR
    assert "too long to read" in feed.last_error


def test_a_private_address_is_not_asked(feed: Feed, publisher: Publisher) -> None:
    checked = feeds.check(feed, at=NOON)

    assert checked.error
    assert publisher.asked == []


def test_only_due_feeds_are_polled_and_each_by_one_worker(feed: Feed, publisher: Publisher) -> None:
    make_feed(next_check_at=NOON + HOUR)
    make_feed(is_active=False)
    make_feed(gone_at=NOON)
    stale = Feed.objects.get(pk=feed.pk)

    first = feeds.poll(at=NOON, allow=publisher.allow)

    assert [checked.feed for checked in first] == [feed]
    assert len(publisher.asked) == 1
    assert not feeds._claim(stale, NOON), "who read the row before the claim loses"
    assert feeds.poll(at=NOON, allow=publisher.allow) == []


def test_a_feed_that_was_checked_meanwhile_is_not_asked_again(feed: Feed, publisher: Publisher) -> None:
    make_feed(url=publisher.url("/old"))
    Feed.objects.filter(url=publisher.url("/old")).update(next_check_at=NOON - HOUR)
    Feed.objects.filter(pk=feed.pk).update(next_check_at=NOON)
    publisher.answers["/old"] = Answer(301, headers={"Location": "/feed"})

    checked = feeds.poll(at=NOON, allow=publisher.allow)

    assert [each.feed for each in checked] == [feed], "the old address led to it first"
    assert [path for path, _ in publisher.asked] == ["/old", "/feed"]


@pytest.mark.parametrize("rights", [FeedRights.FULL, FeedRights.HEADLINE])
def test_pictures_are_fetched_only_where_they_may_be_shown(publisher: Publisher, rights: str) -> None:
    enclosed = f"<enclosure url='{publisher.url('/kran.jpg')}' type='image/jpeg' length='1'/></item>"
    broken = f"<enclosure url='{publisher.url('/fehlt.jpg')}' type='image/jpeg' length='1'/></item>"
    publisher.answers["/feed"] = Answer(
        body=rss(item(1).replace("</item>", enclosed), item(2).replace("</item>", broken))
    )
    publisher.answers["/kran.jpg"] = Answer(body=make_picture_bytes())

    check(make_feed(url=publisher.url("/feed"), rights=rights), publisher)

    pictures = [article.picture for article in Article.objects.order_by("identity")]
    if rights == FeedRights.FULL:
        assert pictures[0] is not None
        assert pictures[0].source_url == publisher.url("/kran.jpg")
    else:
        assert pictures == [None, None]
        assert [path for path, _ in publisher.asked] == ["/feed"]
    assert pictures[1] is None


def test_narrowed_rights_take_away_what_was_kept(feed: Feed, publisher: Publisher) -> None:
    check(feed, publisher)
    Article.objects.update(body_html="<p>Am Kai.</p>")
    elsewhere = make_article(teaser="bleibt", body_html="<p>bleibt</p>")

    feed.rights = FeedRights.TEASER
    assert feeds.apply_rights(feed) == 2
    assert set(Article.objects.filter(feed=feed).values_list("body_html", flat=True)) == {""}
    assert "" not in Article.objects.filter(feed=feed).values_list("teaser", flat=True)
    feed.rights = FeedRights.HEADLINE
    assert feeds.apply_rights(feed) == 2
    assert feeds.apply_rights(feed) == 0

    assert set(Article.objects.filter(feed=feed).values_list("teaser", flat=True)) == {""}
    elsewhere.refresh_from_db()
    assert elsewhere.body_html == "<p>bleibt</p>"


def test_checking_soon_wakes_a_feed_that_had_stopped(
    feed: Feed, django_capture_on_commit_callbacks: Any
) -> None:
    Feed.objects.update(gone_at=NOON, is_active=False, next_check_at=None)

    with django_capture_on_commit_callbacks() as callbacks:
        feeds.check_soon(feed, at=NOON)

    assert Feed.objects.due(NOON).get() == feed
    assert len(callbacks) == 1


def test_the_task_goes_by_its_name_and_checks_what_is_due(feed: Feed, publisher: Publisher) -> None:
    assert tasks.poll_feeds.name == "articles.poll_feeds"

    tasks.poll_feeds()

    feed.refresh_from_db()
    assert feed.failures == 1, "a loopback address is refused outside of tests"
    assert publisher.asked == []


@pytest.mark.parametrize("number", [2, 12])
def test_a_check_without_news_costs_few_queries(
    feed: Feed, publisher: Publisher, number: int, django_assert_num_queries: Any
) -> None:
    publisher.answers["/feed"] = Answer(body=rss(*(item(each) for each in range(number))))
    check(feed, publisher)
    feed.refresh_from_db()

    # 2 savepoints of the source, then per entry a savepoint and one look-up, and the feed's row.
    with django_assert_num_queries(5 + 3 * number):
        check(feed, publisher, NOON + HOUR)
