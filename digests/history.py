"""What a digest held after each edit: written with the edit, never changed, and what saves are compared with.

A version is the digest's own number. Its content is a sheet with the names of articles and of who signs the note, so
that it can be read when they are gone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from digests.merging import Sheet
from digests.models import Digest, DigestVersion, Pick
from newsroom.articles.models import Article, Author

WORDS = ("subject", "preheader", "note", "note_author", "note_by")
"""What the desk says of the digest as a whole; `note_author` is an author's number as text, as a form sends it."""
OVERRIDES = ("kicker", "title", "teaser", "crop", "alt", "link_label")
OWN = (*OVERRIDES, "picture", "label", "original", "let_stand")
TOLD = ("kicker", "title", "teaser")
EMPTY: Mapping[str, Any] = dict.fromkeys(OWN, "") | {"picture": None, "original": {}, "let_stand": []}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An article in a version: what it is called there, and who put it in."""

    article: int
    name: str
    source: str
    added_by: int | None


def original_of(article: Article) -> dict[str, str]:
    """The article's words as they are now, to be kept with its pick."""
    return {name: getattr(article, name) for name in TOLD}


def changed_since(pick: Pick) -> dict[str, tuple[str, str]]:
    """By field, what the article said when it was picked and what it says now, where that differs."""
    now = original_of(pick.article)
    return {
        name: (before, now[name]) for name, before in pick.original.items() if before != now.get(name, before)
    }


def cleaned(value: Any) -> Any:
    """A typed value as it is kept: browsers end lines in their own way."""
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else value


def sheet(digest: Digest, picks: Iterable[Pick]) -> Sheet:
    """The digest as it stands. Asks the database nothing."""
    ordered = sorted(picks, key=lambda pick: (pick.slot, pick.position, pick.pk))
    slots: dict[str, list[int]] = {slot["key"]: [] for slot in digest.slots}
    for pick in ordered:
        slots.setdefault(pick.slot, []).append(pick.pk)
    return Sheet(
        words=words(digest),
        picks={pick.pk: own(pick) for pick in ordered},
        slots=slots,
    )


def words(digest: Digest) -> dict[str, str]:
    held = {name: cleaned(getattr(digest, name)) for name in WORDS if name != "note_author"}
    return held | {"note_author": str(digest.note_author_id or "")}


def put_words(digest: Digest, wanted: Mapping[str, str]) -> None:
    """Write these words into the row. Queries: 1, and 1 more if another author signs: who is gone signs nothing."""
    for name, value in wanted.items():
        if name != "note_author":
            setattr(digest, name, value)
        elif value != str(digest.note_author_id or ""):
            digest.note_author = Author.objects.filter(pk=value).first() if value else None
    digest.save(update_fields=list(wanted))


def own(pick: Pick) -> dict[str, Any]:
    return {name: pick.picture_id if name == "picture" else cleaned(getattr(pick, name)) for name in OWN}


def begin(digest: Digest, *, number: int, at: datetime) -> None:
    """Before an edit: make sure that the version it starts from is on record. Queries: 1, and 2 more if it is not."""
    if not DigestVersion.objects.filter(digest=digest, number=number).exists():
        _write(digest, number=number, by=None, at=digest.created_at if number == 1 else at, act="")


def keep(digest: Digest, *, by: User | None, at: datetime, act: str) -> DigestVersion:
    """After an edit, within its transaction: write down what the digest holds now. Queries: 2."""
    return _write(digest, number=digest.version, by=by, at=at, act=act)


def keep_filled(digest: Digest, *, at: datetime, act: str) -> None:
    """After the plan filled a draft: a version of its own. The first is that of whoever built it. Queries: 3 or 4."""
    if not DigestVersion.objects.filter(digest=digest, number=digest.version).exists():
        _write(digest, number=digest.version, by=digest.created_by, at=at, act="")
        return
    digest.version += 1
    digest.save(update_fields=["version"])
    keep(digest, by=None, at=at, act=act)


