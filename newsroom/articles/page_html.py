"""News pages in HTML: trafilatura finds the text, the page's own furniture adds who, how long and whose."""

import re
from datetime import UTC, datetime
from typing import Any

import lxml.html
from dateutil import parser as dates
from lxml import etree
from trafilatura import bare_extraction

from newsroom.articles import languages, links, page_text, text
from newsroom.articles.drafts import ArticleDraft
from newsroom.articles.states import Origin, Review

MIN_WORDS = 30
MOST_TAGS = 20_000
"""A page of so many takes up to 5 s; twice as many take 16, and 100,000 over a minute. A long live blog has some
thousands."""
_OPENING = re.compile(r"<[a-zA-Z]")
_TAGS = {
    "head": "h2",
    "p": "p",
    "list": "ul",
    "item": "li",
    "quote": "blockquote",
    "hi": "em",
    "lb": "br",
    "ref": "a",
}
_RENDERED = {"#b": "strong", "#i": "em", "#u": "u", "#t": "code", "#sub": "sub", "#sup": "sup"}


def is_too_much(html: str) -> bool:
    """Whether a page has more parts than one article could: to read them takes quadratic time."""
    # An end without a beginning can be an element, too, and is cheaper; scripts hold a few of both.
    return html.count("<") > 3 * MOST_TAGS or sum(1 for _tag in _OPENING.finditer(html)) > MOST_TAGS


def read(html: str, *, url: str = "") -> ArticleDraft | None:
    """The article on the page, or None if there is none. url: where it was fetched."""
    html = text.flattened(text.strip_unwanted(html))
    try:
        found = bare_extraction(html, url=url or None, include_comments=False, include_links=True,
                                include_formatting=True, with_metadata=True, favor_precision=True)  # fmt: skip
        page = lxml.html.document_fromstring(html)
    except (etree.LxmlError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    if found is None or isinstance(found, dict) or found.body is None:
        return None
    meta = found.as_dict()
    title = text.one_line(str(meta.get("title") or ""), 300)
    base = links.without_tracking(str(meta.get("url") or "")) or url
    body = text.clean_html("".join(_converted(each, title) for each in found.body), base=base)
    content = text.plain(body)
    if not title or text.words(content) < MIN_WORDS:
        return None
    facts = page_text.facts_of(text.plain(_visible(page)))
    language = languages.stated(page.get("lang"), languages.guess(f"{title} {content}", ""))
    return ArticleDraft(
        identity=links.identity("link", links.place(base)) if base else links.identity("text", title, content[:200]),
        title=title,
        body_html=body,
        teaser=_teaser(meta, content),
        authors=_people(meta) or facts.authors,
        language=language,
        url=base,
        published_at=_date(meta),
        stated_minutes=facts.minutes,
        words=text.words(content),
        origin=Origin.USER_SUBMISSION if facts.is_submission else Origin.STAFF,
        review=Review.UNREVIEWED if facts.is_submission else Review.NOT_NEEDED,
        picture_url=links.absolute(str(meta["image"]), base) if url and meta.get("image") else "",
        picture_is_illustration=facts.has_machine_picture,
        rights_contact=facts.rights_contact
        or (page_text.RIGHTS_BY_MAIL.get(language, page_text.RIGHTS_BY_MAIL["en"]) if facts.says_rights_by_mail else ""),
    )  # fmt: skip


def _visible(page: lxml.html.HtmlElement) -> str:
    for element in list(page.iter("script", "style", "noscript", "template", "head")):
        element.drop_tree()
    return str(etree.tostring(page, encoding="unicode", method="html"))


def _converted(element: Any, title: str) -> str:
    """trafilatura's own elements as HTML, without what is furniture or the title once more."""
    content = " ".join(element.itertext()).strip() if isinstance(element.tag, str) else ""
    if not content or content == title or page_text.is_furniture(content):
        return ""
    return _html(element)


def _html(element: Any) -> str:
    if not isinstance(element.tag, str):
        return _escaped(element.tail)
    tag = _TAGS.get(element.tag, "")
    attributes = ""
    if element.tag == "head" and re.fullmatch(r"h[1-6]", element.get("rend") or ""):
        tag = element.get("rend")
    elif element.tag == "hi":
        tag = _RENDERED.get(element.get("rend") or "", "em")
    elif element.tag == "ref":
        attributes = f' href="{_escaped(element.get("target"), quote=True)}"'
    elif element.tag == "list" and element.get("rend") == "ol":
        tag = "ol"
    inside = _escaped(element.text) + "".join(_html(child) for child in element)
    written = "<br>" if tag == "br" else f"<{tag}{attributes}>{inside}</{tag}>" if tag else inside
    return written + _escaped(element.tail)


def _escaped(value: str | None, *, quote: bool = False) -> str:
    escaped = (value or "").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace('"', "&quot;") if quote else escaped


def _teaser(meta: dict[str, Any], content: str) -> str:
    teaser = text.one_line(str(meta.get("description") or ""), 400)
    return "" if len(teaser) < 20 or content.startswith(teaser.rstrip("….")) else teaser


def _people(meta: dict[str, Any]) -> tuple[str, ...]:
    names = (text.one_line(each, 120) for each in str(meta.get("author") or "").split(";"))
    return tuple(dict.fromkeys(name for name in names if name and "@" not in name and "/" not in name))


def _date(meta: dict[str, Any]) -> datetime | None:
    try:
        read = dates.isoparse(str(meta.get("date") or ""))
    except (ValueError, OverflowError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
