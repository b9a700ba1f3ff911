"""Pages that ask before an act: end a mailing, exchange a story, send a test; and what the plan chose. They only show."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from digests import colleagues, selection, underway
from digests.composer.requests import digest_of, require
from digests.models import Digest
from digests.preflight import slot_name
from digests.reasons import held_back_name, why_chosen
from digests.stories import with_stories
from digests.wall_clock import spoken, zone_of
from newsroom.web import clock

CANDIDATES_SHOWN = 30
# What the plan leaves alone and a person may take: the news of the last minute, the better story on the same event.
_FOR_A_PERSON = ("", "sensitive", "grace", "same_story")


def end(request: HttpRequest, pk: int) -> HttpResponse:
    """What ending a mailing means, with the reason to be given."""
    digest = digest_of(request, pk)
    require(request, "send_digest", digest)
    found = underway.look(digest, at=clock.now())
    title = _("End the sending for good?")
    if found and found.is_correction:
        # Translators: Die Korrektur-Mail endgültig beenden?
        title = _("End the correction mail for good?")
    return _page(request, digest, "end", title=title, found=found)


def swap(request: HttpRequest, pk: int) -> HttpResponse:
    """Which story goes, and which comes in its place. Queries: about 15, whatever the size."""
    digest = digest_of(request, pk)
    require(request, "change_digest", digest)
    picks = list(with_stories(digest.picks.order_by("slot", "position", "pk")))
    order = {slot["key"]: number for number, slot in enumerate(digest.slots)}
    titles = {slot["key"]: slot["title"] for slot in digest.slots}
    picks.sort(key=lambda pick: (order.get(pick.slot, len(order)), pick.position))
    had = {pick.article_id for pick in picks}
    found = selection.candidates_for(digest, at=clock.now())
    usable = [
        (each.article, held_back_name(each.held_back))
        for each in found
        if each.article.pk not in had and each.held_back in _FOR_A_PERSON
    ]
    wanted = digest.scheduled_at or digest.wanted_at
    return _page(
        request,
        digest,
        "swap",
        title=_("Exchange a story"),
        picks=[(pick, titles.get(pick.slot) or slot_name(pick.slot)) for pick in picks],
        candidates=usable[:CANDIDATES_SHOWN],
        wanted=spoken(wanted, zone_of(digest.newsletter)) if wanted else "",
    )


def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Who gets a test; those who got the last one are ticked."""
    digest = digest_of(request, pk)
    require(request, "change_colleague", digest)
    remembered = colleagues.remembered(digest.newsletter)
    people = [(user, user.pk in remembered) for user in colleagues.possible(digest.newsletter)]
    return _page(request, digest, "test", title=_("Send a test"), people=people)


def choices(request: HttpRequest, pk: int) -> HttpResponse:
    """What the plan took and left when it last filled the digest, each with its reason."""
    digest = digest_of(request, pk)
    titles = {slot["key"]: slot["title"] for slot in digest.slots}
    lines = [
        {
            **line,
            "where": titles.get(line["slot"]) or slot_name(line["slot"]) if line["slot"] else "",
            "because": why_chosen(line),
        }
        for line in digest.choices
    ]
    return _page(request, digest, "choices", title=_("What the plan chose"), lines=lines)


def _page(request: HttpRequest, digest: Digest, name: str, *, title: str, **context: Any) -> HttpResponse:
    whole = {
        **admin.site.each_context(request),
        "title": title,
        "is_nav_sidebar_enabled": False,
        "digest": digest,
        "opts": Digest._meta,
        **context,
    }
    return TemplateResponse(request, f"admin/digests/digest/{name}.html", whole)
