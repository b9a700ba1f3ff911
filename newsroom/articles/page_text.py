"""The plain text of a news page as a reader copies it: title, byline and body among the page's furniture.

Furniture is what the page says about itself: the title once more, "Von NAME", "4 Minuten Lesezeit", related
stories, a sign-up box, a closing notice about who sent the piece in. It is no body text, but it states facts.
German and English pages are understood.
"""

import html as entities
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from newsroom.articles import text

HEADING_CHARACTERS = 120
BODY_CHARACTERS = 100
"""A paragraph of the body is at least this long, or ends like a sentence."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "januar january jan jänner", "februar february feb", "märz march mar mär", "april apr", "mai may",
            "juni june jun", "juli july jul", "august aug", "september sep sept", "oktober october okt oct",
            "november nov", "dezember december dez dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_WORDS = {
    word: number
    for number, words in enumerate(
        ("eine ein one a", "zwei two", "drei three", "vier four", "fünf five", "sechs six", "sieben seven",
         "acht eight", "neun nine", "zehn ten"),
        start=1,
    )
    for word in words.split()
}  # fmt: skip
_NUMBER = r"(?P<number>\d{1,3}|" + "|".join(sorted(_WORDS, key=len, reverse=True)) + ")"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_MINUTES = tuple(
    _any(pattern)
    for pattern in (
        rf"\b{_NUMBER}[\s-]*(?:minuten?|min\.?)[\s-]*(?:lesezeit|lesedauer|zu lesen)\b",
        rf"\b(?:lesezeit|lesedauer)\b\s*[:–-]?\s*(?:ca\.?|etwa|rund)?\s*{_NUMBER}\s*min",
        rf"\b{_NUMBER}[\s-]*(?:minutes?|mins?\.?)[\s-]*(?:read\b|to read\b|reading time\b)",
        rf"\b(?:reading time|read time|time to read)\b\s*[:–-]?\s*(?:about|approx\.?)?\s*{_NUMBER}\s*min",
    )
)
_BYLINE = re.compile(
    r"(?:(?:ein\s+)?(?:gast)?(?:beitrag|artikel|bericht|text)\s+von|von|text|autor(?:in|en|innen)?|"
    r"(?:words|story|written|reporting)\s+by|by|authors?)\s*:?(?:\s+(?P<names>.+))?",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?:(?:von|van|de|der|den|zu|al|el|la|di|da|le|of|the)\s+)*[^\W\d_a-zß][\w.'’-]*", re.UNICODE
)
_PUBLISHED = _any(
    r"(?:veröffentlicht|erschienen|publiziert|aktualisiert|stand|datum|published|updated|posted|last updated)\b"
)
_DATES = (
    re.compile(r"\b(?P<day>\d{1,2})\.\s*(?P<month>\d{1,2})\.\s*(?P<year>\d{4})\b"),
    re.compile(r"\b(?P<day>\d{1,2})(?:\.|st|nd|rd|th)?\s+(?P<month>[^\W\d_]{3,9})\.?,?\s+(?P<year>\d{4})\b"),
    re.compile(r"\b(?P<month>[^\W\d_]{3,9})\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,\s+(?P<year>\d{4})\b"),
    re.compile(r"\b(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})\b"),
)
_RELATED = _any(
    r"das könnte (?:ihnen|sie|dir|dich|euch) (?:auch|ebenfalls)(?: noch)? (?:gefallen|interessieren)",
    r"(?:lesen sie|lies) auch", r"auch interessant", r"(?:mehr|weiteres?) (?:zum thema|aus diesem ressort)",
    r"(?:weitere|ähnliche|verwandte|passende|empfohlene) (?:artikel|beiträge|meldungen|nachrichten|themen|geschichten)",
    r"meistgelesen", r"(?:unsere )?empfehlungen",
    r"you (?:may|might) also (?:like|enjoy|be interested in)", r"(?:related|similar|recommended|more) (?:stories|articles|posts|news|reading|coverage)",
    r"(?:read|see) (?:also|more|next)", r"more (?:on this(?: topic)?|like this|from .{2,40})", r"recommended(?: for you)?", r"most read", r"up next",
)  # fmt: skip
_SIGNUP = _any(
    r"(?:abonnieren sie|abonniere|bestellen sie|jetzt abonnieren|erhalten sie)\b.{0,40}\bnewsletter\b.*",
    r"(?:unser(?:en)? |kostenlosen? )?newsletter(?: abonnieren| bestellen|anmeldung)?",
    r"(?:subscribe|sign up|join|get)\b.{0,40}\bnewsletters?\b.*",
)
_SIGNUP_PITCH = _any(
    r"(?:erhalten|bekommen) sie\b", r"\bschicken wir ihnen\b", r"\bbekommen sie von uns\b", r"\bin ihr(?:em)? postfach\b",
    r"^(?:ihre )?e-?mail-?adresse\b", r"^(?:jetzt )?(?:anmelden|abonnieren|registrieren)$",
    r"\b(?:in|to) your inbox\b", r"^get the (?:latest|best)\b", r"^(?:your |enter your )?e-?mail(?: address)?$",
    r"^(?:subscribe|sign up)(?: now)?$",
)  # fmt: skip
_FURNITURE = _any(
    r"(?:artikel )?(?:teilen|drucken|merken|speichern|anhören|vorlesen)", r"(?:auf|per|via) \w+ teilen", r"link kopieren",
    r"zum (?:inhalt|hauptinhalt|seitenanfang)(?: springen)?", r"(?:zur )?startseite|home(?:page)?|menü|menu|suche|search",
    r"anzeige|werbung|advertisement|sponsored", r"(?:\d+ )?(?:kommentare?|comments?)(?: \(\d+\))?",
    r"kommentar (?:schreiben|verfassen)|leave a (?:comment|reply)",
    r"(?:share|print|save|listen|bookmark)(?: this)?(?: article| story| page)?", r"share (?:on|via) \w+", r"copy link",
    r"skip to (?:main )?content", r"back to top|nach oben", r"cookie.{0,40}(?:akzeptieren|einstellungen|accept|settings)",
    r"(?:alle|accept all) cookies?.{0,20}", r"impressum|datenschutz|imprint|privacy(?: policy)?",
    r"©.*|copyright ©?.*|alle rechte vorbehalten\.?|all rights reserved\.?",
)  # fmt: skip
_CREDIT = _any(
    r"(?:(?:titel)?(?:foto|bild)|grafik|illustration|photo(?:graph)?|image|picture|credit)s?\s*:\s*.{2,120}"
)

# Of a notice: who sent the piece in, …
_SUBMITTED = _any(
    r"\b(?:benutzer|nutzer|leser|mitglied|community|bürger)\w*\b.{0,80}\b(?:eingereicht|eingesandt|eingesendet|einsendung\w*|einreichung\w*|verfasst|geschrieben|richtlinien)\b",
    r"\b(?:eingereicht|eingesandt|eingesendet|einsendung|verfasst)\b.{0,80}\b(?:benutzer|nutzer|leser|mitglied)\w*\b",
    r"\b(?:leser|nutzer|benutzer|user|community)-?beitrag\b",
    r"\b(?:submitted|contributed|written|sent in|provided)\b.{0,60}\b(?:by (?:a|one of our|our)\b.{0,20}\b(?:users?|readers?|members?|contributors?))\b",
    r"\b(?:user|reader|community)[- ](?:submitted|submission|contribution|generated)\b",
    r"\b(?:users?|readers?)\b.{0,80}\b(?:submission (?:rules|guidelines)|news submission|submitted|sent in)\b",
)  # fmt: skip
_PICTURE = r"(?:titelbild|bild|foto|grafik|illustration|abbildung|cover(?: image| picture| art)?|image|picture|artwork)\w*"
_MACHINE = (
    r"(?:computer-?(?:erzeugt|generiert|generated|made|created|gezeichnet)\w*|(?:ki|ai)-?(?:generiert|erzeugt|generated|made|created|bild)\w*|"
    r"künstliche[rn]? intelligenz|artificial intelligence|(?:vo[nm]|mit|durch|by|with) (?:einer |eine |an )?(?:ki|ai|computer)\b|machine[- ]made|maschinell erzeugt\w*|"
    r"algorithm\w*|computer (?:art|graphics?))"
)
_ILLUSTRATION = _any(rf"\b{_PICTURE}\b.{{0,100}}\b{_MACHINE}", rf"\b{_MACHINE}.{{0,60}}\b{_PICTURE}\b")
# … and whom to tell about rights.
_RIGHTS = _any(
    r"\burheberrecht\w*|\bcopyright(?:s|ed)?\b|\bintellectual property\b|\brechte (?:dritter|verletzt)\b"
)
_BY_MAIL = _any(r"\be-?mails?\b|\bmailen\b|\bschreiben sie (?:uns|an)\b|\bcontact us\b|\bwrite to\b")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
RIGHTS_BY_MAIL = {"de": "per E-Mail an den Herausgeber", "en": "by e-mail to the publisher"}


@dataclass(frozen=True, kw_only=True)
class PageFacts:
    """What the furniture states. `published_on` is a day, because pages rarely say more."""

    authors: tuple[str, ...] = ()
    minutes: int | None = None
    published_on: date | None = None
    is_submission: bool = False
    has_machine_picture: bool = False
    rights_contact: str = ""
    says_rights_by_mail: bool = False
    credit: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page taken apart: the title, the body as (kind, text) with kinds h, p and li, and the facts."""

    title: str
    kicker: str
    body: tuple[tuple[str, str], ...]
    facts: PageFacts

    @property
    def body_html(self) -> str:
        return text.clean_html("".join(_as_html(self.body)))

    @property
    def body_text(self) -> str:
        return "\n".join(content for _, content in self.body)


