"""Where the links of digests in the making lead: looked at by a job, remembered, never asked for while somebody waits."""

import time
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from digests import links
from digests.models import Digest, LinkCheck, Pick
from digests.states import EDITABLE, LinkState
from digests.stories import article_url
from newsroom.web.errors import BadAddress, FetchError, UnknownName
from newsroom.web.fetching import status_of

FRESH_FOR = timedelta(hours=6)
TRIED_AGAIN_AFTER = timedelta(minutes=5)
"""A link that was mended, or a server that came back, should not hold the desk up for long."""

IN_THE_MAKING = timedelta(days=7)
"""A draft older than this is nobody's work any more."""

MOST_ADDRESSES = 60
"""Of one look: a run ends long before the next begins."""

REMEMBERED_FOR = timedelta(days=30)
BUDGET_SECONDS = 45.0
GONE = (404, 410)
_RESERVED = (".example", ".test", ".invalid", ".localhost", "example.com", "example.net", "example.org")


def addresses(digest: Digest, picks: Iterable[Pick]) -> list[str]:
    """What of a digest's links can be looked at: neither our own pages nor names that nobody can own (RFC 2606)."""
    found = dict.fromkeys([*(article_url(pick.article) for pick in picks), *links.in_note(digest.note)])
    return [url for url in found if _is_elsewhere(url)]


def known(urls: Collection[str]) -> dict[str, LinkCheck]:
    """The last look at each of these addresses that was looked at. Queries: 1."""
    return {check.url: check for check in LinkCheck.objects.filter(url__in=urls)}


def look_around(at: datetime, *, look: Callable[[str], int] = status_of) -> int:
    """Look at the links of digests in the making that nobody looked at lately; returns at how many.

    No transaction is open meanwhile. Safe to run twice and at once. Queries: 4, and 4 for each address.
    """
    LinkCheck.objects.filter(looked_at__lt=at - REMEMBERED_FOR).delete()
    end = time.monotonic() + BUDGET_SECONDS
    looked = 0
    for url in _due(at)[:MOST_ADDRESSES]:
        if time.monotonic() > end:
            break
        state, answer = judge(url, look=look)
        LinkCheck.objects.update_or_create(
            url=url, defaults={"state": state, "answer": answer[:200], "looked_at": at}
        )
        looked += 1
    return looked


def judge(url: str, *, look: Callable[[str], int] = status_of) -> tuple[LinkState, str]:
    """What an address is worth to readers, and what it answered.

    401, 403 and 429 are fine: many sites show themselves to people and not to programs.
    """
    try:
        status = look(url)
    except (UnknownName, BadAddress) as error:
        return LinkState.DEAD, str(error)
    except FetchError as error:
        return LinkState.DOUBTFUL, str(error)
    answer = _("it answers %(status)d") % {"status": status}
    if status in GONE:
        return LinkState.DEAD, answer
    return (LinkState.DOUBTFUL if status >= 500 else LinkState.FINE), answer


def _due(at: datetime) -> list[str]:
    """Addresses to look at now, those never looked at first."""
    digests = Digest.objects.filter(state__in=EDITABLE, window_end__gt=at - IN_THE_MAKING)
    wanted: dict[str, None] = {}
    for digest in digests.prefetch_related("picks__article"):
        wanted |= dict.fromkeys(addresses(digest, digest.picks.all()))
    checks = known(list(wanted))
    new = [url for url in wanted if url not in checks]
    old = sorted(
        (check for check in checks.values() if _is_stale(check, at)), key=lambda check: check.looked_at
    )
    return [*new, *(check.url for check in old)]


def _is_stale(check: LinkCheck, at: datetime) -> bool:
    kept = FRESH_FOR if check.state == LinkState.FINE else TRIED_AGAIN_AFTER
    return check.looked_at <= at - kept


def _is_elsewhere(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True  # looking says what is wrong with it
    is_reserved = host == "localhost" or f".{host}".endswith(
        tuple(f".{name.lstrip('.')}" for name in _RESERVED)
    )
    return (
        url.startswith(("http://", "https://"))
        and not is_reserved
        and host != urlsplit(settings.SITE_URL).hostname
    )
