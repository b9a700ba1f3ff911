"""What the columns of other systems' files mean, and which words they use for who reads, left or bounced."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from subscriptions.errors import TransferError
from subscriptions.states import SuppressionReason

# Our names for what a column can hold, in the order in which a person is offered them.
FIELDS: Final[Mapping[str, object]] = {
    "address": gettext_lazy("address"),
    "state": gettext_lazy("state"),
    "newsletter": gettext_lazy("newsletter"),
    "language": gettext_lazy("language"),
    "source": gettext_lazy("signed up at"),
    "requested_at": gettext_lazy("requested"),
    "confirmed_at": gettext_lazy("confirmed"),
    "unsubscribed_at": gettext_lazy("unsubscribed"),
    # Translators: Bounce seit (Zeit)
    "cleaned_at": gettext_lazy("bounced since"),
    # Translators: Abgeschaltet (ja oder nein)
    "disabled": gettext_lazy("switched off (yes or no)"),
    # Translators: Bekommt Mail (ja oder nein)
    "receives": gettext_lazy("gets mail (yes or no)"),
    # Translators: Wie oft (each: jede Ausgabe, weekly: das Beste der Woche)
    "cadence": gettext_lazy("how often (each or weekly)"),
    "paused_until": gettext_lazy("paused until"),
    # Translators: Rechtsgrundlage (double_opt_in oder imported)
    "basis": gettext_lazy("legal basis (double_opt_in or imported)"),
    # Translators: Wortlaut der Einwilligung | Eingewilligt am | Eingewilligt wo
    "agreed_to": gettext_lazy("words agreed to"),
    "agreed_at": gettext_lazy("agreed at"),
    "agreed_where": gettext_lazy("agreed where"),
    # Translators: Netzadresse (IP) bei der Bestellung | Netzadresse (IP) bei der Bestätigung
    "requested_network_address": gettext_lazy("network address (IP) when requested"),
    "confirmed_network_address": gettext_lazy("network address (IP) when confirmed"),
    # Translators: Prüfsumme der Adresse | Schlüssel der Prüfsumme | Grund der Sperre | Notiz zur Sperre | Gesperrt seit
    "address_hash": gettext_lazy("address hash"),
    "key": gettext_lazy("key of the hash"),
    "reason": gettext_lazy("reason of the suppression"),
    "note": gettext_lazy("note on the suppression"),
    "since": gettext_lazy("suppressed since"),
}

# One of these says whose line it is.
WHOSE: Final = frozenset({"address", "address_hash"})

# What any system may call a column; compared in small letters, underscores as blanks.
_ALIASES: Final[Mapping[str, str]] = {
    name: field
    for field, names in {
        "address": "address, email, e-mail, email address, e-mail address, e-mail-adresse, mail, e mail",
        "state": "state, status, member rating status",
        "newsletter": "newsletter",
        "language": "language, sprache, locale",
        "source": "source, quelle",
        "requested_at": "requested at, optin time, subscribed at, subscription date, created at, date, datum",
        "confirmed_at": "confirmed at, confirm time, confirmed",
        "unsubscribed_at": "unsubscribed at, unsub time",
        "cleaned_at": "clean time",
        "disabled": "email disabled",
        "requested_network_address": "requested network address, optin ip",
        "confirmed_network_address": "confirmed network address, confirm ip",
    }.items()
    for name in names.split(", ")
}


@dataclass(frozen=True, kw_only=True)
class Product:
    """A system whose files we know: the columns that give it away, and what it alone calls so."""

    name: str
    gives_away: frozenset[str]
    columns: Mapping[str, str]


def _product(name: str, gives_away: str, **columns: str) -> Product:
    return Product(
        name=name,
        gives_away=frozenset(gives_away.split(", ")),
        columns={called.replace("_", " "): field for called, field in columns.items()},
    )


_PRODUCTS: Final = (
    _product(
        "Newsroom", "address, newsletter, state, basis", cadence="cadence", paused_until="paused_until",
        basis="basis", agreed_to="agreed_to", agreed_at="agreed_at", agreed_where="agreed_where",
    ),
    _product(
        "Newsroom", "address hash, key, reason, since", address_hash="address_hash", key="key", reason="reason",
        note="note", since="since",
    ),
    _product("Mailchimp", "email address, optin time, confirm time"),
    _product("Ghost", "email, subscribed to emails", subscribed_to_emails="receives", deleted_at="unsubscribed_at"),
    _product("Substack", "email, email disabled"),
    _product("Substack", "email, subscription type, subscription date"),
    _product("listmonk", "uuid, email, status, created at"),
    _product(
        "Buttondown", "email, creation date, type", creation_date="requested_at", type="state",
        unsubscription_date="unsubscribed_at",
    ),
    _product(
        "Buttondown", "email address, creation date, type", creation_date="requested_at", type="state",
        unsubscription_date="unsubscribed_at",
    ),
    _product(
        "Buttondown", "email, creation date, subscriber type", creation_date="requested_at",
        subscriber_type="state", unsubscription_date="unsubscribed_at",
    ),
    _product("beehiiv", "email, status, tier, created at"),
    _product("Keila", "email, data, status, external id"),
    _product("Curated", "email address, subscribed at, utm source"),
)  # fmt: skip

# Their export tells of the person and not of the list: who left it, or never confirmed, stands there like its readers.
# listmonk writes `subscribers.status`, and filters by that of the subscription only if asked to (its
# `handleExportSubscribers` and `query-subscribers-for-export`, read 2026-11-29).
_TELL_NO_CONSENT: Final = frozenset({"listmonk"})

# Whoever may be written to, in any system's words; paying readers are readers.
ACTIVE: Final = frozenset(
    {"", "active", "subscribed", "confirmed", "enabled", "aktiv", "regular", "premium", "gifted", "trialed"}
)
STOPPED: Final[Mapping[str, SuppressionReason]] = {
    word: reason
    for reason, words in {
        SuppressionReason.UNSUBSCRIBED: "unsubscribed, disabled, inactive, removed, left, abgemeldet",
        SuppressionReason.HARD_BOUNCE: "cleaned, bounced, hard_bounce, invalid, unreachable, undeliverable",
        SuppressionReason.COMPLAINT: "complained, complaint, spam",
        SuppressionReason.MANUAL: "blocklisted, blacklisted, blocked",
    }.items()
    for word in words.split(", ")
}
YES: Final = frozenset({"true", "yes", "1", "ja"})
NO: Final = frozenset({"false", "no", "0", "nein"})


@dataclass(frozen=True, kw_only=True)
class Understood:
    """A heading as we read it: the system it looks like, if any, and a field or nothing for each column."""

    product: str
    fields: tuple[str, ...]


def understand(heading: Sequence[str], *, mapped: Mapping[str, str] | None = None) -> Understood:
    """Read a heading. mapped: by column, the field somebody says it holds, "" for none; it weighs more than our guess.

    Each field is taken from the first column that has it. Raises TransferError for a column or field that is not
    there, or when no column holds the address or its hash.
    """
    plain = [_plain(name) for name in heading]
    product = next((each for each in _PRODUCTS if each.gives_away <= set(plain)), None)
    known = {**_ALIASES, **(product.columns if product else {})}
    said = _said(plain, mapped or {})
    taken = {field for field in said.values() if field}
    fields = []
    for name in plain:
        field = said.get(name, known.get(name, ""))
        if name not in said and field in taken:
            field = ""
        taken.add(field)
        fields.append(field)
    # Kept as long as the journal: the first line of a file without a heading is somebody's.
    if not WHOSE.intersection(fields) or any("@" in name for name in heading):
        raise TransferError(
            _("The first line must name the columns, and one of them must be “address” or “email”.")
        )
    return Understood(product=product.name if product else "", fields=tuple(fields))


def tells_no_consent(product: str) -> bool:
    """Whether a file of this system cannot say who confirmed, so that a person has to."""
    return product in _TELL_NO_CONSENT


def check_all_confirmed(product: str, *, is_said: bool) -> None:
    """Raises TransferError where a file cannot say who confirmed, and nobody said that all in it did."""
    if tells_no_consent(product) and not is_said:
        raise TransferError(
            _(
                "A file of listmonk does not say who left the list or never confirmed: please export it with "
                "subscription_status=confirmed, and say that you did."
            )
        )


def by_field(fields: Iterable[str], cells: Iterable[str]) -> dict[str, str]:
    """The cells of a line by our names for its columns."""
    return {name: value for name, value in zip(fields, cells, strict=False) if name}


def _said(plain: Sequence[str], mapped: Mapping[str, str]) -> dict[str, str]:
    said = {}
    for column, field in mapped.items():
        if _plain(column) not in plain:
            raise TransferError(_("There is no column “%(column)s”.") % {"column": column[:80]})
        if field and field not in FIELDS:
            known = ", ".join(FIELDS)
            raise TransferError(
                _("“%(field)s” is none of: %(known)s.") % {"field": field[:80], "known": known}
            )
        said[_plain(column)] = field
    fields = [field for field in said.values() if field]
    if len(fields) != len(set(fields)):
        raise TransferError(_("Two columns cannot hold the same."))
    return said


def _plain(name: str) -> str:
    return name.strip().casefold().replace("_", " ")
