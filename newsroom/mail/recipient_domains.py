"""Whether a domain takes mail, as name servers say: asked by a worker before a letter goes to somebody unknown.

A letter to a domain that takes none bounces, and bounces are what senders are judged by. Never asked while a page loads:
it takes seconds, and how long would tell. Only what is certain holds a letter back; silence and faults do not.
"""

import logging
from collections.abc import Mapping

import dns.exception
import dns.resolver
from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from newsroom.mail.addresses import is_freemail
from newsroom.mail.errors import NameServerSilent

logger = logging.getLogger(__name__)

SECONDS = 2.0
_KNOWN_SECONDS = 60 * 60
_UNKNOWN_SECONDS = 5 * 60
# One that does not answer may be the domain's own, or ours: for so long nobody is asked, and letters go.
_PATIENCE_SECONDS = 30
_SILENT = "recipient-domains:silent"

TAKES_MAIL = ""
REASONS: Mapping[str, object] = {
    # Translators: Diese Domain gibt es nicht
    "no_domain": _("There is no such domain"),
    # Translators: Diese Domain nimmt ausdrücklich keine E‑Mails an
    "null_mx": _("The domain says that it takes no mail"),
    # Translators: Diese Domain hat keinen Mailserver
    "no_server": _("The domain has no mail server"),
}


def why_not(domain: str) -> str:
    """Why no mail can reach this domain, a key of REASONS; TAKES_MAIL if it can, or nobody knows.

    Within three times two seconds; an answer is kept for an hour, so that many sign-ups ask once.
    """
    if not settings.LOOK_UP_DOMAINS or is_freemail(domain):
        return TAKES_MAIL
    known = cache.get(_key(domain))
    if known is not None:
        return str(known)
    if cache.get(_SILENT):
        return TAKES_MAIL
    try:
        found, seconds = _ask(domain), _KNOWN_SECONDS
    except NameServerSilent:
        logger.warning("A name server did not answer whether a domain takes mail.")
        found, seconds = TAKES_MAIL, _UNKNOWN_SECONDS
    cache.set(_key(domain), found, seconds)
    return found


def known_why_not(domain: str) -> str:
    """The same as far as a worker asked within the hour: for pages, which ask nobody. TAKES_MAIL too if it did not."""
    return str(cache.get(_key(domain), TAKES_MAIL)) if settings.LOOK_UP_DOMAINS else TAKES_MAIL


def _key(domain: str) -> str:
    return f"recipient-domains:{domain}"


def _ask(domain: str) -> str:
    """RFC 5321 §5.1: the servers named, else the domain itself; RFC 7505: a single dot is neither."""
    try:
        servers = _records(domain, "MX")
        if servers:
            return TAKES_MAIL if any(server.split()[-1] != "." for server in servers) else "null_mx"
        is_a_server = _records(domain, "A") or _records(domain, "AAAA")
    except dns.resolver.NXDOMAIN:
        return "no_domain"
    return TAKES_MAIL if is_a_server else "no_server"


def _records(domain: str, kind: str) -> list[str]:
    """The records of this kind; none if the name has others. Raises NXDOMAIN, NameServerSilent."""
    try:
        answer = dns.resolver.resolve(f"{domain}.", kind, lifetime=SECONDS)
    except dns.resolver.NoAnswer:
        return []
    except dns.resolver.NXDOMAIN:
        raise
    except dns.exception.DNSException as error:
        if isinstance(error, dns.exception.Timeout):
            cache.set(_SILENT, True, _PATIENCE_SECONDS)
        raise NameServerSilent(domain) from error
    return [record.to_text() for record in answer]
