"""Gunicorn's access log without keys and whole addresses: `gunicorn --logger-class newsroom.web.access_log.AccessLogger`."""

import re
from typing import Any

from gunicorn.glogging import Logger

from newsroom.web.masking import mask_network, mask_text

# A peer, or what proxies write of visitors: several, each with a port at times.
_NETWORKS = re.compile(r"[\da-fA-F:., \[\]]+")
# Each run has an end: without one, a long header costs the square of its length.
_NETWORK = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[\da-fA-F]{0,4}(?::[\da-fA-F]{0,4}){2,7}(?:\.\d{1,3}){0,3}")


class AccessLogger(Logger):
    """Whatever the format shows of a request: tokens in its path, readers' addresses and visitors' networks are masked.

    A network stays in the form of an address, `203.0.113.0`, because programs that read such logs want one.
    """

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
        shown = super().atoms(resp, req, environ, request_time)
        return {name: _masked(value) if isinstance(value, str) else value for name, value in shown.items()}


def _masked(value: str) -> str:
    if _NETWORKS.fullmatch(value):
        return _NETWORK.sub(lambda found: mask_network(found[0]).partition("/")[0], value)
    return mask_text(value)
