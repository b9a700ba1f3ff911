"""Out by our own export and in again: each reader comes back as she was, to the newsletter that she reads."""

import csv
import datetime as dt
import io
from random import Random

import pytest
from django.conf import LazySettings
from django.db import transaction

from newsroom.mail.addresses import address_hash
from subscriptions import privacy, suppression, transfer
from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription, Suppression
from subscriptions.states import SuppressionReason
from subscriptions.transfer import journal
from subscriptions.transfer.judging import key_mark
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import make_pending
from tests.subscriptions.importing import staged
from tests.subscriptions.moving import opened

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def exported(what: str = "readers", *newsletters: Newsletter) -> str:
    return "".join(transfer.lines(what, newsletters=newsletters or None))


def take(text: str, newsletter: Newsletter, *, is_dry_run: bool = False) -> dict[str, str]:
    report = transfer.import_subscribers(
        text, newsletter=newsletter, basis="Moved", actor="rui", at=NOON, is_dry_run=is_dry_run
    )
    return {line.address: line.result.value for line in report.lines}


def column(text: str, name: str) -> list[str]:
    return [row[name] for row in csv.DictReader(io.StringIO(text))]


def reads(address: str, newsletter: Newsletter, **values: object) -> Subscription:
    return make_subscription(newsletter=newsletter, subscriber=make_subscriber(address=address), **values)


# --- To the newsletter that she reads -------------------------------------------------------------------------


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_nobody_is_taken_into_a_newsletter_that_she_does_not_read(is_dry_run: bool) -> None:
    mia = reads("mia@example.org", make_newsletter(slug="aa"))
    tom = reads("tom@example.org", make_newsletter(slug="bb"))
    file = exported()
    Subscription.objects.filter(pk=mia.pk).delete()

    became = take(file, mia.newsletter, is_dry_run=is_dry_run)

    assert became == {"mia@example.org": "taken", "tom@example.org": "of another newsletter"}
    assert not Subscription.objects.filter(subscriber=tom.subscriber, newsletter=mia.newsletter).exists()


def test_a_column_of_newsletters_counts_in_anybodys_table() -> None:
    newsletter = make_newsletter(slug="aa")

    became = take("email,newsletter\nmia@example.org,AA\ntom@example.org,bb\nrui@example.org,\n", newsletter)

    assert became == {
        "mia@example.org": "taken",
        "tom@example.org": "of another newsletter",
        "rui@example.org": "of another newsletter",
    }


def test_how_often_a_pause_and_the_legal_basis_come_back() -> None:
    newsletter = make_newsletter(has_weekly=True)
    paused = {"paused_until": NOON + 20 * DAY, "cadence": "weekly"}
    reads("mia@example.org", newsletter, **paused)
    reads("tom@example.org", newsletter, basis="imported")
    file = exported()
    Subscription.objects.all().delete()

    take(file, newsletter)

    rows = Subscription.objects.order_by("subscriber__address")
    assert list(rows.values_list("cadence", "paused_until", "basis")) == [
        ("weekly", NOON + 20 * DAY, "double_opt_in"),
        ("each", None, "imported"),
    ]


@pytest.mark.parametrize("ended_at", [None, NOON - DAY])
def test_who_wants_a_best_of_is_not_taken_in_before_there_is_one(ended_at: dt.datetime | None) -> None:
    newsletter = make_newsletter(slug="aa", weekly_ended_at=ended_at)
    text = "address,newsletter,state,basis,cadence\n" + "".join(
        f"{name}@example.org,aa,active,imported,{cadence}\n"
        for name, cadence in (("mia", "weekly"), ("tom", "each"), ("rui", ""))
    )
    expected = {
        "mia@example.org": "no weekly best-of",
        "tom@example.org": "taken",
        "rui@example.org": "taken",
    }

    assert take(text, newsletter, is_dry_run=True) == expected
    report = transfer.import_subscribers(text, newsletter=newsletter, basis="Moved", actor="rui", at=NOON)

    assert {line.address: line.result.value for line in report.lines} == expected
    assert "make its weekly plan first" in report.lines[0].because
    assert not Subscription.objects.filter(cadence="weekly").exists()
    newsletter.has_weekly = True
    newsletter.save()
    assert take(text, newsletter)["mia@example.org"] == "taken"


