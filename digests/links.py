"""Links of a digest: placed as it is put together, the same for every reader, repointed by one UPDATE when a target moves."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from html import unescape
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db.models import Aggregate, F, JSONField, OuterRef, QuerySet, Subquery
from django.utils.html import escape
from django.utils.translation import gettext as _

from digests.errors import BadAddress, LinkMoved
from digests.models import Digest, Link, Pick
from digests.stories import article_url
from newsroom.articles.text import markdown_to_html, plain, strip_unwanted
from newsroom.mail.wire import strip_slots
from newsroom.web.tokens import TokenKind, link_url, read

MOST_CHARACTERS: Final = 1_000
ANCHOR: Final = re.compile(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', re.DOTALL)
"""A link as `markdown_to_html` writes it: address and words, both as HTML."""
_ADDRESS: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?(?://)?[^\s/]+\.[^\s/]{2,}(?:/\S*)?", re.IGNORECASE)
"""Words that look like an address, `www.example.org/plan` among them."""
_OF_NOTE: Final = "links_of_note"
_is_web_address = URLValidator(schemes=["http", "https"])


def place(digest: Digest, *, at: datetime) -> Mapping[int, str]:
    """Make sure that every pick has a link to its article's present address, and the note its own; returns `urls`.

    Safe to repeat. Queries: 3, and 2 more with links in the note, whatever the number of picks.
    """
    picks = digest.picks.select_related("article")
    made = [
        Link(digest=digest, pick=pick, url=url, current_url=url, created_at=at)
        for pick in picks
        for url in [article_url(pick.article)]
    ]
    # A link placed by an earlier proof stays as it is, so that links in mails already tested keep their repointing.
    Link.objects.bulk_create(made, ignore_conflicts=True)
    if may_have_links(digest.note):
        place_of_note(digest, at=at)
    return urls(digest)


def place_of_note(digest: Digest, *, at: datetime) -> None:
    """Make sure that each web address to which the note leads has a link, and that no other has one.

    To be called before the digest is proofed, and as often as the note changes: a note is saved while its addresses
    are still being typed. Queries: 2, and 1 more if links go.
    """
    wanted = [
        url for url, words in in_note(digest.note).items() if _is_sound(url) and not _ADDRESS.fullmatch(words)
    ]
    Link.objects.filter(digest=digest, pick=None).exclude(url__in=wanted).delete()
    made = [Link(digest=digest, url=url, current_url=url, created_at=at) for url in wanted]
    Link.objects.bulk_create(made, ignore_conflicts=True)
    vars(digest).pop(_OF_NOTE, None)  # what was read before


def with_links_of_note(digests: QuerySet[Digest]) -> QuerySet[Digest]:
    """Each knows the links of its note, so that `urls_of_note` asks the database nothing. Within the query."""
    own = Link.objects.filter(digest=OuterRef("pk"), pick=None).order_by()
    by_url = own.values("digest").annotate(by_url=_Mapping("url", "pk")).values("by_url")
    return digests.annotate(**{_OF_NOTE: Subquery(by_url)})


class _Mapping(Aggregate):
    """Pairs of all rows as one JSON object."""

    function = "JSONB_OBJECT_AGG"
    arity = 2
    output_field = JSONField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="JSON_GROUP_OBJECT", **context)


def urls(digest: Digest) -> dict[int, str]:
    """The redirect address per pick, of its newest link; nothing for picks not placed yet. One query."""
    placed = Link.objects.filter(digest=digest, pick__isnull=False).order_by("id")
    return {pick_id: link_url(link_id) for pick_id, link_id in placed.values_list("pick_id", "id") if pick_id}


def urls_of_note(digest: Digest) -> dict[str, str]:
    """The redirect address by the address as the note has it.

    One query; none for a note without links, and for a digest read `with_links_of_note`.
    """
    if not may_have_links(digest.note):
        return {}
    placed = Link.objects.filter(digest=digest, pick=None).values_list("url", "id")
    known = dict(vars(digest)[_OF_NOTE] or {}) if _OF_NOTE in vars(digest) else dict(placed)
    return {url: link_url(link_id) for url, link_id in known.items()}


def may_have_links(note: str) -> bool:
    """Whether it is worth a closer look: in Markdown no link does without one of these."""
    return "[" in note or "<" in note


def note_html(note: str) -> str:
    """An editor's note as HTML for mails: what leads to a page of this site names the site."""
    return markdown_to_html(strip_slots(note), base=settings.SITE_URL) if note.strip() else ""


