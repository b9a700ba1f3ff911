"""Connections to the public internet only: the address is judged where the connection is made.

A name is resolved once, every address is judged, and the connection goes to the judged address: no second look-up
can lead elsewhere (DNS rebinding). Each wait ends with the deadline, however slowly bytes drip.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
from django.utils.translation import gettext as _

from newsroom.web.errors import PrivateAddress

CONNECT_SECONDS = 10.0

Resolver = Callable[[str, int], list[str]]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Set aside as a whole (RFC 6890 §2.1); Python 3.11 takes most of it for global.
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")

_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


class NoSuchName(httpcore.ConnectError):
    """The name service says that there is no such host, which is more than that it could not be asked."""


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of a host, by the system; it also reads `2130706433` and `0x7f.1` as addresses."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an address is in the public internet, looking into IPv4 addresses that are wrapped in IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        wrapped = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if wrapped is None and parsed in _NAT64:
            wrapped = ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF)
        if wrapped is not None:
            return is_public(str(wrapped))
        if parsed.is_site_local:  # fec0::/10: deprecated, not gone (RFC 3879), and global to Python
            return False
    elif parsed in _PROTOCOLS:
        return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified)


class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections for httpcore. allow: `address:port` pairs that may be private, as the caller vouches."""

    def __init__(self, *, deadline: float, resolve: Resolver, allow: frozenset[str]) -> None:
        self._deadline = deadline
        self._resolve = resolve
        self._allow = allow
        self._system = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._resolve(host.strip("[]"), port)
        except (OSError, UnicodeError) as error:
            is_final = isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME
            kind = NoSuchName if is_final else httpcore.ConnectError
            raise kind(_("the name %(host)s is not known") % {"host": host}) from error
        for address in addresses:
            self._judge(address, port, host)
        failure: Exception = httpcore.ConnectError(_("the name %(host)s has no address") % {"host": host})
        for address in addresses:
            seconds = remaining(self._deadline, CONNECT_SECONDS)
            try:
                stream = self._system.connect_tcp(
                    address, port, timeout=seconds, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            peer = stream.get_extra_info("server_addr")
            self._judge(str(peer[0]) if peer else "", port, host)
            return _DeadlineStream(stream, self._deadline)
        raise failure

    def _judge(self, address: str, port: int, host: str) -> None:
        """One private address among public ones is enough to refuse: that is how rebinding looks."""
        if not is_public(address) and f"{address}:{port}" not in self._allow:
            raise PrivateAddress(_("The address leads into a private network."), url=host)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose reads and writes all end with one deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=remaining(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=remaining(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = remaining(self._deadline, timeout)
        return _DeadlineStream(
            self._stream.start_tls(ssl_context, server_hostname, timeout=seconds), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def remaining(deadline: float, at_most: float | None) -> float:
    """Seconds until the deadline. Raises httpcore.ReadTimeout when there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise httpcore.ReadTimeout("the time limit is over")
    return seconds if at_most is None else min(seconds, at_most)
