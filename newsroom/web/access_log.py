"""Gunicorn's access log without keys: `gunicorn --logger-class newsroom.web.access_log.AccessLogger`."""

from typing import Any

from gunicorn.glogging import Logger

from newsroom.web.masking import mask_text


class AccessLogger(Logger):
    """Whatever the format shows of a request, tokens in its address and readers' addresses are masked."""

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
        shown = super().atoms(resp, req, environ, request_time)
        return {name: mask_text(value) if isinstance(value, str) else value for name, value in shown.items()}