def in_note(note: str) -> dict[str, str]:
    """The addresses to which an editor's note leads, each with the words it stands under first."""
    if not may_have_links(note):
        return {}
    found: dict[str, str] = {}
    for url, words in ANCHOR.findall(note_html(note)):
        found.setdefault(unescape(url), plain(words))
    return found


def urls_of(picks: Iterable[Pick]) -> dict[int, str]:
    """As `urls`, for picks that were read `with_stories`. Asks the database nothing."""
    newest: dict[int, int | None] = {pick.pk: vars(pick)["newest_link"] for pick in picks}
    return {pick: link_url(link) for pick, link in newest.items() if link}


def led_elsewhere(html: str, urls: Mapping[str, str]) -> str:
    """What `markdown_to_html` wrote, with its links to addresses that are named here leading to what is named for them."""

    def anchor(found: re.Match[str]) -> str:
        # Who reads an address and is led to another one thinks of fraud, and so do mail programs.
        url = None if _ADDRESS.fullmatch(plain(found[2])) else urls.get(unescape(found[1]))
        return found[0].replace(f'"{found[1]}"', f'"{escape(url)}"', 1) if url else found[0]

    return ANCHOR.sub(anchor, html) if urls else html


def name_of(link: Link, note: str) -> str:
    """What a person calls it: the story's headline, or the words in the editor's note. Asks the database nothing."""
    if link.pick:
        return link.pick.title or link.pick.article.title
    return in_note(note).get(link.url) or link.url


def find(token: str) -> Link:
    """The link of this token, with its digest's state. Raises BadToken or Link.DoesNotExist. One query."""
    known = Link.objects.select_related("digest").only("current_url", "digest__state")
    return known.get(pk=read(TokenKind.LINK, token))


def of_digest(digest: Digest) -> QuerySet[Link]:
    """The links in the digest's mails with their stories: those of the note, then by position in the slot."""
    return (
        Link.objects.filter(digest=digest)
        .select_related("pick__article")
        .order_by(F("pick__position").asc(nulls_first=True), "pk")
    )


def repoint(link: Link, *, url: str) -> str:
    """Let the link lead elsewhere from now on, in mails already sent too; returns where it led.

    The address as proofed stays on record. Raises BadAddress, and LinkMoved if it leads elsewhere than when it
    was read. Queries: 1.
    """
    before = link.current_url
    address = checked_address(url)
    if Link.objects.filter(pk=link.pk, current_url=before).update(current_url=address) != 1:
        raise LinkMoved
    link.current_url = address
    return before


def checked_address(url: str) -> str:
    """The address, if a reader may be sent there: a web address of a host, without credentials, none of our redirects.

    Raises BadAddress with a sentence for whoever typed it.
    """
    typed = strip_unwanted(url).strip()
    try:
        _is_web_address(typed)
        parts = urlsplit(typed)
    except (ValidationError, ValueError) as error:
        raise BadAddress(_("Enter a whole web address that begins with https:// or http://.")) from error
    if len(typed) > MOST_CHARACTERS:
        raise BadAddress(_("This address is too long."))
    if parts.username is not None or parts.password is not None:
        raise BadAddress(_("An address with a name or a password in it would tell it to every reader."))
    if f"{parts.scheme}://{parts.netloc}".lower() == settings.SITE_URL.lower() and parts.path.startswith(
        "/r/"
    ):
        raise BadAddress(_("This is a link of a mail itself; enter where it should lead."))
    return typed


def _is_sound(url: str) -> bool:
    """Whether we may lead readers there ourselves. Any other address, one for mail too, stays in the note as it is."""
    try:
        return checked_address(url) == url
    except BadAddress:
        return False
