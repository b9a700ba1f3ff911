"""Drafts become articles: each piece once, whatever the number of times a source is read.

A piece is known again by its identity (guid, address or checksum), else by the place its address names, whatever
the scheme; within a feed also by its path after the site moved, and for two days by its title after the source
changed all its guids. An identity is what a source claims: what another source wrote under it is another piece.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from rapidfuzz import fuzz

from newsroom.articles import languages, links, pictures, text
from newsroom.articles.drafts import ArticleDraft
from newsroom.articles.models import Article, Author, Byline, Feed, FormerVersion, Picture, Section
from newsroom.articles.states import FeedRights, Origin, Review

SAME_TITLE_FOR = timedelta(days=2)
SAME_STORY = 60
"""How alike two titles must be, in percent of their words, for one address to mean one story."""


def take_in(
    draft: ArticleDraft,
    *,
    feed: Feed | None = None,
    rights: str = "",
    beside: frozenset[str] = frozenset(),
    at: datetime,
) -> tuple[Article, bool]:
    """The article of this draft, and whether it is new. A changed draft updates its article and keeps the former
    version; the article stays in the digest window where it was first seen, and withdrawn if it was withdrawn.

    rights: what may be kept of it, else the feed's, else everything. beside: identities that the same source still
    carries; what is among them is another piece, however alike. Raises PictureError, storing nothing.
    """
    draft = _allowed(draft, rights or (feed.rights if feed else FeedRights.FULL))
    with transaction.atomic():
        draft, article = _known(draft, feed, beside, at)
        if article is None:
            try:
                with transaction.atomic():
                    return _create(draft, feed, at), True
            except IntegrityError:
                # Somebody else took the same piece in at this moment, or another one under its identity or slug.
                draft, article = _known(draft, feed, beside, at)
                if article is None:
                    return _create(draft, feed, at), True
        if _is_its_source(article, draft, feed):
            _bring_up_to_date(article, draft, feed, at)
        return article, False


def take_in_all(
    drafts: Sequence[ArticleDraft], *, feed: Feed | None = None, rights: str = "", at: datetime
) -> list[tuple[Article, bool]]:
    """All drafts of one source, or none of them if one fails; then relates them to each other."""
    beside = frozenset(name for draft in drafts for name in _identities(draft, feed))
    with transaction.atomic():
        taken = [take_in(draft, feed=feed, rights=rights, beside=beside, at=at) for draft in drafts]
        relate((article, draft.related) for (article, _), draft in zip(taken, drafts, strict=True))
    return taken


def relate(related: Iterable[tuple[Article, tuple[str, ...]]]) -> None:
    """Set the related articles by slug; a slug that is not here (yet) is passed over."""
    wanted = {article: slugs for article, slugs in related if slugs}
    found = Article.objects.in_bulk({slug for slugs in wanted.values() for slug in slugs}, field_name="slug")
    for article, slugs in wanted.items():
        article.related.set([found[slug] for slug in slugs if slug in found and found[slug] != article])


def _allowed(draft: ArticleDraft, rights: str) -> ArticleDraft:
    """What the source's rights leave of it. Not kept is safer than not shown."""
    match rights:
        case FeedRights.HEADLINE:
            return replace(
                draft,
                teaser="",
                body_html="",
                picture_url="",
                picture_path=None,
                picture_alt="",
                picture_credit="",
            )
        case FeedRights.TEASER:
            teaser = draft.teaser or text.opening(draft.body_html)
            return replace(draft, teaser=teaser, body_html="")
        case _:
            return draft


def known(draft: ArticleDraft, *, at: datetime) -> Article | None:
    """The article that this draft is about, wherever it came from, if we have it. Queries: at most 2."""
    return _known(draft, None, frozenset({draft.identity}), at)[1]


def _known(
    draft: ArticleDraft, feed: Feed | None, beside: frozenset[str], at: datetime
) -> tuple[ArticleDraft, Article | None]:
    """The article that this draft is about, and the draft under the identity that it has here.

    Queries: 1 for a piece that kept its identity, else up to 3.
    """
    identities = _identities(draft, feed)
    same = Article.objects.select_related("feed").in_bulk(identities, field_name="identity")
    for identity in reversed(identities):
        if identity in same and _is_one_source(same[identity], feed):
            return replace(draft, identity=identity), same[identity]
    if same:
        # Somebody else's piece has the identity; under it this one would be told as theirs, or theirs as this one.
        draft = replace(draft, identity=identities[-1])
    return draft, _moved(draft, feed, beside | same.keys(), at)