@dataclass(frozen=True)
class _Line:
    """One paragraph of the page; lines of one block stood directly under each other."""

    content: str
    block: int

    @property
    def is_sentence(self) -> bool:
        return bool(re.search(r"[.!?…:][\"”“»’)\]]*$", self.content))

    @property
    def is_body(self) -> bool:
        return len(self.content) >= BODY_CHARACTERS or (self.is_sentence and len(self.content) >= 60)

    @property
    def is_notice(self) -> bool:
        return len(self.content) < 1500 and bool(
            _SUBMITTED.search(self.content)
            or (
                _ILLUSTRATION.search(self.content)
                and (_RIGHTS.search(self.content) or len(self.content) < 300)
            )
            or (_RIGHTS.search(self.content) and _BY_MAIL.search(self.content))
        )

    @property
    def is_furniture(self) -> bool:
        bare = self.content.strip(" :›»>→.…!-–")
        return len(self.content) <= 160 and bool(
            _FURNITURE.fullmatch(bare)
            or _RELATED.fullmatch(bare.partition(":")[0].strip())
            or _SIGNUP.fullmatch(bare)
            or _CREDIT.fullmatch(self.content)
        )


def read(page: str) -> Page | None:
    """The article in the page's text, or None if there is none: no title, or hardly any text under it."""
    lines = list(_lines(text.strip_unwanted(page)))
    notices = [line for line in lines if line.is_notice]
    at = _title_place(lines)
    if at is None:
        return None
    title = lines[at].content
    kicker = lines[at - 1].content if at and _looks_like_kicker(lines[at - 1]) else ""
    rest = [line for line in lines[at + 1 :] if line.content != title]
    facts, start = _head(rest)
    body = _body(rest[start:])
    if sum(text.words(content) for kind, content in body if kind != "h") < 30:
        return None
    return Page(title=title, kicker=kicker, body=tuple(body), facts=_with_notices(facts, notices, rest))


