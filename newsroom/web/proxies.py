"""Who asks: the visitor's address behind our own proxies, and nobody else's word for it.

A `Forwarded` claim counts only if the peer that made it is in TRUSTED_PROXIES; `unix` there trusts a local socket.
"""

import ipaddress
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNKNOWN = "0.0.0.0"  # noqa: S104 - not bound to: what stands for a peer without an address


_CLAIMS = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_FOR")


class ClientAddressMiddleware:
    """Sets `request.client_address`; drops forwarding headers that no trusted proxy wrote."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        peer = request.META.get("REMOTE_ADDR", "")
        claims = [name for name in _CLAIMS if name in request.META]
        if not _is_trusted(peer):
            for name in claims:
                del request.META[name]
        request.is_forwarded = bool(claims)  # type: ignore[attr-defined]
        request.client_address = _visitor(peer, request.META.get("HTTP_X_FORWARDED_FOR", ""))  # type: ignore[attr-defined]
        return self.get_response(request)


def client_address(request: HttpRequest) -> str:
    """The visitor's address as text; of a request that passed no middleware, worked out now."""
    known: str | None = getattr(request, "client_address", None)
    if known is not None:
        return known
    return _visitor(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def network_of(address: str) -> str:
    """What limits count: an IPv4 address, or an IPv6 network of /64, which is one household or one server."""
    parsed = _parse(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed) if parsed else address


def login_address(request: HttpRequest) -> str:
    """What wrong passwords are counted by, as an address: whoever has an IPv6 network has 2⁶⁴ addresses to guess from."""
    return network_of(client_address(request)).partition("/")[0]


def _visitor(peer: str, forwarded_for: str) -> str:
    """The last address that is not one of our proxies: what stands further left, anybody may have written."""
    visitor = peer
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    while hops and _is_trusted(visitor):
        if _parse(hops[-1]) is None:
            break
        visitor = hops.pop()
    return str(_parse(visitor) or UNKNOWN)


def _is_trusted(peer: str) -> bool:
    networks, trusts_sockets = _trusted(tuple(settings.TRUSTED_PROXIES))
    if not peer:
        return trusts_sockets
    address = _parse(peer)
    return address is not None and any(address in network for network in networks)


@lru_cache(maxsize=8)
def _trusted(items: tuple[str, ...]) -> tuple[tuple[Network, ...], bool]:
    networks = tuple(ipaddress.ip_network(item, strict=False) for item in items if item != "unix")
    return networks, "unix" in items


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address | None:
    """An address, with IPv4 in IPv6 clothes unwrapped; some proxies append a port."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
