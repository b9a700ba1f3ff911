"""A publisher's web server on a loopback port: real HTTP, answers set by the test, requests remembered."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Publisher:
    """Set `answers[path]`; read `asked`: (path, headers) of each request."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    @property
    def allow(self) -> frozenset[str]:
        return frozenset({self.address})


@contextmanager
def serving() -> Iterator[Publisher]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            answer = publisher.answers.get(self.path, Answer(404))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if answer.status != 304:
                self.wfile.write(answer.body)

        def log_message(self, *args: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    publisher = Publisher(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def item(
    number: int, *, title: str = "", guid: str = "", link: str = "", text: str = "", date: str = ""
) -> str:
    """One RSS item; empty parts are left out, but for title, guid and link, which then follow the number."""
    return (
        f"<item><title>{title or f'Meldung Nummer {number} aus dem Hafen'}</title>"
        f"<guid isPermaLink='false'>{guid or f'meldung-{number}'}</guid>"
        f"<link>{link or f'https://hafen.example.org/meldung/{number}'}</link>"
        + (f"<pubDate>{date}</pubDate>" if date else "")
        + f"<description>{text or 'Am Kai wird wieder gearbeitet, und der Kran ist da.'}</description></item>"
    )


def rss(*items: str, title: str = "Hafenmeldungen") -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>{title}</title>'
        f"<link>https://hafen.example.org/</link><language>de</language>{''.join(items)}</channel></rss>"
    ).encode()
