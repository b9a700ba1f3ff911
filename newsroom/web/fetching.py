"""Fetching feeds and pages from addresses that strangers may have written: guarded, limited, honest about who asks.

On httpcore, the engine below httpx: it lets us say how connections are made (`guard.py`) and leaves decompression
to us, so that a small answer cannot unfold into a large one.
"""

import ssl
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import httpcore
import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from newsroom.web.errors import (
    BadAddress,
    PrivateAddress,
    RefusedByServer,
    TooLarge,
    TooManyRedirects,
    TooSlow,
    UnknownName,
    Unreachable,
)
from newsroom.web.guard import GuardedBackend, NoSuchName, Resolver, system_resolver
from newsroom.web.patience import seconds_of

MAX_REDIRECTS = 5
LONGEST_RETRY_AFTER_SECONDS = 7 * 24 * 3600.0
"""A publisher may ask for more patience than a mail provider."""

Headers = dict[bytes | str, bytes | str]
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """An answer: 2xx with its body, or 304 without."""

    url: str  # after redirects
    status: int
    headers: Mapping[str, str]  # names in small letters
    body: bytes = field(repr=False)
    permanent_url: str = ""  # set if the address moved for good, by 301 or 308 from the first hop on

    @property
    def is_unchanged(self) -> bool:
        return self.status == 304


def fetch(
    url: str,
    *,
    accept: str,
    etag: str = "",
    last_modified: str = "",
    max_bytes: int = 5_000_000,
    seconds: float = 20.0,
    allow: frozenset[str] = frozenset(),
    resolve: Resolver = system_resolver,
) -> Fetched:
    """GET an address from the public internet. Raises FetchError with one sentence for an editor.

    max_bytes: of the body, decompressed. seconds: for everything, redirects included; only the system's name
    look-up keeps its own time. allow: private `address:port` pairs the caller vouches for. resolve: names to
    addresses, for callers with a resolver of their own.
    """
    headers: Headers = {"Accept": accept, "Accept-Encoding": "gzip, deflate", "User-Agent": user_agent()}
    if etag:
        headers["If-None-Match"] = _one_line(etag)
    if last_modified:
        headers["If-Modified-Since"] = _one_line(last_modified)
    backend = GuardedBackend(deadline=time.monotonic() + seconds, resolve=resolve, allow=allow)
    return _judged(*_followed("GET", url, headers, max_bytes, backend))


def status_of(
    url: str,
    *,
    seconds: float = 10.0,
    allow: frozenset[str] = frozenset(),
    resolve: Resolver = system_resolver,
) -> int:
    """The status an address answers with after its redirects, without its body. Raises FetchError as `fetch`.

    Asked by HEAD first, and by GET where that is not answered with success: some servers know no HEAD.
    """
    headers: Headers = {"Accept": "*/*", "User-Agent": user_agent()}
    backend = GuardedBackend(deadline=time.monotonic() + seconds, resolve=resolve, allow=allow)
    answer, _permanent = _followed("HEAD", url, headers, 0, backend)
    if not 200 <= answer.status < 300:
        answer, _permanent = _followed("GET", url, headers, 0, backend)
    return answer.status


def _followed(
    method: str, url: str, headers: Headers, max_bytes: int, backend: GuardedBackend
) -> tuple[Fetched, str]:
    """The last answer of a chain of redirects, and the address if it moved for good. max_bytes: 0 leaves the body."""
    current, permanent, is_permanent = _readable(url), "", True
    with httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend, retries=0) as pool:
        for _hop in range(MAX_REDIRECTS + 1):
            answer = _asked(pool, method, current, headers, max_bytes)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer, permanent
            current = _readable(_joined(current, answer.headers["location"]))
            is_permanent = is_permanent and answer.status in _PERMANENT
            permanent = str(current) if is_permanent else permanent
    raise TooManyRedirects(_("The address redirects too many times."), url=url)


def user_agent() -> str:
    """Who we say we are, with an address to ask."""
    return f"Newsroom (+{settings.SITE_URL})"


