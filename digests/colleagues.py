"""Tests of a digest for colleagues: the mail as it would be now, with nobody's own links, counted nowhere."""

import logging
from collections.abc import Collection
from datetime import datetime
from html import escape

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from digests import staff
from digests.delivery import footers
from digests.errors import NoColleague
from digests.models import Colleague, Digest, Link
from digests.rendering import Rendered, render
from newsroom.mail import letters
from newsroom.mail.errors import BadAddress
from newsroom.mail.states import LetterKind
from newsroom.mail.wire import Envelope
from newsroom.web.masking import mask
from newsroom.web.tokens import link_url
from subscriptions.correspondence import absolute
from subscriptions.models import Newsletter

logger = logging.getLogger(__name__)


def possible(newsletter: Newsletter) -> QuerySet[User]:
    """Who can get a test: staff with an address who may look at the newsletter's digests."""
    return staff.who_may("digests.view_digest", newsletter)


def remembered(newsletter: Newsletter) -> set[int]:
    """The keys of those who got the last test. Queries: 1."""
    return set(Colleague.objects.filter(newsletter=newsletter).values_list("user_id", flat=True))


def send_test(digest: Digest, *, to: Collection[int], at: datetime) -> list[User]:
    """Write the digest as it is now to these colleagues, and remember them for the newsletter; returns who gets it.

    Raises NoColleague if none of them can get one. Queries: 12, and 2 per letter.
    """
    users = list(possible(digest.newsletter).filter(pk__in=to))
    if not users:
        raise NoColleague(_("Choose at least one colleague."))
    rendered = _inert(digest, render(digest))
    with transaction.atomic():
        Colleague.objects.filter(newsletter=digest.newsletter).exclude(user__in=users).delete()
        Colleague.objects.bulk_create(
            [Colleague(newsletter=digest.newsletter, user=user) for user in users], ignore_conflicts=True
        )
        told = [user for user in users if _write(digest, rendered, user, at=at)]
    if not told:
        raise NoColleague(_("None of these addresses can be written to."))
    return told


def _inert(digest: Digest, rendered: Rendered) -> Rendered:
    """With the addresses that links of ours lead to in their place: who follows one in a test is not counted."""
    html, text = rendered.html, rendered.text
    for link in Link.objects.filter(digest=digest):
        ours = link_url(link.pk)
        html = html.replace(escape(ours), escape(link.current_url))
        text = text.replace(ours, link.current_url)
    return Rendered(
        subject=rendered.subject,
        preheader=rendered.preheader,
        html=html,
        text=text,
        web_html="",
        language=rendered.language,
    )


def _write(digest: Digest, rendered: Rendered, user: User, *, at: datetime) -> bool:
    newsletter, sender = digest.newsletter, digest.newsletter.sender
    nowhere = absolute(newsletter.get_absolute_url())
    html, text = rendered.filled(
        {
            "leave_url": nowhere,
            "manage_url": nowhere,
            "masked_address": mask(user.email),
            **footers.sample_words(at, newsletter=newsletter.name, language=newsletter.language),
        }
    )
    envelope = Envelope(
        kind="letter",
        from_name=sender.name,
        from_address=sender.address,
        reply_to=sender.reply_to,
        language=newsletter.language,
        auto_submitted=True,
    )
    try:
        letters.write(
            LetterKind.TEST,
            address=user.email,
            newsletter_id=newsletter.pk,
            language=newsletter.language,
            context={"test": {"subject": rendered.subject, "html": html, "text": text}},
            envelope=envelope,
            dedupe_key=f"test:{digest.pk}:{user.pk}:{at:%Y%m%d%H%M%S}",
            at=at,
        )
    except BadAddress:
        logger.warning("A staff user's address cannot be written to.", extra={"user_id": user.pk})
        return False
    return True
