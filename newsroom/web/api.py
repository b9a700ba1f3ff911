"""What all parts of the API share: problems as RFC 9457 wants them, text without controls, the bearer's token.

A problem's `detail` is one sentence for a person, in the language that was asked for; programs look at `status`, and
at `fields` where something that was sent is wrong.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from ninja import Schema
from ninja.parser import Parser
from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

PROBLEM_TYPE = "application/problem+json"

# What a database or a mail chokes on; line ends and tabs are text.
WITHOUT_CONTROLS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
# Beyond these no database and no calendar of ours can count.
Moment = Annotated[
    AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC))
]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,100}$")]


class Sent(Schema):
    """Base of what is sent to us: a field that we do not know is a mistake, not a whim."""

    model_config = ConfigDict(extra="forbid")


class ProblemBody(Schema):
    """A problem (RFC 9457)."""

    title: str
    status: int
    detail: str
    fields: list[str] = []
    suggestion: str | None = None


class Problem(Exception):
    """Why a request is refused, in one sentence; `headers` go with the answer."""

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        fields: list[str] | None = None,
        suggestion: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.fields = fields or []
        self.suggestion = suggestion
        self.headers = headers or {}


_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
}


def answer(problem: Problem) -> JsonResponse:
    """The problem as a response."""
    body: dict[str, Any] = {
        "title": _TITLES[problem.status],
        "status": problem.status,
        "detail": str(problem),
        "fields": problem.fields,
    }
    if problem.suggestion:
        body["suggestion"] = problem.suggestion
    return JsonResponse(body, status=problem.status, content_type=PROBLEM_TYPE, headers=problem.headers)


class JsonOnly(Parser):
    """Reads a body that says it is JSON, and no other.

    A page of any site can have its reader's browser send us text or a form unasked; JSON goes only where we allow it
    (Fetch Standard, CORS-safelisted request-header).
    """

    def parse_body(self, request: HttpRequest) -> Any:
        """Raises Problem, which Ninja passes on as the cause of its own error."""
        if request.content_type != "application/json":
            # Translators: Bitte senden Sie das als JSON, mit dem Content-Type application/json.
            raise Problem(415, _("Please send this as JSON, with the Content-Type application/json."))
        return json.loads(request.body)


def not_authorized() -> Problem:
    """No token, or not one that opens this; which of the two is nobody's business."""
    # Translators: Dafür braucht es ein gültiges Token im Feld Authorization.
    sentence = _("This needs a valid token in the Authorization header.")
    return Problem(401, sentence, headers={"WWW-Authenticate": "Bearer"})


def bearer(request: HttpRequest) -> str:
    """The token of the request, or nothing."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
