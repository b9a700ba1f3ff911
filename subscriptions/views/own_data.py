"""A reader's own data: to look at, to take along, to prove her agreement by, and to have erased (GDPR art. 15 to 20)."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from newsroom.mail.events import in_words
from newsroom.mail.states import LetterKind
from newsroom.web.clock import now
from newsroom.web.tags import exact_time, long_date
from subscriptions import facts, privacy, suppression
from subscriptions.models import ConsentEvent, Sender, Subscriber
from subscriptions.states import Cadence, ConsentKind, LegalBasis, SubscriptionState, SuppressionReason
from subscriptions.transfer.judging import NETWORKS
from subscriptions.views.reader_session import close_session, reader_page

_SECTIONS = (
    ("subscriptions", _("Newsletters")),
    # Translators: Anmeldungen, die noch bearbeitet werden
    ("sign_ups_not_yet_decided", _("Sign-ups that are still being dealt with")),
    ("consent", _("Proof of your consent")),
    ("letters", _("Letters to you")),
    # Translators: Ausgaben an Sie
    ("copies", _("Issues sent to you")),
    ("changes_of_address", _("Changes of address")),
    ("stopped", _("What stopped mail")),
    # Translators: Tage, an denen Ihr Postfach E-Mails vorübergehend nicht annahm
    (
        "refused_for_the_time_being_on",
        _("Days on which your mailbox did not take e-mails for the time being"),
    ),
)
_FIELDS = {
    "newsletter": _("Newsletter"),
    "state": _("State"),
    "cadence": _("How often"),
    "basis": _("Legal basis"),
    "source": _("Signed up at"),
    "requested_at": _("Ordered"),
    "confirmed_at": _("Confirmed"),
    # Translators: Aus einer Datei übernommen
    "imported_at": _("Taken over from a file"),
    "unsubscribed_at": _("Unsubscribed"),
    "paused_until": _("Paused until"),
    "what": _("What happened"),
    "at": _("Time"),
    "wording": _("The words you saw"),
    "wording_version": _("Version"),
    "language": _("Language"),
    "where": _("Where"),
    "network_address": _("Network address (IP)"),
    "by": _("By whom"),
    "facts": _("Details"),
    "kind": _("Kind"),
    "written_at": _("Written"),
    "sent_at": _("Sent"),
    "to": _("To"),
    "from": _("From"),
    "asked_at": _("Asked for"),
    "undone_at": _("Taken back"),
    "reason": _("Reason"),
    "since": _("Since"),
    "address_as_typed": _("E-mail address"),
    # Translators: Notiz
    "because": _("Note"),
    # Translators: Titel | Ergebnis | Rückmeldungen | Tag
    "title": _("Title"),
    "outcome": _("Outcome"),
    "reported": _("Reported back"),
    "day": _("Day"),
}
_TIMES = frozenset(
    [
        "known_since",
        "requested_at",
        "confirmed_at",
        "imported_at",
        "agreed_at",
        "unsubscribed_at",
        "paused_until",
        "at",
        "written_at",
        "sent_at",
        "asked_at",
        "undone_at",
        "since",
    ]
)
_CHOICES: Mapping[str, type[TextChoices]] = {
    "state": SubscriptionState,
    "cadence": Cadence,
    "basis": LegalBasis,
    "what": ConsentKind,
    "kind": LetterKind,
    "reason": SuppressionReason,
}


@reader_page("GET", "HEAD")
def own_data(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    """What can be done with it, and where."""
    return render(request, "subscriptions/own_data.html", {"reader": reader})


@reader_page("GET", "HEAD")
def as_json(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    """All we hold, for programs: the same facts as the command `export_reader`. The queries of `export_reader`."""
    body = json.dumps(privacy.export_reader(reader), ensure_ascii=False, indent=2)
    return _file(body, "application/json", "json")


@reader_page("GET", "HEAD")
def as_page(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    """All we hold, for people: one file that any browser opens, without anything from elsewhere.

    One query more than `export_reader` takes.
    """
    body = render_to_string("subscriptions/own_data_file.html", _everything(reader), request)
    return _file(body, "text/html", "html")


@reader_page("GET", "HEAD")
def proof(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    """What she agreed to and withdrew, word for word, to be printed (GDPR art. 7(1)). Three queries."""
    events = ConsentEvent.objects.filter(subscriber=reader).select_related("newsletter").order_by("at", "pk")
    undone = {event.pk: event.at for event in events}
    context = {
        "reader": reader,
        "events": [(event, _brought(event), *_told(event, undone)) for event in events],
        "senders": _senders(reader),
        "printed_at": now(),
    }
    return render(request, "subscriptions/consent_proof.html", context)


@reader_page("GET", "HEAD", "POST")
def erase(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    """GET says what goes and what must stay; POST erases, and there is no way back."""
    if request.method != "POST":
        return render(request, "subscriptions/erase.html", {"reader": reader})
    known = reader.address_hash  # an older stop outlives her address
    privacy.erase_reader(reader, actor="", at=now())
    context = {"is_stopped": None in suppression.unaskable(known)}
    return close_session(render(request, "subscriptions/erased.html", context))


def _brought(event: ConsentEvent) -> dict[str, Any]:
    """What a file said of her agreement; nothing for what happened here."""
    if event.kind != ConsentKind.IMPORTED:
        return {}
    times = {name: _time(event.facts.get(name, "")) for name in ("requested_at", "confirmed_at")}
    networks = {name: event.facts.get(name, "") for name in NETWORKS}
    return {"is_imported": True, "words": event.facts.get("agreed_to", ""), **times, **networks}


def _told(event: ConsentEvent, undone: Mapping[int, datetime]) -> tuple[str, bool, list[str]]:
    """Where it happened, whether we did it, and what else the record says.

    A letter's and a file's facts have places of their own.
    """
    has_places = event.kind in (ConsentKind.LETTER_SENT, ConsentKind.IMPORTED)
    told = [] if has_places else facts.told(event.kind, event.facts, undone=undone)
    return facts.place(event.kind, event.form), facts.is_by_us(event.actor), told


def _senders(reader: Subscriber) -> list[Sender]:
    """To whom she agreed, each publisher once."""
    own = reader.subscriptions.values("newsletter__sender")
    rows = Sender.objects.filter(pk__in=own).order_by("-pk")
    by_identity = {(row.legal_name, row.postal_address, row.email): row for row in rows}
    return list(reversed(by_identity.values()))


def _everything(reader: Subscriber) -> dict[str, Any]:
    data = privacy.export_reader(reader)
    left = ConsentEvent.objects.filter(subscriber=reader, kind=ConsentKind.UNSUBSCRIBED)
    undone = dict(left.values_list("pk", "at"))
    data["consent"] = [
        row
        | {
            "facts": "; ".join(facts.told(row["what"], row["facts"], undone=undone)),
            "where": facts.place(row["what"], row["where"]),
            "by": _("Not by yourself but by us") if facts.is_by_us(row["by"]) else "",
        }
        for row in data["consent"]
    ]
    return {
        "data": data,
        "language": dict(settings.LANGUAGES).get(reader.language, reader.language),
        "known_since": _in_words("known_since", data["known_since"]),
        "made_at": now(),
        "sections": [(words, [_named(row) for row in data[name]]) for name, words in _SECTIONS],
    }


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the export with its fields' names in words, and what they hold; without what only programs read."""
    return {
        str(_FIELDS.get(name, name)): _in_words(name, value) for name, value in row.items() if name != "code"
    }


