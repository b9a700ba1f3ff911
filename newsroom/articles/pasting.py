"""One article from an address that somebody at the desk pasted."""

import re
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from newsroom.articles import clustering, feeds, intake, pages
from newsroom.articles.errors import UnreachableSource
from newsroom.articles.models import Article
from newsroom.articles.states import FeedRights

_WEB = re.compile(r"https?://[^\s/]", re.IGNORECASE)


def take(address: str, *, at: datetime, allow: frozenset[str] = frozenset()) -> tuple[Article, bool]:
    """The article at this web address, and whether it is new; what is known already is found, not stored again.

    Of a stranger's page no more is kept than headline, teaser and picture. Fetches, up to 20 s: never within a
    transaction. allow: host:port pairs that may be fetched although they are private. Raises SourceError.
    """
    address = address.strip()
    if not _WEB.match(address):
        # Else it would be read as the name of a file on this machine.
        raise UnreachableSource(_("That is no web address; it begins with https://."), source=address)
    if own := _ours(address):
        return own, False
    drafts = pages.drafts(address, allow=allow)
    if len(drafts) != 1:
        raise UnreachableSource(
            _("There is a whole feed at this address; paste the address of one article."), source=address
        )
    if known := intake.known(drafts[0], at=at):
        return known, False  # as it is: whoever pastes an address does not mean to change our article
    [(article, is_new)] = intake.take_in_all(drafts, rights=FeedRights.TEASER, at=at)
    if is_new:
        feeds.fetch_pictures([(article, drafts[0])])
        clustering.group_new(at=at)
        article.refresh_from_db()
    return article, is_new


def _ours(address: str) -> Article | None:
    """The article whose page on this site the address is; no request of ours to ourselves."""
    parts, site = urlsplit(address), urlsplit(settings.SITE_URL)
    if parts.netloc != site.netloc:
        return None
    try:
        found = resolve(parts.path)
    except Resolver404:
        return None
    return Article.objects.filter(slug=found.kwargs["slug"]).first() if found.url_name == "article" else None
