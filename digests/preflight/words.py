"""Rules about the digest's own words: subject, preheader, note."""

from django.utils.translation import gettext as _

from digests.models import LinkCheck
from digests.preflight.registry import Desk, Flaws, advises, blocks
from digests.states import LinkState

SUBJECT_LENGTH = 60
"""Phones show 40 to 50 characters of a subject, few programs more than 60."""

REPLIES = ("re:", "fwd:", "aw:", "wg:")


@blocks("no_subject")
def subject_is_there(desk: Desk) -> Flaws:
    if not desk.digest.subject.strip():
        yield _("The subject is missing."), "id_subject"


@advises("long_subject")
def subject_fits(desk: Desk) -> Flaws:
    if (length := len(desk.digest.subject)) > SUBJECT_LENGTH:
        message = _("The subject has %(number)d characters; phones show about 45.")
        yield message % {"number": length}, "id_subject"


@blocks("faked_reply")
def subject_is_honest(desk: Desk) -> Flaws:
    if desk.digest.subject.lower().startswith(REPLIES):
        yield _("The subject pretends to be a reply; mailbox providers punish that."), "id_subject"


@advises("same_headline")
def subject_is_news(desk: Desk) -> Flaws:
    subject = _folded(desk.digest.subject)
    if subject and subject in {_folded(desk.past.subject), _folded(desk.past.headline)}:
        yield (
            _("The last digest had the same headline. Readers may take this one for a repeat."),
            "id_subject",
        )


@advises("no_preheader")
def preheader_is_there(desk: Desk) -> Flaws:
    if not desk.digest.preheader.strip():
        yield _("The preheader is missing; inboxes show the lead's teaser instead."), "id_preheader"


@advises("preheader_repeats")
def preheader_says_more(desk: Desk) -> Flaws:
    subject, preheader = _folded(desk.digest.subject), _folded(desk.digest.preheader)
    if subject and preheader and (preheader.startswith(subject) or subject.startswith(preheader)):
        yield _("The preheader repeats the subject; let it tell what else is in."), "id_preheader"


@advises("no_note")
def note_is_there(desk: Desk) -> Flaws:
    if not desk.digest.note.strip():
        yield _("There is no note from the desk; a sentence or two make a digest personal."), "id_note"


@blocks("dead_link_in_note")
def links_of_the_note_live(desk: Desk) -> Flaws:
    for check in _checks(desk):
        if check.state == LinkState.DEAD:
            message = _("A link in the note leads nowhere: %(url)s (%(answer)s). Mend it or take it out.")
            yield message % {"url": check.url, "answer": check.answer}, "id_note"


def _checks(desk: Desk) -> list[LinkCheck]:
    return [desk.link_checks[url] for url in desk.note_links if url in desk.link_checks]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!?… ")
