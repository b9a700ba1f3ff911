"""Addresses as identities: the same page reached two ways is one page."""

import hashlib
import re
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

_TRACKING = re.compile(
    r"(utm_|mtm_|pk_|piwik_|matomo_|hsa_|oly_|vero_|_hs)\w*|"
    r"(fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|yclid|twclid|ttclid|li_fat_id|igshid|igsh|mc_cid|mc_eid|"
    r"mkt_tok|s_cid|wt_mc|wt_zmc|xtor|ref_src|ncid|cmpid|at_medium|at_campaign)",
    re.IGNORECASE,
)


def without_tracking(url: str) -> str:
    """The address without click and campaign ids; everything else as it was. Empty if it is not http(s)."""
    try:
        parts = urlsplit(url.strip())
        if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
            return ""
        kept = [
            (name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if not _TRACKING.fullmatch(name)
        ]
        # An untouched query stays byte for byte: re-encoding could name another page.
        has_changed = len(kept) != len(parse_qsl(parts.query, keep_blank_values=True))
        query = urlencode(kept) if has_changed else parts.query
        return urlunsplit((parts.scheme.lower(), parts.netloc, parts.path, query, parts.fragment))
    except ValueError:
        return ""


def absolute(url: str, base: str) -> str:
    """The address as seen from its page, tracking removed; empty if that is no web page."""
    try:
        return without_tracking(urljoin(base, url.strip()))
    except ValueError:
        return ""


def place(url: str) -> str:
    """What an address names, whatever the scheme: `//example.org/a?b`, without `www.`, port, fragment or last slash."""
    parts = urlsplit(without_tracking(url))
    if not parts.hostname:
        return ""
    host = parts.hostname.removeprefix("www.")
    query = f"?{parts.query}" if parts.query else ""
    return f"//{host}{parts.path.rstrip('/')}{query}"


def path_of(url: str) -> str:
    """The place without its host, to know a page again after its site moved; empty for a front page."""
    return "/" + place(url)[2:].partition("/")[2] if "/" in place(url)[2:] else ""


def are_one_site(url: str, other: str) -> bool:
    """Whether two addresses are of one publisher, near enough without a list of public suffixes: the host of one is
    that of the other or above it."""
    first, second = (place(each)[2:].partition("/")[0].partition("?")[0] for each in (url, other))
    return bool(first and second) and (
        first == second or first.endswith(f".{second}") or second.endswith(f".{first}")
    )


def identity(kind: str, *parts: str) -> str:
    """`kind:parts`, or their checksum if that is long; fits the database's 300 characters."""
    value = f"{kind}:{' '.join(parts)}"
    return value if len(value) <= 200 else f"{kind}:sha256:{hashlib.sha256(value.encode()).hexdigest()}"
