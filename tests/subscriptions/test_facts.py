"""What stands beside a consent event, said in words: in a reader's own file, in her proof, at the desk."""

import ast
import datetime as dt
import html
import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.translation import gettext, override

from newsroom.web.tags import exact_time, long_date
from subscriptions import consent, facts, suppression
from subscriptions.models import ConsentEvent, Subscription, Suppression
from subscriptions.states import STOPS_MAIL, Cadence, ConsentKind, SuppressionReason
from subscriptions.transfer import import_subscribers
from subscriptions.transfer.judging import AGREED, NETWORKS
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.rules.source import ROOT
from tests.subscriptions import moving
from tests.subscriptions.factories import settings_path

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
UNTIL = dt.datetime(2026, 5, 9, 12, tzinfo=dt.UTC)
FORMER = UNTIL - 7 * DAY
# Words of programs, and times as they write them.
RAW = re.compile(
    r"paused_until|confirmed_at|\bundoes\b|\bcadence\b|before:|after:|what:|\d{4}-\d\d-\d\dT|\+00:00|\bmoved\b"
)


def with_a_story(language: str) -> Subscription:
    """A reader who signed up for the best of the week, changed all there is to change, left, and came back."""
    mia = make_subscriber(address="mia@example.org", language=language)
    newsletter = make_newsletter(slug="fluss", name="Fluss", has_weekly=True)
    wish = consent.Wish(
        typed_address="mia@example.org",
        newsletters=[newsletter],
        language=language,
        form="/newsletters/",
        network_address="203.0.113.7",
        weekly=[newsletter.pk],
    )
    row = make_subscription(newsletter=newsletter, subscriber=mia, state="lapsed")
    consent.request_subscription(wish, at=FORMER - 30 * DAY)
    Subscription.objects.update(state="active", confirmed_at=FORMER - 29 * DAY, unsubscribed_at=None)
    row.refresh_from_db()
    how: dict[str, Any] = {"how": "/preferences/", "network_address": "203.0.113.7"}
    consent.set_cadence(row, cadence=Cadence.EACH, at=FORMER - 28 * DAY, **how)
    consent.pause(row, until=FORMER, at=FORMER - 28 * DAY, **how)
    consent.pause(row, until=UNTIL, at=FORMER - 27 * DAY, **how)
    row.refresh_from_db()
    consent.unsubscribe(row, at=FORMER - 26 * DAY, **how)
    consent.restore(row, at=FORMER - 26 * DAY + dt.timedelta(hours=1), **how)
    other = "en" if language == "de" else "de"
    everything: dict[str, Any] = {"newsletters": [], "wanted": [], "pauses": {}, "language": other}
    consent.change_settings(mia, at=FORMER - 25 * DAY, **everything, **how)
    consent.change_settings(mia, at=FORMER - 24 * DAY, **everything | {"language": language}, **how)
    return row


def opened(row: Subscription, language: str) -> Client:
    client = Client(headers={"accept-language": language})
    client.post(settings_path(row))
    return client


def lines_in(language: str) -> list[str]:
    """What a reader is told of that story, in her language."""
    with override(language):
        weekly, each = (str(Cadence(name).label) for name in ("weekly", "each"))
        how_often, paused = gettext("How often"), gettext("Paused until")
        left = exact_time(FORMER - 26 * DAY)
        return [
            f"{how_often}: {weekly}",
            f"{how_often}: {weekly} → {each}",
            f"{paused}: – → {long_date(FORMER)}",
            f"{paused}: {long_date(FORMER)} → {long_date(UNTIL)}",
            left,
        ]


def language_changes_in(language: str) -> str:
    other = {"de": "en", "en": "de"}[language]
    with override(language):
        names = {code: str(name) for code, name in settings.LANGUAGES}
        return f"{gettext('Language of our e-mails')}: {names[language]} → {names[other]}"


def story_of(page: str) -> str:
    """A page without its markup's own words."""
    return html.unescape(re.sub(r"<[^>]*>", " ", page.partition("<main")[2]))


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("path", ["/preferences/data/html/", "/preferences/proof/"])
def test_her_file_and_her_proof_speak_her_language(path: str, language: str) -> None:
    row = with_a_story(language)

    page = story_of(opened(row, language).get(path).content.decode())

    assert [line for line in lines_in(language) if line not in page] == []
    assert RAW.findall(page) == []
    assert language_changes_in(language) in page


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_desk_says_changes_in_its_language(language: str) -> None:
    row = with_a_story("de")
    desk = Client(headers={"accept-language": language})
    desk.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))

    page = story_of(desk.get(reverse("admin:reader_desk", args=[row.subscriber_id])).content.decode())

    assert [line for line in lines_in(language)[1:4] if line not in page] == []
    assert RAW.findall(page) == []


