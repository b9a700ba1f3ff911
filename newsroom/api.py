"""The API, put together from its parts: `/api/v1/`, its description, and a page that shows it without any script."""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path, re_path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from digests.api import router as digests
from newsroom.articles.api import router as articles
from newsroom.web.api import PROBLEM_TYPE, JsonOnly, Problem, answer, not_authorized
from subscriptions.api import router as subscriptions

api = NinjaAPI(
    title="Newsroom",
    version="1",
    description="Sign-ups and settings of readers, articles from other systems, and the digests that came out.",
    openapi_url=None,  # both of ours, below: Ninja's page loads its script from elsewhere
    docs_url=None,
    urls_namespace="api",
    parser=JsonOnly(),
)
api.add_router("", subscriptions)
api.add_router("", articles)
api.add_router("", digests)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return answer(problem)


@api.exception_handler(AuthenticationError)
def _no_entry(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return answer(not_authorized())


@api.exception_handler(Http404)
def _nothing_here(request: HttpRequest, error: Exception) -> HttpResponse:
    # Translators: Das gibt es hier nicht.
    return answer(Problem(404, _("There is nothing here.")))


@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, Problem):
        return answer(error.__cause__)
    # Translators: Das ließ sich nicht als JSON lesen.
    return answer(Problem(400, _("This could not be read as JSON.")))


@api.exception_handler(RequestDataTooBig)
@api.exception_handler(TooManyFieldsSent)
def _too_much(request: HttpRequest, error: Exception) -> HttpResponse:
    # Translators: Das ist zu viel auf einmal.
    return answer(Problem(413, _("This is too much at once.")))


@api.exception_handler(ValidationError)
def _wrong_fields(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Names what is wrong by its place: `newsletters.0`, without the parts that are Ninja's."""
    places = [".".join(str(part) for part in each["loc"][1:] if part != "sent") for each in error.errors]
    fields = list(dict.fromkeys(place for place in places if place))
    if not fields:
        return answer(Problem(422, _("This is not what is expected here.")))
    # Translators: Bitte korrigieren Sie: %(fields)s.
    sentence = _("Please correct: %(fields)s.") % {"fields": ", ".join(fields)[:200]}
    return answer(Problem(422, sentence, fields=fields))


def _with_problems(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Ninja answers a wrong method in plain text."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **keywords: Any) -> HttpResponseBase:
        response = view(request, *args, **keywords)
        if response.status_code != 405:
            return response
        # Translators: So lässt sich das nicht abrufen.
        sentence = _("This address does not know that method.")
        return answer(Problem(405, sentence, headers={"Allow": response["Allow"]}))

    return wrapped


def description() -> dict[str, Any]:
    """The API in OpenAPI's words. Ninja calls every answer JSON; problems have a type of their own."""
    schema: dict[str, Any] = api.get_openapi_schema(path_prefix="/api/v1/")
    for operation in (each for methods in schema["paths"].values() for each in methods.values()):
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if int(status) >= 400 and "application/json" in content:
                response["content"] = {PROBLEM_TYPE: content["application/json"]}
    return schema


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The description for programs."""
    return JsonResponse(description(), json_dumps_params={"ensure_ascii": False, "indent": 1})


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The description for people."""
    schema = description()
    context = {"title": schema["info"]["title"], "operations": list(_operations(schema))}
    return render(request, "api.html", context)


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for place, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield {
                "id": operation["operationId"],
                "method": method.upper(),
                "path": place,
                "summary": operation["summary"],
                "description": _with_code(operation.get("description", "")),
                "needs_token": "security" in operation,
                "fields": [*_parameters(operation), *_fields(schema, operation)],
                "statuses": ", ".join(str(status) for status in operation["responses"]),
            }


def _with_code(text: str) -> SafeString:
    """Descriptions of OpenAPI are Markdown, of which ours use two things: code in backticks, and lines that run on."""
    pieces = enumerate(re.sub(r"(?<!\n)\n(?!\n)", " ", text).split("`"))
    return format_html_join(
        "",
        "{}",
        ((format_html("<code>{}</code>", piece) if number % 2 else piece,) for number, piece in pieces),
    )


def _parameters(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in operation.get("parameters", []):
        meaning = each.get("description") or each["schema"].get("description", "")
        yield {
            "name": each["name"],
            "is_required": each["required"],
            "place": each["in"],
            "meaning": _with_code(meaning),
        }


def _fields(schema: dict[str, Any], operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    shape = schema["components"]["schemas"].get(str(body.get("$ref", "")).rpartition("/")[2], {})
    for name, field in shape.get("properties", {}).items():
        required = name in shape.get("required", ())
        yield {
            "name": name,
            "is_required": required,
            "place": "body",
            "meaning": _with_code(field.get("description", "")),
        }


@csrf_exempt
def _not_found(request: HttpRequest) -> HttpResponse:
    return _nothing_here(request, Http404())


def _urls() -> list[URLPattern]:
    """Ninja's own, but for its root, where our page stands."""
    patterns = [each for each in api.urls[0] if isinstance(each, URLPattern) and each.name != "api-root"]
    for each in patterns:
        assert each.callback is not None
        each.callback = _with_problems(each.callback)
    return patterns


urlpatterns = [
    path("", docs, name="api_docs"),
    path("openapi.json", openapi, name="openapi"),
    *_urls(),
    re_path(r"^.*$", _not_found),
]
