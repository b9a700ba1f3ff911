"""Mail scanners open every link, some in a full browser: no GET, HEAD or OPTIONS may change a single row."""

import datetime as dt

import pytest

from newsroom.web import tokens
from newsroom.web.clock import now
from subscriptions import consent
from subscriptions.models import Subscription
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import dump, fresh_client, make_confirmation, make_pending, path_of

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120 Safari/537.36",
    "BarracudaCentral/1.0",
    "",
)


def _links() -> list[str]:
    """A link of each kind that stands in a mail, in each state that it can meet."""
    newsletter = make_newsletter()
    at = now()
    reader = make_subscriber(language="en")
    active = make_subscription(newsletter=newsletter, subscriber=reader)
    left = make_subscription(newsletter=make_newsletter(), subscriber=reader)
    consent.unsubscribe(left, how="/u/", network_address="", at=at)
    waiting = make_pending(make_newsletter(), reader)
    _open, secret = make_confirmation(waiting, at=at)
    _expired, late = make_confirmation(waiting, at=at - dt.timedelta(days=8))
    used, done = make_confirmation(active, at=at)
    used.used_at = at
    used.save()
    leave = [path_of(tokens.leave_url(row.pk)) for row in (active, left, waiting)]
    return [
        *leave,
        *(f"{url}/undo" for url in leave),
        path_of(tokens.manage_url(active.pk)),
        f"/confirm/{secret}/",
        f"/confirm/{late}/",
        f"/confirm/{done}/",
        "/u/broken",
        "/confirm/broken/",
        "/preferences/broken/",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("agent", AGENTS, ids=["browser", "scanner", "silent"])
@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_a_link_opened_by_a_scanner_changes_nothing(method: str, agent: str) -> None:
    links = _links()
    before = dump()

    for link in links:
        client = fresh_client(HTTP_USER_AGENT=agent)
        for _time in range(2):
            answer = getattr(client, method)(link)
            assert answer.status_code in {200, 302, 404, 405}, link
            assert "<script" not in answer.content.decode(), link
        assert not [name for name in answer.cookies if name == "reader"], link

    assert dump() == before


@pytest.mark.django_db
def test_the_dump_would_notice() -> None:
    links = _links()
    before = dump()

    fresh_client().post(links[0])

    assert dump() != before
    assert Subscription.objects.active().count() == 0
