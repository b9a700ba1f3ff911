"""The public side of a digest: as it was approved, with what became of its articles since."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Prefetch, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from digests.errors import WordsChanged, WrongState
from digests.links import led_elsewhere
from digests.models import Digest, Link, Pick, Proof
from newsroom.articles.models import Correction
from newsroom.articles.text import markdown_to_html, strip_unwanted
from subscriptions.models import Newsletter
from subscriptions.states import BEST_OF_THE_WEEK, NewsletterState

# How templates/digests/web_version.html frames a story. Stories hold no <article> of their own: nothing in them
# comes from outside unescaped.
_STORY = re.compile(r'<article class="digest-story" id="story-(\d+)".*?</article>', re.DOTALL)

_STORIES = '<section class="digest-slot'
"""What stands before the first of these is the editor's note: cleaned, so that it holds none itself."""

SHOWN = (NewsletterState.ACTIVE, NewsletterState.PAUSED, NewsletterState.RETIRED)
"""Newsletters with a public archive; a draft has none."""


@dataclass(frozen=True, kw_only=True)
class WebVersion:
    """A digest's page: the body as approved, stories withdrawn since replaced, corrections beside their stories."""

    digest: Digest
    note: SafeString
    body: SafeString
    withdrawn: int
    corrected: int


def newsletters() -> QuerySet[Newsletter]:
    return Newsletter.objects.filter(state__in=SHOWN).select_related("sender")


def digests_of(newsletter: Newsletter) -> QuerySet[Digest]:
    """What was handed over, newest first."""
    return Digest.objects.public().filter(newsletter=newsletter).order_by("-handed_over_at", "-pk")


def best_of_name(newsletter: Newsletter) -> str:
    """What a weekly digest of this newsletter is called in public, in the newsletter's language."""
    with translation.override(newsletter.language):
        return str(BEST_OF_THE_WEEK)


def annotate(digest: Digest, *, text: str, at: datetime) -> None:
    """Put a note above the web version of a digest that went out, or take it away. text: Markdown, or nothing.

    digest: with the moment of the note that whoever writes was shown. Raises WordsChanged if it is another's by now,
    and WrongState before the digest went out; then nothing is written. Queries: 1, and 1 more to say why not.
    """
    text = strip_unwanted(text).strip()
    values = {"archive_note": text, "archive_note_at": at if text else None}
    public = Digest.objects.public().filter(pk=digest.pk)
    if public.filter(archive_note_at=digest.archive_note_at).update(**values) != 1:
        if public.exists():
            raise WordsChanged
        raise WrongState(_("A digest is in the archive once it has gone out."), state=digest.state)
    digest.archive_note, digest.archive_note_at = text, values["archive_note_at"]


def note_html(digest: Digest) -> SafeString:
    """The note as the archive shows it, in the newsletter's language; nothing without one."""
    if not digest.archive_note_at:
        return SafeString()
    with translation.override(digest.newsletter.language):
        note = mark_safe(markdown_to_html(digest.archive_note))  # noqa: S308 — cleaned by markdown_to_html
        return render_to_string(
            "digests/_note.html", {"note": note, "noted_at": timezone.localtime(digest.archive_note_at)}
        )


def changed_at(digest: Digest) -> datetime | None:
    """When the digest came out, or a later note in the archive."""
    return max((moment for moment in (digest.handed_over_at, digest.archive_note_at) if moment), default=None)


def published(digests: QuerySet[Digest]) -> Proof:
    """What was approved and went out of these digests, with digest, newsletter and sender. Queries: 1.

    Raises Proof.DoesNotExist.
    """
    proofs = Proof.objects.filter(
        digest__in=digests.order_by(), approval__isnull=False, correction__isnull=True
    )
    return proofs.select_related("digest__newsletter__sender").latest("number")


def web_version(proof: Proof) -> WebVersion:
    """The page of a digest that was handed over, from what was `published`. Queries: 3, whatever the picks."""
    digest = proof.digest
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
    mended = Link.objects.filter(digest=digest).exclude(current_url=F("url"))
    addresses: dict[int | None, dict[str, str]] = {}
    for pick_id, url, current_url in mended.order_by("pk").values_list("pick", "url", "current_url"):
        addresses.setdefault(pick_id, {})[url] = current_url
    withdrawn = [pick for pick in picks.values() if pick.article.withdrawn_at]
    corrected = [pick for pick in picks.values() if _corrections(pick)]
    with translation.override(digest.newsletter.language):  # notes speak the language of what they stand in
        note, stories, rest = proof.web_html.partition(_STORIES)
        body = (
            led_elsewhere(note, addresses.get(None, {}))
            + stories
            + _STORY.sub(_shown(picks, addresses), rest)
        )
    return WebVersion(
        digest=digest,
        note=note_html(digest),
        body=mark_safe(body),  # noqa: S308 — our own proof, with our own notes
        withdrawn=len(withdrawn),
        corrected=len(corrected),
    )


def last_change(digests: Iterable[Digest]) -> datetime | None:
    """When the newest of these digests came out, or the newest note on one."""
    return max((moment for digest in digests if (moment := changed_at(digest))), default=None)


def _shown(
    picks: Mapping[int, Pick], addresses: Mapping[int | None, Mapping[str, str]]
) -> Callable[[re.Match[str]], str]:
    def story(found: re.Match[str]) -> str:
        pick = picks.get(int(found[1]))
        # A story whose pick is gone cannot be checked any more: better not shown.
        if pick is None or pick.article.withdrawn_at:
            return render_to_string("digests/_withdrawn.html", {"pick_id": found[1]})
        body = _mended(found[0], addresses.get(pick.pk, {}))
        if corrections := _corrections(pick):
            note = render_to_string("digests/_corrections.html", {"corrections": corrections})
            return body.removesuffix("</article>") + note + "</article>"
        return body

    return story


def _mended(body: str, addresses: Mapping[str, str]) -> str:
    """The story with its links leading where those of the mail lead now."""
    for url, current_url in addresses.items():
        body = body.replace(f'href="{escape(url)}"', f'href="{escape(current_url)}"')
    return body


def _corrections(pick: Pick) -> list[Correction]:
    return list(getattr(pick.article, "later_corrections", ()))
