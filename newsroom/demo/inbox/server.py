"""The inbox's pages and JSON over HTTP, by the standard library; nothing can be changed through them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from newsroom.demo.inbox import pages
from newsroom.demo.inbox.mailbox import Mail, Mailbox, body, headers_of, parsed
from newsroom.demo.inbox.smtp import HOST

_FILES = {"/inbox.css": "text/css", "/inbox.js": "text/javascript", "/inbox.svg": "image/svg+xml"}

# The pages run our one script; a mail runs nothing, reads nothing, and may only load pictures.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY = (
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


class PageServer(ThreadingHTTPServer):
    """The side with the pages; every request in a thread."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, mailbox: Mailbox, port: int) -> None:
        self.mailbox = mailbox
        super().__init__((HOST, port), Handler)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back: for a page, the policy of a page."""

    content: bytes
    kind: str = "text/html"
    status: HTTPStatus = HTTPStatus.OK
    policy: str = _PAGE_POLICY
    extra: Mapping[str, str] | None = None


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; nothing can be changed from a browser."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[int] = 30

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        answer = self._answer(address.path, dict(parse_qsl(address.query)))
        self.send_response(answer.status)
        self.send_header("Content-Type", f"{answer.kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(answer.content)))
        self.send_header("Content-Security-Policy", answer.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Vary", "Accept-Language, Cookie")
        for name, value in (answer.extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a page that looks for news every few seconds would fill the log."""

    def _answer(self, path: str, query: dict[str, str]) -> Answer:
        mailbox = self.server.mailbox
        match path.strip("/").split("/"):
            case [""]:
                return self._page(pages.mail_list(mailbox, query, self._language(query)), query)
            case ["mails", number] if mail := _mail(mailbox, number):
                content = mailbox.content(mail.number)
                return self._page(
                    pages.mail_page(mail, content, len(mailbox), query, self._language(query)), query
                )
            case ["mails", number, "html"] if mail := _mail(mailbox, number):
                html = body(parsed(mailbox.content(mail.number)), "html")
                return Answer(content=pages.mail_document(html).encode(), policy=_MAIL_POLICY)
            case ["mails", number, "source.eml"] if mail := _mail(mailbox, number):
                return Answer(content=mailbox.content(mail.number), kind="text/plain", policy=_MAIL_POLICY)
            case ["mails", number, "mail.json"] if mail := _mail(mailbox, number):
                return _json(_whole(mail, mailbox.content(mail.number)))
            case ["messages.json"]:
                wanted = {name: query.get(name, "") for name in ("to", "subject", "list_id")}
                found = mailbox.newest(**wanted, after=_number(query.get("after"), 0))
                return _json([asdict(mail) for mail in islice(found, _number(query.get("limit"), 50))])
            case ["count.json"]:
                if query.get("only") == "total":
                    return _json({"total": len(mailbox)})
                groups = mailbox.groups(subject=query.get("subject", ""), list_id=query.get("list_id", ""))
                return _json({"total": len(mailbox), "groups": groups})
            case [name] if f"/{name}" in _FILES:
                file = Path(__file__).with_name(name)
                return Answer(content=file.read_bytes(), kind=_FILES[f"/{name}"])
            case _:
                page = pages.not_found(self._language(query))
                return Answer(content=page.encode(), status=HTTPStatus.NOT_FOUND)

    def _page(self, page: str, query: Mapping[str, str]) -> Answer:
        chosen = query.get("lang", "")
        keep = (
            {"Set-Cookie": f"inbox_lang={chosen}; Path=/; SameSite=Lax"}
            if chosen in pages.LANGUAGES
            else None
        )
        return Answer(content=page.encode(errors="replace"), extra=keep)

    def _language(self, query: Mapping[str, str]) -> str:
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            cookie = SimpleCookie()
        kept = cookie["inbox_lang"].value if "inbox_lang" in cookie else ""
        for chosen in (query.get("lang", ""), kept):
            if chosen in pages.LANGUAGES:
                return chosen
        return pages.preferred_language(self.headers.get("Accept-Language", ""))


def _mail(mailbox: Mailbox, number: str) -> Mail | None:
    return mailbox.get(_number(number, 0))


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else default


def _whole(mail: Mail, content: bytes) -> dict[str, object]:
    message = parsed(content)
    return {
        **asdict(mail),
        "headers": headers_of(message),
        "text": body(message, "plain"),
        "html": body(message, "html"),
    }


def _json(value: object) -> Answer:
    return Answer(content=json.dumps(value, ensure_ascii=True).encode(), kind="application/json")
