"""Sources for the import: a file, a folder or an address becomes drafts, whatever kind of text it holds.

Kinds are told by content, not by name: RSS, Atom, JSON Feed, Markdown with front matter, HTML pages, and the plain
text of a news page. What cannot be taken is refused in one sentence that names it and the way out.
"""

import codecs
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from newsroom.articles import feed_text, languages, links, markdown_text, page_html, page_text, pictures, text
from newsroom.articles.drafts import ArticleDraft
from newsroom.articles.errors import (
    BrokenFeed,
    MissingSource,
    NoArticle,
    NotText,
    PictureError,
    SourceError,
    UnreachableSource,
)
from newsroom.articles.states import Origin, Review
from newsroom.web.errors import FetchError
from newsroom.web.fetching import fetch

MAX_BYTES = 5_000_000
MAX_FILES = 5_000
ENDINGS = frozenset({".md", ".markdown", ".txt", ".html", ".htm", ".xhtml", ".xml", ".rss", ".atom", ".json"})
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, text/html;q=0.9, application/xml;q=0.8, "
    "text/markdown;q=0.8, text/plain;q=0.7, */*;q=0.1"
)
# What stands at the start of files that people mistake for text.
_BINARY = (
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"RIFF",
    b"\xd0\xcf\x11\xe0",
    b"\x7fELF",
)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Source:
    """What was read: its name as the person typed it, its bytes, and where they are from."""

    name: str
    content: bytes
    url: str = ""
    path: Path | None = None
    content_type: str = ""


def drafts(source: str, *, allow: frozenset[str] = frozenset()) -> list[ArticleDraft]:
    """All articles of a file, a folder or an address. Raises SourceError if there is none or one cannot be read.

    allow: host:port pairs that may be fetched although they are private.
    """
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", source):
        return read(_fetched(source, allow))
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            return [draft for file in _files(path, source) for draft in read(_opened(file, str(file)))]
        return read(_opened(path, source))
    except (OSError, ValueError) as error:
        raise MissingSource(
            _("%(source)s cannot be opened: %(reason)s.")
            % {"source": _shown(source), "reason": getattr(error, "strerror", None) or _("no such file")},
            source=source,
        ) from error


def read(source: Source) -> list[ArticleDraft]:
    """The articles in what was read; never none. Raises SourceError."""
    if feed_text.is_feed(source.content):
        return _of_feed(source)
    content = decoded(source)
    start = content.lstrip()[:2000].lower()
    if start.startswith("---\n") or (source.path and source.path.suffix.lower() in {".md", ".markdown"}):
        return [_of_markdown(source, content)]
    if _says_html(source, start):
        return [_of_html(source, content)]
    if start.startswith("<?xml") or (source.path and source.path.suffix.lower() in {".xml", ".rss", ".atom"}):
        raise BrokenFeed(
            _("%(source)s is XML, but no feed; give the address or file of an RSS or Atom feed.")
            % {"source": _shown(source.name)},
            source=source.name,
        )
    if start.startswith(("{", "[")):
        raise BrokenFeed(
            _("%(source)s is JSON, but no JSON Feed; its “version” must name jsonfeed.org.")
            % {"source": _shown(source.name)},
            source=source.name,
        )
    return [_of_text(source, content)]


def decoded(source: Source) -> str:
    """The source's text, in the encoding it states or evidently has. Raises NotText."""
    content = source.content
    if not content.startswith(_BINARY):
        for bom, encoding in _BOMS:
            if content.startswith(bom):
                return content.decode(encoding, "replace")
        declared = _CHARSET.search(source.content_type) or _CHARSET.search(content[:2048].decode("latin-1"))
        for encoding in ("utf-8", declared[1] if declared else "cp1252", "cp1252"):
            try:
                found = content.decode(encoding)
            except (UnicodeError, LookupError):  # of a codec such as `undefined` the wider one
                continue
            if not _CONTROLS.search(found):
                return found
            break
    raise NotText(
        _("%(source)s is not a text file; give a feed, an HTML page, Markdown or plain text.")
        % {"source": _shown(source.name)},
        source=source.name,
    )


def _fetched(address: str, allow: frozenset[str]) -> Source:
    try:
        answer = fetch(address, accept=ACCEPT, max_bytes=MAX_BYTES, allow=allow)
    except FetchError as error:
        raise UnreachableSource(
            _("%(source)s was not fetched: %(reason)s") % {"source": _shown(address), "reason": error},
            source=address,
        ) from error
    return Source(
        name=address,
        content=answer.body,
        url=answer.url,
        content_type=str(answer.headers.get("content-type", "")),
    )


def _opened(path: Path, name: str) -> Source:
    if not path.exists():
        raise MissingSource(
            _("%(source)s does not exist; check the path, or write an address with https://.")
            % {"source": _shown(name)},
            source=name,
        )
    if not path.is_file():
        raise NotText(_("%(source)s is neither a file nor a folder.") % {"source": _shown(name)}, source=name)
    if path.stat().st_size > MAX_BYTES:
        raise NotText(_("%(source)s is larger than 5 MB; split it.") % {"source": _shown(name)}, source=name)
    return Source(name=name, content=path.read_bytes(), path=path)


