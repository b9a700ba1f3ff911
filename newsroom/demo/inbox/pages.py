"""What a person sees: the list of mails and one mail, in German or English. Whatever came in a mail is escaped."""

import re
from collections.abc import Mapping
from datetime import datetime
from email.message import Message
from html import escape as e
from itertools import islice
from urllib.parse import urlencode

from newsroom.demo.inbox.mailbox import Mail, Mailbox, body, header, headers_of, parsed

MAILS_PER_PAGE = 50
LANGUAGES: dict[str, dict[str, str]] = {
    "de": {
        "name": "Deutsch",
        "inbox": "Posteingang",
        "about": "Hier kommt an, was diese Vorführung verschickt. Nichts davon verlässt diesen Rechner.",
        "search": "Suchen",
        "search_hint": "Betreff oder Adresse",
        "none": "Noch keine Post. Diese Seite meldet sich, sobald etwas ankommt.",
        "none_found": "Dazu gibt es keine Mail.",
        "all": "Alle Mails",
        "mails_one": "1 Mail",
        "mails_many": "{} Mails",
        "news": "Neue Post anzeigen",
        "newer": "Neuere",
        "older": "Ältere",
        "pages": "Blättern",
        "views": "Ansichten",
        "html": "Ansicht",
        "phone": "Telefon",
        "text": "Text",
        "headers": "Kopfzeilen",
        "source": "Quelltext",
        "from": "Von",
        "to": "An",
        "size": "Größe",
        "received": "Angekommen",
        "no_subject": "(ohne Betreff)",
        "no_html": "Diese Mail hat keinen HTML-Teil.",
        "no_text": "Diese Mail hat keinen Textteil.",
        "mail_frame": "Inhalt der Mail",
        "not_found": "Diese Seite gibt es nicht.",
        "back": "Zum Posteingang",
        "time": "%d.%m.%Y, %H:%M:%S",
    },
    "en": {
        "name": "English",
        "inbox": "Inbox",
        "about": "Whatever this demonstration mails arrives here. None of it leaves this machine.",
        "search": "Search",
        "search_hint": "Subject or address",
        "none": "No mail yet. This page will tell you when some arrives.",
        "none_found": "No mail matches.",
        "all": "All mails",
        "mails_one": "1 mail",
        "mails_many": "{} mails",
        "news": "Show new mail",
        "newer": "Newer",
        "older": "Older",
        "pages": "Pages",
        "views": "Views",
        "html": "View",
        "phone": "Phone",
        "text": "Text",
        "headers": "Headers",
        "source": "Source",
        "from": "From",
        "to": "To",
        "size": "Size",
        "received": "Received",
        "no_subject": "(no subject)",
        "no_html": "This mail has no HTML part.",
        "no_text": "This mail has no text part.",
        "mail_frame": "Content of the mail",
        "not_found": "There is no such page.",
        "back": "Back to the inbox",
        "time": "%d %b %Y, %H:%M:%S",
    },
}
_VIEWS = ("html", "phone", "text", "headers", "source")


def preferred_language(accept_language: str) -> str:
    """The first of ours that the browser asks for, by its weights; German if it asks for neither."""
    weighted = []
    for part in accept_language.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), tag.split("-")[0].lower()))
        except ValueError:
            continue
    ours = [
        tag for weight, tag in sorted(weighted, key=lambda pair: pair[0]) if weight < 0 and tag in LANGUAGES
    ]
    return ours[0] if ours else "de"


def mail_list(mailbox: Mailbox, query: Mapping[str, str], language: str) -> str:
    """The newest mails, fifty a page, with a search over subjects and addresses."""
    t = LANGUAGES[language]
    search = query.get("q", "").strip()
    page = int(query["page"]) if re.fullmatch(r"[1-9]\d{0,5}", query.get("page", ""), re.ASCII) else 1
    first = (page - 1) * MAILS_PER_PAGE
    found = list(islice(mailbox.newest(search=search), first, first + MAILS_PER_PAGE + 1))
    rows = "".join(_row(mail, _snippet(mailbox.content(mail.number)), t) for mail in found[:MAILS_PER_PAGE])
    count = t["mails_one"] if len(mailbox) == 1 else t["mails_many"].format(_grouped(len(mailbox), language))
    older = _turn(t["older"], {"q": search, "page": page + 1}, "next") if len(found) > MAILS_PER_PAGE else ""
    newer = _turn(t["newer"], {"q": search, "page": page - 1}, "prev") if page > 1 else ""
    turning = f'<nav class="turn" aria-label="{t["pages"]}">{newer}{older}</nav>' if newer or older else ""
    nothing = f'<p class="nothing">{t["none_found"] if search else t["none"]}</p>'
    clear = f'<a class="clear" href="/">{t["all"]}</a>' if search else ""
    return _page(
        t["inbox"],
        f"""<header class="top">
<div><h1>{t["inbox"]} <span class="count" data-total="{len(mailbox)}">{count}</span></h1>
<p>{t["about"]}</p></div>
<form action="/" role="search"><label class="aside" for="q">{t["search"]}</label>
<input id="q" type="search" name="q" value="{e(search)}" placeholder="{t["search_hint"]}">
<button>{t["search"]}</button>{clear}</form>
</header>
<p class="news" role="status" data-text="{t["news"]}"></p>
<main>{f'<ol class="mails">{rows}</ol>' if rows else nothing}{turning}</main>""",
        language,
        "/",
    )


