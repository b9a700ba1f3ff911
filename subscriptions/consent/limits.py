"""How often somebody may ask: per mailbox in the database, per network, domain and site in Redis."""

import ipaddress
import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from newsroom.mail.addresses import Address, counting_hash
from newsroom.web import throttles
from subscriptions.models import Confirmation

logger = logging.getLogger(__name__)

# Confirmations per mailbox, counted in the database: a flushed cache must not reopen list-bombing.
RESEND_AFTER = timedelta(seconds=60)
PER_DAY = 3
PER_MONTH = 5

# Requests per hour. A household, an office, a school behind one address stays below the first.
PER_NETWORK = 40
PER_DOMAIN = 400
PER_SITE = 2_000
LINKS_PER_NETWORK = 20
_HOUR = 60 * 60


def within_throttles(address: Address, network_address: str) -> bool:
    """Count the request against its network, its domain and the whole site; beyond them nothing is written."""
    counted = (
        ("sign-up network", _network(network_address), PER_NETWORK),
        ("sign-up domain", address.normal.rpartition("@")[2], PER_DOMAIN),
        ("sign-up site", settings.SITE_URL, PER_SITE),
    )
    for scope, key, limit in counted:
        if not throttles.allow(scope, key, limit=limit, seconds=_HOUR):
            logger.warning("A sign-up was not taken: over the limit.", extra={"scope": scope})
            return False
    return True


def one_at_a_time(counting: str) -> None:
    """Requests for one mailbox wait for each other. SQLite has one writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(counting[:15], 16)])


def may_confirm_again(normal_address: str, *, at: datetime) -> bool:
    """Whether this mailbox may get another confirmation now: 60 s apart, 3 in 24 hours, 5 in 30 days. One query."""
    month = at - timedelta(days=30)
    recent = Confirmation.objects.filter(counting_hash=counting_hash(normal_address), created_at__gt=month)
    times = list(recent.values_list("created_at", flat=True))
    today = [time for time in times if time > at - timedelta(days=1)]
    is_too_soon = any(time > at - RESEND_AFTER for time in today)
    return not is_too_soon and len(today) < PER_DAY and len(times) < PER_MONTH


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