def test_a_best_of_that_ends_while_a_file_is_read_takes_nobody_in_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal, "PART_ROWS", 1)
    newsletter = make_newsletter(slug="aa", has_weekly=True)
    head = "address,newsletter,state,basis,cadence\n"
    lines = "".join(f"{name}@example.org,aa,active,imported,weekly\n" for name in ("mia", "tom"))
    imported = staged((head + lines).encode(), newsletter)
    journal.start(imported, at=NOON)
    course = journal.work(imported, at=NOON)

    Newsletter.objects.update(has_weekly=False, weekly_ended_at=NOON)
    while (course := journal.work(imported, at=NOON, remembered=course)) is not None:
        pass

    assert imported.counts == {"taken": 1, "no weekly best-of": 1}
    # The whole line, to be read again once there is one.
    assert "tom@example.org,aa,active,imported,weekly" in "".join(journal.left_over(imported))


@pytest.mark.parametrize(
    ("name", "value"), [("cadence", "hourly"), ("paused_until", "soon"), ("basis", "hearsay")]
)
def test_a_line_of_ours_that_says_what_cannot_be_is_refused(name: str, value: str) -> None:
    newsletter = make_newsletter()
    row = reads("mia@example.org", newsletter)
    (line,) = csv.DictReader(io.StringIO(exported()))
    row.delete()
    file = io.StringIO()
    writer = csv.DictWriter(file, list(line))
    writer.writeheader()
    writer.writerow(line | {name: value})

    assert take(file.getvalue(), newsletter) == {"mia@example.org": "refused"}


# --- What nobody knows is not said ----------------------------------------------------------------------------


def test_a_date_that_the_file_does_not_have_is_nowhere_given_as_one() -> None:
    newsletter = make_newsletter()
    take(
        "email,requested_at,confirmed_at\nmia@example.org,,\ntom@example.org,2021-03-04,\n"
        "rui@example.org,2021-03-04,2021-03-05\n",
        newsletter,
    )
    shown = {}

    for row in Subscription.objects.select_related("subscriber"):
        data = privacy.export_reader(row.subscriber)
        (subscription,), (event,) = data["subscriptions"], data["consent"]
        dates = ("requested_at", "confirmed_at")
        assert {name: subscription[name][:10] for name in dates} == {
            name: event["facts"].get(name, "")[:10] for name in dates
        }
        assert (subscription["imported_at"], event["at"]) == (NOON.isoformat(), NOON.isoformat())
        assert (event["basis"], event["wording"]) == ("Moved", "")
        shown[data["address"]] = [subscription[name][:10] for name in dates]

    assert shown == {
        "mia@example.org": ["", ""],
        "tom@example.org": ["2021-03-04", ""],
        "rui@example.org": ["2021-03-04", "2021-03-05"],
    }
    assert sorted(text[:10] for text in column(exported(), "confirmed_at")) == ["", "", "2021-03-05"]


def test_who_signs_up_anew_after_an_import_has_her_own_dates() -> None:
    row = make_pending(make_newsletter(), state="active", confirmed_at=NOON)
    for kind in ("imported", "requested", "confirmed"):
        ConsentEvent.objects.create(
            subscriber=row.subscriber,
            newsletter=row.newsletter,
            kind=kind,
            address="mia@example.org",
            at=NOON,
        )

    (told,) = privacy.export_reader(row.subscriber)["subscriptions"]

    assert (told["confirmed_at"], told["imported_at"]) == (NOON.isoformat(), "")


def test_her_proof_says_what_was_handed_down_and_what_was_not() -> None:
    take("email,requested_at\nmia@example.org,2021-03-04\n", make_newsletter())
    client = opened(Subscription.objects.get())

    page = client.get("/preferences/proof/").content.decode()

    assert "The words you saw" not in page
    assert "Legal basis, as we noted it" in page
    assert page.count("2021-03-04T") == 1
    assert page.count("Not handed down") == 1
    assert "Taken over from a file" in client.get("/preferences/data/html/").content.decode()


MAILCHIMP = "Email Address,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP\n"