def _identities(draft: ArticleDraft, feed: Feed | None) -> tuple[str, ...]:
    """The identity that the draft claims, and the one that it gets within its feed where another source has that."""
    within = (links.identity(f"feed-{feed.pk}", draft.identity),) if feed else ()
    return draft.identity, *within


def _is_one_source(article: Article, feed: Feed | None) -> bool:
    """Whether what comes from there under the article's identity is this article.

    The desk's drafts, without a feed, are; so are those of one site's feeds, which share pieces, and those of a feed
    for an article that was imported from its site.
    """
    if feed is None or article.feed_id == feed.pk:
        return True
    return links.are_one_site(feed.url, article.feed.url if article.feed else article.canonical_url)


def _moved(draft: ArticleDraft, feed: Feed | None, beside: frozenset[str], at: datetime) -> Article | None:
    """The article that this draft is about under another identity than it had. Queries: at most 2."""
    others = Article.objects.exclude(identity__in=beside)
    path = links.path_of(draft.url)
    if len(path) > 1:
        for other in others.select_related("feed").filter(canonical_url__in=_spellings(draft.url)):
            is_alike = fuzz.token_sort_ratio(other.title, draft.title) >= SAME_STORY
            if is_alike and not _is_at_home_instead(feed, other):
                return other
    if feed is None:
        return None
    recent = Q(first_seen_at__gt=at - SAME_TITLE_FOR, first_seen_at__lte=at)
    same_path = (
        Q(canonical_url__endswith=path) | Q(canonical_url__endswith=f"{path}/")
        if len(path) > 1
        else Q(pk=None)
    )
    return others.filter(recent | same_path, feed=feed, title=draft.title).order_by("-first_seen_at").first()


def _is_at_home_instead(feed: Feed | None, article: Article) -> bool:
    """Whether the feed is of the site that the article names, while the article came from a stranger to it: who was
    first to tell a site's story must not keep the site's own words out."""
    if feed is None or article.feed is None:
        return False
    return links.are_one_site(feed.url, article.canonical_url) and not links.are_one_site(
        article.feed.url, article.canonical_url
    )


def _spellings(url: str) -> list[str]:
    """The ways in which one place may have been written down."""
    host_and_path = links.place(url)[2:]
    return [
        f"{scheme}://{www}{host_and_path}{end}"
        for scheme in ("https", "http")
        for www in ("", "www.")
        for end in ("", "/")
    ]


def _is_its_source(article: Article, draft: ArticleDraft, feed: Feed | None) -> bool:
    """Only the source that an article came from changes it: two sources of one piece would take turns for ever, and
    any feed could write under another's name. What came without a feed is adopted by one of its own site."""
    if feed is not None and article.feed_id == feed.pk:
        return True
    return article.feed_id is None and article.identity == draft.identity


def _bring_up_to_date(article: Article, draft: ArticleDraft, feed: Feed | None, at: datetime) -> None:
    checksum = _checksum(draft)
    if article.identity != draft.identity or (feed and article.feed_id is None):
        article.identity = draft.identity
        article.feed = article.feed or feed
        article.save(update_fields=["identity", "feed"])
    if article.checksum != checksum:
        _change(article, draft, checksum, at)


def _checksum(draft: ArticleDraft) -> str:
    """Of everything a reader would see change. A file's folder is no part of it, nor is the identity."""
    seen = {field.name: getattr(draft, field.name) for field in fields(draft) if field.name != "identity"}
    seen["picture_path"] = draft.picture_path.name if draft.picture_path else ""
    return hashlib.sha256("\x1f".join(f"{name}={value}" for name, value in seen.items()).encode()).hexdigest()


def _create(draft: ArticleDraft, feed: Feed | None, at: datetime) -> Article:
    article = Article(
        identity=draft.identity,
        slug=free_slug(draft.slug or draft.title),
        feed=feed,
        first_seen_at=at,
        checksum=_checksum(draft),
        picture=_picture(draft),
        embargo_until=draft.embargo_until,
    )
    _fill(article, draft, at)
    article.save()
    _sign(article, draft.authors)
    return article


