"""What every view of the composer asks of a request: which digest, may they, and where to afterwards."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from digests import access, links, workflow
from digests.models import Digest, Proof
from digests.states import EDITABLE, DigestState


def digest_of(request: HttpRequest, pk: int) -> Digest:
    """The digest, for who may look at it and works on its newsletter. Raises Http404 and PermissionDenied."""
    rows = Digest.objects.with_frame().with_release()
    digest = get_object_or_404(links.with_links_of_note(rows), pk=pk)
    require(request, "view_digest", digest)
    return digest


def fresh(digest: Digest) -> Digest:
    """The digest as the database has it: a form that was validated leaves its values on the instance."""
    return Digest.objects.with_frame().get(pk=digest.pk)


def chosen_proof(request: HttpRequest, digest: Digest) -> Proof:
    return get_object_or_404(
        workflow.proofs_of(digest).select_related("digest"), number=number_in(request.POST.get("proof"))
    )


def require(request: HttpRequest, permission: str, digest: Digest) -> None:
    if not access.may(request.user, f"digests.{permission}", digest.newsletter):
        raise PermissionDenied


def user_of(request: HttpRequest) -> User:
    """Who acts; behind admin_view that is always a user."""
    assert isinstance(request.user, User)
    return request.user


def number_in(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def seen_in(request: HttpRequest) -> DigestState:
    """The state of the digest that the page showed. One that does not say counts as a draft's: it is rather asked."""
    state = request.POST.get("state", "")
    return DigestState(state) if state in EDITABLE else DigestState.DRAFT


def log(request: HttpRequest, digest: Digest, sentence: str) -> None:
    LogEntry.objects.log_actions(
        user_of(request).pk, [digest], CHANGE, change_message=sentence, single_object=True
    )


def back(pk: int, list_address: str = "") -> HttpResponseRedirect:
    """To the composer, its list of candidates as it was."""
    query = f"?{list_address}" if list_address else ""
    return HttpResponseRedirect(reverse("admin:digests_digest_change", args=[pk]) + query)
