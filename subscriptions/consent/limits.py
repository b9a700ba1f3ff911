"""How often somebody may ask: per mailbox in the database, per network, domain and site in Redis.

Over the limit of a network nothing is written. Over that of a target domain or of the site attack mode begins. A Redis
that was emptied, or is away, is told what the database knows.
"""

import ipaddress
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum

from django.conf import settings
from django.db import connection

from newsroom.mail.addresses import Address, counting_hash, is_freemail
from newsroom.web import throttles
from subscriptions import queue
from subscriptions.consent import attack, recalling
from subscriptions.models import Confirmation

logger = logging.getLogger(__name__)

# Confirmations per mailbox, counted in the database: a flushed cache must not reopen list-bombing.
RESEND_AFTER = timedelta(seconds=60)
PER_DAY = 3
PER_MONTH = 5

LINKS_PER_NETWORK = 20
# So many times its limit a network is refused within an hour before staff hear of it.
REFUSED_UNTIL_TOLD = 5
_HOUR = 60 * 60
_ATTACK = int(attack.LASTS.total_seconds())


class Entry(Enum):
    """What became of a request at the limits."""

    REFUSED = "over the limit of its network"
    FIRST = "let in, and no worker was woken since the last one looked"
    BEHIND = "let in behind one that woke a worker"


def let_in(address: Address, network_address: str, *, at: datetime) -> bool:
    """The same as `enter` for a request that wakes nobody; False over the limit of its network."""
    return _count(address, network_address, (), at=at) is not Entry.REFUSED


def enter(address: Address, network_address: str, *, at: datetime) -> Entry:
    """Count a request against its network, the whole site and its domain, and as one that waits for a worker.

    Beyond the limits of site and domain attack mode begins. One way to Redis and no query; four, once after Redis was
    emptied, and while it is away.
    """
    return _count(address, network_address, (queue.WOKEN,), at=at)


def _count(address: Address, network_address: str, waking: Sequence[throttles.Act], *, at: datetime) -> Entry:
    network, domain, limits = _network(network_address), address.domain, settings.SIGNUPS_PER_HOUR
    by_network = throttles.Act("sign-up network", network, limit=limits["network"], seconds=_HOUR)
    acts = [
        by_network,
        throttles.Act("sign-up site", settings.SITE_URL, limit=limits["site"], seconds=_HOUR),
    ]
    # Most readers are with few large providers: these count against the site alone.
    if not is_freemail(domain):
        acts.append(throttles.Act("sign-up domain", domain, limit=limits["domain"], seconds=_HOUR))
    refused = throttles.first_refused([*acts, *waking], recall=lambda: _recall(at=at))
    if refused is by_network:
        logger.warning("A sign-up was not taken: over the limit of its network.")
        _mind_refused(network, limits["network"], at=at)
        return Entry.REFUSED
    if refused in waking:
        return Entry.BEHIND
    if refused:
        _flooded(refused, at=at)
    return Entry.FIRST


def has_turn(network_address: str, *, attack_since: datetime | None, at: datetime) -> bool:
    """Whether this request may go on: always in peace; in an attack once, for the first of its network."""
    if attack_since is None:
        return True
    if throttles.has_forgotten():
        _recall(at=at)
    return throttles.allow("sign-up in attack", _network(network_address), limit=1, seconds=_ATTACK)


def _recall(*, at: datetime) -> None:
    """Give counters back what they have lost, as far as it is written somewhere. Four queries."""
    limits = settings.SIGNUPS_PER_HOUR
    decided = recalling.latest(most=limits["site"], at=at)
    found = [*decided, *recalling.waiting(most=limits["site"], at=at)]
    networks = Counter(_network(each.network_address) for each in found)
    for network, number in networks.items():
        throttles.remember("sign-up network", network, number, limit=limits["network"], seconds=_HOUR)
    last = attack.last()
    if last:
        for network in {_network(each.network_address) for each in decided if each.at >= last.began}:
            throttles.remember("sign-up in attack", network, 1, limit=1, seconds=_ATTACK)
    # An attack began the counting of domain and site anew.
    since = max(last.passed, at - timedelta(hours=1)) if last else at - timedelta(hours=1)
    recent = [each for each in found if each.at > since]
    domains = Counter(each.domain for each in recent if not is_freemail(each.domain))
    for domain, number in domains.items():
        throttles.remember("sign-up domain", domain, number, limit=limits["domain"], seconds=_HOUR)
    asked = max(len(recent), recalling.noted(since=since))
    throttles.remember("sign-up site", settings.SITE_URL, asked, limit=limits["site"], seconds=_HOUR)


def note_asked(*, at: datetime) -> None:
    """Write down how many asked within the hour, so that an emptied Redis can be told. One query, none without Redis."""
    asked = throttles.counted(
        "sign-up site", settings.SITE_URL, limit=settings.SIGNUPS_PER_HOUR["site"], seconds=_HOUR
    )
    if not throttles.is_away():
        recalling.note(asked, at=at)


def _mind_refused(network: str, limit: int, *, at: datetime) -> None:
    """Nobody's household: staff hear once an hour of a network that goes on far beyond its limit."""
    most = REFUSED_UNTIL_TOLD * limit
    is_far_beyond = not throttles.allow("sign-ups refused", network, limit=most, seconds=_HOUR)
    if is_far_beyond and throttles.allow("refusals told", network, limit=1, seconds=_HOUR):
        attack.tell_of_network(network, limit=limit, refused=most, at=at)


def _flooded(passed: throttles.Act, *, at: datetime) -> None:
    """Begin or prolong attack mode, because this request passed a limit, and count anew."""
    throttles.forget(passed.scope, passed.key, limit=passed.limit, seconds=passed.seconds)
    logger.warning("Sign-ups flood in.", extra={"scope": passed.scope, "limit": passed.limit})
    attack.begin(passed.limit, domain=passed.key if passed.scope == "sign-up domain" else "", at=at)


def one_at_a_time(counting: str) -> None:
    """Requests for one mailbox wait for each other. SQLite has one writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(counting[:15], 16)])


def may_confirm_again(normal_address: str, *, at: datetime) -> bool:
    """Whether this mailbox may get another confirmation now: 60 s apart, 3 in 24 hours, 5 in 30 days. One query."""
    return next_confirmation(normal_address, at=at) == at


def next_confirmation(
    normal_address: str, *, at: datetime, attack_since: datetime | None = None
) -> datetime | None:
    """When this mailbox may get its next confirmation, at the earliest now; None: not today. One query.

    attack_since: in attack mode its first one is its only one.
    """
    month = at - timedelta(days=30)
    recent = Confirmation.objects.filter(counting_hash=counting_hash(normal_address), created_at__gt=month)
    times = list(recent.values_list("created_at", flat=True))
    today = sorted(time for time in times if time > at - timedelta(days=1))
    is_in_attack = attack_since is not None and any(time >= attack_since for time in times)
    if is_in_attack or len(today) >= PER_DAY or len(times) >= PER_MONTH:
        return None
    free = today[0] if today else at
    for time in today:  # one that was asked within another's pause leaves after it
        free = max(time, free) + RESEND_AFTER
    return max(at, free)


def may_ask_for_link(network_address: str) -> bool:
    """Count a request for a settings link against its network."""
    return throttles.allow("settings link", _network(network_address), limit=LINKS_PER_NETWORK, seconds=_HOUR)


def is_one_network(address: str, other: str) -> bool:
    """Whether limits count both as one visitor."""
    return _network(address) == _network(other)


def _network(address: str) -> str:
    """What is counted: an IPv4 address, or an IPv6 network of /64, which is one household or one server."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)
