"""How an address or a secret looks where people may see it who need not know it: `m…@example.org`, `203.0.113.0/24`."""

import ipaddress
import re

# At most 64, as RFC 5321 §4.5.3.1.1 allows: without an end, a long line costs the square of its length.
_ADDRESS = re.compile(r"([\w!#$%&'*+/=?^`{|}~.-]{1,64})@((?:[\w-]+\.)+[\w-]+)")
# As what staff looked for stands in the address of a page: `?q=ann%40example.org`.
_QUERIED = re.compile(r"([\w.~%+-])[\w.~%+-]{0,63}%40")
# What follows these paths is a key to somebody's settings, to an approval, or to our webhooks.
_SECRET_PATH = re.compile(r"(/(?:u|confirm|not-me|address|preferences|approve|webhooks/[\w.-]+)/)[\w~-]{12,}")
# Each run has an end: without one, a long text costs the square of its length. A cast, `id::bigint`, is no network.
_NETWORK = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){3}"
    r"|(?<![\da-fA-F:])[\da-fA-F]{0,4}(?::[\da-fA-F]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?!\w)"
)
# One of 256 lines, or of as many networks as a provider gives its customers (/56 mostly).
_SHOWN_BITS = {4: 24, 6: 48}


def mask(address: str) -> str:
    """`m…@example.org`: enough for its owner, not enough to write to. Nothing stays nothing."""
    local, at, domain = address.rpartition("@")
    if not at:
        return "…" if address else ""
    return f"{local[:1]}…@{domain}"


def is_plain_address(text: str) -> bool:
    """Whether `mask_text` masks the whole of it in a text that holds no other address."""
    return _ADDRESS.fullmatch(text) is not None


def mask_text(text: str) -> str:
    """A line of text with each address masked, and each token in a path."""
    if "@" in text:
        text = _ADDRESS.sub(lambda found: f"{found[1][:1]}…@{found[2]}", text)
    if "%40" in text:
        text = _QUERIED.sub(r"\1…%40", text)
    return _SECRET_PATH.sub(r"\1…", text) if "/" in text else text


def mask_network(text: str) -> str:
    """`203.0.113.0/24`, `2001:db8:7::/48`: whose network it is, not whose line. Text that is neither address nor network stays."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped:  # a socket for both kinds shows IPv4 so
        network = ipaddress.ip_network(mapped)
    return str(network.supernet(new_prefix=min(network.prefixlen, _SHOWN_BITS[network.version])))


def mask_networks(text: str) -> str:
    """A line of text with each network address masked, still in the form of an address: `203.0.113.0`."""
    return _NETWORK.sub(lambda found: mask_network(found[0]).partition("/")[0], text)