def test_where_she_ordered_and_confirmed_from_is_kept_shown_and_goes_on_with_her() -> None:
    newsletter = make_newsletter()
    line = "mia@example.org,2021-03-04 08:00:00,198.51.100.23,2021-03-05 08:00:00,2001:DB8::0017\n"
    assert take(f"{MAILCHIMP}{line}tom@example.org,2021-03-04,,,\n", newsletter) == {
        "mia@example.org": "taken",
        "tom@example.org": "taken",
    }
    row = Subscription.objects.get(subscriber__address="mia@example.org")

    known = {
        "requested_network_address": "198.51.100.23",
        "confirmed_network_address": "2001:db8::17",
    }
    events = {each.address: each.facts for each in ConsentEvent.objects.all()}
    assert known.items() <= events["mia@example.org"].items()
    assert not known.keys() & events["tom@example.org"].keys()
    (told,) = privacy.export_reader(row.subscriber)["consent"]
    assert known.items() <= told["facts"].items()
    client = opened(row)
    page = client.get("/preferences/proof/").content.decode()
    file = client.get("/preferences/data/html/").content.decode()
    for value in known.values():
        assert (page.count(value), file.count(value)) == (1, 1)
    for name, value in known.items():
        assert column(exported(), name) == [value, ""]

    other = make_newsletter()
    transfer.import_subscribers(
        exported(), newsletter=other, basis="Moved", actor="rui", at=NOON, mapped={"newsletter": ""}
    )
    for name, value in known.items():
        assert column(exported("readers", other), name) == [value, ""]


def test_an_export_says_from_where_she_ordered_and_confirmed_here() -> None:
    row = make_pending(make_newsletter(), state="active", confirmed_at=NOON)
    for kind, network in (("requested", "198.51.100.23"), ("confirmed", "198.51.100.24")):
        ConsentEvent.objects.create(
            subscriber=row.subscriber, newsletter=row.newsletter, kind=kind, address="mia@example.org",
            network_address=network, at=NOON,
        )  # fmt: skip

    assert column(exported(), "requested_network_address") == ["198.51.100.23"]
    assert column(exported(), "confirmed_network_address") == ["198.51.100.24"]


@pytest.mark.parametrize(
    "network", ["nowhere", "198.51.100", "198.51.100.23:443", "198.51.100.0/24", "fe80::1%mia@example.org"]
)
def test_what_is_no_network_address_is_refused(network: str) -> None:
    report = transfer.import_subscribers(
        f"{MAILCHIMP}mia@example.org,2021-03-04,,,{network}\n",
        newsletter=make_newsletter(), basis="Moved", actor="rui", at=NOON,
    )  # fmt: skip

    (line,) = report.lines
    assert (line.result.value, line.because) == (
        "refused",
        f"“{network}” is not a network address like 203.0.113.7.",
    )


def test_a_column_can_be_said_to_hold_a_network_address() -> None:
    transfer.import_subscribers(
        "email,ip\nmia@example.org,198.51.100.23\n", newsletter=make_newsletter(), basis="Moved", actor="rui", at=NOON,
        mapped={"ip": "confirmed_network_address"},
    )  # fmt: skip

    assert ConsentEvent.objects.get().facts["confirmed_network_address"] == "198.51.100.23"


# --- All of it, there and back --------------------------------------------------------------------------------


def move_in(newsletters: list[Newsletter], random: Random) -> None:
    """Fifty readers of every kind that there is, some stopped."""
    for number in range(50):
        reader = make_subscriber(
            address=f"reader.{number}@example.org",
            typed_address=f"Reader.{number}@Example.org",
            language=random.choice(["de", "en"]),
        )
        for newsletter in random.sample(newsletters, random.randint(1, 3)):
            state = random.choice(["active", "active", "active", "unsubscribed", "pending", "lapsed"])
            asked = NOON - random.randint(20, 400) * DAY
            make_subscription(
                newsletter=newsletter,
                subscriber=reader,
                state=state,
                cadence=random.choice(["each", "weekly"]),
                paused_until=random.choice([None, None, NOON + random.randint(1, 60) * DAY]),
                basis=random.choice(["double_opt_in", "imported"]),
                source=random.choice(["/newsletters/", "=box", "Straßenfest"]),
                requested_at=asked,
                confirmed_at=asked + DAY if state in {"active", "unsubscribed"} else None,
                unsubscribed_at=NOON - DAY if state == "unsubscribed" else None,
            )
        if number % 5 == 0:
            suppression.suppress(
                reader.address_hash,
                reason=random.choice(list(SuppressionReason)),
                newsletter=random.choice([None, *newsletters]),
                note=random.choice(["", "by telephone", "=1+1"]),
                at=NOON - 3 * DAY,
            )
    suppression.suppress("ab" * 32, reason=SuppressionReason.ERASED, at=NOON - 9 * DAY)


