"""Editorial acts on an article: take it back, give it out again, vouch for it."""

from datetime import datetime

from django.db import transaction

from newsroom.articles.models import Article, Picture
from newsroom.articles.states import Origin, Review


def withdraw(article: Article, *, because: str, at: datetime) -> None:
    """Take the article off the site and out of future digests. Its picture, if no other article shows it, turns
    into a neutral one everywhere, in mails already sent as well. Withdrawing twice changes nothing."""
    with transaction.atomic():
        changed = Article.objects.filter(pk=article.pk, withdrawn_at__isnull=True).update(
            withdrawn_at=at, withdrawn_reason=because[:300]
        )
        if changed and article.picture_id and not _is_shown_elsewhere(article):
            Picture.objects.filter(pk=article.picture_id, withdrawn_at__isnull=True).update(withdrawn_at=at)
    article.refresh_from_db()


def restore(article: Article) -> None:
    """Publish a withdrawn article again, with its picture if that went with it."""
    with transaction.atomic():
        if article.picture_id:
            gone_with_it = Picture.objects.filter(pk=article.picture_id, withdrawn_at=article.withdrawn_at)
            gone_with_it.update(withdrawn_at=None)
        Article.objects.filter(pk=article.pk).update(withdrawn_at=None, withdrawn_reason="")
    article.refresh_from_db()


def mark_reviewed(article: Article) -> None:
    """The newsroom vouches for a submission. Other articles need no such mark."""
    Article.objects.filter(pk=article.pk, origin=Origin.USER_SUBMISSION).update(review=Review.REVIEWED)
    article.refresh_from_db()


def _is_shown_elsewhere(article: Article) -> bool:
    others = Article.objects.filter(picture=article.picture_id, withdrawn_at__isnull=True)
    return others.exclude(pk=article.pk).exists()
