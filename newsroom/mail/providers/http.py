"""A session with a provider's API: each request within a total deadline, no redirect, no hidden second try."""

import time
from typing import Any

import requests
import urllib3

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
IDLE_SECONDS = 5.0  # a socket that idled longer may be half closed, which would look like an unknown outcome
_MAX_ANSWER = 5_000_000


class DeadlineSession(requests.Session):
    """Kept between calls; `begin` before each call says until when all of its requests must be over."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["User-Agent"] = f"newsroom {self.headers['User-Agent']!s}"
        self._deadline = time.monotonic()
        self._used_at = time.monotonic()

    def begin(self, *, seconds: float) -> None:
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self.close()  # closes the sockets; the session itself opens new ones
        self._deadline = time.monotonic() + seconds

    def remaining(self) -> float:
        return self._deadline - time.monotonic()

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """As in requests, with the answer read whole. Raises requests.Timeout when the deadline passes."""
        seconds = self.remaining()
        if seconds <= 0:
            raise requests.ConnectTimeout("no time left")  # nothing was asked yet
        kwargs.update(
            stream=True,
            allow_redirects=False,
            timeout=(min(CONNECT_SECONDS, seconds), min(READ_SECONDS, seconds)),
        )
        response = super().request(method, url, *args, **kwargs)
        try:
            response._content = self._whole(response)  # what `.content` gives from now on
        finally:
            response.close()
            self._used_at = time.monotonic()
        return response

    def _whole(self, response: requests.Response) -> bytes:
        answer = bytearray()
        # By what has just arrived, because every other way to read waits for a whole piece: a server may drip.
        try:
            while piece := response.raw.read1(65_536, decode_content=True):
                answer += piece
                if self.remaining() <= 0:
                    raise requests.ReadTimeout("the answer did not end in time")
                if len(answer) > _MAX_ANSWER:
                    raise requests.exceptions.ContentDecodingError("an answer without end")
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from error
        return bytes(answer)
