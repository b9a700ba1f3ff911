"""What must be right before a digest goes out, as one list of rules; run at the proof and again at hand-over.

A rule looks at the digest and yields findings. What blocks must be mended; the rest is advice.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests.models import Digest, Pick
from digests.rendering import MAXIMUM_BYTES, Rendered, render
from digests.stories import MAILABLE_PICTURES, picks_of
from newsroom.articles.states import Origin, Review

SUBJECT_LENGTH = 60
"""Phones show 40 to 50 characters of a subject, few programs more than 60."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong; target is the id of the form field or pick it is about."""

    rule: str
    blocks: bool
    message: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the rules look at, read once."""

    digest: Digest
    picks: tuple[Pick, ...]
    rendered: Rendered | None
    at: dt.datetime


Rule = Callable[[Desk], Iterator[Finding]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    RULES.append(function)
    return function


def check(digest: Digest, *, at: dt.datetime, rendered: Rendered | None = None) -> list[Finding]:
    """All findings, blocking ones first. Queries: 3, and 5 more if the digest is not rendered yet."""
    desk = Desk(
        digest=digest,
        picks=tuple(picks_of(digest)),
        rendered=rendered or render(digest),
        at=at,
    )
    findings = [finding for each in RULES for finding in each(desk)]
    return sorted(findings, key=lambda finding: not finding.blocks)


def glance(digest: Digest, *, picks: Sequence[Pick], at: dt.datetime) -> list[Finding]:
    """What the rules find that need no rendered mail, blocking ones first; for lists. Queries: none.

    picks: with their articles and pictures; the digest: with newsletter and sender.
    """
    desk = Desk(digest=digest, picks=tuple(picks), rendered=None, at=at)
    findings = [finding for each in RULES for finding in each(desk)]
    return sorted(findings, key=lambda finding: not finding.blocks)


@rule
def slots_are_filled(desk: Desk) -> Iterator[Finding]:
    """Every slot holds at least its minimum and at most its maximum."""
    for slot in desk.digest.slots:
        size = sum(pick.slot == slot["key"] for pick in desk.picks)
        name = slot["title"] or slot_name(slot["key"])
        if missing := max(0, slot["minimum"] - size):
            message = ngettext(
                "%(slot)s: %(number)d story is missing.", "%(slot)s: %(number)d stories are missing.", missing
            )
            yield _finding(
                "slot_underfull", True, message % {"slot": name, "number": missing}, f"slot-{slot['key']}"
            )
        if over := max(0, size - slot["maximum"]):
            message = ngettext(
                "%(slot)s: %(number)d story too many.", "%(slot)s: %(number)d stories too many.", over
            )
            yield _finding(
                "slot_overfull", True, message % {"slot": name, "number": over}, f"slot-{slot['key']}"
            )


@rule
def there_is_something_to_read(desk: Desk) -> Iterator[Finding]:
    known = {slot["key"] for slot in desk.digest.slots}
    if not any(pick.slot in known for pick in desk.picks):
        yield _finding("nothing_picked", True, _("The digest holds no story yet."), "candidates")


@rule
def subject_reads_well(desk: Desk) -> Iterator[Finding]:
    if not desk.digest.subject.strip():
        yield _finding("no_subject", True, _("The subject is missing."), "id_subject")
    elif len(desk.digest.subject) > SUBJECT_LENGTH:
        message = _("The subject has %(number)d characters; phones show about 45.") % {
            "number": len(desk.digest.subject)
        }
        yield _finding("long_subject", False, message, "id_subject")
    if desk.digest.subject.lower().startswith(("re:", "fwd:", "aw:", "wg:")):
        yield _finding(
            "faked_reply",
            True,
            _("The subject pretends to be a reply; mail providers punish that."),
            "id_subject",
        )
    if not desk.digest.preheader.strip():
        yield _finding(
            "no_preheader",
            False,
            _("The preheader is missing; inboxes show the lead's teaser instead."),
            "id_preheader",
        )


@rule
def stories_may_be_shown(desk: Desk) -> Iterator[Finding]:
    for pick in desk.picks:
        article, target = pick.article, f"pick-{pick.pk}"
        title = {"title": article.title}
        if article.withdrawn_at:
            yield _finding("withdrawn", True, _("“%(title)s” was withdrawn.") % title, target)
        if article.embargo_until and article.embargo_until > desk.at:
            yield _finding("embargoed", True, _("“%(title)s” is under embargo.") % title, target)
        if article.origin == Origin.USER_SUBMISSION and article.review == Review.UNREVIEWED:
            yield _finding(
                "unreviewed",
                True,
                _("“%(title)s” is a reader submission that nobody reviewed.") % title,
                target,
            )
        if article.language != desk.digest.newsletter.language:
            yield _finding("other_language", False, _("“%(title)s” is in another language.") % title, target)
        if not (pick.teaser or article.teaser) and pick.slot != "more":
            yield _finding("no_teaser", False, _("“%(title)s” has no teaser.") % title, target)


@rule
def pictures_are_described(desk: Desk) -> Iterator[Finding]:
    for pick in desk.picks:
        picture = pick.picture or pick.article.picture
        if picture is None or pick.slot != "lead":
            continue
        title = {"title": pick.article.title}
        if not (picture.alt if pick.picture else pick.article.picture_alt or picture.alt):
            yield _finding(
                "no_alt",
                True,
                _("The picture of “%(title)s” has no alternative text.") % title,
                f"pick-{pick.pk}",
            )
        if not picture.credit:
            yield _finding(
                "no_credit", False, _("The picture of “%(title)s” has no credit.") % title, f"pick-{pick.pk}"
            )
        if not picture.file.name.lower().endswith(MAILABLE_PICTURES):
            message = _(
                "The picture of “%(title)s” is in a format that mail programs do not show; it is left out."
            )
            yield _finding("unmailable_picture", False, message % title, f"pick-{pick.pk}")


@rule
def mail_is_small_enough(desk: Desk) -> Iterator[Finding]:
    size = desk.rendered.html_bytes if desk.rendered else 0
    if size > MAXIMUM_BYTES:
        message = _("The mail has %(size)d kB; Gmail cuts it off. Take stories out.") % {"size": size // 1000}
        yield _finding("too_large", True, message, "candidates")


@rule
def legal_block_is_whole(desk: Desk) -> Iterator[Finding]:
    sender = desk.digest.newsletter.sender
    if not all(
        [
            sender.legal_name,
            sender.postal_address,
            sender.email,
            sender.responsible_person,
            sender.imprint_url,
            sender.privacy_url,
        ]
    ):
        yield _finding("no_legal_block", True, _("The sender's legal notice is not complete."), "newsletter")


def slot_name(key: str) -> str:
    """What the desk calls a slot that has no heading of its own."""
    names = {
        "lead": _("Lead"),
        "briefs": _("In brief"),
        "more": _("More to read"),
        "community": _("From the community"),
    }
    return names.get(key, key)


def _finding(name: str, blocks: bool, message: str, target: str) -> Finding:
    return Finding(rule=name, blocks=blocks, message=message, target=target)
