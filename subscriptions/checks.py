"""Start-up checks: every wording in every language of the site, and no active newsletter without its legal notices."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from subscriptions.publishing import is_own_domain, missing, unsaid
from subscriptions.wording import languages_of_all


@register(Tags.translation)
def wordings_speak_every_language(**options: Any) -> list[CheckMessage]:
    """subscriptions.E001: a reader would agree to a text in a language she did not choose."""
    lacking = {code for code, _name in settings.LANGUAGES} - languages_of_all()
    return [
        Error(
            f"No consent wording in {code!r}.",
            hint="Add the language to each version in subscriptions/wording.py.",
            id="subscriptions.E001",
        )
        for code in sorted(lacking)
    ]


@register(Tags.database)
def active_newsletters_have_a_sender(
    *, databases: Sequence[str] | None, **options: Any
) -> list[CheckMessage]:
    """subscriptions.W001 to W003, on `check --database default` and `migrate`."""
    from subscriptions.models import Newsletter

    if not databases or "default" not in databases:
        return []
    try:
        newsletters = list(Newsletter.objects.active().select_related("sender"))
    except DatabaseError:  # before the first migration
        return []
    found: list[CheckMessage] = []
    for newsletter in newsletters:
        if lacking := missing(newsletter.sender):
            text = (
                f"The newsletter {newsletter.slug!r} is active, but its sender lacks: {', '.join(lacking)}."
            )
            found.append(Warning(text, hint="Complete the sender in the admin.", id="subscriptions.W001"))
        if silent := unsaid(newsletter.sender):
            text = f"Imprint and privacy notice for the newsletter {newsletter.slug!r} leave open: {', '.join(silent)}."
            hint = "Complete the sender in the admin (§ 5 DDG, GDPR art. 13)."
            found.append(Warning(text, hint=hint, id="subscriptions.W003"))
        if not is_own_domain(newsletter.sender.address):
            text = f"The newsletter {newsletter.slug!r} is sent from a freemail address."
            hint = (
                "Use an address at a domain of your own: freemail providers have such mail refused (DMARC)."
            )
            found.append(Warning(text, hint=hint, id="subscriptions.W002"))
    return found