def _files(folder: Path, name: str) -> Iterator[Path]:
    """The readable files of a folder and its folders, in order; hidden ones and links that lead out are left."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        found += [
            Path(place, each)
            for each in sorted(files)
            if not each.startswith(".")
            and Path(each).suffix.lower() in ENDINGS
            and each.upper() != "README.MD"
        ]
    if not found:
        raise NoArticle(
            _("%(source)s holds no feeds, pages or Markdown files.") % {"source": _shown(name)}, source=name
        )
    if len(found) > MAX_FILES:
        raise NoArticle(
            _("%(source)s holds more than %(number)d files; give a smaller folder.")
            % {"source": _shown(name), "number": MAX_FILES},
            source=name,
        )
    yield from found


def _says_html(source: Source, start: str) -> bool:
    if start.startswith(("<!doctype html", "<html", "<head", "<body", "<article", "<main")):
        return True
    return "html" in source.content_type.lower() or bool(
        re.match(r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype )?html", start, re.DOTALL)
    )


def _of_feed(source: Source) -> list[ArticleDraft]:
    try:
        feed = feed_text.read(source.content, url=source.url, content_type=source.content_type)
    except feed_text.Unreadable as error:
        reason = str(error)
    else:
        if feed.articles and not feed.is_malformed:
            # Reading a file opens no connection: its pictures stay where they are.
            return (
                list(feed.articles)
                if source.url
                else [replace(each, picture_url="") for each in feed.articles]
            )
        if not feed.articles and not feed.is_malformed:
            raise NoArticle(
                _("%(source)s is a feed without articles; try again once it has some.")
                % {"source": _shown(source.name)},
                source=source.name,
            )
        reason = _("its XML is broken")
    raise BrokenFeed(
        _(
            "%(source)s looks like a feed, but %(reason)s; ask its publisher to mend it, or give a single page."
        )
        % {"source": _shown(source.name), "reason": reason},
        source=source.name,
    )


def _of_markdown(source: Source, content: str) -> ArticleDraft:
    stem = source.path.stem if source.path else links.path_of(source.url).rpartition("/")[2].partition(".")[0]
    try:
        found = markdown_text.read(content, stem=stem, base=f"{settings.SITE_URL}/")
    except markdown_text.Unreadable as error:
        raise NoArticle(
            _("%(source)s was not taken: %(reason)s.") % {"source": _shown(source.name), "reason": error},
            source=source.name,
        ) from error
    if not found.picture or source.path is None:
        return found.article
    return replace(found.article, picture_path=_readable_picture(source, source.path.parent / found.picture))


def _readable_picture(source: Source, picture: Path) -> Path:
    """Look into it now: later, half of the source would be stored already."""
    named = {"source": _shown(source.name), "picture": _shown(picture.name)}
    if not picture.is_file():
        raise MissingSource(
            _(
                "%(source)s names the picture %(picture)s, which does not exist; correct the path or take the line out."
            )
            % named,
            source=source.name,
        )
    try:
        pictures.prepare(picture.read_bytes())
    except PictureError as error:
        raise NotText(
            _("%(source)s names the picture %(picture)s. %(reason)s") % {**named, "reason": error},
            source=source.name,
        ) from error
    return picture


def _of_html(source: Source, content: str) -> ArticleDraft:
    if page_html.is_too_much(content):
        raise NoArticle(
            _("%(source)s has more parts than a news page has; give the page of a single article.")
            % {"source": _shown(source.name)},
            source=source.name,
        )
    if draft := page_html.read(content, url=source.url):
        return draft
    raise _no_article(source)


def _of_text(source: Source, content: str) -> ArticleDraft:
    page = page_text.read(content)
    if page is None:
        raise _no_article(source)
    facts = page.facts
    language = languages.guess(f"{page.title} {page.body_text}", "de")
    opening = next((paragraph for kind, paragraph in page.body if kind == "p"), "")
    return ArticleDraft(
        identity=links.identity("text", page.title, *facts.authors, opening[:200]),
        title=page.title,
        kicker=text.one_line(page.kicker, 80),
        body_html=page.body_html,
        authors=facts.authors,
        language=language,
        published_at=timezone.make_aware(datetime.combine(facts.published_on, time(0)), timezone.get_default_timezone())
        if facts.published_on
        else None,
        url=source.url,
        stated_minutes=facts.minutes,
        words=text.words(page.body_text),
        origin=Origin.USER_SUBMISSION if facts.is_submission else Origin.STAFF,
        review=Review.UNREVIEWED if facts.is_submission else Review.NOT_NEEDED,
        picture_credit=facts.credit,
        picture_is_illustration=facts.has_machine_picture,
        rights_contact=facts.rights_contact or (page_text.RIGHTS_BY_MAIL[language] if facts.says_rights_by_mail else ""),
    )  # fmt: skip


def _no_article(source: Source) -> SourceError:
    return NoArticle(
        _("%(source)s has no article that we can find: a title and at least a few sentences under it.")
        % {"source": _shown(source.name)},
        source=source.name,
    )


def _shown(name: str) -> str:
    """A name as part of a sentence: on one line, and not endless."""
    return text.one_line(name.encode("utf-8", "replace").decode(), 200)