def facts_of(page: str) -> PageFacts:
    """Only the facts that the furniture states, for a page whose body another reader has found."""
    lines = list(_lines(text.strip_unwanted(page)))
    at = _title_place(lines)
    head, _ = _head(lines[(at or 0) + 1 :] if at is not None else [])
    return _with_notices(head, [line for line in lines if line.is_notice], lines)


def is_furniture(paragraph: str) -> bool:
    """Whether a paragraph belongs to the page and not to the article."""
    line = _Line(text.one_line(paragraph), 0)
    is_short = len(line.content) <= 160
    is_fact = is_short and not line.is_body and _head_fact(line.content, awaits_names=False) is not None
    return line.is_notice or line.is_furniture or is_fact or (is_short and _is_pitch(line))


def _lines(page: str) -> Iterator[_Line]:
    """The paragraphs. Hard-wrapped ones are joined; without any empty line each line is a paragraph."""
    has_blocks = bool(re.search(r"\n[ \t]*\n", page.strip()))
    blocks = re.split(r"\n[ \t]*(?:\n[ \t]*)+", page) if has_blocks else page.split("\n")
    for number, block in enumerate(blocks):
        lines = [text.one_line(line) for line in block.split("\n") if line.strip()]
        is_wrapped = len(lines) > 1 and all(45 <= len(line) <= 100 for line in lines[:-1])
        for line in [" ".join(lines)] if is_wrapped else lines:
            if line:
                yield _Line(line, number)


