"""A digest that does not go out: why is written down, and its articles go into the next one."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests.errors import WrongState
from digests.models import Digest
from digests.states import EDITABLE, DigestState
from digests.transitions import advance
from newsroom.mail import incidents
from newsroom.mail.states import Severity
from subscriptions.states import BEST_OF_THE_WEEK


def skip(digest: Digest, *, because: str, at: datetime, seen: DigestState | None = None) -> None:
    """Let this digest fall out. It loses its number, and the next window starts where this one started.

    seen: as in `advance`. Raises WentOn, and WrongState once it was handed over or without a reason.
    """
    if not because.strip():
        raise WrongState(_("Say why the digest is skipped."), state=digest.state)
    with transaction.atomic():
        advance(
            digest,
            start=EDITABLE,
            to=DigestState.SKIPPED,
            refusal=_("Only a digest that was not handed over can be skipped."),
            seen=seen,
            number=None,
            scheduled_at=None,
            wanted_at=None,
            skipped_because=because.strip()[:300],
        )
        followers(digest, digest.window_end).update(window_start=digest.window_start)
        for key in ("not_sent", "waiting", "withdrawn"):
            incidents.resolve(f"digests.{key}.{digest.pk}", at=at)


def too_little(digest: Digest, *, found: int, minimum: int, at: datetime) -> None:
    """Skip for want of news, or of digests to take the best of, and let staff know."""
    if digest.is_best_of:
        _too_little_of_week(digest, found=found, minimum=minimum, at=at)
        return
    # Translators: „Nur 2 neue Artikel; der Plan will mindestens 4.“
    because = ngettext(
        "Only %(found)d new article; the plan wants at least %(minimum)d.",
        "Only %(found)d new articles; the plan wants at least %(minimum)d.",
        found,
    ) % {"found": found, "minimum": minimum}
    _skip_and_tell(
        digest,
        because=because,
        then=_("Its articles go into the next digest."),
        facts={"found": found, "minimum": minimum},
        at=at,
    )


def _too_little_of_week(digest: Digest, *, found: int, minimum: int, at: datetime) -> None:
    if found:
        # Translators: „Nur 2 Artikel in den Ausgaben der Woche; der Plan will mindestens 5.“
        because = ngettext(
            "Only %(found)d article in the week's digests; the plan wants at least %(minimum)d.",
            "Only %(found)d articles in the week's digests; the plan wants at least %(minimum)d.",
            found,
        ) % {"found": found, "minimum": minimum}
    else:
        because = _("No digest of this week had anything to take the best of.")
    _skip_and_tell(
        digest,
        because=because,
        then=_("The next best-of looks back on this week, too."),
        facts={"found": found, "minimum": minimum},
        at=at,
    )


def _skip_and_tell(
    digest: Digest, *, because: str, then: str, facts: Mapping[str, int], at: datetime
) -> None:
    with transaction.atomic():
        skip(digest, because=because, at=at)
        name = f"{digest.newsletter} · {BEST_OF_THE_WEEK}" if digest.is_best_of else str(digest.newsletter)
        incidents.report(
            f"digests.skipped.{digest.pk}",
            title=_("%(newsletter)s was skipped") % {"newsletter": name},
            text=f"{because} {then}",
            severity=Severity.WARNING,
            facts={"digest": digest.pk, **facts},
            newsletter_id=digest.newsletter_id,
            at=at,
        )


def followers(digest: Digest, cut_off: datetime) -> QuerySet[Digest]:
    """The digests not yet handed over whose window starts at this cut-off of the digest."""
    return (
        Digest.objects.alike(digest)
        .filter(window_start=cut_off, state__in=[*EDITABLE, DigestState.SKIPPED])
        .exclude(pk=digest.pk)
    )
