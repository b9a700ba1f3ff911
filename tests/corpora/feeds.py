"""Feeds: `*.jsonl` with content, headers and checks in feedparser's names.

Right: read, or refused as no feed; titles, links, dates and names as the checks say; and nothing alive in any article.
"""

import base64
import calendar
import datetime as dt
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newsroom.articles import feed_text, text
from newsroom.articles.drafts import FeedDraft
from tests.corpora.inertness import alive
from tests.corpora.tally import Tally

_TITLES = frozenset({"title", "title_detail"})
_TEXTS = frozenset({"description", "summary", "summary_detail"})
_ENTRY = re.compile(r"entries\[(\d+)\]\['(\w+)'\](?:\['(\w+)'\])?")


def run(folder: Path) -> Tally:
    tally = Tally(aim=0.95)
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            if line.strip():
                case = json.loads(line)
                tally.judge(case["file"], _is_right, case)
    return tally


def _is_right(case: Mapping[str, Any]) -> bool:
    if "content_base64" in case:
        body = base64.b64decode(case["content_base64"])
    else:
        body = case["content"].encode("utf-8", "surrogatepass")
    headers = {name.lower(): value for name, value in _pairs(case.get("http_headers"))}
    try:
        feed = feed_text.read(
            body, url=headers.get("content-location", ""), content_type=headers.get("content-type", "")
        )
    except feed_text.Unreadable:
        return not _speaks_of_articles(case)
    if any(alive(article.body_html) for article in feed.articles):
        return False
    return all(_holds(feed, check) for check in case.get("checks") or [])


def _pairs(headers: Any) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, dict) else [tuple(pair) for pair in headers or []]


def _speaks_of_articles(case: Mapping[str, Any]) -> bool:
    """Whether we owe this case an article; a file without a feed or without entries may be refused."""
    return any(_ENTRY.match(check["path"]) for check in case.get("checks") or [])


def _holds(feed: FeedDraft, check: Mapping[str, Any]) -> bool:
    """A check that speaks of what we keep; all others hold."""
    wanted = check.get("value")
    if check["op"] != "==" or wanted in (None, ""):
        return True
    if check["path"] == "feed['title']":
        return feed.title == text.one_line(text.plain(str(wanted)), 200) or _same(feed.title, str(wanted))
    found = _ENTRY.fullmatch(check["path"])
    if not found or found[3] not in (None, "value"):
        return True
    if int(found[1]) >= len(feed.articles):
        # Without a title or a text there is no article; with one of them there must be one.
        return found[2] not in {*_TITLES, *_TEXTS} or not _words(text.plain(str(wanted)))
    article = feed.articles[int(found[1])]
    match found[2]:
        case name if name in _TEXTS:
            ours = text.plain(article.body_html), article.teaser, article.title
            return any(_words(text.plain(str(wanted))) in _words(each) for each in ours)
        case name if name in _TITLES:
            return _same(article.title, str(wanted))
        case "link" if str(wanted).startswith(("http://", "https://")):
            return article.url == wanted
        case "published_parsed" | "updated_parsed" | "created_parsed":
            moment = dt.datetime.fromtimestamp(calendar.timegm(tuple(wanted or ())), dt.UTC)
            return article.published_at is not None and article.published_at == moment
        case "author":
            return not article.authors or any(name in str(wanted) for name in article.authors)
    return True


def _same(ours: str, wanted: str) -> bool:
    """The words are the same; markup and the space around them are not compared."""
    return _words(ours) == _words(text.plain(wanted)) or _words(ours) == _words(wanted)


def _words(value: str) -> str:
    return "".join(text.strip_unwanted(value).split()).rstrip("…")[:200]