def _title_place(lines: Sequence[_Line]) -> int | None:
    """The title is the line that the page repeats near its top, else its first line that is no furniture."""
    top = [line.content for line in lines[:15]]
    for place, content in enumerate(top):
        if 8 <= len(content) <= 200 and content in top[place + 1 :] and not lines[place].is_furniture:
            return place
    for place, line in enumerate(lines[:15]):
        if (
            not line.is_furniture
            and not line.is_notice
            and len(line.content) <= 300
            and text.words(line.content) > 1
        ):
            return place
    return None


def _looks_like_kicker(line: _Line) -> bool:
    return (
        len(line.content) <= 60 and not line.is_furniture and not line.is_sentence and "@" not in line.content
    )


def _head(lines: Sequence[_Line]) -> tuple[PageFacts, int]:
    """The facts between title and text, and where the text starts."""
    facts = PageFacts()
    start = 0
    awaits_names = False
    for place, line in enumerate(lines[:12]):
        if line.is_body and not _minutes(line.content):
            break
        is_fact = False
        for part in re.split(r"\s*[|·•]\s*|\s+[–—]\s+", line.content):
            known = _head_fact(part, awaits_names=awaits_names)
            if known is None:
                continue
            is_fact = True
            awaits_names = known.authors == ("",)
            if known.authors and not awaits_names:
                facts = replace(
                    facts, authors=(*facts.authors, *(n for n in known.authors if n not in facts.authors))
                )
            facts = replace(
                facts,
                minutes=facts.minutes or known.minutes,
                published_on=facts.published_on or known.published_on,
            )
        if is_fact or line.is_furniture:
            start = place + 1
    return facts, start


def _head_fact(part: str, *, awaits_names: bool) -> PageFacts | None:
    """What one part of a line between title and text states; authors == ("",) announces names on the next line."""
    minutes, day = _minutes(part), _day(part)
    rest = part
    for pattern in (*(_MINUTES if minutes else ()), *(_DATES if day else ())):
        rest = pattern.sub("", rest)
    if by := _BYLINE.fullmatch(rest.strip(" ,;:–-")):
        names = _names(by["names"]) if by["names"] else ("",)
    else:
        names = _names(rest) if awaits_names else ()
    if minutes or day or names or _PUBLISHED.match(part):
        return PageFacts(minutes=minutes, published_on=day, authors=names)
    return None


def _minutes(content: str) -> int | None:
    if len(content) > 120:
        return None
    for pattern in _MINUTES:
        if match := pattern.search(content):
            number = match["number"].lower()
            minutes = int(number) if number.isdigit() else _WORDS[number]
            return minutes or None
    return None


def _day(content: str) -> date | None:
    if len(content) > 120:
        return None
    for pattern in _DATES:
        for match in pattern.finditer(content):
            month = match["month"].lower()
            number = int(month) if month.isdigit() else _MONTHS.get(month, 0)
            try:
                return date(int(match["year"]), number, int(match["day"]))
            except ValueError:
                continue
    return None


