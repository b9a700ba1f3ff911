"""The newsletters that take sign-ups, remembered by each process for as long as a page is kept.

What is remembered only lets through. Before anybody is refused the newsletters are read anew, and a worker reads them
once more before it takes anybody in: one that closed meanwhile sends nothing.
"""

import time

from django.conf import settings

from subscriptions.models import Newsletter


class _Memory:
    # One value, so that no thread sees the rows of one moment with the time of another.
    kept: tuple[float, list[Newsletter]] = (0.0, [])


def read() -> list[Newsletter]:
    """Those that take sign-ups now, in the catalogue's order and with their senders. One query."""
    rows = list(Newsletter.objects.offered().select_related("sender"))
    _Memory.kept = (time.monotonic(), rows)
    return rows


def remembered() -> list[Newsletter]:
    """Those that took sign-ups some seconds ago: PAGE_SECONDS at most. Never to be changed. No query, or one."""
    since, rows = _Memory.kept
    is_fresh = rows and time.monotonic() - since < settings.PAGE_SECONDS
    return rows if is_fresh else read()
