"""What a call to a provider means: accepted, refused for good, certainly not sent, or unknown.

The one question behind every rule: could the mail have been accepted although we do not know it? Then the verdict
is UNKNOWN, and nobody sends it again by himself. NOT_SENT needs proof: no connection was made, or the answer said so.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import requests
import urllib3.exceptions as u3

from newsroom.web.patience import seconds_of


class Verdict(StrEnum):
    """What became of one copy."""

    ACCEPTED = "accepted"  # the provider took it
    REJECTED = "rejected"  # this reader, for good
    NOT_SENT = "not_sent"  # certainly not sent; may be tried again later
    UNKNOWN = "unknown"  # may have been sent


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The verdict on one copy, why, and the provider's id for it."""

    verdict: Verdict
    reason: str = ""
    provider_ref: str = ""


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """The verdict on a whole call that brought no answer per copy."""

    verdict: Verdict
    reason: str
    retry_after: float | None = None  # seconds the provider asked us to wait; the call costs no try
    is_splittable: bool = False  # perhaps one copy of the batch is to blame
    is_configuration: bool = False  # no call to this provider can succeed until somebody repairs it
    is_unreachable: bool = False  # no connection came about

    def outcome(self) -> Outcome:
        return Outcome(verdict=self.verdict, reason=self.reason)


# Raised before a request went out. A NameResolutionError or a refused connection is a NewConnectionError.
_BEFORE_SENDING = (
    requests.ConnectTimeout,
    u3.NewConnectionError,
    u3.ConnectTimeoutError,
    u3.ProxyError,
    u3.LocationValueError,
)


_AWS_THROTTLES = frozenset(
    {"Throttling", "ThrottlingException", "TooManyRequestsException", "LimitExceededException"}
)


def of_status(status: int, *, retry_after: float | None = None, what: str = "") -> Ruling:
    """The ruling on an HTTP status that is not a success. 5xx is UNKNOWN: providers have answered it and sent."""
    reason = f"HTTP {status}" + (f": {what}" if what else "")
    match status:
        case 429 | 420:
            return Ruling(
                verdict=Verdict.NOT_SENT,
                reason=reason,
                retry_after=60.0 if retry_after is None else retry_after,
            )
        case 401 | 402 | 403 | 404 | 405 | 410 | 301 | 302 | 303 | 307 | 308:  # no redirect is followed
            return Ruling(verdict=Verdict.NOT_SENT, reason=reason, is_configuration=True)
        case _ if 400 <= status < 500:
            return Ruling(verdict=Verdict.NOT_SENT, reason=reason, is_splittable=status in {400, 413, 422})
        case _:
            return Ruling(verdict=Verdict.UNKNOWN, reason=reason)


def of_exception(error: BaseException) -> Ruling:
    """The ruling on a failed HTTP call, judged by its chain of causes: Anymail and requests wrap the telling one."""
    chain = list(_causes(error))
    for link in chain:
        response = getattr(link, "response", None)
        if isinstance(response, requests.Response):
            if response.ok and not response.is_redirect:
                return Ruling(
                    verdict=Verdict.UNKNOWN,
                    reason=f"HTTP {response.status_code} with an answer that cannot be read",
                )
            return of_response(response)
        if isinstance(response, dict) and "ResponseMetadata" in response:
            return _of_aws(response)
    text = _sentence(chain[-1])
    if any(isinstance(link, _BEFORE_SENDING) or _is_handshake(link) for link in chain):
        return Ruling(verdict=Verdict.NOT_SENT, reason=f"no connection: {text}", is_unreachable=True)
    if any(
        isinstance(link, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema) for link in chain
    ):
        return Ruling(verdict=Verdict.NOT_SENT, reason=text, is_configuration=True)
    return Ruling(verdict=Verdict.UNKNOWN, reason=f"no answer: {text}")


def of_response(response: requests.Response) -> Ruling:
    """The ruling on an HTTP answer that is an error."""
    return of_status(
        response.status_code,
        retry_after=seconds_of(response.headers.get("Retry-After", "")),
        what=" ".join(response.text[:300].split()),
    )


def _of_aws(response: dict[str, Any]) -> Ruling:
    """Amazon's answers as botocore carries them: throttling comes as a plain 400."""
    code = str(response.get("Error", {}).get("Code", ""))
    status = 429 if code in _AWS_THROTTLES else int(response["ResponseMetadata"].get("HTTPStatusCode", 500))
    return of_status(status, what=code)


_HANDSHAKE_REASONS = frozenset(
    {
        "HTTP_REQUEST",
        "NO_PROTOCOLS_AVAILABLE",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_UNRECOGNIZED_NAME",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)


def _is_handshake(link: BaseException) -> bool:
    """Whether encryption failed before anything was said: a TLS fault may also come while the answer is read."""
    if isinstance(link, ssl.SSLCertVerificationError):
        return True
    return isinstance(link, ssl.SSLError) and getattr(link, "reason", None) in _HANDSHAKE_REASONS


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and what requests and urllib3 carry inside; outermost first.

    Not `__context__`: another call's failure that is being handled meanwhile says nothing about this one.
    """
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, getattr(link, "reason", None), *link.args]


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".replace("\n", " ")[:300]
