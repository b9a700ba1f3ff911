"""A digest made into mail: one function for preview, proof and hand-over, so that all three are the same bytes."""

import datetime as dt
import hashlib
import re
import textwrap
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import css_inline
from django.conf import settings
from django.template import Context
from django.template.loader import render_to_string, select_template
from django.utils import translation
from django.utils.formats import date_format
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from digests import links
from digests.delivery import footers
from digests.mjml import mail_template
from digests.models import Digest, Plan
from digests.signatures import signature
from digests.states import Maker
from digests.stories import Story, picks_of, story
from newsroom.articles.text import plain, reading_minutes, words
from newsroom.mail import plain_text, wire
from newsroom.web.tags import reading_time

MAXIMUM_BYTES = 95_000
"""Gmail cuts a message near 100 kB of its own cleaned HTML; below this the footer with its leave link stays in sight."""

# The last three are those of templates written when the newsletter's language was everybody's.
READER_SLOTS = ("leave_url", "manage_url", "masked_address", *footers.SLOTS, "since", "place", "back")
LONGEST_VALUES = {
    "leave_url": "x" * 75,
    "manage_url": "x" * 85,
    "masked_address": "x" * 60,
    "reader_language": "x" * 8,
    "why": "x" * 280,
    "why_end": "x" * 120,
    "manage_label": "x" * 40,
    "leave_label": "x" * 20,
    "since": "x" * 20,
    "place": "x" * 40,
    "back": "x" * 60,
}

_inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A slot with its stories, as templates show it."""

    key: str
    title: str
    stories: tuple[Story, ...]
    template: str
    text_template: str
    left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """What goes out, with slots where a reader's own values stand, and what the archive shows."""

    subject: str
    preheader: str
    html: str
    text: str
    web_html: str
    language: str

    @property
    def content_hash(self) -> str:
        """SHA-256 over everything a reader can see; equal for equal input."""
        parts = (self.subject, self.preheader, self.html, self.text, self.web_html, self.language)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def html_bytes(self) -> int:
        """Size of the HTML part with the longest links a reader can get."""
        return len(wire.fill_slots(self.html, LONGEST_VALUES, html=True).encode())

    def filled(self, values: Mapping[str, str]) -> tuple[str, str]:
        """HTML and text as a reader with these values gets them; for previews."""
        return wire.fill_slots(self.html, values, html=True), wire.fill_slots(self.text, values, html=False)


def render(digest: Digest, *, by_plan: bool | None = None) -> Rendered:
    """Render the digest as it stands. Pure: the same rows give the same bytes. Queries: 4, whatever the picks.

    A digest too large for an inbox loses stories from the end of its long slots, with a line that
    says how many more are on the web, until it is at most MAXIMUM_BYTES.
    by_plan: whether the plan itself releases it; None: as it was released, which is 1 query once it was.
    """
    language = digest.newsletter.language
    with translation.override(language):
        slots = _slots(digest)
        context = _context(digest, slots) | {"automatic_label": automatic_label(digest, by_plan=by_plan)}
        # The web has room for all of them.
        web_html = render_to_string("digests/web_version.html", context | {"slots": slots})
        while True:
            rendered = _rendered(digest, context | {"slots": slots}, web_html)
            if rendered.html_bytes <= MAXIMUM_BYTES or not (shorter := _shortened(slots)):
                return rendered
            slots = shorter


def maker(digest: Digest, *, by_plan: bool | None = None) -> Maker:
    """Who put it together. by_plan: as for `render`."""
    if digest.is_automatic:
        return Maker.PLAN
    if digest.is_released_by_plan if by_plan is None else by_plan:
        return Maker.PARTLY
    return Maker.DESK


def automatic_label(digest: Digest, *, by_plan: bool | None = None) -> str:
    """What readers are told where no person put the digest together, or none released it; nothing else."""
    match maker(digest, by_plan=by_plan):
        case Maker.PLAN:
            return _("Put together automatically")
        case Maker.PARTLY:
            # Translators: die Redaktion hat angefangen, der Sendeplan hat ergänzt und freigegeben
            return _("Put together partly automatically")
        case Maker.DESK:
            return ""


def digest_date(digest: Digest) -> dt.date:
    """The date in the masthead: when the plan wants it sent, else when its window closes, where the newsroom is."""
    plan = Plan.of(digest.newsletter, digest.cadence)
    zone = ZoneInfo(plan.zone if plan else settings.TIME_ZONE)
    return (digest.due_at or digest.window_end).astimezone(zone).date()


def web_url(digest: Digest) -> str:
    return f"{settings.SITE_URL}{digest.get_absolute_url()}" if digest.number else settings.SITE_URL


