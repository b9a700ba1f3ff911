"""Gunicorn's access log without keys and whole addresses: `gunicorn --logger-class newsroom.web.access_log.AccessLogger`."""

import re
from typing import Any

from gunicorn.glogging import Logger

from newsroom.web.masking import mask_networks, mask_text

# A peer, or what proxies write of visitors: several, each with a port at times.
_NETWORKS = re.compile(r"[\da-fA-F:., \[\]]+")


class AccessLogger(Logger):
    """Whatever the format shows of a request: tokens in its path, readers' addresses and visitors' networks are masked.

    A network stays in the form of an address, `203.0.113.0`, because programs that read such logs want one.
    """

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
        shown = super().atoms(resp, req, environ, request_time)
        return {name: _masked(value) if isinstance(value, str) else value for name, value in shown.items()}


def _masked(value: str) -> str:
    if _NETWORKS.fullmatch(value):
        return mask_networks(value)
    return mask_text(value)
