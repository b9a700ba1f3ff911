"""The bar of a digest's sending, for the admin's base template: `{% load sending %}{% sending_bar %}`."""

from typing import Any

from django import template
from django.template.context import Context

from digests.composer.sending_bar import bar_of, digest_of_page
from digests.models import Digest
from newsroom.web import clock

register = template.Library()


@register.inclusion_tag("admin/digests/digest/sending.html", takes_context=True)
def sending_bar(context: Context) -> dict[str, Any]:
    """Nothing on pages that are no digest's. Queries: none there, else at most 8."""
    request = context.get("request")
    if request is None:
        return {}
    # A page of one digest has read it, and the clock, already.
    read = context.get("digest")
    digest = read if isinstance(read, Digest) else digest_of_page(request)
    if digest is None:
        return {}
    shown = bar_of(request, digest, at=context.get("at") or clock.now())
    return {"request": request, "csrf_token": context.get("csrf_token"), "is_digest_page": True, **shown}