def _change(article: Article, draft: ArticleDraft, checksum: str, at: datetime) -> None:
    FormerVersion.objects.create(
        article=article,
        title=article.title,
        teaser=article.teaser,
        body_html=article.body_html,
        checksum=article.checksum,
        replaced_at=at,
    )
    article.checksum = checksum
    article.changed_at = at
    article.picture = _picture(draft) or article.picture
    _fill(article, draft, at)
    article.save()
    _sign(article, draft.authors)


def _fill(article: Article, draft: ArticleDraft, at: datetime) -> None:
    feed = article.feed
    content = text.plain(draft.body_html)
    article.title = draft.title
    article.kicker = draft.kicker
    article.teaser = draft.teaser or text.opening(draft.body_html)
    article.body_html = draft.body_html
    article.headings = text.headings(draft.body_html)
    article.language = _language(draft, feed, content)
    article.words = draft.words or text.words(content)
    article.reading_minutes = text.reading_minutes(article.words, article.language, draft.stated_minutes)
    article.section = _section(draft.section) or (feed.section if feed else None)
    article.origin = feed.origin if feed else draft.origin
    article.review = _review(article, draft)
    article.picture_alt = draft.picture_alt
    article.picture_is_illustration = draft.picture_is_illustration
    article.rights_contact = draft.rights_contact or (feed.rights_contact if feed else "")
    article.canonical_url = draft.url if len(draft.url) <= 1000 else ""
    # A stamp of 2099 must not lead anything; a missing one is the moment we saw it.
    article.published_at = min(draft.published_at or (article.published_at if article.pk else at), at)


def _language(draft: ArticleDraft, feed: Feed | None, content: str) -> str:
    return draft.language or languages.guess(
        f"{draft.title} {draft.teaser} {content}", feed.language if feed else "de"
    )


def _review(article: Article, draft: ArticleDraft) -> str:
    """A submission starts unreviewed; what the desk has decided is not undone by reading the source again."""
    if article.origin != Origin.USER_SUBMISSION:
        return Review.NOT_NEEDED
    if article.pk and article.review != Review.NOT_NEEDED:
        return article.review
    return draft.review if draft.review in {Review.UNREVIEWED, Review.REVIEWED} else Review.UNREVIEWED


def _picture(draft: ArticleDraft) -> Picture | None:
    if draft.picture_path is None:
        return None
    return pictures.keep(
        draft.picture_path.read_bytes(),
        alt=draft.picture_alt,
        credit=draft.picture_credit,
        digital_source=draft.picture_source,
    )


def _section(slug: str) -> Section | None:
    if not slug:
        return None
    name = slug.replace("-", " ").capitalize()
    return Section.objects.get_or_create(slug=slug, defaults={"name_de": name, "name_en": name})[0]


def _sign(article: Article, names: tuple[str, ...]) -> None:
    """Put these names over the article, in this order."""
    authors = dict.fromkeys(author_named(name, feed=article.feed) for name in names)
    article.bylines.all().delete()
    Byline.objects.bulk_create(
        Byline(article=article, author=author, position=position) for position, author in enumerate(authors)
    )


def author_named(name: str, *, feed: Feed | None = None) -> Author:
    """The author of this name, written down at first sight.

    Whom the newsroom has introduced, a feed of others cannot sign for: there the name is told with the feed's host.
    """
    known = Author.objects.filter(name=name)
    if feed and feed.origin != Origin.STAFF and known.introduced().exists():
        host = links.place(feed.url)[2:].partition("/")[0]
        return author_named(f"{name[:60]} ({host[:57]})")
    if author := known.first():
        return author
    return Author.objects.create(name=name[:120], slug=_free(Author, text.slugify_german(name) or "author"))


def free_slug(words: str) -> str:
    """What an article with this headline is called in addresses, if nobody is called so yet. Queries: 1."""
    return _free(Article, text.slugify_german(words) or "article")


def _free(model: type[Article] | type[Author], slug: str) -> str:
    """The slug, or the slug with the first free number behind it. Queries: 1."""
    taken = set(model._default_manager.filter(slug__startswith=slug).values_list("slug", flat=True))
    number = 1
    candidate = slug
    while candidate in taken:
        number += 1
        candidate = f"{slug}-{number}"
    return candidate
