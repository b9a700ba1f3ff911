"""The public side of a digest: as it was approved, with what became of its articles since."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

from digests.models import Digest, Pick, Proof
from newsroom.articles.models import Correction
from subscriptions.models import Newsletter
from subscriptions.states import NewsletterState

# How templates/digests/web_version.html frames a story. Stories hold no <article> of their own: nothing in them
# comes from outside unescaped.
_STORY = re.compile(r'<article class="digest-story" id="story-(\d+)".*?</article>', re.DOTALL)

SHOWN = (NewsletterState.ACTIVE, NewsletterState.PAUSED, NewsletterState.RETIRED)
"""Newsletters with a public archive; a draft has none."""


@dataclass(frozen=True, kw_only=True)
class WebVersion:
    """A digest's page: the body as approved, stories withdrawn since replaced, corrections beside their stories."""

    digest: Digest
    body: SafeString
    withdrawn: int
    corrected: int


def newsletters() -> QuerySet[Newsletter]:
    return Newsletter.objects.filter(state__in=SHOWN).select_related("sender")


def digests_of(newsletter: Newsletter) -> QuerySet[Digest]:
    """What was handed over, newest first."""
    return Digest.objects.public().filter(newsletter=newsletter).order_by("-handed_over_at", "-pk")


def web_version(digest: Digest) -> WebVersion:
    """The page of a digest that was handed over. Raises Proof.DoesNotExist. Queries: 3, whatever the picks."""
    proof = Proof.objects.filter(digest=digest, approval__isnull=False).latest("number")
    # A correction made before the digest went out is in its text already.
    since = Prefetch(
        "article__corrections",
        Correction.objects.filter(made_at__gt=digest.handed_over_at).order_by("made_at"),
        to_attr="later_corrections",
    )
    picks = {
        pick.pk: pick
        for pick in digest.picks.select_related("article").prefetch_related(since).order_by("pk")
    }
    withdrawn = [pick for pick in picks.values() if pick.article.withdrawn_at]
    corrected = [pick for pick in picks.values() if _corrections(pick)]
    with translation.override(digest.newsletter.language):  # notes speak the language of what they stand in
        body = _STORY.sub(_shown(picks), proof.web_html)
    return WebVersion(
        digest=digest,
        body=mark_safe(body),  # noqa: S308 — our own proof, with our own notes
        withdrawn=len(withdrawn),
        corrected=len(corrected),
    )


def last_change(digests: Iterable[Digest]) -> datetime | None:
    """When the newest of these digests came out."""
    return max((digest.handed_over_at for digest in digests if digest.handed_over_at), default=None)


def _shown(picks: Mapping[int, Pick]) -> Callable[[re.Match[str]], str]:
    def story(found: re.Match[str]) -> str:
        pick = picks.get(int(found[1]))
        # A story whose pick is gone cannot be checked any more: better not shown.
        if pick is None or pick.article.withdrawn_at:
            return render_to_string("digests/_withdrawn.html", {"pick_id": found[1]})
        if corrections := _corrections(pick):
            note = render_to_string("digests/_corrections.html", {"corrections": corrections})
            return found[0].removesuffix("</article>") + note + "</article>"
        return found[0]

    return story


def _corrections(pick: Pick) -> list[Correction]:
    return list(getattr(pick.article, "later_corrections", ()))
