"""Rules about the mail as a whole: its size, its legal footer, how long it takes to read."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests.models import Digest
from digests.preflight.registry import Desk, Finding, Flaws, advises, blocks
from newsroom.articles.text import reading_minutes, words
from newsroom.mail import wire
from subscriptions.models import Newsletter
from subscriptions.publishing import missing
from subscriptions.states import NewsletterState

BLOCKING_BYTES = 100_000
"""Gmail cuts a message at 102 kB of its own cleaned HTML, and with it the link to leave."""

LARGE_BYTES = 90_000
FEWEST_WORDS = 20
MOST_MINUTES = 10
"""A digest is read over one coffee; beyond this it is a magazine."""


@blocks("too_large")
def mail_is_small_enough(desk: Desk) -> Flaws:
    if desk.rendered and (size := desk.rendered.html_bytes) > BLOCKING_BYTES:
        message = _("The mail has %(size)d kB; Gmail cuts it off. Take stories out.")
        yield message % {"size": size // 1000}, "candidates"


@advises("large")
def mail_has_room(desk: Desk) -> Flaws:
    if desk.rendered and LARGE_BYTES < (size := desk.rendered.html_bytes) <= BLOCKING_BYTES:
        message = _("The mail has %(size)d kB; beyond 95 the last stories are shown on the web only.")
        yield message % {"size": size // 1000}, "candidates"


@blocks("newsletter_at_rest")
def newsletter_is_active(desk: Desk) -> Flaws:
    if sentence := resting(desk.digest.newsletter):
        yield sentence, "preview"


def resting(newsletter: Newsletter) -> str:
    """What keeps every digest of a newsletter that is paused or retired; nothing of one that is active."""
    if newsletter.state == NewsletterState.ACTIVE:
        return ""
    return _(
        "The newsletter is not active: nothing of it goes out until whoever runs the site makes it active."
    )


def at_rest(digest: Digest) -> list[Finding]:
    """The same as it stands now, however long ago the digest was read. Queries: 1."""
    sentence = resting(Newsletter.objects.only("state").get(pk=digest.newsletter_id))
    found = Finding(rule="newsletter_at_rest", blocks=True, message=sentence, target="preview")
    return [found] if sentence else []


@blocks("no_legal_block")
def sender_is_named(desk: Desk) -> Flaws:
    if lacking := missing(desk.digest.newsletter.sender):
        message = _("The legal notice lacks %(lacking)s. Whoever runs the site completes the sender.")
        yield message % {"lacking": ", ".join(lacking)}, "preview"


@blocks("no_way_out")
def readers_can_leave(desk: Desk) -> Flaws:
    """A newsletter may have templates of its own, and they may forget the footer."""
    if desk.rendered and any(
        wire.slot("leave_url") not in part for part in (desk.rendered.html, desk.rendered.text)
    ):
        yield _("The mail has no link to unsubscribe: its template must show one."), "preview"


@advises("reading_time")
def mail_takes_a_coffee(desk: Desk) -> Flaws:
    told = [desk.digest.note]
    for pick in desk.picks:
        told += [pick.title or pick.article.title, pick.teaser or pick.article.teaser]
    number = words(" ".join(told))
    minutes = reading_minutes(number, desk.digest.newsletter.language)
    if minutes > MOST_MINUTES:
        message = _("Reading it takes %(minutes)d minutes; few readers stay for more than %(most)d.")
        yield message % {"minutes": minutes, "most": MOST_MINUTES}, "words"
    elif desk.picks and number < FEWEST_WORDS:
        message = ngettext(
            "It has only %(number)d word: hardly worth opening.",
            "It has only %(number)d words: hardly worth opening.",
            number,
        )
        yield message % {"number": number}, "words"