def _write(digest: Digest, *, number: int, by: User | None, at: datetime, act: str) -> DigestVersion:
    picks = list(Pick.objects.filter(digest=digest).select_related("article").defer("article__body_html"))
    held = sheet(digest, picks)
    content = {
        "words": dict(held.words),
        "signed_by": digest.note_author.name if digest.note_author else "",
        "slots": {slot: list(keys) for slot, keys in held.slots.items()},
        "picks": {str(pick): dict(values) for pick, values in held.picks.items()},
        "entries": {
            str(pick.pk): {
                "article": pick.article_id,
                "name": pick.article.title,
                "source": pick.source,
                "added_by": pick.added_by_id,
            }
            for pick in picks
        },
    }
    return DigestVersion.objects.create(
        digest=digest, number=number, content=content, act=act[:200], made_by=by, made_at=at
    )


def sheet_of(version: DigestVersion) -> Sheet:
    """What the digest held then."""
    content = version.content
    return Sheet(
        # Those of a version from before a field was there do without it.
        words=dict.fromkeys(WORDS, "") | content["words"],
        picks={int(pick): {**EMPTY, **values} for pick, values in content["picks"].items()},
        slots=content["slots"],
    )


def entries_of(version: DigestVersion) -> dict[int, Entry]:
    """The articles of that version by pick."""
    return {int(pick): Entry(**values) for pick, values in version.content["entries"].items()}


def signed_by(version: DigestVersion) -> str:
    """The name of the author who signed the note then."""
    name: str = version.content.get("signed_by", "")
    return name


def entries(digest: Digest, picks: Collection[int]) -> dict[int, Entry]:
    """What the history last knew of these picks. Queries: 1, and none for no picks."""
    found: dict[int, Entry] = {}
    if not picks:
        return found
    for version in DigestVersion.objects.filter(digest=digest).order_by("number"):
        found |= {pick: entry for pick, entry in entries_of(version).items() if pick in picks}
    return found


def taken_out(digest: Digest, picks: Iterable[Pick]) -> tuple[set[int], set[str]]:
    """What the desk took out of a digest that now holds these picks, and the slots it took something out of.

    Only what a version that a person made no longer held, and none has held since: what was withdrawn left by itself,
    and may come back. Slots, too, that an article left for another one. Every edit is kept, so nothing else needs to
    be written down. Queries: 1.
    """
    kept = DigestVersion.objects.filter(digest=digest).order_by("number").values_list("content", "made_by")
    gone: set[int] = set()
    left: set[tuple[int, str]] = set()
    before: dict[int, str] = {}
    for content, made_by in kept:
        now = _places(content)
        if made_by:
            gone |= before.keys() - now.keys()
            left |= before.items() - now.items()
        gone -= now.keys()
        left -= now.items()
        before = now
    standing = {pick.article_id: pick.slot for pick in picks}
    gone -= standing.keys()
    left -= standing.items()
    return gone, {slot for article, slot in left if article in gone or article in standing}


def _places(content: Mapping[str, Any]) -> dict[int, str]:
    """By article of a version, its slot."""
    return {
        content["entries"][str(pick)]["article"]: slot
        for slot, order in content["slots"].items()
        for pick in order
    }


def version_of(digest: Digest, number: int) -> DigestVersion | None:
    return DigestVersion.objects.filter(digest=digest, number=number).select_related("made_by").first()


def since(digest: Digest, number: int) -> list[DigestVersion]:
    """That version and all after it, oldest first. Queries: 1."""
    later = DigestVersion.objects.filter(digest=digest, number__gte=number)
    return list(later.select_related("made_by").order_by("number"))


def who_changed(name: str, versions: Sequence[DigestVersion]) -> DigestVersion | None:
    """The last of the versions, oldest first, that changed the field of this name."""
    sheets = [sheet_of(version) for version in versions]
    for index in reversed(range(1, len(versions))):
        if sheets[index].value(name) != sheets[index - 1].value(name):
            return versions[index]
    return None
