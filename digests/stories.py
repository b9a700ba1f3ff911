"""A pick as readers see it: the desk's own words where it has any, the article's else, and every label it must carry.

A value made from rows already read; it asks the database nothing if the picks came with `with_stories`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db.models import OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from digests.models import Digest, Link, Pick
from digests.states import PickLabel
from newsroom.articles import cuts
from newsroom.articles.models import Article, Picture
from newsroom.articles.pictures import CUT_SHAPE
from newsroom.articles.states import Crop
from newsroom.mail import wire
from newsroom.web.tags import reading_time

MAILABLE_PICTURES = (".jpg", ".jpeg", ".png", ".gif")
"""Outlook for Windows shows neither WebP nor AVIF nor SVG."""

PICTURE_WIDTH = 552

PICTURED_SLOTS = ("lead",)
"""Where a mail shows pictures; elsewhere neither picture nor label of it stands."""


@dataclass(frozen=True, kw_only=True)
class StoryPicture:
    """A picture as a mail shows it: width and height in CSS pixels, shows: its alternative text without a label.

    label: what stands under a machine-made picture, whoever picked it.
    """

    url: str
    path: str
    alt: str
    shows: str
    width: int
    height: int
    caption: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """What one pick says in a mail, its text part and the archive."""

    pick_id: int
    number: int
    kicker: str
    title: str
    teaser: str
    url: str
    public_url: str
    byline: str
    reading_time: str
    link_label: str
    labels: tuple[str, ...]
    headings: tuple[str, ...]
    picture: StoryPicture | None
    language: str
    is_withdrawn: bool

    @property
    def indent(self) -> str:
        """As wide as `10. `, so that in the text part all of an item stands under its headline."""
        return " " * len(f"{self.number}. ")


def with_stories(picks: QuerySet[Pick]) -> QuerySet[Pick]:
    """Everything a story shows, and the newest link of each: 3 queries, whatever the number of picks."""
    newest = Link.objects.filter(pick=OuterRef("pk")).order_by("-id").values("pk")[:1]
    return (
        picks.select_related("article__picture", "article__section", "article__feed", "picture")
        .prefetch_related("article__bylines__author")
        .annotate(newest_link=newest)
    )


def picks_of(digest: Digest) -> list[Pick]:
    """The digest's picks with everything a story shows. Queries: 3, and none if whoever read the digest prefetched them."""
    read_already = getattr(digest, "_prefetched_objects_cache", {})
    return list(digest.picks.all() if "picks" in read_already else with_stories(digest.picks.all()))


def story(pick: Pick, *, number: int, urls: Mapping[int, str]) -> Story:
    """The pick in the active language; urls: where each pick's link leads, else the article's own address."""
    article, picture = pick.article, _picture(pick) if pick.slot in PICTURED_SLOTS else None
    return Story(
        pick_id=pick.pk,
        number=number,
        kicker=_clean(pick.kicker or article.kicker),
        title=_clean(pick.title or article.title),
        teaser=_clean(pick.teaser or article.teaser),
        url=urls.get(pick.pk) or article_url(article),
        public_url=article_url(article),
        byline=byline(article),
        reading_time=reading_time(article.reading_minutes),
        link_label=_clean(pick.link_label),
        labels=(*_again(pick), *labels(article, shows_picture=False)),
        headings=tuple(_clean(heading) for heading in article.headings[:4]),
        picture=picture,
        language=article.language,
        is_withdrawn=article.withdrawn_at is not None,
    )


def article_url(article: Article) -> str:
    """The public address: the source's own if the piece appeared elsewhere, else its page here."""
    return article.canonical_url or f"{settings.SITE_URL}{article.get_absolute_url()}"


