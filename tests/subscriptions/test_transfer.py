"""Readers from and to a file."""

import csv
import datetime as dt
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from subscriptions import suppression, transfer
from subscriptions.errors import TransferError
from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription, Suppression
from subscriptions.states import ConsentKind, SuppressionReason
from subscriptions.transfer import LineResult
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import dump, make_pending

BASIS = "Double-Opt-in beim alten Anbieter, Protokoll im Archiv"


def take(text: str, newsletter: Newsletter | None = None, *, is_dry_run: bool = False) -> transfer.Report:
    return transfer.import_subscribers(
        text,
        newsletter=newsletter or make_newsletter(),
        basis=BASIS,
        actor="rui",
        at=NOON,
        is_dry_run=is_dry_run,
    )


def results(report: transfer.Report) -> dict[str, str]:
    return {line.address: line.result.value for line in report.lines}


FILE = """\
E-Mail Address;Status;OPTIN_TIME;Confirm Time;Language;Source
Ann@EXÄMPLE.de;subscribed;2021-03-04 08:00:00;2021-03-05T09:30:00+01:00;de;Stadtfest
left@example.org;unsubscribed;;;;
bounced@example.org;cleaned;;;;
angry@example.org;complained;;;;
waiting@example.org;pending;;;;
not an address;subscribed;;;;
ann@xn--exmple-cua.de;subscribed;;;;
odd@example.org;subscribed;04/03/2021;;;
late@example.org;subscribed;2031-01-01;;;
"""


@pytest.mark.django_db
def test_each_line_gets_its_result() -> None:
    report = take(FILE)

    assert results(report) == {
        "Ann@EXÄMPLE.de": "taken",
        "left@example.org": "kept as suppression",
        "bounced@example.org": "kept as suppression",
        "angry@example.org": "kept as suppression",
        "waiting@example.org": "never confirmed",
        "not an address": "refused",
        "ann@xn--exmple-cua.de": "twice in the file",
        "odd@example.org": "refused",
        "late@example.org": "refused",
    }
    assert [line.number for line in report.lines] == list(range(2, 11))
    assert all(line.because for line in report.lines if line.result == LineResult.REFUSED)


@pytest.mark.django_db
def test_dates_and_the_basis_are_kept_and_nobody_is_written_to() -> None:
    take(FILE)

    row = Subscription.objects.get()
    assert row.requested_at == dt.datetime(2021, 3, 4, 8, 0, tzinfo=dt.UTC)
    assert row.confirmed_at == dt.datetime(2021, 3, 5, 8, 30, tzinfo=dt.UTC)
    assert (row.state, row.basis, row.source) == ("active", "imported", "Stadtfest")
    event = ConsentEvent.objects.get()
    assert (event.kind, event.wording, event.actor, event.at) == (ConsentKind.IMPORTED, BASIS, "rui", NOON)
    assert not Letter.objects.exists()


@pytest.mark.django_db
def test_who_left_or_bounced_elsewhere_is_not_mailed_here() -> None:
    newsletter = make_newsletter()

    take(FILE, newsletter)

    kept = {row.address_hash: (row.reason, row.newsletter) for row in Suppression.objects.all()}
    assert kept == {
        address_hash("left@example.org"): (SuppressionReason.UNSUBSCRIBED, newsletter),
        address_hash("bounced@example.org"): (SuppressionReason.HARD_BOUNCE, None),
        address_hash("angry@example.org"): (SuppressionReason.COMPLAINT, None),
    }
    assert Subscriber.objects.count() == 1


@pytest.mark.django_db
def test_since_when_somebody_is_not_mailed_is_what_the_file_says_of_it() -> None:
    take(
        """\
Email;Status;UNSUB_TIME;CLEAN_TIME
left@example.org;unsubscribed;2021-03-04 08:00:00;
bounced@example.org;cleaned;;2022-05-06
undated@example.org;unsubscribed;;
odd@example.org;unsubscribed;04/03/2021;
ahead@example.org;unsubscribed;2031-01-01;
"""
    )

    since = dict(Suppression.objects.values_list("address_hash", "created_at"))
    assert since == {
        address_hash("left@example.org"): dt.datetime(2021, 3, 4, 8, tzinfo=dt.UTC),
        address_hash("bounced@example.org"): dt.datetime(2022, 5, 6, tzinfo=dt.UTC),
        address_hash("undated@example.org"): NOON,
        address_hash("odd@example.org"): NOON,
        address_hash("ahead@example.org"): NOON,
    }


