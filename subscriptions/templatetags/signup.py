"""The sign-up box for any page: `{% load signup %}{% signup_box path=request.path language=language %}`."""

import time
from typing import Any

from django import template
from django.template.context import Context

from subscriptions.forms import language_code, stamp
from subscriptions.models import Newsletter
from subscriptions.wording import BOX, wording

register = template.Library()


@register.inclusion_tag("subscriptions/signup_box.html", takes_context=True)
def signup_box(
    context: Context, path: str = "", language: str = "", newsletter: Newsletter | None = None
) -> dict[str, Any]:
    """One newsletter's promise, one field, one button. Without `newsletter`, the first one in the language.

    Queries: 1, none with `newsletter`. Nothing at all is shown where no newsletter takes sign-ups.
    """
    language = language_code(language)
    if newsletter is None:
        newsletter = Newsletter.objects.active().filter(language=language).first()
    if newsletter is None:
        return {}
    return {
        "newsletter": newsletter,
        "path": path,
        "language": language,
        # Nobody is sent to the issue she is reading.
        "latest_url": "" if newsletter.latest_url == path else newsletter.latest_url,
        "wording": wording(BOX, language, name=newsletter.name),
        "stamp": stamp(time.time()),
        "csrf_token": context.get("csrf_token"),
    }