def render_in_frame(digest: Digest, *, subject: str, preheader: str, html: str, text: str) -> Rendered:
    """Other words to this digest's readers, between the same head and foot. html is trusted: clean it before.

    Queries: 1, for the plan's zone.
    """
    frame = copy(digest)
    frame.note = frame.note_by = ""
    frame.note_author = None
    with translation.override(digest.newsletter.language):
        context = _context(frame, []) | {
            "subject": _one_line(subject),
            "preheader": _one_line(preheader),
            "total_time": "",
            "note": mark_safe(wire.strip_slots(html)),  # noqa: S308 — the caller's promise
            "note_text": wire.strip_slots(text),
            "slots": [],
        }
        return _rendered(frame, context, "")


def _context(digest: Digest, slots: list[Slot]) -> dict[str, Any]:
    newsletter, sender = digest.newsletter, digest.newsletter.sender
    stories = [story for slot in slots for story in slot.stories]
    note = links.note_html(digest.note)
    mailed_note = links.led_elsewhere(note, links.urls_of_note(digest))
    opening = textwrap.shorten(stories[0].teaser, 100, placeholder=" …") if stories else ""
    return {
        "subject": _one_line(digest.subject) or (stories[0].title if stories else newsletter.name),
        "preheader": _one_line(digest.preheader) or opening,
        "total_time": reading_time(_minutes(digest, stories)),
        "digest": digest,
        "newsletter": newsletter,
        "sender": sender,
        "language": newsletter.language,
        "direction": "rtl" if translation.get_language_bidi() else "ltr",
        "date": date_format(
            digest_date(digest), "l, j. F Y" if newsletter.language.startswith("de") else "l, j F Y"
        ),
        "note": mark_safe(mailed_note),  # noqa: S308 — cleaned by note_html
        "public_note": mark_safe(note),  # noqa: S308 — cleaned by note_html
        "note_text": plain(links.ANCHOR.sub(_in_text, mailed_note)).replace("\n", "\n\n"),
        "signature": signature(digest),
        "web_url": web_url(digest),
        "subscribe_url": f"{settings.SITE_URL}{newsletter.get_absolute_url()}",
        "imprint_url": _absolute(sender.imprint_url),
        "privacy_url": _absolute(sender.privacy_url),
    } | {name: mark_safe(wire.slot(name)) for name in READER_SLOTS}  # noqa: S308 — our own marker


def _slots(digest: Digest) -> list[Slot]:
    """The digest's slots in their order, those without a story left out; stories are numbered through."""
    picks = picks_of(digest)
    urls = links.urls_of(picks)
    slots: list[Slot] = []
    number = 0
    for rule in digest.slots:
        stories = []
        for pick in picks:
            if pick.slot == rule["key"]:
                number += 1
                stories.append(story(pick, number=number, urls=urls))
        if stories:
            slots.append(
                Slot(
                    key=rule["key"],
                    title=rule["title"],
                    stories=tuple(stories),
                    template=_part(rule["key"], "html"),
                    text_template=_part(rule["key"], "txt"),
                )
            )
    return slots


def _rendered(digest: Digest, context: dict[str, Any], web_html: str) -> Rendered:
    slug = digest.newsletter.slug
    compiled = mail_template(f"email/by_newsletter/{slug}/digest.mjml", "email/digest/digest.mjml")
    text = select_template([f"email/by_newsletter/{slug}/digest.txt", "email/digest/digest.txt"])
    return Rendered(
        subject=context["subject"],
        preheader=context["preheader"],
        html=_inliner.inline(compiled.render(Context(context))),
        text=plain_text.wrap(text.render(context)),
        web_html=web_html,
        language=digest.newsletter.language,
    )


def _in_text(anchor: re.Match[str]) -> str:
    """A link of the note in the text part: the words, and where it leads unless they say so."""
    return anchor[2] if anchor[1] == anchor[2] else f"{anchor[2]} ({anchor[1]})"


def _minutes(digest: Digest, stories: list[Story]) -> int:
    """How long the mail itself takes, not the articles behind it: each of those says so beside its headline."""
    told = [digest.note, *(f"{story.title} {story.teaser} {' '.join(story.headings)}" for story in stories)]
    return reading_minutes(words(" ".join(told)), digest.newsletter.language)


def _one_line(text: str) -> str:
    return " ".join(wire.strip_slots(text).split())


def _shortened(slots: list[Slot]) -> list[Slot]:
    """One story less at the end of the last slot that can spare one; nothing if none can."""
    for index in reversed(range(len(slots))):
        slot = slots[index]
        if len(slot.stories) > 1:
            shorter = Slot(
                key=slot.key,
                title=slot.title,
                stories=slot.stories[:-1],
                template=slot.template,
                text_template=slot.text_template,
                left_out=slot.left_out + 1,
            )
            return [*slots[:index], shorter, *slots[index + 1 :]]
    return []


def _part(key: str, ending: str) -> str:
    names = [f"email/digest/slots/{key}.{ending}", f"email/digest/slots/briefs.{ending}"]
    return str(select_template(names).template.name)


def _absolute(url: str) -> str:
    return url if url.startswith(("https://", "http://")) else f"{settings.SITE_URL}{url}"
