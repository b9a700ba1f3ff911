"""A withdrawn article leaves every digest that has not gone out. What went out keeps its record; the archive says so."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests import history, workflow
from digests.models import Digest, Pick
from digests.states import EDITABLE, DigestState
from newsroom.mail import incidents
from newsroom.mail.states import Severity


def pull_withdrawn(at: datetime) -> list[Digest]:
    """Take the picks of withdrawn articles out of drafts; a digest that was further is a draft again, a scheduled one stops.

    Staff are told of each. Safe to run twice and at once. Queries: 1 if there are none.
    """
    found = Pick.objects.filter(article__withdrawn_at__isnull=False, digest__state__in=EDITABLE)
    pulled = [_pull(key, at=at) for key in sorted(set(found.values_list("digest_id", flat=True)))]
    return [digest for digest in pulled if digest is not None]


def _pull(digest_id: int, *, at: datetime) -> Digest | None:
    with transaction.atomic():
        ours = Digest.objects.select_for_update(of=["self"]).select_related("newsletter")
        digest = ours.filter(pk=digest_id, state__in=EDITABLE).first()
        if digest is None:
            return None  # it was handed over or skipped meanwhile
        picks = list(digest.picks.filter(article__withdrawn_at__isnull=False).select_related("article"))
        if not picks:
            return None
        was, was_wanted = DigestState(digest.state), digest.wanted_at is not None
        before = digest.version
        workflow.reopen(digest, expected_version=before)
        if was_wanted:  # no approval alone brings it back
            digest.wanted_at = None
            digest.save(update_fields=["wanted_at"])
        history.begin(digest, number=before, at=at)
        Pick.objects.filter(pk__in=[pick.pk for pick in picks]).delete()
        history.keep(digest, by=None, at=at, act=_("Withdrawn articles were taken out."))
        _tell(digest, picks, was=was, is_stopped=was == DigestState.SCHEDULED or was_wanted, at=at)
    return digest


def _tell(digest: Digest, picks: list[Pick], *, was: DigestState, is_stopped: bool, at: datetime) -> None:
    titles = ", ".join(_("“%(title)s”") % {"title": pick.article.title} for pick in picks)
    because = ngettext("%(titles)s was withdrawn.", "%(titles)s were withdrawn.", len(picks)) % {
        "titles": titles
    }
    if is_stopped:
        # Translators: „Wirtschaft 12 ist angehalten“
        title = _("%(digest)s is stopped") % {"digest": digest}
        further = _("It is a draft again and goes nowhere before it is proofed, approved and scheduled anew.")
    elif was == DigestState.DRAFT:
        title = _("%(digest)s lost an article") % {"digest": digest}
        further = _("The draft goes on without it.")
    else:
        title = _("%(digest)s lost an article") % {"digest": digest}
        further = _("It is a draft again: it needs a new proof and a new approval.")
    incidents.report(
        f"digests.withdrawn.{digest.pk}",
        title=title,
        text=f"{because} {further}",
        severity=Severity.ERROR if is_stopped else Severity.WARNING,
        facts={
            "digest": digest.pk,
            "articles": [pick.article_id for pick in picks],
            "page": ["admin:digests_digest_change", digest.pk],
        },
        newsletter_id=digest.newsletter_id,
        at=at,
    )
