"""The composer: one page per digest in the admin, where the desk picks, words, proofs, approves, sends and stops.

It works without JavaScript: every act is a form. Each act calls the service that commands and tasks call.
"""

from collections.abc import Callable

from django.contrib import admin
from django.http import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_POST

from digests.composer import pane_acts
from digests.composer.acts import act, add_pick
from digests.composer.page import compose
from digests.composer.previews import preview, proof, proof_mail
from digests.composer.requests import user_of
from digests.composer.sending_bar import bar
from digests.composer.sending_pages import choices, end, swap, test
from digests.composer.versions import restore, versions

__all__ = ["urls", "user_of"]


def urls(admin_site: admin.AdminSite) -> list[URLPattern]:
    """The composer's addresses below the digests of the admin."""

    def staff(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        return admin_site.admin_view(view)

    return [
        path("<int:pk>/change/", staff(compose), name="digests_digest_change"),
        path("<int:pk>/pick/", staff(require_POST(add_pick)), name="digests_digest_pick"),
        path("<int:pk>/mark/", staff(require_POST(pane_acts.mark)), name="digests_digest_mark"),
        path("<int:pk>/unmark/", staff(require_POST(pane_acts.dismiss)), name="digests_digest_unmark"),
        path(
            "<int:pk>/filters/keep/",
            staff(require_POST(pane_acts.keep_filter)),
            name="digests_digest_keep_filter",
        ),
        path(
            "<int:pk>/filters/drop/",
            staff(require_POST(pane_acts.drop_filter)),
            name="digests_digest_drop_filter",
        ),
        path("<int:pk>/take/", staff(require_POST(pane_acts.add_by_address)), name="digests_digest_take"),
        path("<int:pk>/arrivals/", staff(require_GET(pane_acts.arrivals)), name="digests_digest_arrivals"),
        path("<int:pk>/versions/", staff(require_GET(versions)), name="digests_digest_versions"),
        path("<int:pk>/versions/restore/", staff(require_POST(restore)), name="digests_digest_restore"),
        path("<int:pk>/act/<slug:act>/", staff(require_POST(act)), name="digests_digest_act"),
        path("<int:pk>/preview/", staff(require_GET(preview)), name="digests_digest_preview"),
        path("<int:pk>/proofs/<int:number>/", staff(require_GET(proof)), name="digests_digest_proof"),
        path("<int:pk>/sending/", staff(require_GET(bar)), name="digests_digest_sending"),
        path("<int:pk>/end/", staff(require_GET(end)), name="digests_digest_end"),
        path("<int:pk>/swap/", staff(require_GET(swap)), name="digests_digest_swap"),
        path("<int:pk>/test/", staff(require_GET(test)), name="digests_digest_test"),
        path("<int:pk>/choices/", staff(require_GET(choices)), name="digests_digest_choices"),
        path(
            "<int:pk>/proofs/<int:number>/mail/",
            staff(require_GET(proof_mail)),
            name="digests_digest_proof_mail",
        ),
    ]
