"""How often somebody may ask: per mailbox in the database, per network, domain and site in Redis.

Over the limit of a network nothing is written. Over that of a target domain or of the site attack mode begins. A Redis
that was emptied, or is away, is told what the database knows.
"""

import ipaddress
import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from newsroom.mail.addresses import Address, counting_hash, is_freemail
from newsroom.web import throttles
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


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Whether a request goes on, and since when sign-ups flood in; None in peace."""

    is_open: bool
    attack_since: datetime | None = None


def let_in(address: Address, network_address: str, *, at: datetime) -> Passage:
    """Count a request against its network, its domain and the whole site.

    One query, in peace; four, once after Redis was emptied, and while it is away.
    """
    if throttles.has_forgotten():
        _recall(at=at)
    network = _network(network_address)
    limit = settings.SIGNUPS_PER_HOUR["network"]
    if not throttles.allow("sign-up network", network, limit=limit, seconds=_HOUR):
        logger.warning("A sign-up was not taken: over the limit of its network.")
        _mind_refused(network, limit, at=at)
        return Passage(is_open=False)
    since = _flooded(address.normal.rpartition("@")[2], at=at) or attack.since(at)
    if since is None:
        return Passage(is_open=True)
    is_first = throttles.allow("sign-up in attack", network, limit=1, seconds=_ATTACK)
    return Passage(is_open=is_first, attack_since=since)


def _recall(*, at: datetime) -> None:
    """Give counters back what they have lost, as far as it is written somewhere. Three queries."""
    limits = settings.SIGNUPS_PER_HOUR
    found = recalling.latest(most=limits["site"], at=at)
    networks = Counter(_network(each.network_address) for each in found)
    for network, number in networks.items():
        throttles.remember("sign-up network", network, number, limit=limits["network"], seconds=_HOUR)
    last = attack.last()
    if last:
        for network in {_network(each.network_address) for each in found if each.at >= last.began}:
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


def _flooded(domain: str, *, at: datetime) -> datetime | None:
    """Begin or prolong attack mode if this request passes a limit, and count anew; says when the attack began."""
    limits = settings.SIGNUPS_PER_HOUR
    since = None
    # Most readers are with few large providers: these count against the site alone.
    counted = [("sign-up site", settings.SITE_URL, limits["site"], "")]
    if not is_freemail(domain):
        counted.append(("sign-up domain", domain, limits["domain"], domain))
    for scope, key, limit, whose in counted:
        if not throttles.allow(scope, key, limit=limit, seconds=_HOUR):
            throttles.forget(scope, key, limit=limit, seconds=_HOUR)
            logger.warning("Sign-ups flood in.", extra={"scope": scope, "limit": limit})
            since = attack.begin(limit, domain=whose, at=at)
    return since


def one_at_a_time(counting: str) -> None:
    """Requests for one mailbox wait for each other. SQLite has one writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(counting[:15], 16)])


def may_confirm_again(normal_address: str, *, at: datetime, attack_since: datetime | None = None) -> bool:
    """Whether this mailbox may get another confirmation now: 60 s apart, 3 in 24 hours, 5 in 30 days. One query.

    attack_since: in attack mode its first one is its only one.
    """
    month = at - timedelta(days=30)
    recent = Confirmation.objects.filter(counting_hash=counting_hash(normal_address), created_at__gt=month)
    times = list(recent.values_list("created_at", flat=True))
    today = [time for time in times if time > at - timedelta(days=1)]
    is_too_soon = any(time > at - RESEND_AFTER for time in today)
    is_in_attack = attack_since is not None and any(time >= attack_since for time in times)
    return not (is_too_soon or is_in_attack) and len(today) < PER_DAY and len(times) < PER_MONTH


def may_ask_for_link(network_address: str) -> bool:
    """Count a request for a settings link against its network."""
    return throttles.allow("settings link", _network(network_address), limit=LINKS_PER_NETWORK, seconds=_HOUR)


def _network(address: str) -> str:
    """What is counted: an IPv4 address, or an IPv6 network of /64, which is one household or one server."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)