@pytest.mark.django_db
def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    newsletter = make_newsletter()
    before = dump()

    dry = take(FILE, newsletter, is_dry_run=True)

    assert dump() == before
    assert results(dry) == results(take(FILE, newsletter))


@pytest.mark.django_db
def test_the_past_at_our_own_house_weighs_more_than_a_file() -> None:
    newsletter = make_newsletter()
    make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="reads@example.org"))
    left = make_subscription(
        newsletter=newsletter,
        subscriber=make_subscriber(address="left@example.org"),
        state="unsubscribed",
        unsubscribed_at=NOON,
    )
    make_pending(newsletter, make_subscriber(address="asked@example.org"))
    suppression.suppress(address_hash("stop@example.org"), reason=SuppressionReason.ERASED, at=NOON)

    report = take(
        "address\nreads@example.org\nleft@example.org\nasked@example.org\nstop@example.org\n", newsletter
    )

    assert list(results(report).values()) == ["already reading", "left before", "taken", "suppressed"]
    left.refresh_from_db()
    assert left.state == "unsubscribed"


@pytest.mark.django_db
@pytest.mark.parametrize("basis", ["", "  "])
def test_no_import_without_a_legal_basis(basis: str) -> None:
    with pytest.raises(TransferError, match="legal basis"):
        transfer.import_subscribers(
            "address\nmia@example.org\n", newsletter=make_newsletter(), basis=basis, actor="", at=NOON
        )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    ["", "\n", "name,town\nMia,Lindenufer\n", 'address\n"never closed'],
    ids=["empty", "blank", "no address", "torn"],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(TransferError) as caught:
        take(text)

    assert str(caught.value).count(".") == 1
    assert not Subscriber.objects.exists()


def test_files_from_excel_and_with_a_mark_are_read() -> None:
    assert transfer.read_text("\ufeffaddress\n".encode()) == "address\n"
    assert transfer.read_text("Müller".encode("cp1252")) == "Müller"
    with pytest.raises(TransferError):
        transfer.read_text(b"PK\x03\x04\0\0")


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.text("'=+-@\t\rab", max_size=6)
)
def test_no_cell_starts_a_formula_and_each_comes_back(cell: str) -> None:
    safe = transfer.neutralise(cell)

    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert transfer.restore(safe) == cell


@pytest.mark.django_db
def test_an_export_read_back_is_the_same_readers() -> None:
    newsletter = make_newsletter()
    strange = make_subscriber(address="=cmd|calc@example.org", typed_address="=CMD|calc@example.org")
    make_subscription(newsletter=newsletter, subscriber=strange, source="+SUM(A1:A9)")
    make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="o'neil@example.org"))
    file = io.StringIO()

    written = transfer.export_subscribers(file)

    cells = [cell for row in csv.reader(io.StringIO(file.getvalue())) for cell in row]
    assert written == 2
    assert "'=CMD|calc@example.org" in cells
    assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]
    other = make_newsletter()
    report = transfer.import_subscribers(
        file.getvalue(), newsletter=other, basis=BASIS, actor="rui", at=NOON, mapped={"newsletter": ""}
    )
    assert set(results(report).values()) == {"taken"}
    again = (
        Subscription.objects.filter(newsletter=other)
        .order_by("pk")
        .values_list("source", "requested_at", "subscriber__address")
    )
    first = (
        Subscription.objects.filter(newsletter=newsletter)
        .order_by("pk")
        .values_list("source", "requested_at", "subscriber__address")
    )
    assert list(again) == list(first)


@pytest.mark.django_db
def test_the_erased_are_in_no_export() -> None:
    make_subscription(
        newsletter=make_newsletter(), subscriber=make_subscriber(address=None, typed_address="")
    )

    assert transfer.export_subscribers(io.StringIO()) == 0


@pytest.mark.django_db
def test_a_file_without_states_says_by_other_columns_who_is_not_to_be_mailed() -> None:
    cleaned = take("Email Address,CLEAN_TIME\ngone@example.org,2020-03-23 17:30:05\n")
    left = take("Email Address,UNSUB_TIME\nleft@example.org,2018-07-23 12:19:27\n")
    switched = take("email,email_disabled\noff@example.org,true\non@example.org,false\n")

    assert results(cleaned) | results(left) | results(switched) == {
        "gone@example.org": "kept as suppression",
        "left@example.org": "kept as suppression",
        "off@example.org": "kept as suppression",
        "on@example.org": "taken",
    }
    reasons = set(Suppression.objects.values_list("reason", flat=True))
    assert reasons == {SuppressionReason.HARD_BOUNCE, SuppressionReason.UNSUBSCRIBED}
