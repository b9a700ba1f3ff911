"""Articles that other systems hand in: whose token it is, and each call done once however often it is made."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from newsroom.articles import intake, links
from newsroom.articles.drafts import ArticleDraft
from newsroom.articles.errors import KeyUsedBefore
from newsroom.articles.models import ApiToken, Article, Feed, Receipt
from newsroom.web.tokens import hash_secret, secret_token

KEPT_FOR = timedelta(days=30)
# A note of use an hour apart is exact enough, and most calls write none.
_NOTED_EVERY = timedelta(hours=1)
_SHOWN = 6


def make_token(feed: Feed, *, name: str, by: str, at: datetime) -> tuple[ApiToken, str]:
    """A new token of a source, and its secret, which is shown once and kept nowhere."""
    secret = secret_token()
    token = ApiToken.objects.create(
        feed=feed,
        name=name,
        token_hash=hash_secret(secret),
        beginning=secret[:_SHOWN],
        made_at=at,
        made_by=by,
    )
    return token, secret


def revoke(token: ApiToken, *, at: datetime) -> bool:
    """Let a token open nothing any more, from this moment. False if it was revoked before."""
    changed = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=at)
    return bool(changed)


def token_of(secret: str) -> ApiToken | None:
    """The token with this secret, unless it was revoked. One query."""
    known = ApiToken.objects.filter(revoked_at__isnull=True).select_related("feed__section")
    return known.filter(token_hash=hash_secret(secret)).first() if secret else None


def identity(token: ApiToken, id: str) -> str:
    """How an article of a source is known again: no source can name a piece of another."""
    return links.identity(f"api-{token.feed_id}", id)


def hand_in(draft: ArticleDraft, *, token: ApiToken, key: str, content_hash: str, at: datetime) -> Receipt:
    """Take an article in for its source, under the source's rights, and keep a receipt by the caller's key.

    The same key gives the same receipt and does nothing. Raises KeyUsedBefore for one that came with other content.
    Safe with many callers: the receipt's row is won by one, and the others wait for it.
    """
    with transaction.atomic():
        receipt, is_first = Receipt.objects.select_related("article").get_or_create(
            token=token, key=key, defaults={"content_hash": content_hash, "made_at": at}
        )
        if not is_first:
            if receipt.content_hash != content_hash:
                raise KeyUsedBefore(key)
            return receipt
        receipt.article, receipt.was_new = intake.take_in(
            draft, feed=token.feed, beside=_named(token.feed, at), at=at
        )
        receipt.save(update_fields=["article", "was_new"])
        Receipt.objects.filter(token=token, made_at__lt=at - KEPT_FOR).delete()
        unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lte=at - _NOTED_EVERY)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=at)
    return receipt


def _named(feed: Feed, at: datetime) -> frozenset[str]:
    """Pieces that the source has named by ids of its own: however alike their headlines, they are not one."""
    recent = Article.objects.filter(
        feed=feed, identity__startswith="api-", first_seen_at__gt=at - intake.SAME_TITLE_FOR
    )
    return frozenset(recent.values_list("identity", flat=True))