def _asked(
    pool: httpcore.ConnectionPool, method: str, url: httpx.URL, headers: Headers, max_bytes: int
) -> Fetched:
    """One hop. The guard's own errors pass through; httpcore's become ours."""
    address = str(url)
    try:
        hosted = {"Host": url.netloc.decode("ascii"), **headers}
        with pool.stream(method, address, headers=hosted) as response:
            received = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
            }
            # An error page or a redirect's body interests nobody.
            wanted = 200 <= response.status < 300 and max_bytes > 0
            body = _body(response.iter_stream(), received, max_bytes, address) if wanted else b""
            return Fetched(url=address, status=response.status, headers=received, body=body)
    except PrivateAddress as error:
        raise PrivateAddress(str(error), url=address) from error
    except httpcore.TimeoutException as error:
        raise TooSlow(_("The server did not answer within the time limit."), url=address) from error
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
        OSError,
        ValueError,
    ) as error:
        sentence = _("The server could not be reached: %(reason)s.") % {"reason": error}
        kind = UnknownName if isinstance(error, NoSuchName) else Unreachable
        raise kind(sentence, url=address) from error


def _body(chunks: Iterable[bytes], headers: Mapping[str, str], max_bytes: int, url: str) -> bytes:
    body = bytearray()
    for piece in _decompressed(chunks, headers.get("content-encoding", "identity"), max_bytes + 1, url):
        body += piece
        if len(body) > max_bytes:
            sentence = _("The answer is larger than %(size)d kB.") % {"size": max_bytes // 1000}
            raise TooLarge(sentence, url=url)
    return bytes(body)


def _decompressed(chunks: Iterable[bytes], coding: str, most: int, url: str) -> Iterable[bytes]:
    """The pieces unpacked, none larger than `most`, whatever they unfold to."""
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        yield from chunks
        return
    if coding not in {"gzip", "x-gzip", "deflate"}:
        sentence = _("The answer is packed in a way we did not ask for (%(coding)s).")
        raise Unreachable(sentence % {"coding": coding[:40]}, url=url)
    unpacker, is_first = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32), True
    for packed in chunks:
        if unpacker.eof:  # what follows belongs to nothing; zlib would keep all of it
            return
        try:
            piece = unpacker.decompress(packed, most)
        except zlib.error as error:
            if not is_first or coding != "deflate":
                raise Unreachable(_("The answer is packed and cannot be unpacked."), url=url) from error
            # Some servers mean raw deflate when they say so.
            unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
            piece = unpacker.decompress(packed, most)
        is_first = False
        yield piece
        while unpacker.unconsumed_tail:
            yield unpacker.decompress(unpacker.unconsumed_tail, most)
    yield unpacker.flush()


def _judged(answer: Fetched, permanent: str) -> Fetched:
    if 200 <= answer.status < 300 or answer.status == 304:
        return Fetched(
            url=answer.url,
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            permanent_url=permanent,
        )
    raise RefusedByServer(
        _("The server answered with an error (%(status)d).") % {"status": answer.status},
        url=answer.url,
        status=answer.status,
        retry_after=seconds_of(answer.headers.get("retry-after", ""), longest=LONGEST_RETRY_AFTER_SECONDS),
    )


def _readable(url: str | httpx.URL) -> httpx.URL:
    try:
        parsed = httpx.URL(url).copy_with(fragment=None)
        port = parsed.port
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise BadAddress(_("This is not an address on the web."), url=str(url)) from error
    is_host = bool(parsed.host) and b"%" not in parsed.raw_host
    if parsed.scheme not in {"http", "https"} or not is_host or not (port is None or 0 < port < 65_536):
        raise BadAddress(_("Only addresses with http:// or https:// can be fetched."), url=str(url))
    if parsed.userinfo:
        raise BadAddress(_("An address with a password in it is not fetched."), url=parsed.host)
    return parsed


def _joined(base: httpx.URL, location: str) -> httpx.URL:
    try:
        # Servers write UTF-8 where they should escape it; header values reach us as Latin-1.
        return base.join(location.encode("latin-1").decode("utf-8", "replace"))
    except (httpx.InvalidURL, ValueError) as error:
        raise BadAddress(
            _("The address redirects to something that is no address."), url=str(base)
        ) from error


def _one_line(value: str) -> str:
    return "".join(character for character in value if " " <= character <= "~")[:500]


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
