"""How long somebody else's server asks us to wait."""

from email.utils import parsedate_to_datetime
from time import time

LONGEST_SECONDS = 3600.0


def seconds_of(retry_after: str, *, longest: float = LONGEST_SECONDS) -> float | None:
    """A Retry-After header in seconds from now, at most `longest` (RFC 9110 §10.2.3); None if it says nothing."""
    text = retry_after.strip()
    if not text:
        return None
    try:
        seconds = float(text) if text.isdigit() else parsedate_to_datetime(text).timestamp() - time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), longest)
