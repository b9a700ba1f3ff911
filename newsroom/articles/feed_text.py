"""Feeds as drafts: RSS, Atom and JSON Feed, read from bytes that we fetched ourselves.

feedparser opens addresses and files when it is given strings, and even when it is given bytes; it therefore only
ever gets a stream. It is generous with broken XML, and so are we, except where a feed was cut off: half an article
would be stored as a whole one.
"""

import calendar
import io
import json
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import feedparser
import feedparser.mixin
from celery.exceptions import SoftTimeLimitExceeded
from dateutil import parser as dates
from django.utils.translation import gettext as _

from newsroom.articles import languages, links, text
from newsroom.articles.drafts import ArticleDraft, FeedDraft
from newsroom.articles.states import Origin

MAX_ENTRIES = 500
TEASER_CHARACTERS = 400
# What stands before the first element; feedparser searches it in quadratic time (20 kB of line ends: 4 s).
LONGEST_PROLOG_BYTES = 10_000
LONGEST_AUTHOR = 200
# Codecs of host names, of no use for a text; they take quadratic time as well.
_OF_HOSTS = re.compile(rb"punycode|idna", re.IGNORECASE)
_ROOT = re.compile(rb"<(?:\w+:)?(rss|feed|rdf|channel)[\s>]", re.IGNORECASE)
_PERSON = re.compile(r"^\s*\S+@\S+\s*\((?P<inside>[^)]+)\)\s*$|^(?P<before>[^<(]+?)\s*[<(]\S+@\S+[>)]\s*$")


class Unreadable(ValueError):
    """Not a feed, or one that breaks off; the text says which, without a full stop."""


