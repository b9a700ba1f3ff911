"""What every page's template knows of the site. No queries."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from newsroom.web import kept_pages


def site(request: HttpRequest) -> dict[str, str]:
    """The context processor for the base template."""
    # After Django's own, whose guard would be the first visitor's.
    guard = (
        {"csrf_token": kept_pages.own(request, "csrf_token")} if kept_pages.is_made_for_all(request) else {}
    )
    return {
        **guard,
        "SITE_NAME": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "language": (get_language() or settings.LANGUAGE_CODE).partition("-")[0],
    }