def _in_words(name: str, value: Any) -> str:
    """A value of the export as people say it; the file for programs has it as it stands."""
    if name in _CHOICES and value in _CHOICES[name].values:
        return str(_CHOICES[name](value).label)
    if name == "reported":
        return "; ".join(_report(each) for each in value)
    if isinstance(value, list):
        return ", ".join(_in_words(name, each) for each in value)
    if name == "day":
        return long_date(date.fromisoformat(value))
    if name in _TIMES and value and (time := _time(value)):
        return exact_time(time)
    return str(value)


def _report(event: Mapping[str, Any]) -> str:
    """What a provider told of a mail; the file for programs has it word for word."""
    said = [in_words(event["what"]), event["because"], event["description"]]
    return f"{_in_words('at', event['at'])}: {', '.join(filter(None, said))}"


def _time(value: str) -> datetime | None:
    """What a file said of a time may be anything."""
    try:
        return localtime(datetime.fromisoformat(value))
    except ValueError:
        return None


def _file(body: str, content_type: str, ending: str) -> HttpResponse:
    response = HttpResponse(body, content_type=f"{content_type}; charset=utf-8")
    # A name that tells nothing about its owner: downloads lie open on shared computers.
    response["Content-Disposition"] = f'attachment; filename="newsletter-data.{ending}"'
    return response
