"""Marks: somebody on staff wants an article in a newsletter, and says why."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from digests.errors import MarkRefused
from digests.models import Mark, Pick
from digests.states import DigestState
from newsroom.articles.models import Article
from subscriptions.models import Newsletter, NewsletterQuerySet
from subscriptions.states import Cadence, NewsletterState

_GOING_ON = (NewsletterState.DRAFT, NewsletterState.ACTIVE, NewsletterState.PAUSED)


def mark(article: Article, newsletter: Newsletter, *, note: str, by: User, at: datetime) -> Mark:
    """Want this article in the newsletter; a second mark takes the place of the first. Queries: 3.

    Raises MarkRefused if the newsletter could never take it, as `newsletters_for` has it.
    """
    if newsletter.state not in _GOING_ON or newsletter.language != article.language:
        raise MarkRefused
    with transaction.atomic():
        made, _is_new = Mark.objects.update_or_create(
            newsletter=newsletter,
            article=article,
            defaults={
                "note": note.strip()[:300], "marked_by": by, "marked_at": at, "dismissed_at": None,
            },
        )  # fmt: skip
    return made


def dismiss(article: Article, newsletter: Newsletter, *, at: datetime) -> bool:
    """The wish is settled: taken up elsewhere, or not wanted. False if nobody had it. Queries: 1."""
    open_marks = Mark.objects.filter(newsletter=newsletter, article=article, dismissed_at__isnull=True)
    return bool(open_marks.update(dismissed_at=at))


def open_marks(newsletters: NewsletterQuerySet) -> QuerySet[Mark]:
    """What nobody has settled, oldest first."""
    marks = Mark.objects.filter(newsletter__in=newsletters, dismissed_at__isnull=True)
    return marks.order_by("marked_at", "pk")


def newsletters_for(article: Article, *, among: NewsletterQuerySet) -> NewsletterQuerySet:
    """Those that could take the article: in its language, and not given up."""
    return among.filter(state__in=_GOING_ON, language=article.language).order_by("name")


def with_sent(marks: QuerySet[Mark], *, cadence: str) -> QuerySet[Mark]:
    """Each with `is_sent`: whether the readers of this cadence had the article. Within the query.

    Readers of the best-of alone get what the other digests had, so for them a mark is settled by any digest.
    """
    went_out = Pick.objects.filter(
        article=OuterRef("article"),
        digest__newsletter=OuterRef("newsletter"),
        digest__state=DigestState.HANDED_OVER,
    )
    if cadence != Cadence.WEEKLY:
        went_out = went_out.filter(digest__cadence=cadence)
    return marks.annotate(is_sent=Exists(went_out))
