"""The digests' part of the API: what came out, as public as the archive, and as little of readers in it."""

from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import conditional_page
from ninja import Path, Query, Router, Schema
from ninja.decorators import decorate_view
from pydantic import Field

from digests import archive
from digests.models import Digest
from digests.stories import story, with_stories
from newsroom.web.api import Moment, ProblemBody, Slug

router = Router(tags=["digests"])

PER_PAGE = 50
# Beyond it a number fits no column of either database.
LARGEST = 2**31 - 1


class DigestOut(Schema):
    """A digest that came out."""

    newsletter: str
    number: int
    title: str
    preheader: str
    url: str
    published_at: datetime
    is_best_of: bool = Field(
        description="Whether it is a weekly best-of: what earlier digests had, chosen once more."
    )


class StoryOut(Schema):
    """A story of a digest. labels: what a reader must know beside the headline."""

    kicker: str
    title: str
    teaser: str
    url: str
    byline: str
    labels: list[str]


class WholeDigestOut(DigestOut):
    """A digest with its stories; those that were withdrawn since are left out and counted."""

    language: str
    stories: list[StoryOut]
    withdrawn: int


@router.get(
    "/digests",
    response={200: list[DigestOut], 404: ProblemBody, 422: ProblemBody},
    operation_id="list_digests",
)
@decorate_view(conditional_page)
def digests(
    request: HttpRequest,
    newsletter: Annotated[Slug | None, Query(description="Only of this one.")] = None,
    before: Annotated[
        Moment | None, Query(description="Only what came out earlier: the last one you have.")
    ] = None,
) -> list[dict[str, Any]]:
    """The digests that came out, newest first, fifty at a time. Answers carry an ETag."""
    found = Digest.objects.public().filter(newsletter__state__in=archive.SHOWN).select_related("newsletter")
    if newsletter is not None:
        found = found.filter(newsletter=get_object_or_404(archive.newsletters(), slug=newsletter))
    if before is not None:
        found = found.filter(handed_over_at__lt=before)
    return [_public(each) for each in found.order_by("-handed_over_at", "-pk")[:PER_PAGE]]


@router.get(
    "/digests/{newsletter}/{number}",
    response={200: WholeDigestOut, 404: ProblemBody, 422: ProblemBody},
    operation_id="read_digest",
)
@decorate_view(conditional_page)
def digest(
    request: HttpRequest,
    newsletter: Annotated[Slug, Path()],
    number: Annotated[int, Path(ge=1, le=LARGEST)],
) -> dict[str, Any]:
    """A digest with its stories. Answers carry an ETag."""
    known = Digest.objects.public().filter(newsletter__state__in=archive.SHOWN).select_related("newsletter")
    found = known.filter(newsletter__slug=newsletter, number=number).first()
    if found is None:
        raise Http404
    picks = list(with_stories(found.picks.all()).order_by("pk"))
    public = [pick for pick in picks if not pick.article.withdrawn_at]
    with translation.override(found.newsletter.language):  # labels speak the language of what they stand at
        told = [story(pick, number=place, urls={}) for place, pick in enumerate(public, 1)]
    stories = [
        {
            "kicker": each.kicker,
            "title": each.title,
            "teaser": each.teaser,
            "url": each.public_url,
            "byline": each.byline,
            "labels": list(each.labels),
        }
        for each in told
    ]
    return _public(found) | {
        "language": found.newsletter.language,
        "stories": stories,
        "withdrawn": len(picks) - len(public),
    }


def _public(digest: Digest) -> dict[str, Any]:
    return {
        "newsletter": digest.newsletter.slug,
        "number": digest.number,
        "title": digest.subject,
        "preheader": digest.preheader,
        "url": f"{settings.SITE_URL}{reverse('digest', args=[digest.newsletter.slug, digest.number])}",
        "published_at": digest.handed_over_at,
        "is_best_of": digest.is_best_of,
    }
