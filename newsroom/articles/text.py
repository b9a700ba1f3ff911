"""Words, headings and clean HTML: what text must be before it meets a template or a mail."""

import html as entities
import math
import re
import unicodedata
from collections import Counter
from urllib.parse import urlsplit

import lxml.html
import nh3
from lxml import etree
from markdown_it import MarkdownIt

WORDS_PER_MINUTE = {"de": 220, "en": 220}
"""How fast an adult reads in a language; 220 where we do not know better."""

_ALLOWED = """
    a abbr b blockquote br caption cite code dd del div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins
    kbd li ol p pre q s samp small span strong sub sup table tbody td tfoot th thead tr u ul var
"""
TAGS = frozenset(_ALLOWED.split())
ATTRIBUTES = {
    "a": {"href", "title", "hreflang"},
    "abbr": {"title"},
    "blockquote": {"cite"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "q": {"cite"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    **{f"h{level}": {"id"} for level in range(2, 5)},
    **{tag: {"lang", "dir"} for tag in ("p", "span", "em", "i")},
}
SCHEMES = {"http", "https", "mailto", "tel"}
OWN_PICTURES = "/media/"

_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_STANDING_ALONE = """
    address article aside blockquote caption dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li
    main nav ol p pre section table td th tr ul
"""
_BLOCKS = frozenset(_STANDING_ALONE.split())
DEEPEST = 200
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
# Tags that end by themselves; feeds leave them open all the time.
_SELF_CLOSING = frozenset(
    ("br", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "p", "source", "td", "th", "tr", "wbr")
)
_WORD = re.compile(r"\w+(?:[-'’.,:/]\w+)*")
_ANCHOR = re.compile(r"s(?:-[a-z0-9]+)+")
# Controls, the private use area (the mail's slot marks live there), bidi overrides, zero-width marks, surrogates.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\uffff"
    "\ud800-\udfff\ue000-\uf8ff\U000e0000-\U0010ffff]"
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa"})
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable(["table", "strikethrough"])


def strip_unwanted(text: str) -> str:
    """The text in NFC without controls, direction overrides and private characters; tabs and line feeds stay."""
    return unicodedata.normalize("NFC", _UNWANTED.sub("", _LINE_ENDS.sub("\n", text)))


def one_line(text: str, limit: int = 0) -> str:
    """Clean text on one line; at most `limit` characters, cut between words with an ellipsis."""
    line = " ".join(strip_unwanted(text).split())
    if not limit or len(line) <= limit:
        return line
    return line[: limit - 1].rsplit(" ", 1)[0].rstrip(" ,;:–-") + "…"


def plain(html: str) -> str:
    """The HTML's text: blocks on lines of their own, entities resolved, no markup."""
    root = _parse(nh3.clean(flattened(html), tags=set(TAGS), attributes={}))
    pieces: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str):
            continue
        is_start = event == "start"
        if element.tag in _BLOCKS or (is_start and element.tag == "br"):
            pieces.append("\n")
        pieces.append((element.text if is_start else element.tail if element is not root else "") or "")
    lines = (" ".join(line.split()) for line in strip_unwanted("".join(pieces)).split("\n"))
    return "\n".join(line for line in lines if line)


def plain_title(text: str, *, is_html: bool = False, limit: int = 300) -> str:
    """A headline as text on one line. Only `is_html` resolves markup: `a <b` may be just what somebody wrote."""
    return one_line(plain(text) if is_html else text, limit)


def words(text: str) -> int:
    """How many words plain text has; `Bahn-Bus-Anschluss` and `3,5` are one each."""
    return len(_WORD.findall(text))


def reading_minutes(words: int, language: str, stated: int | None = None) -> int:
    """What the source states, else the words by the language's reading speed, rounded up; at least 1."""
    if stated is not None and 0 < stated <= 600:
        return stated
    return max(1, math.ceil(words / WORDS_PER_MINUTE.get(language[:2], 220)))


def slugify_german(text: str, limit: int = 100) -> str:
    """`Über den Fluß` → `ueber-den-fluss`; cut between words, empty if nothing can be written in ASCII."""
    spelled = unicodedata.normalize("NFC", text).lower().translate(_UMLAUTS)
    ascii_only = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")
    return slug if len(slug) <= limit else slug[: limit + 1].rpartition("-")[0] or slug[:limit]


_HEADING = re.compile(r"<h([1-6])\b.*?</h\1\s*>", re.DOTALL | re.IGNORECASE)


def opening(html: str, limit: int = 220) -> str:
    """The first sentences of the running text; a heading over it is none of them."""
    return first_sentences(plain(_HEADING.sub("", html)), limit)


def first_sentences(text: str, limit: int = 220) -> str:
    """Whole sentences from the start of the text, as many as fit; else its beginning, cut between words."""
    line = one_line(text)
    if len(line) <= limit:
        return line
    ends = [match.end() for match in re.finditer(r"(?<!\d)[.!?][“”\"’»)]?(?= [\"„“»(A-ZÄÖÜ])", line[:limit])]
    return line[: ends[-1]] if ends and ends[-1] >= limit // 3 else one_line(line, limit)


def clean_html(html: str, *, base: str = "") -> str:
    """HTML that may be shown on our pages: an allow-list, headings from level 2 on and with anchors.

    base: what relative links are resolved against; without it they go. Remote pictures go as well, tracking
    pixels with them: a page that loads nothing from elsewhere tells nobody who reads it.
    """
    # The tree in the middle sees only what the first pass let through; the second pass has the last word.
    tame = nh3.clean(
        flattened(strip_unwanted(html)), tags=set(TAGS), attributes=_attributes(), url_schemes=SCHEMES
    )
    root = _parse(tame)
    _drop_pictures(root)
    # Headings within headings and empty ones go first, or they would take anchors that nothing carries.
    _unwrap_headings(root)
    _drop_empty(root)
    _shift_headings(root)
    inside = (entities.escape(root.text or "", quote=False)) + "".join(
        etree.tostring(child, encoding="unicode", method="html") for child in root
    )
    return nh3.clean(
        inside,
        tags=set(TAGS - {"div", "h1", "h5", "h6"}),
        attributes=_attributes(),
        attribute_filter=_attribute,
        url_schemes=SCHEMES,
        url_relative=("rewrite_with_base", base) if _is_base(base) else _own_paths,
        link_rel="noopener noreferrer",
    ).strip()


def _is_base(base: str) -> bool:
    """Whether relative addresses can be completed with it: a stranger's address may name a port that is none."""
    try:
        if not urlsplit(base).netloc:
            return False
        nh3.clean("", url_relative=("rewrite_with_base", base))
    except ValueError:
        return False
    return True


def markdown_to_html(markdown: str, *, base: str = "") -> str:
    """Markdown as clean HTML; HTML written into it stays text."""
    return clean_html(_MARKDOWN.render(strip_unwanted(markdown)), base=base)


def text_to_html(text: str) -> str:
    """Plain text as paragraphs: an empty line parts them."""
    paragraphs = re.split(r"\n\s*\n", strip_unwanted(text))
    return "".join(
        f"<p>{entities.escape(one_line(each), quote=False)}</p>" for each in paragraphs if each.strip()
    )


def headings(html: str) -> list[str]:
    """The section headings of clean HTML, in order."""
    return [text for _, text in anchors(html)]


def anchors(html: str) -> list[tuple[str, str]]:
    """The section headings of clean HTML with their anchors, for a list of contents."""
    root = _parse(html)
    found = (
        (str(each.get("id") or ""), " ".join(each.text_content().split())) for each in root.iter("h2", "h3")
    )
    return [(anchor, text) for anchor, text in found if text]


def pictures(html: str) -> list[str]:
    """Addresses of the pictures in foreign HTML, tracking pixels left out."""
    root = _parse(nh3.clean(flattened(html), tags=set(TAGS), attributes=_attributes(), url_schemes=SCHEMES))
    return [str(image.get("src")) for image in root.iter("img") if image.get("src") and not _is_pixel(image)]


def flattened(html: str) -> str:
    """The HTML, or only its text if it is nested deeper than anybody writes: parsers take the square of the depth."""
    open_tags: Counter[str] = Counter()
    depth = 0
    for slash, name in _TAG.findall(html):
        name = name.lower()
        if name in _SELF_CLOSING:
            continue
        if not slash:
            open_tags[name] += 1
            depth += 1
        elif open_tags[name]:
            open_tags[name] -= 1
            depth -= 1
        if depth > DEEPEST:
            return entities.escape(re.sub(r"<[^<>]*>", " ", html), quote=False)
    return html


def _attributes() -> dict[str, set[str]]:
    return {tag: set(names) for tag, names in ATTRIBUTES.items()}


def _own_paths(url: str) -> str | None:
    """Without a base only our own paths and anchors mean anything; `//host` is not a path."""
    return url if re.match(r"[/#](?![/\\])", url) else None


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "id":
        return value if _ANCHOR.fullmatch(value) else None
    if name == "src":
        return value if value.startswith(OWN_PICTURES) else None
    return value


def _parse(html: str) -> lxml.html.HtmlElement:
    """The HTML inside one <div>; whatever it is, there is a tree."""
    try:
        return lxml.html.fragment_fromstring(strip_unwanted(html), create_parent="div")
    except (etree.LxmlError, ValueError, AssertionError):
        return lxml.html.fragment_fromstring("", create_parent="div")


def _is_pixel(image: lxml.html.HtmlElement) -> bool:
    return any(re.fullmatch(r"\s*[01](px)?\s*", str(image.get(side) or "")) for side in ("width", "height"))


def _drop_pictures(root: lxml.html.HtmlElement) -> None:
    for image in list(root.iter("img")):
        if _is_pixel(image) or not str(image.get("src") or "").startswith(OWN_PICTURES):
            image.drop_tree()


def _unwrap_headings(root: lxml.html.HtmlElement) -> None:
    """A heading in a heading: browsers close the outer one, and so do we."""
    for element in list(root.iter(*_HEADINGS)):
        if any(inner is not element for inner in element.iter(*_HEADINGS)):
            element.drop_tag()


def _drop_empty(root: lxml.html.HtmlElement) -> None:
    """What a dropped picture leaves behind: frames and paragraphs without content."""
    for element in reversed(list(root.iter("p", "figure", "a", "li", "figcaption", *_HEADINGS))):
        if not element.text_content().strip() and element.find(".//img") is None:
            element.drop_tree()


def _shift_headings(root: lxml.html.HtmlElement) -> None:
    """The page has the level 1: the text's own headings start at 2, leave no level out and get an anchor."""
    found = [element for element in root.iter() if element.tag in _HEADINGS]
    levels = {level: min(4, 2 + place) for place, level in enumerate(sorted({each.tag for each in found}))}
    taken: set[str] = set()
    repeats: Counter[str] = Counter()
    for element in found:
        element.tag = f"h{levels[element.tag]}"
        anchor = base = f"s-{slugify_german(element.text_content(), 60) or 'abschnitt'}"
        while anchor in taken:
            repeats[base] += 1
            anchor = f"{base}-{repeats[base] + 1}"
        taken.add(anchor)
        element.set("id", anchor)
