"""Robots by their own names: `*.json`, a list with instances. Right: their GET and HEAD on tokened pages change nothing."""

from pathlib import Path

from django.core.cache import cache
from django.test import Client

from newsroom.web import tokens
from subscriptions.models import ConsentEvent, Subscription
from tests.corpora.tally import Tally, load
from tests.factories import make_newsletter, make_subscription


def run(folder: Path) -> Tally:
    tally = Tally()
    subscription = make_subscription(newsletter=make_newsletter())
    pages = [
        f"/u/{tokens.make(tokens.TokenKind.LEAVE, subscription.pk)}",
        f"/preferences/{tokens.make(tokens.TokenKind.MANAGE, subscription.pk)}/",
        f"/confirm/{tokens.secret_token()}/",
    ]
    before = _state()
    for path in sorted(folder.glob("*.json")):
        for number, robot in enumerate(load(path)):
            agent = (robot.get("instances") or [robot["pattern"]])[0]
            tally.judge(agent, _looks, pages, agent, number, before)
    return tally


def _looks(pages: list[str], agent: str, number: int, before: object) -> bool:
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=f"192.0.2.{number % 250 + 1}")
    if not number % 50:
        cache.clear()
    answers = [client.get(page) for page in pages] + [client.head(pages[0])]
    return (
        all(answer.status_code < 500 for answer in answers)
        and answers[0].status_code == 200
        and _state() == before
    )


def _state() -> object:
    subscriptions = Subscription.objects.order_by("pk").values_list(
        "pk", "state", "unsubscribed_at", "paused_until"
    )
    return list(subscriptions), ConsentEvent.objects.count()
