"""Counts how often links of digests are followed, by the hour, without knowing anybody.

Nothing of a visitor is written down: no address, no program, no time finer than the hour, no cookie.
"""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, connection
from django.db.models import F

from digests import bursts
from digests.machines import is_machine
from digests.models import Link, LinkCount
from digests.states import DigestState

logger = logging.getLogger(__name__)

KEPT_DAYS: Final = 396
"""Thirteen months: a year and its month before can be compared, then the counts go."""


def count(link: Link, *, method: str, headers: Mapping[str, str], network: str, at: datetime) -> None:
    """Count that the link, as `links.find` gives it, was followed; never raises for a database or Redis in trouble.

    Before its digest went out nothing is counted: until then only the desk follows its links.
    Queries: 1; once in a burst 2, because what came before was no reader's either.
    """
    if link.digest.state != DigestState.HANDED_OVER:
        return
    try:
        if is_machine(method, headers):
            _add(link.pk, _hour(at), by_machine=True)
            return
        others = bursts.others(link.pk, digest_id=link.digest_id, network=network, at=at)
        _add(link.pk, _hour(at), by_machine=others is not None)
        if others:
            _take_back(others, _hour(at))
    except DatabaseError:
        logger.warning("A link was followed and not counted.", extra={"link": link.pk}, exc_info=True)


def forget(*, at: datetime) -> int:
    """Delete counts older than KEPT_DAYS; how many. Safe to run twice. Queries: 1."""
    deleted, _ = LinkCount.objects.filter(hour__lt=at - timedelta(days=KEPT_DAYS)).delete()
    return deleted


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _add(link_id: int, hour: datetime, *, by_machine: bool) -> None:
    """One statement: two visitors at once are two, and the hour's first needs no row before."""
    table = LinkCount._meta.db_table
    with connection.cursor() as cursor:
        # The names are our own, every value is a parameter.
        cursor.execute(
            f"INSERT INTO {table} (link_id, hour, people, machines) VALUES (%s, %s, %s, %s)"  # noqa: S608
            " ON CONFLICT (link_id, hour) DO UPDATE"
            f" SET people = {table}.people + excluded.people, machines = {table}.machines + excluded.machines",
            [
                link_id,
                connection.ops.adapt_datetimefield_value(hour),
                int(not by_machine),
                int(by_machine),
            ],
        )


def _take_back(link_ids: Collection[int], hour: datetime) -> None:
    counted = LinkCount.objects.filter(link__in=link_ids, hour=hour, people__gt=0)
    counted.update(people=F("people") - 1, machines=F("machines") + 1)