def is_feed(body: bytes) -> bool:
    """Whether the bytes claim to be RSS, RDF, Atom or JSON Feed."""
    start = body[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\x00", b"")
    return (start.startswith(b"{") and b"jsonfeed.org/version" in start) or (
        start.startswith(b"<") and bool(_ROOT.search(start)) and b"<html" not in start.lower()
    )


def read(body: bytes, *, url: str = "", content_type: str = "") -> FeedDraft:
    """The feed's articles. url: where it was fetched, for relative links. Raises Unreadable."""
    start = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return _read_json(body, url) if start.startswith(b"{") else _read_xml(body, url, content_type)


# --- RSS and Atom -----------------------------------------------------------------------------------------
def _read_xml(body: bytes, url: str, content_type: str) -> FeedDraft:
    plain = body.replace(b"\x00", b"")
    if not _ROOT.search(plain):
        raise Unreadable(_("it is no feed"))
    prolog = re.split(rb"<\w", plain, maxsplit=1)[0]
    if len(prolog) > LONGEST_PROLOG_BYTES:
        raise Unreadable(_("too much stands before its first element"))
    if _OF_HOSTS.search(prolog) or _OF_HOSTS.search(content_type.encode(errors="replace")):
        raise Unreadable(_("its text cannot be read as a feed"))
    headers = {"content-type": content_type or "application/xml"}
    if url:
        headers["content-location"] = url
    try:
        parsed = feedparser.parse(io.BytesIO(body), response_headers=headers)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # whatever breaks inside the parser, it is this feed that cannot be read
        raise Unreadable(_("its text cannot be read as a feed")) from error
    if not parsed.get("version") and not parsed.entries:
        raise Unreadable(_("its text cannot be read as a feed"))
    fault = parsed.get("bozo_exception")
    is_malformed = (
        bool(parsed.bozo)
        and type(fault).__name__ == "SAXParseException"
        and "undefined entity" not in str(fault)
    )
    if is_malformed and _is_cut_off(body):
        raise Unreadable(_("it breaks off before its end"))
    feed = parsed.feed
    home = links.absolute(str(feed.get("link") or ""), url) or url
    language = languages.stated(feed.get("language"))
    articles = [
        draft
        for entry in parsed.entries[:MAX_ENTRIES]
        if (draft := _from_entry(entry, feed=feed, home=home, url=url, language=language))
    ]
    return FeedDraft(
        title=_detail_text(feed, "title", 200),
        language=language,
        minutes_to_live=_minutes(feed.get("ttl")),
        articles=_told_apart(articles),
        is_malformed=is_malformed,
    )


_feedparser_sync = feedparser.mixin._FeedParserMixin._sync_author_detail


def _sync_author_detail(parser: Any, key: str = "author") -> None:
    """feedparser searches each author for an address with a pattern that takes quadratic time (40 kB of letters: 12 s)
    and can be told to leave that only here. Nobody has such a name."""
    author = parser._get_context().get(key)
    if not author or len(author) <= LONGEST_AUTHOR:
        _feedparser_sync(parser, key)


feedparser.mixin._FeedParserMixin._sync_author_detail = _sync_author_detail


def _is_cut_off(body: bytes) -> bool:
    body = body.replace(b"\x00", b"")
    root = _ROOT.search(body)
    return root is not None and not re.search(rb"</(?:\w+:)?%b\b" % root[1], body[-4096:], re.IGNORECASE)


def _from_entry(entry: Any, *, feed: Any, home: str, url: str, language: str) -> ArticleDraft | None:
    link = links.absolute(str(entry.get("link") or ""), home)
    title = _detail_text(entry, "title", 300)
    content = _html(entry["content"][0]) if entry.get("content") else ""
    summary = _html(entry["summary_detail"]) if entry.get("summary_detail") else ""
    # A summary that is longer than its content is the article; a long one without content as well.
    body = content if len(content) >= len(summary) or len(summary) < 2 * TEASER_CHARACTERS else summary
    teaser = text.one_line(text.plain(summary)) if summary and summary != body else ""
    title = title or text.one_line(text.plain(summary or content), 80)
    if not title:
        return None
    spoken = (entry.get("content") or [{}])[0].get("language") or entry.get("title_detail", {}).get(
        "language"
    )
    return ArticleDraft(
        identity=_identity(str(entry.get("id") or ""), link, home or url, title, text.plain(body or summary)),
        title=title,
        body_html=text.clean_html(body, base=link or home),
        teaser=text.one_line(teaser, TEASER_CHARACTERS),
        authors=_people(entry.get("authors") or ([{"name": entry["author"]}] if entry.get("author") else [])),
        language=languages.stated(spoken, language),
        url=link,
        published_at=_date(
            entry.get("published_parsed") or entry.get("updated_parsed") or entry.get("created_parsed")
        ),
        words=text.words(text.plain(body or summary)),
        origin=Origin.AGENCY,
        picture_url=_picture(entry, content + summary, link or home),
    )


def _html(detail: Any) -> str:
    value = str(detail.get("value") or "")
    return (
        text.text_to_html(value) if detail.get("type") == "text/plain" and not _has_markup(value) else value
    )


def _has_markup(value: str) -> bool:
    return bool(
        re.search(
            r"</?(?:p|br|a|b|i|em|strong|span|sub|sup|img|div|ul|li|script|style|h[1-6])\b[^<>]*>",
            value,
            re.IGNORECASE,
        )
    )


def _detail_text(holder: Any, name: str, limit: int) -> str:
    detail = holder.get(f"{name}_detail") or {}
    value = str(holder.get(name) or "")
    is_html = detail.get("type", "text/plain") != "text/plain" or _has_markup(value)
    return text.plain_title(value, is_html=is_html, limit=limit)


def _people(listed: Sequence[Any]) -> tuple[str, ...]:
    """Names only: nobody's address becomes a byline."""
    names = []
    for each in listed:
        name = text.one_line(text.plain(str(each.get("name") or "")), 120)
        if match := _PERSON.match(name):
            name = (match["inside"] or match["before"]).strip()
        if name and "@" not in name:
            names.append(name)
    return tuple(dict.fromkeys(names))


def _date(parsed: time.struct_time | None) -> datetime | None:
    if not parsed:
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _minutes(value: object) -> int:
    """A feed's time to live, at most a day."""
    return min(int(str(value)), 24 * 60) if re.fullmatch(r"\s*\d{1,6}\s*", str(value or "")) else 0


def _picture(entry: Any, html: str, base: str) -> str:
    """The first picture that the entry offers: as media, enclosed, or in its text."""
    offered = [
        str(each.get("url") or "")
        for each in entry.get("media_content", [])
        if each.get("medium") == "image" or str(each.get("type", "")).startswith("image/")
    ]
    offered += [
        str(each.get("href") or "")
        for each in entry.get("links", [])
        if each.get("rel") == "enclosure" and str(each.get("type", "")).startswith("image/")
    ]
    offered += [str(each.get("url") or "") for each in entry.get("media_thumbnail", [])]
    offered += text.pictures(html)
    return next((address for each in offered if each and (address := links.absolute(each, base))), "")


# --- JSON Feed --------------------------------------------------------------------------------------------
def _read_json(body: bytes, url: str) -> FeedDraft:
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(_("it is no valid JSON")) from error
    if not isinstance(feed, dict) or "jsonfeed.org/version" not in str(feed.get("version")):
        raise Unreadable(_("it is JSON, but no JSON Feed"))
    items = feed.get("items")
    if not isinstance(items, list):
        raise Unreadable(_("it has no list of items"))
    home = (
        links.absolute(_text(feed, "home_page_url"), url)
        or links.without_tracking(_text(feed, "feed_url"))
        or url
    )
    language = languages.stated(feed.get("language"))
    people = _listed(feed, "authors") or ([feed["author"]] if isinstance(feed.get("author"), dict) else [])
    articles = [
        draft
        for item in items[:MAX_ENTRIES]
        if isinstance(item, dict) and (draft := _from_item(item, home=home, language=language, people=people))
    ]
    return FeedDraft(
        title=text.one_line(_text(feed, "title"), 200),
        language=language,
        minutes_to_live=0,
        articles=_told_apart(articles),
    )


def _from_item(
    item: Mapping[str, Any], *, home: str, language: str, people: Sequence[Any]
) -> ArticleDraft | None:
    link = links.absolute(_text(item, "url") or _text(item, "external_url"), home)
    html = _text(item, "content_html") or text.text_to_html(_text(item, "content_text"))
    summary = text.one_line(_text(item, "summary"), TEASER_CHARACTERS)
    title = text.one_line(_text(item, "title"), 300) or text.one_line(text.plain(html) or summary, 80)
    if not title:
        return None
    own = _listed(item, "authors") or ([item["author"]] if isinstance(item.get("author"), dict) else [])
    picture = _text(item, "image") or _text(item, "banner_image")
    return ArticleDraft(
        identity=_identity(_text(item, "id"), link, home, title, text.plain(html) or summary),
        title=title,
        body_html=text.clean_html(html, base=link or home),
        teaser=summary,
        authors=_people(own or people),
        language=languages.stated(item.get("language"), language),
        url=link,
        published_at=_written(_text(item, "date_published") or _text(item, "date_modified")),
        words=text.words(text.plain(html) or summary),
        origin=Origin.AGENCY,
        picture_url=links.absolute(picture, link or home) if picture else next(
            (address for each in text.pictures(html) if (address := links.absolute(each, link or home))), ""
        ),
    )  # fmt: skip


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _listed(holder: Mapping[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _written(value: str) -> datetime | None:
    try:
        read = dates.isoparse(value) if value else None
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC) if read else None
    except (ValueError, OverflowError):
        return None


# --- Identity ---------------------------------------------------------------------------------------------
def _identity(guid: str, link: str, home: str, title: str, content: str) -> str:
    """guid, else link, else checksum. A guid that is an address counts as the place it names; another one only
    within its feed, because many feeds count from 1."""
    guid = text.one_line(guid)
    if guid and (named := links.place(guid)):
        return links.identity("guid", named)
    if guid:
        return links.identity(
            "guid", guid if guid.startswith(("tag:", "urn:")) else f"{urlsplit(home).hostname or ''} {guid}"
        )
    if link:
        return links.identity("link", links.place(link))
    return links.identity("text", title, content[:200])


def _told_apart(articles: Sequence[ArticleDraft]) -> tuple[ArticleDraft, ...]:
    """Entries under one repeated guid are told apart by their links, else by their titles; true repeats go."""
    counts = Counter(article.identity for article in articles)
    apart: dict[str, ArticleDraft] = {}
    for article in articles:
        if counts[article.identity] > 1:
            article = replace(
                article, identity=links.identity(article.identity, links.place(article.url) or article.title)
            )
        apart.setdefault(article.identity, article)
    return tuple(apart.values())
