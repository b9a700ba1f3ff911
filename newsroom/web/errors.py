"""What can go wrong on the ground floor.

WebError
├── BadToken                a link's token is forged, torn or of another kind
└── FetchError              a page or feed could not be fetched; the text is one sentence for an editor
    ├── BadAddress          not an http(s) address, or one with a password in it
    ├── PrivateAddress      it leads into a private network
    ├── Unreachable         no connection, a broken answer
    │   └── UnknownName     the name does not exist: no address will ever come of it
    ├── TooSlow             no whole answer within the time limit
    ├── TooLarge            more bytes than the limit, counted after decompression
    ├── TooManyRedirects
    └── RefusedByServer     an HTTP status that is neither success nor "not modified"
"""

from typing import Any


class WebError(Exception):
    """Base of this floor's errors."""


class BadToken(WebError):
    """The token was not made here, not for this purpose, or was torn on the way."""


class FetchError(WebError):
    """A fetch failed. `url` is where; `may_pass` says whether trying again later can help."""

    may_pass = True

    def __init__(self, sentence: str, *, url: str, **facts: Any) -> None:
        super().__init__(sentence)
        self.url = url
        self.facts = facts


class BadAddress(FetchError):
    """Not something to fetch at all."""

    may_pass = False


class PrivateAddress(FetchError):
    """The address, or a redirect, leads into a private network."""

    may_pass = False


class Unreachable(FetchError):
    """No such name, no connection, or the answer broke off."""


class UnknownName(Unreachable):
    """The name service says that there is no such host."""


class TooSlow(FetchError):
    """The whole answer was not there within the time limit."""


class TooLarge(FetchError):
    """The answer is larger than allowed."""

    may_pass = False


class TooManyRedirects(FetchError):
    """The redirects lead on and on."""


class RefusedByServer(FetchError):
    """The server answered with an error; `status` and, if the server said so, `retry_after` in seconds."""

    def __init__(self, sentence: str, *, url: str, status: int, retry_after: float | None = None) -> None:
        super().__init__(sentence, url=url)
        self.status = status
        self.retry_after = retry_after