def readers_of(text: str) -> list[dict[str, str]]:
    """The active ones; who left or never confirmed does not come back as a reader."""
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["state"] == "active"]
    return sorted(rows, key=lambda row: (row["newsletter"], row["address"]))


def stops_of(text: str) -> dict[tuple[str, str], tuple[str, ...]]:
    rows = csv.DictReader(io.StringIO(text))
    return {
        (row["address_hash"], row["newsletter"]): (row["reason"], row["note"], row["since"]) for row in rows
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_export_wipe_import_export_gives_the_same(seed: int) -> None:
    newsletters = [make_newsletter(slug=slug, has_weekly=True) for slug in ("aa", "bb", "cc")]
    with transaction.atomic():
        move_in(newsletters, Random(seed))
        readers, stops = exported(), exported("suppressions")
        rows = Subscription.objects.filter(state="unsubscribed")
        left = set(rows.values_list("subscriber__address_hash", "newsletter__slug"))
        transaction.set_rollback(True)
    assert not Subscriber.objects.exists()

    for text in (stops, readers):
        for newsletter in newsletters:
            take(text, newsletter)

    again = exported("suppressions")
    assert len(readers_of(readers)) > 20
    assert readers_of(exported()) == readers_of(readers)
    assert stops_of(stops).keys() <= stops_of(again).keys()
    # Bounces weigh less than that she left, as the list of readers says of everybody whose mail ended.
    weighty = {scope: stop for scope, stop in stops_of(stops).items() if stop[0] != "soft_bounces"}
    assert weighty.items() <= stops_of(again).items()
    # Nobody is mailed who left: each of them is on the list now.
    assert {scope for scope in stops_of(again) if scope not in stops_of(stops)} <= left
    assert all(
        suppression.is_suppressed(known, newsletter=Newsletter.objects.get(slug=slug)) for known, slug in left
    )


def test_a_hash_of_another_key_is_refused_and_an_address_is_not(settings: LazySettings) -> None:
    row = reads("mia@example.org", make_newsletter())
    for known in (row.subscriber.address_hash, "ab" * 32):
        suppression.suppress(known, reason=SuppressionReason.COMPLAINT, at=NOON)
    file = exported("suppressions")
    Suppression.objects.all().delete()
    settings.ADDRESS_KEY = b"another key"

    became = take(file, row.newsletter)

    assert became == {"mia@example.org": "kept as suppression", "": "refused"}
    assert Suppression.objects.get().address_hash == address_hash("mia@example.org")


@pytest.mark.parametrize(
    "line", ["12ab,{key},,erased,,,", "{hash},{key},,because,,,", "{hash},{key},,,,,", "{hash},,,erased,,,"]
)
def test_a_line_of_the_list_that_stops_nobody_is_refused(line: str) -> None:
    heading = exported("suppressions").strip()
    text = line.format(hash="ab" * 32, key=key_mark())

    assert take(f"{heading}\n{text}\n", make_newsletter()) == {"": "refused"}
    assert not Suppression.objects.exists()


def test_the_list_of_another_newsletter_stops_nothing_here() -> None:
    suppression.suppress(
        "ab" * 32, reason=SuppressionReason.MANUAL, newsletter=make_newsletter(slug="bb"), at=NOON
    )
    file = exported("suppressions")
    Suppression.objects.all().delete()

    assert take(file, make_newsletter(slug="aa")) == {"": "of another newsletter"}
    assert not Suppression.objects.exists()
