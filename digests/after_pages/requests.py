"""What these pages ask of a request, and what all of them show."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest

from digests.composer.requests import digest_of, require
from digests.models import Digest
from digests.states import DigestState
from newsroom.web.moments import moment_in


def sent_digest(request: HttpRequest, pk: int, permission: str = "", *, to_post: str = "") -> Digest:
    """The digest, if it went out, for who may look at it and has this permission; to_post: one that a POST needs.

    Raises PermissionDenied before anything else is told, then Http404.
    """
    digest = digest_of(request, pk)
    for wanted in (permission, to_post if request.method == "POST" else ""):
        if wanted:
            require(request, wanted, digest)
    if digest.state != DigestState.HANDED_OVER:
        raise Http404
    return digest


def shown_as_of(request: HttpRequest) -> datetime | None:
    """When the words had been written that the form showed; None: there were none, or the form does not say."""
    return moment_in(request.POST.get("as_of", ""))


def context(request: HttpRequest, digest: Digest, *, title: str) -> dict[str, Any]:
    """What the frame of each page needs."""
    return {
        **admin.site.each_context(request),
        "title": title,
        "is_nav_sidebar_enabled": False,
        "digest": digest,
        "opts": Digest._meta,
    }
