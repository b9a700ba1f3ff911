"""The bar of a digest's sending, for the admin's base template: `{% load sending %}{% sending_bar %}`."""

from typing import Any

from django import template
from django.template.context import Context

from digests.composer.sending_bar import bar_of, digest_of_page
from newsroom.web import clock

register = template.Library()


@register.inclusion_tag("admin/digests/digest/sending.html", takes_context=True)
def sending_bar(context: Context) -> dict[str, Any]:
    """Nothing on pages that are no digest's. Queries: none there, else at most 8."""
    request = context.get("request")
    digest = digest_of_page(request) if request else None
    if request is None or digest is None:
        return {}
    shown = bar_of(request, digest, at=clock.now())
    return {"request": request, "csrf_token": context.get("csrf_token"), "is_digest_page": True, **shown}
