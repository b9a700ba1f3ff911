"""Articles as Markdown with YAML front matter, the way a newsroom keeps them in files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import Any

import yaml
from django.utils import timezone
from django.utils.translation import gettext as _

from newsroom.articles import languages, links, text
from newsroom.articles.drafts import ArticleDraft
from newsroom.articles.states import DigitalSource, Origin, Review

_FRONT = re.compile(r"\A---[ \t]*\n(?P<front>.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIRST_HEADING = re.compile(r"\A\s*#[ \t]+(?P<title>.+?)[ \t#]*\n")


class Unreadable(ValueError):
    """What is wrong with the file, as the end of a sentence."""


@dataclass(frozen=True, kw_only=True)
class MarkdownDraft:
    """The draft, and the picture's path as the file has it: relative to the file."""

    article: ArticleDraft
    picture: str


def read(source: str, *, stem: str, base: str = "") -> MarkdownDraft:
    """The article in the file. stem: the file's name without ending, its slug unless it states one.

    Raises Unreadable if the front matter is no YAML, or title or text are missing.
    """
    source = text.strip_unwanted(source)
    match = _FRONT.match(source)
    front = _front(match["front"]) if match else {}
    body = source[match.end() :] if match else source
    title = _line(front, "title", 300)
    if not title and (heading := _FIRST_HEADING.match(body)):
        title, body = text.one_line(heading["title"], 300), body[heading.end() :]
    if not title:
        raise Unreadable(_("it has no title: write one in the front matter"))
    html = text.markdown_to_html(body, base=base)
    content = text.plain(html)
    if not content:
        raise Unreadable(_("there is no text under the front matter"))
    language = languages.stated(front.get("language"), languages.guess(f"{title} {content}", ""))
    slug = text.slugify_german(_line(front, "slug", 100) or stem)
    article = ArticleDraft(
        identity=links.identity("file", language, slug or title),
        title=title,
        slug=slug,
        body_html=html,
        teaser=_line(front, "teaser", 600),
        kicker=_line(front, "kicker", 80),
        authors=tuple(_list(front, "authors") or _list(front, "author")),
        language=language,
        section=text.slugify_german(_line(front, "section", 50)),
        url=links.without_tracking(_line(front, "url", 1000)),
        published_at=_time(front, "published"),
        embargo_until=_time(front, "embargo"),
        stated_minutes=_whole(front, "reading_minutes"),
        words=text.words(content),
        origin=_choice(front, "origin", Origin.values, Origin.STAFF),
        review=_choice(front, "review", Review.values, ""),
        picture_alt=_line(front, "picture_alt", 300),
        picture_credit=_line(front, "picture_credit", 200),
        picture_source=_choice(front, "picture_source", DigitalSource.values, ""),
        rights_contact=_line(front, "rights_contact", 254),
        related=tuple(text.slugify_german(each) for each in _list(front, "related")),
    )
    return MarkdownDraft(article=article, picture=_picture(front))


def _front(source: str) -> Mapping[str, Any]:
    try:
        front = yaml.safe_load(source)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        if line is None:
            raise Unreadable(_("its front matter is no valid YAML")) from error
        sentence = _("its front matter is no valid YAML in line %(line)d")
        raise Unreadable(sentence % {"line": line + 2}) from error
    if front is None:
        return {}
    if not isinstance(front, dict):
        raise Unreadable(_("its front matter is no list of keys and values"))
    return front


def _line(front: Mapping[str, Any], key: str, limit: int) -> str:
    value = front.get(key)
    return text.one_line(str(value), limit) if isinstance(value, str | int | float | date) else ""


def _list(front: Mapping[str, Any], key: str) -> list[str]:
    value = front.get(key)
    listed = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return [
        name for each in listed if isinstance(each, str | int) and (name := text.one_line(str(each), 120))
    ]


def _whole(front: Mapping[str, Any], key: str) -> int | None:
    value = front.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _choice(front: Mapping[str, Any], key: str, known: list[str], default: str) -> str:
    value = _line(front, key, 60)
    if value and value not in known:
        possible = ", ".join(each for each in known if each)
        raise Unreadable(
            _("its %(key)s “%(value)s” is unknown; possible are %(possible)s")
            % {"key": key, "value": value, "possible": possible}
        )
    return value or default


def _time(front: Mapping[str, Any], key: str) -> datetime | None:
    """A day or time; without a zone it is meant where the newsroom is."""
    value = front.get(key)
    if value is None:
        return None
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 # the zone comes next
        if not isinstance(value, datetime):
            raise ValueError
        return (
            value if value.tzinfo else timezone.make_aware(value, timezone.get_default_timezone())
        ).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        sentence = _("its %(key)s “%(value)s” is no date like 2026-05-04 or 2026-05-04T06:00")
        raise Unreadable(sentence % {"key": key, "value": value}) from error


def _picture(front: Mapping[str, Any]) -> str:
    value = _line(front, "picture", 500)
    if value and (PurePosixPath(value).is_absolute() or "\\" in value or ":" in value):
        raise Unreadable(f"its picture “{value}” must be a path relative to the file")
    return value