def test_the_file_for_programs_keeps_the_facts_as_they_are() -> None:
    row = with_a_story("en")

    told = opened(row, "en").get("/preferences/data/json/").json()["consent"]

    kept = list(ConsentEvent.objects.order_by("pk").values_list("facts", flat=True))
    assert [each["facts"] for each in told] == kept


def test_a_lifted_stop_names_what_was_lifted_and_why() -> None:
    mia = make_subscriber(address="mia@example.org", language="en")
    make_subscription(newsletter=make_newsletter(), subscriber=mia)
    suppression.suppress(mia.address_hash, reason=SuppressionReason.COMPLAINT, at=NOON)
    suppression.lift(Suppression.objects.get(), note="She wrote to us.", actor="rui", at=NOON + DAY)

    ended, lifted = ConsentEvent.objects.filter(at__gte=NOON, kind__in=["suppressed", "changed"])

    assert facts.told(ended.kind, ended.facts) == ["Reason: reported as spam", "Until then: active"]
    assert facts.told(lifted.kind, lifted.facts) == [
        "Suppression lifted: reported as spam",
        "Note: She wrote to us.",
    ]


@pytest.mark.parametrize(
    ("kind", "kept", "said"),
    [
        ("changed", {"what": "address", "step": "asked", "change": 7, "to": "0f"}, ["New address asked for"]),
        (
            "changed",
            {"what": "confirmation", "letter": 4, "because": "It got lost."},
            ["Confirmation letter sent again", "Note: It got lost."],
        ),
        ("changed", {}, []),
        (
            "changed",
            {"what": "paused_until", "before": "some day", "after": ""},
            ["Paused until: some day → –"],
        ),
        ("changed", {"what": "colour", "before": "red", "after": "blue"}, ["colour: red → blue"]),
        ("unsubscribed", {"change": 7, "because": "moved"}, ["Comes to another address since then"]),
        ("unsubscribed", {"because": "moved"}, ["Note: moved"]),
        ("unsubscribed", {"together_with": 3}, ["All newsletters at once"]),
        ("restored", {"undoes": 3}, []),
        ("requested", {"letter": 3, "after_stop": True}, ["After our mail had been stopped"]),
        (
            "letter_sent",
            {"provider": "main", "provider_ref": "q1", "message_id": "<a@b>", "letter": 3},
            ["Accepted by: main (q1)", "Identifier of the e-mail (Message-ID): <a@b>"],
        ),
        (
            "imported",
            {"import": 3, "agreed_to": "Yes.", "confirmed_at": "long ago"},
            ["The words you saw: Yes.", "Confirmed there: long ago"],
        ),
        (
            "imported",
            {
                "line": 2,
                "import": 3,
                "all_confirmed": True,
                "requested_network_address": "203.0.113.7",
                "confirmed_network_address": "203.0.113.8",
            },
            [
                "We noted that all on this list had confirmed.",
                "Network address (IP) when requested: 203.0.113.7",
                "Network address (IP) when confirmed: 203.0.113.8",
            ],
        ),
        ("imported", {"seen_by": "Rui"}, ["seen_by: Rui"]),
        ("imported", ["not", "facts"], []),
    ],
)
def test_facts_of_every_kind_are_said_and_none_that_is_unknown_is_hidden(
    kind: str, kept: Any, said: list[str]
) -> None:
    assert facts.told(kind, kept) == said


def test_whole_days_are_named_by_the_last_of_them() -> None:
    midnight = "2026-05-09T22:00:00+00:00"  # the tenth begins, where the site is
    change = {"what": "paused_until", "before": "", "after": midnight}

    assert facts.told(ConsentKind.CHANGED, change) == ["Paused until: – → May 9, 2026"]


def proof_of(row: Subscription) -> str:
    """What her proof says, without markup and line breaks."""
    return " ".join(story_of(opened(row, "en").get("/preferences/proof/").content.decode()).split())


def file_of(row: Subscription) -> str:
    return " ".join(
        re.sub(r"<[^>]*>", " ", opened(row, "en").get("/preferences/data/html/").content.decode()).split()
    )


BY_US = "By whom Not by yourself but by us"


@pytest.mark.parametrize("reason", SuppressionReason.values)
def test_a_stop_has_a_heading_that_is_true_of_every_reason_and_says_which(reason: str) -> None:
    row = make_subscription(
        newsletter=make_newsletter(name="Fluss"), subscriber=make_subscriber(language="en")
    )
    suppression.suppress(row.subscriber.address_hash, reason=SuppressionReason(reason), at=NOON)

    proof = proof_of(row)

    ended = ConsentEvent.objects.filter(kind=ConsentKind.SUPPRESSED).exists()
    assert ended is (reason in STOPS_MAIL)
    if ended:
        assert "Mail stopped: Fluss" in proof
        assert f"Reason: {SuppressionReason(reason).label}" in proof
    assert "By whom" not in proof


