"""What the world is told of a sender's domain: where its mail arrives, who may send for it, what to do with fakes.

Asks name servers, so it takes seconds: never while a page loads. DKIM is not among it, because its record stands
under a selector that only the provider and the mail itself know.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import dns.exception
import dns.resolver
from django.utils.translation import gettext as _

from newsroom.mail.errors import NameServerSilent

SECONDS = 3.0
MOST_DOMAINS = 10

Verdict = Literal["good", "doubtful", "bad", "unknown"]
Ask = Callable[[str, str], list[str]]


@dataclass(frozen=True, kw_only=True)
class DomainRecord:
    """One record of a domain and what to think of it. because: a word of ours; its sentences are in the reader's language."""

    domain: str
    name: str
    verdict: Verdict
    because: str
    text: str = ""

    @property
    def says(self) -> str:
        return f"{_words(self.because)[0]} {self.text}".strip()

    @property
    def remedy(self) -> str:
        return _words(self.because)[1]


def ask(name: str, kind: str) -> list[str]:
    """The records of this name and kind as texts, none if there are none. Raises NameServerSilent after three seconds."""
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise NameServerSilent(name) from error
    if kind == "TXT":
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
    return [record.to_text() for record in answer]


def look_up(domains: Iterable[str], *, ask: Ask = ask) -> list[DomainRecord]:
    """MX, SPF and DMARC of each domain, at most ten of them, side by side."""
    wanted = sorted(set(domains))[:MOST_DOMAINS]
    pairs = [(name, domain) for domain in wanted for name in _RULES]
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures = [pool.submit(_judged, name, domain, ask) for name, domain in pairs]
        return [future.result() for future in futures]


def _judged(name: str, domain: str, ask: Ask) -> DomainRecord:
    try:
        return _RULES[name](domain, ask)
    except NameServerSilent:
        return DomainRecord(domain=domain, name=name, verdict="unknown", because="silent")


def _mx(domain: str, ask: Ask) -> DomainRecord:
    servers = [record.split()[-1] for record in ask(domain, "MX")]
    # A single dot says that no mail is taken (RFC 7505).
    if any(server != "." for server in servers):
        return DomainRecord(
            domain=domain, name="MX", verdict="good", because="mx", text=", ".join(sorted(servers))
        )
    return DomainRecord(domain=domain, name="MX", verdict="bad", because="no_mx")


def _spf(domain: str, ask: Ask) -> DomainRecord:
    """RFC 7208: exactly one record."""
    found = [text for text in ask(domain, "TXT") if text.lower().split(" ")[0] == "v=spf1"]
    if len(found) > 1:
        return DomainRecord(domain=domain, name="SPF", verdict="bad", because="many_spf")
    if not found:
        return DomainRecord(domain=domain, name="SPF", verdict="doubtful", because="no_spf")
    if {"+all", "all"} & set(found[0].lower().split()):
        return DomainRecord(domain=domain, name="SPF", verdict="bad", because="open_spf", text=found[0])
    return DomainRecord(domain=domain, name="SPF", verdict="good", because="spf", text=found[0])


def _dmarc(domain: str, ask: Ask) -> DomainRecord:
    """RFC 7489 §6.6.3, with every domain above instead of a list of public suffixes."""
    for above in _above(domain):
        found = [text for text in ask(f"_dmarc.{above}", "TXT") if text.lower().startswith("v=dmarc1")]
        if len(found) > 1:
            return DomainRecord(domain=domain, name="DMARC", verdict="bad", because="many_dmarc")
        if found:
            return DomainRecord(domain=domain, name="DMARC", verdict="good", because="dmarc", text=found[0])
    return DomainRecord(domain=domain, name="DMARC", verdict="bad", because="no_dmarc")


def _above(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    yield from (".".join(labels[number:]) for number in range(max(1, len(labels) - 1)))


_RULES: dict[str, Callable[[str, Ask], DomainRecord]] = {"MX": _mx, "SPF": _spf, "DMARC": _dmarc}


def _words(because: str) -> tuple[str, str]:
    """What was found, and what to do about it."""
    known = {
        "silent": (_("The name server did not answer in time."), _("Look again later.")),
        "mx": (_("Mail to it arrives at"), ""),
        "no_mx": (
            _("No server takes mail for it."),
            _("Answers and bounces get lost, and some providers refuse such senders: add an MX record."),
        ),
        "spf": (_("Published:"), ""),
        "no_spf": (
            _("Nobody is named who may send for it."),
            _(
                "If bounces come back to an address of this domain, add the TXT record that your provider names "
                "(v=spf1 …)."
            ),
        ),
        "many_spf": (
            _("There are several SPF records, so none counts."),
            _("Put them together into one TXT record."),
        ),
        "open_spf": (_("It lets everybody send:"), _("End the record with ~all or -all.")),
        "dmarc": (_("Published:"), ""),
        "no_dmarc": (
            _("It does not say what becomes of fakes."),
            _(
                "Large mailbox providers refuse bulk mail without it: add a TXT record at _dmarc, “v=DMARC1; p=none” "
                "to begin with."
            ),
        ),
        "many_dmarc": (_("There are several DMARC records, so none counts."), _("Leave one of them.")),
    }
    return known[because]
