"""Sign-up forms on other sites: where they may lead back to, and which page of theirs the record names.

All of it is what a sender says, on the form itself and once more on each page of ours where she corrects something. So
it is judged each time, and what does not pass is as if it had not been said.
"""

import re

from django.conf import settings

# Scheme and host as plain as they can be, then a path of visible ASCII without backslashes: browsers read `\` as `/`,
# drop tabs and line ends, and take what stands before an @ for a name.
_SITE = r"https?://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?"
_RETURN = re.compile(rf"(?P<site>{_SITE})(?:/[!-\[\]-~]*)?")
_BEGINNING = re.compile(rf"(?P<site>{_SITE})(?:/|$)")
_LONGEST = 500


def may_return_to(url: str) -> bool:
    """Whether a form may lead back to this address: it is on one of RETURN_SITES, beyond any doubt."""
    found = _RETURN.fullmatch(url) if len(url) <= _LONGEST else None
    return found is not None and found["site"] in settings.RETURN_SITES


def site_of(url: str) -> str:
    """Scheme and host of an address, if they are plain; else nothing."""
    found = _BEGINNING.match(url.lower())
    return found["site"] if found else ""


def without_query(url: str) -> str:
    """The page, without what may tell of the reader behind `?` or `#`."""
    return re.split(r"[?#]", url, maxsplit=1)[0]
