"""The API as a whole: its description is true, nothing it is sent breaks it, and it answers problems as problems."""

import json
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
from tests.factories import NOON, make_newsletter, make_subscription
from tests.subscriptions.factories import dump

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


# --- From pages of other sites --------------------------------------------------------------------------------

PARTNER = "https://www.example.org"
SIGN_UPS, CATALOGUE = "/api/v1/subscriptions", "/api/v1/newsletters"


@pytest.fixture
def partner(settings: LazySettings) -> str:
    settings.CORS_ALLOWED_ORIGINS = [PARTNER]
    return PARTNER


def permissions(answer: Any) -> dict[str, str]:
    """What the answer allows a page of another site."""
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower().startswith("access-control-")
    }


def preflight(path: str, origin: str, method: str = "POST") -> dict[str, str]:
    """What a browser is told that asks on behalf of a page before it sends."""
    asked = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "content-type",
    }
    return permissions(Client().options(path, headers=asked))


@pytest.mark.usefixtures("partner")
@pytest.mark.parametrize("path", [SIGN_UPS, CATALOGUE])
def test_a_page_of_an_allowed_site_may_send_json_without_cookies(path: str) -> None:
    allowed = preflight(path, PARTNER)

    assert allowed.pop("access-control-max-age")
    assert allowed == {
        "access-control-allow-origin": PARTNER,
        "access-control-allow-headers": "content-type",
        "access-control-allow-methods": "GET, POST",
    }


@pytest.mark.usefixtures("partner")
def test_it_reads_the_catalogue_and_what_became_of_a_sign_up() -> None:
    newsletter = make_newsletter()
    client = Client(headers={"origin": PARTNER}, enforce_csrf_checks=True)
    wish = {"address": "mia@example.org", "newsletters": [newsletter.slug]}

    answers = [
        client.get(CATALOGUE),
        client.post(SIGN_UPS, wish, content_type="application/json"),
        client.post(SIGN_UPS, wish | {"address": "mia"}, content_type="application/json"),
    ]

    assert [each.status_code for each in answers] == [200, 202, 422]
    assert [permissions(each) for each in answers] == [{"access-control-allow-origin": PARTNER}] * 3
    assert all("origin" in each["Vary"] for each in answers)


@pytest.mark.usefixtures("partner")
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://www.example.org",
        "https://example.org",
        "https://www.example.org:8443",
        "https://www.example.org.evil.example",
        "https://evil.www.example.org",
        "https://mia@www.example.org",
        "null",
        "",
    ],
)
def test_a_page_of_any_other_site_may_nothing(origin: str) -> None:
    assert preflight(SIGN_UPS, origin) == {}
    assert permissions(Client().get(CATALOGUE, headers={"origin": origin})) == {}


def test_where_no_site_is_allowed_none_may_anything() -> None:
    assert preflight(SIGN_UPS, PARTNER) == {}


@pytest.mark.usefixtures("partner")
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/",
        "/api/v1/openapi.json",
        "/api/v1/preferences",
        "/api/v1/articles",
        "/api/v1/digests",
        "/api/v1/subscriptions/",
        "/api/v1/subscriptions/../preferences",
        "/api/v1/newsletters/a",
        "/x/api/v1/subscriptions",
        "/subscribe/",
        "/preferences/",
        "/admin/",
        "/",
    ],
)
def test_nothing_else_is_open_to_an_allowed_site(path: str) -> None:
    for method in ("GET", "POST", "PATCH"):
        assert preflight(path, PARTNER, method) == {}
    assert permissions(Client().get(path, headers={"origin": PARTNER})) == {}


@pytest.mark.usefixtures("partner")
@pytest.mark.parametrize("origin", [PARTNER, "https://evil.example"])
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/plain;charset=UTF-8",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "",
    ],
)
def test_what_a_page_may_send_unasked_is_refused_and_nothing_written(origin: str, content_type: str) -> None:
    wish = json.dumps({"address": "mia@example.org", "newsletters": [make_newsletter().slug]})
    before = dump()

    answer = Client(headers={"accept-language": "en", "origin": origin}).post(
        SIGN_UPS, wish.encode(), content_type=content_type
    )

    assert (answer.status_code, answer["Content-Type"]) == (415, "application/problem+json")
    assert answer.json() == {
        "title": "Unsupported Media Type",
        "status": 415,
        "detail": "Please send this as JSON, with the Content-Type application/json.",
        "fields": [],
    }
    assert dump() == before


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_by_any_spelling_of_its_name_is_read(content_type: str) -> None:
    wish = json.dumps({"address": "mia@example.org", "newsletters": [make_newsletter().slug]})

    assert Client().post(SIGN_UPS, wish.encode(), content_type=content_type).status_code == 202


@pytest.mark.parametrize(("method", "path"), [("patch", "/api/v1/preferences"), ("post", "/api/v1/articles")])
def test_every_call_with_a_body_wants_json_and_asks_for_the_token_first(
    method: str, path: str, tokens: dict[str, str]
) -> None:
    opened = {"authorization": f"Bearer {tokens[path]}", "idempotency-key": "a"}

    statuses = [
        getattr(Client(headers=headers), method)(path, b"{}", content_type="text/plain").status_code
        for headers in ({}, opened)
    ]

    assert statuses == [401, 415]


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
