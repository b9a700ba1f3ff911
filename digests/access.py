"""Which newsletters a staff user works on. What may be done there is a permission of the user's groups.

A user without a row of NewsletterAccess works on every newsletter, one with rows on those alone, superusers on all.
"""

from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Model, QuerySet

from digests.delivery.control import STOPPING
from digests.models import NewsletterAccess
from newsroom.mail.models import Incident, IncidentQuerySet
from subscriptions.models import Newsletter, NewsletterQuerySet

Row = TypeVar("Row", bound=Model)


def newsletters_of(user: AbstractBaseUser | AnonymousUser) -> NewsletterQuerySet:
    """The newsletters this user works on. Queries: 1, and that of the queryset."""
    if not isinstance(user, User) or not user.is_active:
        return Newsletter.objects.none()
    limited = _limits(user)
    return Newsletter.objects.filter(pk__in=limited) if limited else Newsletter.objects.all()


def may(user: AbstractBaseUser | AnonymousUser, permission: str, newsletter: Newsletter) -> bool:
    """Whether the user's groups allow this and the newsletter is one of the user's. Queries: at most 1 per user object."""
    return isinstance(user, User) and user.has_perm(permission) and works_on(user, newsletter.pk)


def may_stop(user: AbstractBaseUser | AnonymousUser, newsletter: Newsletter) -> bool:
    """Stopping is the safe act: whoever edits, approves or sends the newsletter's digests may stop one."""
    return any(may(user, f"digests.{permission}", newsletter) for permission in STOPPING)


def works_on(user: AbstractBaseUser | AnonymousUser, newsletter: int | None) -> bool:
    """Whether the newsletter of this number is one of the user's. What belongs to none is for those who see all."""
    if not isinstance(user, User) or not user.is_active:
        return False
    limited = _limits(user)
    return not limited or newsletter in limited


def among(user: AbstractBaseUser | AnonymousUser, rows: QuerySet[Row], *, path: str) -> QuerySet[Row]:
    """The rows that belong to the user's newsletters. path: how a row names its newsletter, such as `mailing__newsletter`.

    Queries: 1 per user object; nothing is joined for users without limits.
    """
    if not isinstance(user, User) or not user.is_active:
        return rows.none()
    limited = _limits(user)
    lookup: dict[str, Any] = {f"{path}__in": limited}
    return rows.filter(**lookup) if limited else rows


def incidents_for(user: AbstractBaseUser | AnonymousUser, rows: IncidentQuerySet) -> IncidentQuerySet:
    """What this user is to know: of the own newsletters, and what is about no newsletter. Queries: as `among`."""
    limited = _limits(user) if isinstance(user, User) else frozenset()
    return rows.concerning(limited) if limited else rows


def may_know(user: AbstractBaseUser | AnonymousUser, incident: Incident) -> bool:
    """Whether an incident is this user's to know, as `incidents_for` has it: the letters ask. Queries: 1 per user object."""
    newsletter = incident.facts.get("newsletter_id")
    return newsletter is None or works_on(user, newsletter)


def is_limited(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user works on named newsletters alone."""
    return isinstance(user, User) and bool(_limits(user))


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
