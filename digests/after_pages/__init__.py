"""What the desk sees and does once a digest went out: its numbers, its links, its archive note, its corrections.

Every act is a form, one POST and one service call; GET changes nothing.
"""

from collections.abc import Callable

from django.contrib import admin
from django.http import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from digests.after_pages import correction_mails
from digests.after_pages.articles import correct
from digests.after_pages.links import links, repoint
from digests.after_pages.notes import note
from digests.after_pages.numbers import numbers

__all__ = ["urls"]


def urls(admin_site: admin.AdminSite) -> list[URLPattern]:
    """The addresses below the digests of the admin."""

    def page(route: str, name: str, view: Callable[..., HttpResponseBase]) -> URLPattern:
        return path(f"<int:pk>/{route}", admin_site.admin_view(view), name=f"digests_digest_{name}")

    form = require_http_methods(["GET", "POST"])
    return [
        page("numbers/", "numbers", require_GET(numbers)),
        page("links/", "links", require_GET(links)),
        page("links/<int:number>/", "link", require_POST(repoint)),
        page("note/", "note", form(note)),
        page("correct/", "correct", form(correct)),
        page("corrections/", "corrections", form(correction_mails.write)),
        page("corrections/<int:number>/", "correction", form(correction_mails.one)),
        page("corrections/<int:number>/mail/", "correction_mail", require_GET(correction_mails.mail)),
        page(
            "corrections/<int:number>/propose/", "correction_propose", require_POST(correction_mails.propose)
        ),
        page(
            "corrections/<int:number>/approve/", "correction_approve", require_POST(correction_mails.approve)
        ),
        page(
            "corrections/<int:number>/return/", "correction_return", require_POST(correction_mails.send_back)
        ),
        page("corrections/<int:number>/send/", "correction_send", require_POST(correction_mails.send)),
    ]
