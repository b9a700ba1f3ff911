"""The command `poll_feeds`."""

import io

import pytest
from django.core.management import CommandError, call_command

from newsroom.articles.models import Feed
from tests.factories import NOON
from tests.newsroom.articles.factories import make_feed

pytestmark = pytest.mark.django_db


def test_nothing_due_is_no_failure() -> None:
    out = io.StringIO()

    call_command("poll_feeds", stdout=out)

    assert out.getvalue() == "No feed is due.\n"


def test_a_feed_that_cannot_be_read_is_named_and_the_status_is_1() -> None:
    make_feed(url="http://127.0.0.1:9/feed", title="Hafen")
    out = io.StringIO()

    with pytest.raises(CommandError, match="1 of 1 feeds could not be read") as caught:
        call_command("poll_feeds", stdout=out)

    assert caught.value.returncode == 1
    assert out.getvalue().startswith("Hafen: ")


def test_all_checks_what_is_not_due_yet_but_not_what_stopped() -> None:
    later = NOON.replace(year=2099)
    make_feed(url="http://127.0.0.1:9/a", next_check_at=later)
    make_feed(url="http://127.0.0.1:9/b", next_check_at=later, is_active=False)

    with pytest.raises(CommandError):
        call_command("poll_feeds", all=True, stdout=io.StringIO())

    assert list(Feed.objects.order_by("url").values_list("failures", flat=True)) == [1, 0]
