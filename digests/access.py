"""Which newsletters a staff user works on. What may be done there is a permission of the user's groups.

A user without a row of NewsletterAccess works on every newsletter, one with rows on those alone, superusers on all.
"""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from digests.models import NewsletterAccess
from subscriptions.models import Newsletter, NewsletterQuerySet


def newsletters_of(user: AbstractBaseUser | AnonymousUser) -> NewsletterQuerySet:
    """The newsletters this user works on. Queries: 1, and that of the queryset."""
    if not isinstance(user, User) or not user.is_active:
        return Newsletter.objects.none()
    limited = _limits(user)
    return Newsletter.objects.filter(pk__in=limited) if limited else Newsletter.objects.all()


def may(user: AbstractBaseUser | AnonymousUser, permission: str, newsletter: Newsletter) -> bool:
    """Whether the user's groups allow this and the newsletter is one of the user's. Queries: at most 1 per user object."""
    if not isinstance(user, User) or not user.has_perm(permission):
        return False
    limited = _limits(user)
    return not limited or newsletter.pk in limited


def _limits(user: User) -> frozenset[int]:
    """Read once per user object, as Django does with permissions."""
    if user.is_superuser:
        return frozenset()
    known: frozenset[int] | None = getattr(user, "_newsletter_access", None)
    if known is None:
        rows = NewsletterAccess.objects.filter(user=user).values_list("newsletter_id", flat=True)
        known = frozenset(rows)
        user._newsletter_access = known  # type: ignore[attr-defined]  # a cache on the object, as _perm_cache is
    return known