def mail_page(mail: Mail, content: bytes, total: int, query: Mapping[str, str], language: str) -> str:
    """One mail: who, when, what, in the view that was asked for."""
    t = LANGUAGES[language]
    message = parsed(content)
    has_html = bool(body(message, "html"))
    view = query.get("view", "")
    if view not in _VIEWS:
        view = "html" if has_html else "text"
    address = f"/mails/{mail.number}"
    tabs = "".join(
        f'<a href="{address}?view={name}"{_current(name == view)}>{t[name]}</a>' for name in _VIEWS
    )
    newer = _turn_to(mail.number + 1, view, t["newer"], "prev") if mail.number < total else ""
    older = _turn_to(mail.number - 1, view, t["older"], "next") if mail.number > 1 else ""
    subject = e(mail.subject) or t["no_subject"]
    return _page(
        mail.subject or t["no_subject"],
        f"""<nav class="turn way" aria-label="{t["pages"]}"><a href="/">{t["inbox"]}</a>
<span>{newer}{older}</span></nav>
<main><article>
<h1>{subject}</h1>
<dl class="facts">
<dt>{t["from"]}</dt><dd>{e(header(message, "From") or mail.sender)}</dd>
<dt>{t["to"]}</dt><dd>{e(", ".join(mail.recipients))}</dd>
<dt>{t["received"]}</dt><dd>{_time(mail, t)}</dd>
<dt>{t["size"]}</dt><dd>{_grouped(mail.size_bytes, language)} Bytes</dd>
</dl>
<nav class="tabs" aria-label="{t["views"]}">{tabs}</nav>
{_view(view, mail, content, message, has_html, t)}
</article></main>""",
        language,
        f"{address}?view={view}",
    )


def not_found(language: str) -> str:
    t = LANGUAGES[language]
    title = t["not_found"]
    return _page(title, f'<main><h1>{title}</h1><p><a href="/">{t["back"]}</a></p></main>', language, "/")


def mail_document(html: str) -> str:
    """A mail's HTML for the sandboxed frame, unchanged but for its links opening outside of it."""
    for start in (r"<head(\s[^>]*)?>", r"<html(\s[^>]*)?>", r"<!doctype[^>]*>", ""):
        if found := re.search(start, html, re.IGNORECASE):
            break
    assert found  # the last pattern finds the beginning of anything
    place = found.end()
    return f'{html[:place]}<base target="_blank">{html[place:]}'


def _view(
    view: str, mail: Mail, content: bytes, message: Message, has_html: bool, t: Mapping[str, str]
) -> str:
    match view:
        case "html" | "phone" if has_html:
            return (
                f'<iframe class="{view}" title="{t["mail_frame"]}" src="/mails/{mail.number}/html"'
                ' sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>'
            )
        case "html" | "phone":
            return f'<p class="nothing">{t["no_html"]}</p>'
        case "text":
            text = body(message, "plain")
            return f"<pre>{_linked(text)}</pre>" if text else f'<p class="nothing">{t["no_text"]}</p>'
        case "headers":
            lines = (f"<dt>{e(name)}</dt><dd>{e(value)}</dd>" for name, value in headers_of(message))
            return f'<dl class="headers">{"".join(lines)}</dl>'
        case _:
            return f'<pre tabindex="0">{e(content.decode(errors="replace"))}</pre>'


def _row(mail: Mail, snippet: str, t: Mapping[str, str]) -> str:
    kind = re.sub(r"\s*<[^>]*>$", "", mail.list_id).strip('" ')
    chip = f'<span class="chip">{e(kind)}</span>' if kind else ""
    return f"""<li><a href="/mails/{mail.number}">
<span class="to">{e(", ".join(mail.recipients))}</span>{_time(mail, t)}
<span class="subject">{e(mail.subject) or t["no_subject"]}</span>{chip}
<span class="snippet">{e(snippet)}</span></a></li>"""


def _snippet(content: bytes) -> str:
    return " ".join(body(parsed(content), "plain")[:600].split())[:140]


def _linked(text: str) -> str:
    """Escaped text in which web addresses can be followed."""
    parts = re.split(r"(https?://[^\s<>\"]+)", text)
    return "".join(
        f'<a href="{e(part)}" target="_blank" rel="noreferrer">{e(part)}</a>' if position % 2 else e(part)
        for position, part in enumerate(parts)
    )


def _time(mail: Mail, t: Mapping[str, str]) -> str:
    local = datetime.fromisoformat(mail.received_at).astimezone()
    return f'<time datetime="{e(mail.received_at)}">{local.strftime(t["time"])}</time>'


def _grouped(number: int, language: str) -> str:
    return f"{number:,}".replace(",", "." if language == "de" else ",")


def _current(is_current: bool) -> str:
    return ' aria-current="page"' if is_current else ""


def _turn(label: str, query: Mapping[str, str | int], rel: str) -> str:
    return f'<a rel="{rel}" href="/?{e(urlencode({name: value for name, value in query.items() if value}))}">{label}</a>'


def _turn_to(number: int, view: str, label: str, rel: str) -> str:
    return f'<a rel="{rel}" href="/mails/{number}?view={view}">{label}</a>'


def _page(title: str, content: str, language: str, address: str) -> str:
    switch = " · ".join(
        f'<a href="{address}{"&amp;" if "?" in address else "?"}lang={code}" lang="{code}" hreflang="{code}"'
        f"{_current(code == language)}>{words['name']}</a>"
        for code, words in LANGUAGES.items()
    )
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{e(title)} – Newsroom</title>
<link rel="icon" href="/inbox.svg" type="image/svg+xml">
<link rel="stylesheet" href="/inbox.css">
<script src="/inbox.js" defer></script>
</head>
<body>
{content}
<footer>{switch}</footer>
</body>
</html>
"""
