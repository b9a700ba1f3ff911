"""The API as a whole: its description is true, nothing it is sent breaks it, and it answers problems as problems."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import LazySettings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi import checks

from newsroom.api import description
from newsroom.articles import handing_in
from newsroom.articles.models import Feed
from newsroom.web.tokens import TokenKind, make
from newsroom.wsgi import application
from tests.digests.factories import make_handed_over
from tests.factories import NOON, make_subscription

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_wrong_method_is_a_problem_that_names_the_right_one(method: str) -> None:
    answer = getattr(Client(headers={"accept-language": "en"}), method)("/api/v1/subscriptions")

    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert answer.json()["detail"] == "This address does not know that method."


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", ["nowhere", "docs", "digests/a/b/c", "digests/none/1"])
def test_an_unknown_address_is_a_problem(path: str, method: str) -> None:
    answer = getattr(Client(), method)(f"/api/v1/{path}")

    assert answer.status_code in {404, 405}
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b"null", 422),
        (b"[]", 422),
        (b"3", 422),
    ],
)
def test_a_body_that_is_no_json_object_is_a_problem(body: bytes, status: int) -> None:
    answer = Client().post("/api/v1/subscriptions", body, content_type="application/json")

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"


def test_a_body_beyond_measure_is_a_problem(settings: LazySettings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    answer = Client().post("/api/v1/subscriptions", b" " * 200, content_type="application/json")

    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")


def test_problems_speak_the_language_that_was_asked_for() -> None:
    answers = {
        language: Client(headers={"accept-language": language}).get("/api/v1/preferences").json()
        for language in ("de", "en")
    }

    assert answers["en"]["detail"] == "This needs a valid token in the Authorization header."
    assert answers["de"]["title"] == answers["en"]["title"]  # for programs


def test_the_page_shows_every_operation_and_loads_nothing_from_elsewhere() -> None:
    page = Client(headers={"accept-language": "en"}).get("/api/v1/").content.decode()

    for place, methods in description()["paths"].items():
        for method in methods:
            assert f"{method.upper()} {place}" in page
    assert "cdn" not in page
    assert "<script" not in page


def test_what_is_code_in_a_description_is_code_on_the_page() -> None:
    page = Client(headers={"accept-language": "en"}).get("/api/v1/").content.decode()

    assert "`suggestion`" in description()["paths"]["/api/v1/subscriptions"]["post"]["description"]
    assert "A <code>suggestion</code> in a problem" in page
    assert "<code>weekly</code> where <code>has_weekly</code> says so" in page
    assert "`" not in page
    assert "&lt;code" not in page
    assert "<br>" not in page  # where a line of the source ended


# --- Whatever is sent -----------------------------------------------------------------------------------------

schema = schemathesis.openapi.from_dict(description())
CHECKS = (
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
)


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """A server would close the connection behind each request, and with it the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def tokens() -> dict[str, str]:
    row = make_subscription(newsletter=make_handed_over().newsletter)
    feed = Feed.objects.create(url="https://example.org/feed", title="desk")
    _token, secret = handing_in.make_token(feed, name="live", by="ada", at=NOON)
    return {"/api/v1/preferences": make(TokenKind.MANAGE, row.pk), "/api/v1/articles": secret}


@pytest.mark.slow
@pytest.mark.usefixtures("_one_connection")
@schema.parametrize()
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_nothing_that_is_sent_breaks_it_and_every_answer_is_as_described(
    case: Any, tokens: dict[str, str]
) -> None:
    if token := tokens.get(case.operation.path):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}

    case.call_and_validate(app=application, base_url="http://testserver", checks=CHECKS)
