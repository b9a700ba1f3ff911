"""Filling what the desk left empty. What the desk did stays as it is."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.utils import translation
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from digests import history, links
from digests.choosing import Caps, Choice, Place, choose
from digests.errors import WrongState
from digests.models import Digest, Pick, Plan
from digests.selection import best_of
from digests.selection.candidates import Candidate, candidates_for
from digests.selection.explaining import choices
from digests.states import DigestState, PickSource
from newsroom.articles.models import Article, read_bylines
from newsroom.articles.text import one_line


def fill(digest: Digest, *, at: datetime) -> list[Pick]:
    """Fill what is empty of a draft from its window; returns the new picks, each with its reasons.

    `digest.choices` then says of each candidate why it was taken or not.
    A slot without a pick is filled up to its maximum, one the desk began or emptied up to its minimum; picks of the
    desk stay where they are. Never taken: what the desk took out of this digest, what candidates holds back, a second
    article on one event, and more of a source, author or section than the plan's caps allow. Reader submissions go into the community slot only.
    A weekly best-of takes over what the desk wrote for its stories in the digests of the week.
    At most two of a section among lead and briefs, as long as there are others.
    """
    with transaction.atomic():
        draft = Digest.objects.select_for_update().filter(pk=digest.pk, state=DigestState.DRAFT).first()
        if draft is None:
            raise WrongState(_("Only a draft can be filled."), state=digest.state)
        # What became unfit since an earlier filling makes room; the desk's own picks are preflight's business.
        unfit = draft.picks.filter(source=PickSource.AUTOPILOT, article__withdrawn_at__isnull=False)
        gone, _rows = unfit.delete()
        picks = list(draft.picks.select_related("article").prefetch_related("article__bylines"))
        found = candidates_for(draft, at=at)
        gone_by_hand, begun = history.taken_out(draft, picks)
        usable = {each.article.pk: each for each in takeable(found, picks, but=gone_by_hand)}
        left_over = dict.fromkeys(gone_by_hand, "taken_out")
        places = list(
            choose(
                draft.slots,
                map(place_of, picks),
                (choice_of(each) for each in usable.values()),
                caps=caps_of(Plan.of(draft.newsletter, draft.cadence)),
                begun=begun,
                why_not=left_over,
            )
        )
        _note(
            digest, draft, found, picks, taken={key: slot for slot, _position, key in places}, left=left_over
        )
        words = best_of.carried(draft, [key for *_place, key in places]) if draft.is_best_of else {}
        made = Pick.objects.bulk_create(
            Pick(
                digest=draft,
                article=usable[key].article,
                slot=slot,
                position=position,
                source=PickSource.AUTOPILOT,
                reasons=dict(usable[key].reasons),
                **({"original": history.original_of(usable[key].article)} | words.get(key, {})),
            )
            for slot, position, key in places
        )
        links.place(draft, at=at)
        if made or gone:
            history.keep_filled(draft, at=at, act=_("The plan filled it."))
            digest.version = draft.version
        return made


def _note(
    digest: Digest,
    draft: Digest,
    found: Iterable[Candidate],
    picks: Iterable[Pick],
    *,
    taken: Mapping[int, str],
    left: Mapping[int, str],
) -> None:
    """Write down each choice. What an earlier filling took and the digest still has keeps its line."""
    mine = {pick.article_id for pick in picks if pick.source == PickSource.AUTOPILOT}
    kept = [line for line in draft.choices if line["slot"] and line["article"] in mine]
    digest.choices = kept + choices(found, picks=picks, taken=taken, left_over=left)
    digest.save(update_fields=["choices"])


def name(digest: Digest, *, at: datetime) -> None:
    """Give a draft that nobody gave a subject or preheader the headlines of its first stories, as a version of its own.

    Nothing is written if it has both, or no stories. Queries: none, or at most 6.
    """
    if digest.subject and digest.preheader:
        return
    order = {slot["key"]: position for position, slot in enumerate(digest.slots)}
    picks = [pick for pick in digest.picks.select_related("article") if pick.slot in order]
    picks.sort(key=lambda pick: order[pick.slot])
    titles = [one_line(pick.title or pick.article.title) for pick in picks]
    headline = " ".join(titles[:1])
    if digest.is_best_of and headline:
        with translation.override(digest.newsletter.language):
            # Translators: „Das Beste der Woche: Die Fähre fährt wieder“
            headline = _("The best of the week: %(title)s") % {"title": headline}
    subject = digest.subject or Truncator(headline).chars(200)
    preheader = digest.preheader or Truncator(" · ".join(titles[1:4])).chars(200)
    if (subject, preheader) == (digest.subject, digest.preheader):
        return
    with transaction.atomic():
        history.begin(digest, number=digest.version, at=at)
        digest.subject, digest.preheader, digest.version = subject, preheader, digest.version + 1
        digest.save(update_fields=["subject", "preheader", "version"])
        history.keep(digest, by=None, at=at, act=_("The plan gave it a subject."))


def takeable(
    found: Iterable[Candidate], picks: Iterable[Pick], *, but: Collection[int] = ()
) -> list[Candidate]:
    """The candidates that nothing holds back and the digest does not have, their authors read. Queries: 1.

    but: articles that the desk took out.
    """
    had = {pick.article_id for pick in picks} | set(but)
    usable = [each for each in found if not each.held_back and each.article.pk not in had]
    read_bylines(each.article for each in usable)
    return usable


def choice_of(candidate: Candidate) -> Choice:
    article = candidate.article
    return Choice(
        key=article.pk,
        section=article.section_id,
        is_submission=article.is_submission,
        source=article.feed_id,
        authors=_authors(article),
        cluster=article.cluster_id,
        may_open=_may_open(article),
    )


def _may_open(article: Article) -> bool:
    """Whether preflight would let its picture through: described, and its maker named or a machine."""
    picture = article.picture
    if picture is None or picture.withdrawn_at is not None:
        return True
    is_described = bool(article.picture_alt or picture.alt)
    return is_described and (article.has_machine_picture or bool(article.picture_credit))


def place_of(pick: Pick) -> Place:
    article = pick.article
    return Place(
        slot=pick.slot,
        section=article.section_id,
        source=article.feed_id,
        authors=_authors(article),
        cluster=article.cluster_id,
    )


def caps_of(plan: Plan | None) -> Caps:
    if plan is None:
        return Caps()
    return Caps(source=plan.cap_source, author=plan.cap_author, section=plan.cap_section)


def _authors(article: Article) -> tuple[int, ...]:
    return tuple(byline.author_id for byline in article.bylines.all())
