"""What every page's template knows of the site. No queries."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language


def site(request: HttpRequest) -> dict[str, str]:
    """The context processor for the base template."""
    return {
        "SITE_NAME": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "language": (get_language() or settings.LANGUAGE_CODE).partition("-")[0],
    }
