"""Rules about the stories: may they be shown, do they lead somewhere, are they what was picked."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from digests import dead_links, history
from digests.doubles import day_of, event_stands, listed
from digests.models import Digest, Pick
from digests.preflight.registry import Desk, Finding, Flaws, advises, blocks, named, target_of
from digests.states import LinkState
from digests.stories import article_url
from newsroom.web.tags import short_day, short_time

UNTOLD_SLOTS = ("more",)
"""Where a mail shows headlines alone."""


@blocks("withdrawn")
def stories_still_stand(desk: Desk) -> Flaws:
    for pick in desk.picks:
        if pick.article.withdrawn_at:
            yield _("“%(title)s” was withdrawn. Take it out.") % named(pick), target_of(pick)


@blocks("embargoed")
def embargoes_are_over(desk: Desk) -> Flaws:
    """Over when readers get it, which may be hours after the proof."""
    if not desk.has_a_time:
        return
    for pick, until in _embargoed(desk):
        message = _(
            "“%(title)s” is under embargo until %(time)s, and this digest goes out before. Take it out, or stop the digest and schedule it for then."
        )
        yield message % {**named(pick), "time": until}, target_of(pick)


@advises("embargo_ahead")
def embargoes_end_in_time(desk: Desk) -> Flaws:
    """While nothing sends it by itself, the desk may still choose a later time than the plan's."""
    if desk.has_a_time:
        return
    for pick, until in _embargoed(desk):
        message = _(
            "“%(title)s” is under embargo: the digest can go out from %(time)s on. Schedule it for then or later, or take the story out."
        )
        yield message % {**named(pick), "time": until}, target_of(pick)


def _embargoed(desk: Desk) -> Iterator[tuple[Pick, str]]:
    """The picks that may not be told yet when it goes out, and until when, by the newsroom's clock."""
    for pick in desk.picks:
        until = pick.article.embargo_until
        if until and until > desk.goes_out_at:
            yield pick, short_time(until, desk.at)


def too_early(digest: Digest, *, when: datetime) -> list[Finding]:
    """What may not be told yet if the digest goes out at this time. Queries: 1."""
    message = _(
        "“%(title)s” is under embargo until %(time)s: choose that time or a later one, or take it out."
    )
    picks = Pick.objects.filter(digest=digest, article__embargo_until__gt=when).select_related("article")
    return [
        Finding(
            rule="embargoed",
            blocks=True,
            message=message % {**named(pick), "time": short_time(until)},
            target=target_of(pick),
        )
        for pick in picks.defer("article__body_html")
        if (until := pick.article.embargo_until)
    ]


@blocks("unreviewed")
def submissions_are_reviewed(desk: Desk) -> Flaws:
    for pick in desk.picks:
        if pick.article.is_unreviewed:
            message = _("“%(title)s” is a reader submission that nobody reviewed.")
            yield message % named(pick), target_of(pick)


@blocks("rights_notice")
def nobody_objects(desk: Desk) -> Flaws:
    for pick in desk.picks:
        if pick.article.rights_notice:
            message = _(
                "Somebody objects to “%(title)s”: its rights notice is open. Settle it on the article's page, or take it out."
            )
            yield message % named(pick), target_of(pick)


@blocks("other_language")
def stories_speak_the_newsletters_language(desk: Desk) -> Flaws:
    wanted = desk.digest.newsletter.language.partition("-")[0]
    for pick in desk.picks:
        if pick.article.language.partition("-")[0].lower() != wanted.lower():
            message = _("“%(title)s” is in another language. Take it out, or pick its translation.")
            yield message % named(pick), target_of(pick)


@blocks("repeated")
def repeats_say_so(desk: Desk) -> Flaws:
    for pick in desk.picks:
        if not pick.label and (sent := desk.past.sent.get(pick.article_id)):
            number, when = sent
            message = _(
                "“%(title)s” was in digest %(number)s on %(day)s. Mark it as a repeat or an update, or take it out."
            )
            said = {"number": number or "–", "day": short_day(when, desk.at)}
            yield message % {**named(pick), **said}, target_of(pick)


@advises("event_sent")
def events_are_new(desk: Desk) -> Flaws:
    """Another source may know more of what readers had already; they should not get the same twice."""
    for pick in desk.picks:
        former = desk.past.events.get(pick.article_id)
        if former and not event_stands(pick, former):
            # Translators: „Fähre fährt“: Vom selben Ereignis erzählte schon „Die Fähre“ am 3. Mai in Morgenpost 12. Kennzeichnen Sie ihn als Update, nehmen Sie ihn heraus oder lassen Sie ihn stehen.
            message = _(
                "“%(title)s”: “%(other)s” told of the same event on %(date)s in %(digest)s already. Mark it as an update, take it out, or let it stand."
            )
            told = {"other": former, "date": day_of(former.digest, desk.at), "digest": former.digest}
            yield message % {**named(pick), **told}, target_of(pick)


@blocks("dead_link")
def links_live(desk: Desk) -> Flaws:
    for pick in desk.picks:
        check = desk.link_checks.get(article_url(pick.article))
        if check and check.state == LinkState.DEAD:
            message = _("“%(title)s” leads nowhere (%(answer)s). Correct its address, or take it out.")
            yield message % {**named(pick), "answer": check.answer}, target_of(pick)


@advises("doubtful_link")
def links_answer(desk: Desk) -> Flaws:
    for pick in desk.picks:
        check = desk.link_checks.get(article_url(pick.article))
        if check and check.state == LinkState.DOUBTFUL:
            message = _("The page of “%(title)s” does not answer well (%(answer)s). Try it before sending.")
            yield message % {**named(pick), "answer": check.answer}, target_of(pick)


@advises("unchecked_link")
def links_were_looked_at(desk: Desk) -> Flaws:
    """Nobody knows yet whether they are dead. A glance reads no looks at links, so it cannot miss one."""
    if not desk.rendered:
        return
    unknown = set(dead_links.addresses(desk.digest, desk.picks)) - desk.link_checks.keys()
    if picks := [pick for pick in desk.picks if article_url(pick.article) in unknown]:
        # Translators: Diese Links sind noch nicht geprüft: %(titles)s. Das dauert einige Minuten.
        message = _("These links are not checked yet: %(titles)s. That takes a few minutes.")
        yield message % {"titles": listed(picks)}, target_of(picks[0])
    for url in dict.fromkeys(desk.note_links):
        if url in unknown:
            message = _("A link in the note is not checked yet: %(url)s.")
            yield message % {"url": url}, "id_note"


@advises("no_teaser")
def stories_are_told(desk: Desk) -> Flaws:
    for pick in desk.picks:
        if not (pick.teaser or pick.article.teaser) and pick.slot not in UNTOLD_SLOTS:
            yield _("“%(title)s” has no teaser.") % named(pick), target_of(pick)


@advises("original_changed")
def stories_are_what_was_picked(desk: Desk) -> Flaws:
    """The desk's own words may say what the article no longer says; else readers get words that nobody has read yet."""
    names = {"kicker": _("kicker"), "title": _("headline"), "teaser": _("teaser")}
    for pick in desk.picks:
        changed = history.changed_since(pick)
        if any(getattr(pick, name) for name in changed):
            message = _("“%(title)s” was changed since it was picked. See whether your own words still hold.")
            yield message % named(pick), target_of(pick)
        elif changed:
            message = _(
                "“%(title)s” was changed since it was picked (%(what)s), and readers get the new words. Look at them, then take them over or keep the old ones."
            )
            what = ", ".join(names[name] for name in changed)
            yield message % {**named(pick), "what": what}, target_of(pick)
