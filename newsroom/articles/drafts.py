"""What a source says about an article, before it is one: plain values that every kind of source is turned into."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsroom.articles.states import Origin, Review


@dataclass(frozen=True, kw_only=True)
class ArticleDraft:
    """An article as its source has it. `body_html` is clean; empty fields were not stated."""

    identity: str
    title: str
    body_html: str = ""
    teaser: str = ""
    kicker: str = ""
    authors: tuple[str, ...] = ()
    language: str = ""
    section: str = ""
    slug: str = ""
    url: str = ""
    published_at: datetime | None = None
    embargo_until: datetime | None = None
    stated_minutes: int | None = None
    words: int = 0
    origin: str = Origin.STAFF
    review: str = Review.NOT_NEEDED
    picture_path: Path | None = None
    picture_url: str = ""
    picture_alt: str = ""
    picture_credit: str = ""
    picture_source: str = ""
    picture_is_illustration: bool = False
    rights_contact: str = ""
    related: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FeedDraft:
    """A feed as read: its own facts and its articles, in its order."""

    title: str
    language: str
    minutes_to_live: int
    articles: tuple[ArticleDraft, ...]
    is_malformed: bool = False
