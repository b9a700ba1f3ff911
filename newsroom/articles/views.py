"""What readers read: the front page, articles, authors; and the pictures of all of it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from newsroom.articles import cuts, structured_data, text
from newsroom.articles.errors import PictureError
from newsroom.articles.models import Article, Author, Picture, Section
from newsroom.articles.states import Crop
from newsroom.web.kept_pages import keep_page

PER_PAGE = 21
TOP = 9
"""So many articles stand on a page with picture and teaser, the rest with their headlines."""

CONTENTS_FROM = 4
"""From so many headings on an article has a list of contents."""

MEDIA_SECONDS = 300
"""So long may a copy of a picture outlive its withdrawal."""

_WITHDRAWN = Path(__file__).with_name("withdrawn.png")
_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".gif": "image/gif"}


@require_safe
@keep_page
def front(request: HttpRequest) -> HttpResponse:
    """The latest articles in the reader's language, of one section or all. Queries: 3."""
    language = (get_language() or settings.LANGUAGE_CODE)[:2]
    sections = list(Section.objects.all())
    section = next((each for each in sections if each.slug == request.GET.get("section")), None)
    page = _page_number(request)
    articles = Article.objects.published(Now()).in_language(language).with_byline()
    if section:
        articles = articles.filter(section=section)
    start = (page - 1) * PER_PAGE
    # One more than shown tells whether there is a next page, and spares the COUNT.
    found = list(articles.defer("body_html").order_by("-published_at", "-id")[start : start + PER_PAGE + 1])
    if page > 1 and not found:
        raise Http404
    return render(
        request,
        "articles/front.html",
        {
            "top": found[:TOP],
            "more": found[TOP:PER_PAGE],
            "sections": [(each, each.name_in(language)) for each in sections],
            "section": section,
            "section_name": section.name_in(language) if section else "",
            "page": page,
            "newer": page - 1,
            "older": page + 1 if len(found) > PER_PAGE else 0,
        },
    )


@require_safe
@keep_page
def article(request: HttpRequest, slug: str) -> HttpResponse:
    """One article. Queries: 3."""
    known = Article.objects.published(Now()).with_byline().filter(slug=slug)
    # One row for each correction, or one without: there are none or few, and a query of their own costs more.
    corrected = known.annotate(correction=F("corrections__text"), corrected_at=F("corrections__made_at"))
    rows = list(corrected.order_by("-corrections__made_at", "-corrections__pk"))
    if not rows:
        raise Http404
    found = rows[0]
    related = found.related.published(Now()).defer("body_html").order_by("-published_at")[:3]
    anchors = text.anchors(found.body_html)
    return render(
        request,
        "articles/article.html",
        {
            "article": found,
            "bylines": found.bylines.all(),
            "section_name": found.section.name_in(found.language) if found.section else "",
            "standfirst": _standfirst(found),
            "anchors": anchors if len(anchors) >= CONTENTS_FROM else [],
            "corrections": _corrections(rows),
            "related": related,
            "picture": found.picture if found.picture and not found.picture.withdrawn_at else None,
            "structured_data": structured_data.news_article(found),
        },
    )


@require_safe
@keep_page
def author(request: HttpRequest, slug: str) -> HttpResponse:
    """Who somebody is and what they wrote last. Queries: 3."""
    found = get_object_or_404(Author.objects.select_related("portrait"), slug=slug)
    language = get_language() or settings.LANGUAGE_CODE
    articles = Article.objects.published(Now()).with_byline().filter(authors=found)
    return render(
        request,
        "articles/author.html",
        {
            "author": found,
            "role": found.role_in(language),
            "bio": found.bio_de if language.startswith("de") else found.bio_en,
            "portrait": found.shown_portrait,
            "articles": articles.defer("body_html").order_by("-published_at", "-id")[:PER_PAGE],
        },
    )


@require_safe
def submission_rules(request: HttpRequest) -> HttpResponse:
    """How pieces that readers send in are chosen, checked and labelled."""
    return render(request, "articles/submission_rules.html")


@require_safe
def media(request: HttpRequest, path: str) -> HttpResponseBase:
    """A picture that we keep; a neutral one in its place once it is withdrawn. Queries: 1.

    Only what stands in the table is served, so no path leads anywhere else.
    """
    picture = _kept(path)
    return _shown(request, picture, name=picture.file.name, etag=picture.sha256[:32])


@require_safe
def piece(request: HttpRequest, crop: str, path: str) -> HttpResponseBase:
    """A piece of a picture that we keep, or the whole where it cannot be cut; withdrawn with the picture. Queries: 1."""
    if crop not in Crop.values:
        raise Http404
    picture = _kept(path)
    if picture.withdrawn_at is None:
        try:
            name = cuts.cut(picture, Crop(crop))
        except PictureError:
            pass
        else:
            return _shown(request, picture, name=name, etag=f"{picture.sha256[:32]}-{crop}")
    return _shown(request, picture, name=picture.file.name, etag=picture.sha256[:32])


def _kept(path: str) -> Picture:
    if "\0" in path:  # which PostgreSQL does not compare, but refuse
        raise Http404
    return get_object_or_404(Picture, file=path)


def _shown(request: HttpRequest, picture: Picture, *, name: str, etag: str) -> HttpResponseBase:
    is_withdrawn = picture.withdrawn_at is not None
    etag = '"withdrawn"' if is_withdrawn else f'"{etag}"'
    response: HttpResponseBase = get_conditional_response(request, etag=etag) or (
        _neutral() if is_withdrawn else _file(picture, name)
    )
    response["ETag"] = etag
    response["Cache-Control"] = f"public, max-age={MEDIA_SECONDS}"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _neutral() -> HttpResponse:
    return HttpResponse(_WITHDRAWN.read_bytes(), content_type="image/png")


def _file(picture: Picture, name: str) -> HttpResponseBase:
    content_type = _TYPES.get(Path(name).suffix.lower())
    if content_type is None:
        raise Http404
    try:
        return FileResponse(picture.file.storage.open(name, "rb"), content_type=content_type)
    except FileNotFoundError as error:
        raise Http404 from error


def _page_number(request: HttpRequest) -> int:
    asked = request.GET.get("page", "1")
    if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked[:5]) <= 1000:
        raise Http404
    return int(asked[:5])


def _corrections(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """What `article` joined to its rows."""
    return [{"text": row.correction, "made_at": row.corrected_at} for row in rows if row.corrected_at]


def _standfirst(found: Article) -> str:
    """The teaser, unless it only repeats how the text begins."""
    begins = text.one_line(text.plain(found.body_html))
    return "" if begins.startswith(found.teaser.rstrip("… ")[:60]) else found.teaser
