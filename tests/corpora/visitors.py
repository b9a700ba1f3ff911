"""Robots by their own names: `*.json`, a list with instances. Right: their GET and HEAD on tokened pages change nothing.

Of all the names that they give, KNOWN must be taken for a machine's, so that numbers for editors count readers.
"""

from datetime import timedelta
from pathlib import Path

from django.core.cache import cache
from django.test import Client

from digests.machines import is_machine
from digests.models import Link
from newsroom.mail.addresses import counting_hash
from newsroom.web import clock, tokens
from subscriptions.models import Confirmation, ConsentEvent, Subscription
from subscriptions.states import SubscriptionState
from tests.corpora.tally import Tally, load
from tests.factories import NOON, make_digest, make_newsletter, make_pick, make_subscription

KNOWN = 0.98


def run(folder: Path) -> Tally:
    tally = Tally()
    subscription = make_subscription(newsletter=make_newsletter())
    pages = [
        f"/u/{tokens.make(tokens.TokenKind.LEAVE, subscription.pk)}",
        f"/preferences/{tokens.make(tokens.TokenKind.MANAGE, subscription.pk)}/",
        f"/confirm/{_waiting()}/",
        f"/r/{tokens.make(tokens.TokenKind.LINK, _link().pk)}",
    ]
    before = _state()
    agents: list[str] = []
    for path in sorted(folder.glob("*.json")):
        for number, robot in enumerate(load(path)):
            agent = (robot.get("instances") or [robot["pattern"]])[0]
            tally.judge(agent, _looks, pages, agent, number, before)
            agents += robot.get("instances") or []
    known = sum(is_machine("GET", {"User-Agent": agent}) for agent in agents)
    tally.extra = f"{known} of {len(agents)} names known for a machine's"
    tally.missed = known < KNOWN * len(agents)
    return tally


def _waiting() -> str:
    """The token of somebody who has not confirmed yet."""
    pending = make_subscription(
        newsletter=make_newsletter(), state=SubscriptionState.PENDING, confirmed_at=None
    )
    secret = tokens.secret_token()
    confirmation = Confirmation.objects.create(
        token_hash=tokens.hash_secret(secret),
        counting_hash=counting_hash(pending.subscriber.address or ""),
        subscriber=pending.subscriber,
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(days=1),
    )
    confirmation.subscriptions.add(pending)
    return secret


def _link() -> Link:
    pick = make_pick(digest=make_digest(newsletter=make_newsletter()))
    url = "https://example.org/a"
    return Link.objects.create(digest=pick.digest, pick=pick, url=url, current_url=url, created_at=NOON)


def _looks(pages: list[str], agent: str, number: int, before: object) -> bool:
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=f"192.0.2.{number % 250 + 1}")
    if not number % 50:
        cache.clear()
    asked = [client.get(page).status_code for page in pages]
    looked = [client.head(page).status_code for page in pages]
    return asked[:3] == [200, 200, 200] and asked[3] == 302 and max(looked) < 500 and _state() == before


def _state() -> object:
    subscriptions = Subscription.objects.order_by("pk").values_list(
        "pk", "state", "unsubscribed_at", "paused_until"
    )
    links = list(Link.objects.order_by("pk").values())
    waiting = list(Confirmation.objects.order_by("pk").values())
    return list(subscriptions), ConsentEvent.objects.count(), links, waiting