def _names(listed: str) -> tuple[str, ...]:
    """`Ada Beispiel, Bo Muster und Cem Probe` as names; nothing if it does not read like names."""
    names = [
        each.strip(" .,")
        for each in re.split(r"\s*(?:,|;|/|&|\bund\b|\band\b)\s*", listed)
        if each.strip(" .,")
    ]
    names = [re.sub(r"\s*\(.*?\)$", "", each) for each in names]
    if not names or not all(_is_name(each) for each in names):
        return ()
    return tuple(dict.fromkeys(names))


def _is_name(name: str) -> bool:
    return (
        2 <= len(name) <= 80
        and len(name.split()) <= 5
        and bool(re.fullmatch(rf"{_NAME.pattern}(?:\s+{_NAME.pattern})*", name))
    )


def _body(lines: Sequence[_Line]) -> list[tuple[str, str]]:
    """The text between head and tail as (kind, text), without the furniture that stands between."""
    kept = list(_without_furniture(lines[: _tail_start(lines)]))
    body: list[tuple[str, str]] = []
    for place, line in enumerate(kept):
        following = kept[place + 1] if place + 1 < len(kept) else None
        if bullet := re.match(r"[-•*–]\s+(?=\S)", line.content):
            body.append(("li", line.content[bullet.end() :]))
        elif _is_heading(line, following):
            body.append(("h", line.content))
        else:
            body.append(("p", line.content))
    return body


def _tail_start(lines: Sequence[_Line]) -> int:
    """Where the article ends: the first piece of closing furniture after which hardly any text follows."""
    weights = [
        len(line.content) if line.is_body and not line.is_notice and not _is_pitch(line) else 0
        for line in lines
    ]
    total = sum(weights)
    seen = 0
    for place, line in enumerate(lines):
        is_closing = line.is_notice or (line.is_furniture and not _CREDIT.fullmatch(line.content))
        if is_closing and seen and total - seen <= 0.35 * seen:
            return place
        seen += weights[place]
    return len(lines)


def _without_furniture(lines: Sequence[_Line]) -> Iterator[_Line]:
    """A box in the middle of the text goes with the lines that belong to it."""
    box = -1
    for line in lines:
        if line.is_furniture or line.is_notice:
            box = line.block
            continue
        is_beside_box = line.block == box or (line.block == box + 1 and _is_pitch(line))
        if not is_beside_box or (line.is_body and not _is_pitch(line)):
            yield line


def _is_pitch(line: _Line) -> bool:
    return len(line.content) <= 300 and bool(_SIGNUP_PITCH.search(line.content))


def _is_heading(line: _Line, following: _Line | None) -> bool:
    """Short, one line, not ending like a sentence or a clause, and text follows."""
    content = line.content
    if following is None or len(content) > HEADING_CHARACTERS or len(content) >= len(following.content):
        return False
    if (
        re.search(r"[.,;:…]$", content)
        or re.match(r"[\"„“»'‚(–—-]", content)
        or re.match(r"[a-zäöü]", content)
    ):
        return False
    return following.is_body or following.is_sentence


def _with_notices(facts: PageFacts, notices: Sequence[_Line], lines: Sequence[_Line]) -> PageFacts:
    said = " ".join(line.content for line in notices)
    rights = next((line.content for line in notices if _RIGHTS.search(line.content)), "")
    address = _ADDRESS.search(rights)
    credits = (line.content for line in lines if _CREDIT.fullmatch(line.content))
    return replace(
        facts,
        is_submission=bool(_SUBMITTED.search(said)),
        has_machine_picture=bool(_ILLUSTRATION.search(said)),
        rights_contact=address[0].rstrip(".") if address else "",
        says_rights_by_mail=bool(rights and _BY_MAIL.search(rights)),
        credit=next(credits, "").partition(":")[2].strip(),
    )


def _as_html(body: Sequence[tuple[str, str]]) -> Iterator[str]:
    is_list = False
    for kind, content in body:
        if (kind == "li") != is_list:
            is_list = not is_list
            yield "<ul>" if is_list else "</ul>"
        tag = {"h": "h2", "p": "p", "li": "li"}[kind]
        yield f"<{tag}>{entities.escape(content, quote=False)}</{tag}>"
    if is_list:
        yield "</ul>"
