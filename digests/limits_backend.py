"""What reaches across newsletters is for staff who work on all of them: a backend that only ever says no.

A reader's page, her erasure, files of readers, suppressions, the admin's log and what providers report name no one
newsletter, and their pages belong to apps that know nothing of a desk's access. Django asks each backend in turn, and one that raises PermissionDenied ends it.
"""

from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from digests import access

ACROSS_NEWSLETTERS: Final = frozenset(
    {
        "subscriptions.view_subscriber",
        "subscriptions.erase_subscriber",
        "subscriptions.export_subscribers",
        "subscriptions.add_subscriberimport",
        "subscriptions.view_subscriberimport",
        "subscriptions.view_suppression",
        "subscriptions.add_suppression",
        "subscriptions.delete_suppression",
        "admin.view_logentry",
        "mail.view_providerevent",
    }
)


class LimitsBackend:
    """Signs nobody in and allows nothing. It stands before the backend that allows.

    No child of Django's BaseBackend: that one also knows users, and nobody's session may name this backend.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Knows nobody."""

    def has_perm(self, user_obj: AbstractBaseUser | AnonymousUser, perm: str, obj: Any = None) -> bool:
        """Queries: 1 per user object, and only for these permissions."""
        if perm in ACROSS_NEWSLETTERS and access.is_limited(user_obj):
            raise PermissionDenied
        return False