def byline(article: Article) -> str:
    """`Von Thea Brandwald und Enno Weidlich`; the source's title if nobody is named."""
    names = [_clean(name) for name in article.byline]
    if not names:
        return _clean(article.feed.title) if article.feed and article.feed.title else ""
    # Translators: joins the last two authors: „Thea Brandwald und Enno Weidlich“
    joined = (
        names[0]
        if len(names) == 1
        else _("%(names)s and %(last)s") % {"names": ", ".join(names[:-1]), "last": names[-1]}
    )
    # Translators: „Von Thea Brandwald“
    return _("By %(names)s") % {"names": joined}


def labels(article: Article, *, shows_picture: bool) -> tuple[str, ...]:
    """What a reader must know beside the headline; no override removes it."""
    found = []
    if article.is_unreviewed:
        # Translators: „Nutzerbeitrag – ungeprüft“
        found.append(_("Reader submission – not reviewed"))
    elif article.is_submission:
        # Translators: „Nutzerbeitrag – von der Redaktion geprüft“
        found.append(_("Reader submission – reviewed by the newsroom"))
    if shows_picture and article.has_machine_picture:
        found.append(picture_label())
    return tuple(found)


def _again(pick: Pick) -> tuple[str, ...]:
    """Readers who had the article before see that there is news in it. A repeat says nothing."""
    # Translators: over an article that an earlier mail had and that was brought up to date: „Update“
    return (pgettext("label of an article", "Update"),) if pick.label == PickLabel.UPDATE else ()


def alt_of(pick: Pick) -> str:
    """What the picture of a pick shows, in the desk's words if it has any, without a label."""
    picture = pick.picture or pick.article.picture
    if picture is None:
        return ""
    return pick.alt or (picture.alt if pick.picture else pick.article.picture_alt or picture.alt)


def credit_of(pick: Pick) -> str:
    """Who made the picture of a pick; the feed's own word for its pictures is for those that came with its articles."""
    return pick.picture.credit.strip() if pick.picture else pick.article.picture_credit


def picture_label() -> str:
    """What stands directly under a machine-made picture, as on the article's own page."""
    return _("Picture: machine-made, for illustration only")


def _picture(pick: Pick) -> StoryPicture | None:
    picture = pick.picture or pick.article.picture
    if picture is None:
        return None
    return in_mail(
        picture,
        shows=alt_of(pick),
        credit=credit_of(pick),
        is_machine_made=picture.is_machine_made
        or (pick.picture is None and pick.article.has_machine_picture),
        width=PICTURE_WIDTH,
        crop=Crop(pick.crop) if pick.crop else None,
    )


def in_mail(
    picture: Picture,
    *,
    shows: str,
    credit: str,
    is_machine_made: bool,
    width: int,
    at_most: int = 0,
    crop: Crop | None = None,
) -> StoryPicture | None:
    """The picture so many pixels wide, or narrower so that it is not taller than at_most. Nothing if mails cannot show it.

    crop: the piece of it to show, cut on our side: Outlook for Windows knows no `object-fit`.
    """
    if picture.withdrawn_at or not picture.width or not picture.height:
        return None
    if not picture.file.name.lower().endswith(MAILABLE_PICTURES):
        return None
    across, down = CUT_SHAPE if crop else (picture.width, picture.height)
    path = cuts.url(picture, crop) if crop else picture.file.url
    height = width * down / across
    scale = min(1, at_most / height) if at_most else 1
    shows = alt = _clean(shows)
    if is_machine_made:
        # Translators: begins the alternative text of a machine-made picture: „Maschinell erzeugte Illustration: …“
        alt = (
            _("Machine-made illustration: %(alt)s") % {"alt": shows}
            if shows
            else _("Machine-made illustration")
        )
    return StoryPicture(
        url=f"{settings.SITE_URL}{path}",
        path=path,
        alt=alt,
        shows=shows,
        width=round(width * scale),
        height=round(height * scale),
        caption=_clean(credit),
        label=picture_label() if is_machine_made else "",
    )


def _clean(text: str) -> str:
    """Nothing that an editor or a source typed may look like a reader's slot."""
    return wire.strip_slots(text).strip()