def test_by_us_is_said_of_what_staff_and_commands_did_and_of_nothing_else() -> None:
    mia, other = (
        make_subscriber(address=each, language="en") for each in ("mia@example.org", "neu@example.org")
    )
    newsletter = make_newsletter(name="Fluss")
    row = make_subscription(newsletter=newsletter, subscriber=mia)
    make_subscription(newsletter=newsletter, subscriber=other)
    moving.ask(row, "neu@example.org")
    moving.confirm()
    moving.undo()
    row.refresh_from_db()
    kinds = set(ConsentEvent.objects.filter(subscriber=mia).values_list("kind", "actor"))
    assert {("unsubscribed", "change of address"), ("restored", "change of address")} < kinds

    hers = proof_of(row), file_of(row)
    consent.unsubscribe(
        row, how="/admin/", network_address=None, actor="rui", because="called", at=NOON + DAY
    )
    ours = proof_of(row), file_of(row)

    assert [each.count("By whom") for each in hers] == [0, 0]
    assert [each.count(BY_US) for each in ours] == [1, 1]
    assert [each for each in (*hers, *ours) if "change of address" in each or "rui" in each] == []


def test_by_us_is_said_of_a_list_that_was_taken_in() -> None:
    csv = "email,optin_time,confirm_time\nmia@example.org,2020-01-01 10:00:00,2020-01-01 11:00:00\n"
    import_subscribers(csv, newsletter=make_newsletter(), basis="b", actor="import_subscribers", at=NOON)

    row = Subscription.objects.get()
    assert BY_US in proof_of(row)
    assert "import_subscribers" not in file_of(row)


def test_the_desk_names_who_of_us_did_it_and_no_job() -> None:
    row = make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber())
    suppression.suppress(row.subscriber.address_hash, reason=SuppressionReason.COMPLAINT, at=NOON)
    suppression.lift(Suppression.objects.get(), note="She wrote.", actor="petra", at=NOON + DAY)
    desk = Client(headers={"accept-language": "en"})
    desk.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))

    page = story_of(desk.get(reverse("admin:reader_desk", args=[row.subscriber_id])).content.decode())

    assert "by petra" in page
    assert "by suppression" not in page


def written() -> tuple[set[str], set[str]]:
    """The names of all facts that the source writes beside a consent event, and of all settings that change."""
    names: set[str] = {"line", "requested_at", "confirmed_at", *AGREED, *NETWORKS}  # a file's go as text
    settings_changed: set[str] = set()
    for path in (ROOT / "subscriptions").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=func, keywords=keywords):
                    given = {each.arg: each.value for each in keywords}
                    if ast.unparse(func).split(".")[0] in ("event", "ConsentEvent") and "facts" in given:
                        names |= keys_in(given["facts"])
                    if ast.unparse(func) == "Change":
                        settings_changed |= constants(given["what"])
                case ast.Dict(keys=[ast.Constant(value="what"), *_], values=[what, *_]):
                    settings_changed |= constants(what)
                case ast.AnnAssign(target=ast.Name(id="facts"), value=ast.Dict() as value):
                    names |= keys_in(value)
                case ast.Assign(targets=[ast.Subscript(value=ast.Name(id="facts"), slice=key)]):
                    names |= constants(key)
    return names, settings_changed - {
        "state"
    }  # which the page shows and no event records: it has kinds for it


def keys_in(node: ast.AST) -> set[str]:
    dicts = (each for each in ast.walk(node) if isinstance(each, ast.Dict))
    return {text for each in dicts for key in each.keys if key is not None for text in constants(key)}


def constants(node: ast.AST) -> set[str]:
    return {str(node.value)} if isinstance(node, ast.Constant) else set()


def test_no_fact_that_is_written_anywhere_is_told_by_its_name_for_programs() -> None:
    names, settings_changed = written()
    assert {"letter", "all_confirmed", "moved_from", "cadence", "together_with", "lifted"} < names
    assert {"paused_until", "cadence", "language", "address", "confirmation"} <= settings_changed

    told = {name: facts.told("restored", {name: "x"}) for name in names - facts._OF_A_CHANGE}
    changes = {what: facts.changed({"what": what, "before": "a", "after": "b"}) for what in settings_changed}

    assert [name for name, lines in told.items() if f"{name}: x" in lines] == []
    assert [what for what, line in changes.items() if line == f"{what}: a → b"] == []


def test_where_it_happened_is_said_without_names_for_programs() -> None:
    row = make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber(language="en"))
    consent.unsubscribe(row, how=consent.ONE_CLICK, network_address=None, at=NOON)
    make_subscription(newsletter=make_newsletter(), subscriber=row.subscriber)
    suppression.suppress(row.subscriber.address_hash, reason=SuppressionReason.MANUAL, at=NOON)

    for page in (proof_of(row), file_of(row)):
        assert "Where by the unsubscribe button of the e-mail program" in page
        assert page.count("Where ") == ConsentEvent.objects.exclude(form="").count() - 1
        assert "manual" not in page
