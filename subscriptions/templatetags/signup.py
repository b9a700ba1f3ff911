"""The sign-up box for any page: `{% load signup %}{% signup_box path=request.path language=language %}`."""

from typing import Any

from django import template
from django.template.context import Context

from newsroom.mail.addresses import carries_utf8
from newsroom.web.kept_pages import own
from subscriptions.forms import language_code
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
        newsletter = Newsletter.objects.offered().filter(language=language).first()
    if newsletter is None:
        return {}
    return {
        "newsletter": newsletter,
        "path": path,
        # Above the box, that page says already what this newsletter is.
        "is_own_page": newsletter.get_absolute_url() == path,
        "language": language,
        # Nobody is sent to the issue she is reading.
        "latest_url": "" if newsletter.latest_url == path else newsletter.latest_url,
        "wording": wording(BOX, language, name=newsletter.name),
        "stamp": own(context["request"], "stamp"),
        "csrf_token": context.get("csrf_token"),
    }


@register.simple_tag
def address_type() -> str:
    """What the field for an address is: `email`, whose check in browsers knows ASCII alone before the @, or text."""
    return "text" if carries_utf8() else "email"
