"""Marks: somebody on staff wants an article in a newsletter, and says why."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from digests.models import Mark
from newsroom.articles.models import Article
from subscriptions.models import Newsletter


def mark(article: Article, newsletter: Newsletter, *, note: str, by: User, at: datetime) -> Mark:
    """Want this article in the newsletter; a second mark takes the place of the first. Queries: 3."""
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
