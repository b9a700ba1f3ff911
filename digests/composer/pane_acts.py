"""What the desk does to the list of candidates: mark, settle a mark, keep a filter, take an article in by its address."""

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests import access, curation, marking, presence
from digests.composer import pane
from digests.composer.requests import back, digest_of, log, number_in, require, seen_in, user_of
from digests.correspondence import name_of
from digests.errors import DigestError
from digests.models import Digest, Presence, SavedFilter
from digests.states import EDITABLE
from newsroom.articles import pasting
from newsroom.articles.errors import ArticlesError
from newsroom.articles.models import Article
from newsroom.web import clock

MOST_FILTERS = 20


def list_of(request: HttpRequest) -> str:
    """The list's address as the form sent it along, with nothing in it that is not the list's."""
    return pane.address(QueryDict(request.POST.get("list", "")[:1000]))


def mark(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Want an article in this newsletter, with a note."""
    digest = digest_of(request, pk)
    require(request, "add_mark", digest)
    article = get_object_or_404(Article, pk=number_in(request.POST.get("article")))
    note = request.POST.get("note", "")
    try:
        marking.mark(article, digest.newsletter, note=note, by=user_of(request), at=clock.now())
    except DigestError as error:
        messages.error(request, str(error))
    else:
        log(request, digest, _("Marked “%(title)s”.") % {"title": article.title})
        messages.success(request, _("“%(title)s” is marked and stands on top.") % {"title": article.title})
    return back(pk, list_of(request))


def dismiss(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The mark is settled."""
    digest = digest_of(request, pk)
    require(request, "add_mark", digest)
    article = get_object_or_404(Article, pk=number_in(request.POST.get("article")))
    if marking.dismiss(article, digest.newsletter, at=clock.now()):
        log(request, digest, _("Took the mark off “%(title)s”.") % {"title": article.title})
        messages.success(request, _("The mark is off “%(title)s”.") % {"title": article.title})
    return back(pk, list_of(request))


def keep_filter(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Keep the list's filters under a name, for oneself and this newsletter."""
    digest = digest_of(request, pk)
    name = " ".join(request.POST.get("name", "").split())[:60]
    query = pane.filter_address(QueryDict(request.POST.get("list", "")[:1000]))
    mine = SavedFilter.objects.filter(newsletter=digest.newsletter, user=user_of(request))
    if not name or not query:
        messages.error(request, _("Set a filter and give it a name, then it can be kept."))
    elif mine.exclude(name=name).count() >= MOST_FILTERS:
        messages.error(
            request,
            ngettext(
                "You keep %(number)d filter already; drop one first.",
                "You keep %(number)d filters already; drop one first.",
                MOST_FILTERS,
            )
            % {"number": MOST_FILTERS},
        )
    else:
        SavedFilter.objects.update_or_create(
            newsletter=digest.newsletter, user=user_of(request), name=name, defaults={"query": query}
        )
        messages.success(request, _("The filter “%(name)s” is kept.") % {"name": name})
    return back(pk, list_of(request))


def drop_filter(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Forget a filter of one's own."""
    digest = digest_of(request, pk)
    kept = get_object_or_404(
        SavedFilter,
        pk=number_in(request.POST.get("filter")),
        user=user_of(request),
        newsletter=digest.newsletter,
    )
    kept.delete()
    messages.success(request, _("The filter “%(name)s” is dropped.") % {"name": kept.name})
    return back(pk, list_of(request))


def add_by_address(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take an article in from a pasted address, and put it into a slot."""
    digest = digest_of(request, pk)
    require(request, "change_digest", digest)
    if not access.may(request.user, "articles.add_article", digest.newsletter):
        messages.error(request, _("Your group may not take in articles; ask the desk."))
        return back(pk, list_of(request))
    address = request.POST.get("address", "").strip()[:1000]
    slot = request.POST.get("slot", "")
    try:
        article, is_new = pasting.take(address, at=clock.now())
        curation.add_pick(
            digest,
            article,
            slot=slot,
            expected_version=number_in(request.POST.get("version")),
            seen=seen_in(request),
            by=user_of(request),
            at=clock.now(),
        )
    except (ArticlesError, DigestError) as error:
        messages.error(request, str(error))
    else:
        log(request, digest, _("Picked “%(title)s”.") % {"title": article.title})
        sentence = (
            _("“%(title)s” was taken in and is in.")
            if is_new
            else _("“%(title)s” was here already and is in.")
        )
        messages.success(request, sentence % {"title": article.title})
    return back(pk, list_of(request))


def arrivals(request: HttpRequest, pk: int) -> HttpResponse:
    """How many articles came in since `until`, for the line above the list, and who else is here.

    Whoever asks is here: that is written down, and it is the only thing that a look leaves behind.
    """
    digest: Digest = digest_of(request, pk)
    at = clock.now()
    until = pane.until_in(request.GET) or at
    count = pane.arrivals(digest, until=until, at=at)
    answer = {"count": count, "text": arrived_text(count)}
    if is_open_to(request, digest):
        answer["present"] = present_text(presence.note(digest, user_of(request), at=at))
    response = JsonResponse(answer)
    response["Cache-Control"] = "no-store"
    return response


def is_open_to(request: HttpRequest, digest: Digest) -> bool:
    """Whether this user may still change this digest."""
    return digest.state in EDITABLE and access.may(request.user, "digests.change_digest", digest.newsletter)


def present_text(others: Iterable[Presence]) -> str:
    """Who else has the digest open, a sentence for each."""
    # Translators: „Aylin ist auch hier, seit 05:41.“
    sentence = _("%(name)s is here too, since %(time)s.")
    return " ".join(
        sentence % {"name": name_of(each.user), "time": date_format(timezone.localtime(each.since), "H:i")}
        for each in others
    )


def arrived_text(count: int) -> str:
    if not count:
        return ""
    # Translators: „7 neue laden“
    return ngettext("Load %(count)d new article", "Load %(count)d new articles", count) % {"count": count}
