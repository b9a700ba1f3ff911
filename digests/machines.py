"""Tells machines from people by what a request says of itself, so that numbers for editors count readers.

Mail scanners open every link before the reader sees the mail, chats fetch previews, monitors look whether we are
there. Most say so; those that pass for a browser are known by their haste, see `bursts`.
"""

import re
from collections.abc import Mapping
from typing import Final

# How the browsers begin that people read with, those inside other programs too, and the engine each of them names.
_BROWSER: Final = re.compile(r"(?:Mozilla/5\.0 \((?!compatible).*(?:AppleWebKit|Gecko|Trident)/|Opera/9)")
# What programs that pass for a browser add by convention: their trade, their maker's page, their tool.
_TRADES: Final = (
    "agent", "analyz", "archiv", "batch", "bot", "check(?:er|host|link)", "collect", "compatible;",
    "copier", "crawl", "download", "favicon", "feed", "fetch", "headless", "index", "inspect", "lighthouse", "metadata",
    "monitor", "optimiz", "phantomjs", "prefetch", "preview", "probe", "ptst", "scan", "scrap", "search", "selenium",
    "sitemap", "slurp", "spider", "speed", "uptime", "valid", "verify", "watch", r"https?:", r"www\.", r"\w\.com\b",
    r"@[\w.-]+", r"\(at\)",
)  # fmt: skip
# Scanners of mail, and services that look at pages for others, by the names in their published agents.
_NAMES: Final = (
    "barracuda", "bitdefender", "cisco", "dareboost", "facebookexternal", "fortiguard", "forcepoint", "google-?image",
    "google-read-aloud", "google-safety", "googleother", "ironport", "linktiger", "mediapartners", "messagelabs",
    "microsoft office", "mimecast", "ms-office", "pingdom", "pixalate", "proofpoint", "qualys", "safelinks",
    "skypeuri", "sophos", "symantec", "trendmicro", "zscaler",
)  # fmt: skip
_MACHINE: Final = re.compile("|".join((*_TRADES, *_NAMES)), re.IGNORECASE)
# A make of telephones.
_NO_BOT: Final = re.compile("cubot", re.IGNORECASE)
# Headers by which browsers say that nobody has clicked yet.
_AHEAD_OF_READER: Final = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
_MOST_CHARACTERS: Final = 1_000


def is_machine(method: str, headers: Mapping[str, str]) -> bool:
    """Whether no reader sent this request: a look ahead, a known program, or none that people read with."""
    if method != "GET" or any(headers.get(name) for name in _AHEAD_OF_READER):
        return True
    agent = headers.get("User-Agent", "")[:_MOST_CHARACTERS]
    if _BROWSER.match(agent) is None:
        return True
    return _MACHINE.search(_NO_BOT.sub("", agent)) is not None
