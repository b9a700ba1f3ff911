"""What the world is told of a sender's domain: where its mail arrives, who may send for it, what to do with fakes.

Asks name servers, so it takes seconds: never while a page loads. The key that signatures are checked with (DKIM)
stands under a selector that only the provider and the mail itself know, so it must be named.
"""

import base64
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

import dns.exception
import dns.resolver
from django.utils.translation import gettext as _

from newsroom.mail.errors import NameServerSilent

SECONDS = 3.0
MOST_DOMAINS = 10
ALL_DOMAINS = ""
"""Among selectors: those that hold for every domain we send from."""

_SHORTEST_KEY = 150
_LONG_KEY = 290
"""Bytes of an RSA key as published: one of 1024 bits has 162, one of 2048 has 294. Shorter than the first, no mailbox
provider may take it (RFC 8301 §3.2)."""

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


Rule = Callable[[str, Ask], DomainRecord]


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


def look_up(
    domains: Iterable[str], *, selectors: Mapping[str, Sequence[str]], ask: Ask = ask
) -> list[DomainRecord]:
    """MX, SPF, DMARC and DKIM of each domain, at most ten of them, side by side.

    selectors: by domain, and under ALL_DOMAINS, where the keys stand that sign the mail.
    """
    wanted = sorted(set(domains))[:MOST_DOMAINS]
    rules = [
        (domain, name, rule)
        for domain in wanted
        for name, rule in {**_RULES, **_keys(domain, selectors)}.items()
    ]
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures = [pool.submit(_judged, rule, name, domain, ask) for domain, name, rule in rules]
        return [future.result() for future in futures]


def _judged(rule: Rule, name: str, domain: str, ask: Ask) -> DomainRecord:
    try:
        return rule(domain, ask)
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


_RULES: dict[str, Rule] = {"MX": _mx, "SPF": _spf, "DMARC": _dmarc}


def _keys(domain: str, selectors: Mapping[str, Sequence[str]]) -> dict[str, Rule]:
    """A rule for each selector of the domain; one that says so if there is none."""
    named = [*selectors.get(domain, ()), *selectors.get(ALL_DOMAINS, ())]
    if not named:
        return {"DKIM": _no_selector}
    return {f"DKIM ({selector})": partial(_dkim, selector) for selector in dict.fromkeys(named)}


def _no_selector(domain: str, ask: Ask) -> DomainRecord:
    return DomainRecord(domain=domain, name="DKIM", verdict="unknown", because="no_selector")


def _dkim(selector: str, domain: str, ask: Ask) -> DomainRecord:
    """RFC 6376 §3.6.1: one record with a key that can be read; without one every signature is worth nothing."""
    found = [text for text in ask(f"{selector}._domainkey.{domain}", "TXT") if "p=" in text.lower()]
    verdict, because = _of_keys(found)
    return DomainRecord(
        domain=domain,
        name=f"DKIM ({selector})",
        verdict=verdict,
        because=because,
        text=textwrap.shorten(found[0], 80, placeholder=" …") if verdict == "good" else "",
    )


def _of_keys(records: Sequence[str]) -> tuple[Verdict, str]:
    """What the key records under a selector are worth, and the word for it."""
    match records:
        case [record]:
            return _of_key(record)
        case []:
            return "bad", "no_dkim"
        case _:
            return "bad", "many_dkim"


def _of_key(record: str) -> tuple[Verdict, str]:
    tags = {
        name.strip().lower(): "".join(value.split())
        for name, _sign, value in (part.partition("=") for part in record.split(";"))
    }
    if tags.get("v", "DKIM1") != "DKIM1":
        return "bad", "broken_dkim"
    if not tags.get("p"):
        return "bad", "revoked_dkim"
    try:
        key = base64.b64decode(tags["p"], validate=True)
    except ValueError:  # not ASCII, or not base64
        return "bad", "broken_dkim"
    if not _is_key(key, tags.get("k", "rsa").lower()):
        return "bad", "broken_dkim"
    if "y" in tags.get("t", "").split(":"):
        return "doubtful", "tested_dkim"
    if tags.get("k", "rsa").lower() == "rsa" and len(key) < _LONG_KEY:
        return "bad" if len(key) < _SHORTEST_KEY else "doubtful", "short_dkim"
    return "good", "dkim"


def _is_key(key: bytes, kind: str) -> bool:
    """An Ed25519 key is 32 bytes as they are (RFC 8463 §4); one of RSA is a DER sequence as long as it says."""
    if kind == "ed25519":
        return len(key) == 32
    if kind != "rsa" or key[:1] != b"\x30" or len(key) < 4:
        return False
    octets = key[1] & 0x7F if key[1] & 0x80 else 0
    length = int.from_bytes(key[2 : 2 + octets]) if octets else key[1]
    return length == len(key) - 2 - octets


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
        "dkim": (_("Published:"), ""),
        "no_selector": (
            _("No selector is set, so nobody looked whether the mail’s signatures can be checked."),
            _(
                "Name the selectors that your provider signs with in DKIM_SELECTORS. Until then send yourself a test "
                "and look for “dkim=pass” in its headers."
            ),
        ),
        "no_dkim": (
            _("No key is published under this selector: signatures cannot be checked."),
            _(
                "Large mailbox providers refuse bulk mail without a valid signature: add the TXT or CNAME record that "
                "your provider names, or mend DKIM_SELECTORS."
            ),
        ),
        "many_dkim": (
            _("There are several keys under this selector, so none counts."),
            _("Leave one of them."),
        ),
        "broken_dkim": (
            _("What is published under this selector is no key that can be read."),
            _("Copy the record from your provider anew, whole and without line breaks."),
        ),
        "revoked_dkim": (
            _("The key under this selector is withdrawn: its signatures fail."),
            _("Ask your provider which selector is in use now, and name it in DKIM_SELECTORS."),
        ),
        "tested_dkim": (
            _("The key says that it is only a test; signatures that fail are let pass."),
            _("Take “t=y” out of the record once all is well."),
        ),
        "short_dkim": (
            _("The key is short: 2048 bits are usual."),
            _("Have your provider make a longer one."),
        ),
        "many_dmarc": (_("There are several DMARC records, so none counts."), _("Leave one of them.")),
    }
    return known[because]
