"""Large files part by part: killed, repeated or begun twice, each line counts once."""

import csv
import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from newsroom.mail.addresses import address_hash
from subscriptions import privacy, suppression, transfer
from subscriptions.errors import ImportChanged, TransferError
from subscriptions.models import (
    ConsentEvent,
    Subscriber,
    SubscriberImport,
    SubscriberImportPart,
    Subscription,
    Suppression,
)
from subscriptions.states import ConsentKind, ImportState, SubscriptionState, SuppressionReason
from subscriptions.tasks import run_imports
from subscriptions.transfer import journal, parts, writing
from subscriptions.transfer.formats import understand
from subscriptions.transfer.judging import Reader, judge
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import dump, make_pending
from tests.subscriptions.importing import BASIS, finish, lines, staged

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "PART_ROWS", 2)


def test_a_killed_import_goes_on_where_it_stopped(small_parts: None) -> None:
    imported = staged(lines(*(f"reader{number}@example.org" for number in range(5))))
    journal.start(imported, at=NOON)
    journal.work(imported, at=NOON)
    begun = journal.unfinished(imported.checksum, imported.newsletter)

    assert begun == imported
    assert begun is not None
    finish(begun)

    assert (begun.state, begun.counts, begun.parts_done) == (ImportState.FINISHED, {"taken": 5}, 3)
    assert Subscription.objects.active().count() == ConsentEvent.objects.count() == 5
    assert not SubscriberImportPart.objects.filter(content__isnull=False).exists()


def test_a_part_that_dies_half_way_leaves_nothing(small_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = staged(lines("mia@example.org", "tom@example.org"))
    journal.start(imported, at=NOON)
    before = dump()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(journal, "_left_over", die)
        with pytest.raises(KeyboardInterrupt):
            journal.work(imported, at=NOON)

    assert dump() == before
    assert finish(imported).counts == {"taken": 2}


def test_the_same_file_twice_takes_nobody_twice() -> None:
    newsletter, raw = make_newsletter(), lines("mia@example.org", "tom@example.org")
    for _ in range(2):
        last = staged(raw, newsletter)
        journal.start(last, at=NOON)
        finish(last)

    assert last.counts == {"already reading": 2}
    assert ConsentEvent.objects.count() == 2
    assert journal.finished_before(last) is not None


def test_a_part_that_is_judged_ahead_says_the_same(small_parts: None) -> None:
    addresses = ["mia@example.org", "tom@example.org", "rui@example.org", "broken", "mia@example.org"]
    one_by_one, ahead = staged(lines(*addresses)), staged(lines(*addresses))
    journal.start(one_by_one, at=NOON)
    finish(one_by_one)
    journal.start(ahead, at=NOON)
    remembered, seen = None, []
    while (remembered := journal.work(ahead, at=NOON, remembered=remembered)) is not None:
        seen.append(remembered.ahead is not None)

    assert seen == [True, True, False]
    assert ahead.counts == one_by_one.counts == {"taken": 3, "refused": 1, "already reading": 1}
    assert list(journal.left_over(ahead)) == list(journal.left_over(one_by_one))


@pytest.mark.parametrize("language", ["de", "en"])
def test_lines_are_judged_ahead_in_the_language_of_who_asked(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "judge", lambda number, row, newsletter, at: translation.get_language())

    with translation.override(language):
        judged = parts.judge_ahead(
            parts.pack([(2, ["mia@example.org"])]), ["address"], newsletter="aa", at=NOON
        )

    assert [*judged.result().lines] == [language]  # type: ignore[comparison-overlap]


def test_a_trial_says_what_a_run_does_and_changes_no_reader(small_parts: None) -> None:
    newsletter = make_newsletter()
    suppression.suppress(address_hash("gone@example.org"), reason=SuppressionReason.ERASED, at=NOON)
    raw = lines("mia@example.org", "broken", "gone@example.org", "mia@example.org", "tom@example.org")
    imported = staged(raw, newsletter)
    journal.try_out(imported)
    remembered = None
    while (remembered := journal.work(imported, at=NOON, remembered=remembered)) is not None:
        pass
    imported.refresh_from_db()
    assert (imported.state, Subscriber.objects.count()) == (ImportState.TRIED, 0)

    journal.start(imported, at=NOON)
    finish(imported)

    assert imported.tried == imported.counts
    assert imported.counts == {"taken": 2, "refused": 1, "suppressed": 1, "already reading": 1}


def test_who_left_stays_away_and_who_waited_is_taken() -> None:
    newsletter = make_newsletter()
    left = make_subscription(
        newsletter=newsletter,
        subscriber=make_subscriber(address="left@example.org"),
        state="unsubscribed",
        unsubscribed_at=NOON,
    )
    asked = make_pending(newsletter, make_subscriber(address="asked@example.org"))
    imported = staged(lines("left@example.org", "asked@example.org"), newsletter)
    journal.start(imported, at=NOON)

    finish(imported)

    left.refresh_from_db()
    asked.refresh_from_db()
    assert imported.counts == {"left before": 1, "taken": 1}
    assert (left.state, asked.state, asked.basis) == ("unsubscribed", "active", "imported")
    assert ConsentEvent.objects.get(kind="imported").facts["import"] == imported.pk


@pytest.mark.parametrize("state", ["pending", "lapsed"])
def test_who_left_is_not_brought_back_because_somebody_asked_for_her(state: str) -> None:
    newsletter = make_newsletter()
    row = make_subscription(
        newsletter=newsletter,
        subscriber=make_subscriber(address="mia@example.org"),
        state=state,
        unsubscribed_at=NOON,
    )
    imported = staged(lines("mia@example.org"), newsletter)
    journal.start(imported, at=NOON)

    finish(imported)

    row.refresh_from_db()
    assert imported.counts == {"left before": 1}
    assert (row.state, row.unsubscribed_at) == (state, NOON)
    assert not ConsentEvent.objects.filter(kind="imported").exists()


def test_who_leaves_a_request_while_a_part_is_written_stays_away() -> None:
    newsletter = make_newsletter()
    mia = make_subscriber(address="mia@example.org")
    row = make_subscription(newsletter=newsletter, subscriber=mia, state="pending", unsubscribed_at=NOON)
    line = judge(2, {"address": "mia@example.org"}, newsletter=newsletter.slug, at=NOON)
    assert isinstance(line, Reader)

    writing.enrol(
        [line],
        newsletter=newsletter,
        basis="A form of 2024",
        actor="",
        at=NOON,
        are_some_known=True,
        facts={},
    )

    row.refresh_from_db()
    assert row.state == "pending"


@pytest.mark.parametrize("is_first", [True, False])
def test_who_left_in_one_line_and_reads_in_another_is_not_mailed(is_first: bool) -> None:
    states = ["unsubscribed", "subscribed"] if is_first else ["subscribed", "unsubscribed"]
    raw = ("email,status\n" + "".join(f"mia@example.org,{state}\n" for state in states)).encode()
    imported = staged(raw)
    journal.start(imported, at=NOON)

    finish(imported)

    assert not Subscription.objects.active().exists()
    assert Suppression.objects.get().address_hash == address_hash("mia@example.org")


def test_the_file_to_correct_keeps_broken_lines_and_masks_the_others() -> None:
    newsletter = make_newsletter()
    make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="reads@example.org"))
    raw = b"email,name\nbroken,'=SUM(A1)\nreads@example.org,Mia\nnew@example.org,Tom\n"
    imported = staged(raw, newsletter)
    journal.start(imported, at=NOON)

    file = "".join(journal.left_over(finish(imported))).splitlines()

    assert file[0] == "line,result,reason,email,name"
    assert file[1].startswith("2,refused,")
    assert file[1].endswith(",broken,'=SUM(A1)")
    assert file[2].startswith("3,already reading,,")
    assert "reads@" not in file[2]
    assert len(file) == 3


def test_lines_of_a_finished_import_are_forgotten_after_two_weeks() -> None:
    imported = staged(lines("broken"))
    journal.start(imported, at=NOON)
    finish(imported)
    waiting = staged(lines("mia@example.org"))

    assert journal.forget_old(at=NOON + journal.KEPT_FOR) == 2

    waiting.refresh_from_db()
    assert waiting.state == ImportState.DISCARDED
    assert not SubscriberImportPart.objects.exists()
    assert SubscriberImport.objects.count() == 2


def test_of_two_who_decide_at_once_one_wins() -> None:
    imported = staged(lines("mia@example.org"))
    other = SubscriberImport.objects.get()
    journal.start(imported, at=NOON)

    for decide in (journal.try_out, journal.discard):
        with pytest.raises(ImportChanged):
            decide(other)
    with pytest.raises(ImportChanged):
        journal.start(other, at=NOON)


def test_the_worker_s_task_brings_imports_to_their_end() -> None:
    imported = staged(lines("mia@example.org"))
    journal.start(imported, at=NOON)

    assert run_imports() == 1

    imported.refresh_from_db()
    assert imported.state == ImportState.FINISHED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_files_are_read_as_they_were_saved(encoding: str, delimiter: str) -> None:
    text = delimiter.join(["email", "source"]) + "\n" + delimiter.join(["mia@example.org", "Straßenfest"])
    imported = staged(text.encode(encoding))
    journal.start(imported, at=NOON)

    finish(imported)

    assert Subscription.objects.get().source == "Straßenfest"


@pytest.mark.parametrize(
    ("product", "heading", "line", "result"),
    [
        ("Mailchimp", "Email Address,OPTIN_TIME,CONFIRM_TIME", "m@example.org,2021-03-04 08:00:00,", "taken"),
        ("Substack", "email,active_subscription,email_disabled,created_at", "m@example.org,false,true,", "kept as suppression"),
        ("Ghost", "id,email,subscribed_to_emails,created_at,deleted_at", "1,m@example.org,true,2021-03-04T08:00:00.000Z,", "taken"),
        ("Ghost", "id,email,subscribed_to_emails,created_at,deleted_at", "1,m@example.org,false,,", "kept as suppression"),
        ("listmonk", "uuid,email,name,attributes,status,created_at,updated_at", "1,m@example.org,,,enabled,,", "taken"),
        ("listmonk", "uuid,email,name,attributes,status,created_at,updated_at", "1,m@example.org,,,blocklisted,,", "kept as suppression"),
        ("Buttondown", "email,notes,creation_date,type", "m@example.org,,2021-03-04T08:00:00Z,regular", "taken"),
        ("Buttondown", "email,notes,creation_date,type", "m@example.org,,2021-03-04T08:00:00Z,unactivated", "never confirmed"),
        ("beehiiv", "email,status,tier,created_at", "m@example.org,inactive,free,", "kept as suppression"),
    ],
)  # fmt: skip
def test_files_of_other_systems_are_recognised(product: str, heading: str, line: str, result: str) -> None:
    imported = staged(f"{heading}\n{line}\n".encode())
    journal.start(imported, at=NOON, are_all_confirmed=True)

    assert imported.product == product
    assert finish(imported).counts == {result: 1}


def test_a_column_can_be_said_to_hold_something() -> None:
    raw = b"contact,joined\nmia@example.org,2021-03-04\n"
    with pytest.raises(TransferError):
        staged(raw)

    imported = staged(raw, mapped={"contact": "address", "joined": "confirmed_at"})
    journal.start(imported, at=NOON)
    finish(imported)

    confirmed = Subscription.objects.get().confirmed_at
    assert confirmed is not None
    assert confirmed.date().isoformat() == "2021-03-04"


@pytest.mark.parametrize(
    "mapped", [{"nowhere": "address"}, {"email": "shoe size"}, {"email": ""}, {"a": "state", "b": "state"}]
)
def test_what_cannot_be_said_of_columns_is_refused(mapped: dict[str, str]) -> None:
    with pytest.raises(TransferError):
        understand(["email", "a", "b"], mapped=mapped)


def test_a_file_too_large_leaves_nothing() -> None:
    with pytest.raises(TransferError, match="larger"):
        staged(lines("mia@example.org"), most_bytes=10)

    assert not SubscriberImport.objects.exists()


@pytest.mark.parametrize("size", [3, 300])
def test_a_part_costs_the_same_queries_at_any_size(size: int) -> None:
    newsletter = make_newsletter()
    make_pending(newsletter, make_subscriber(address="asked@example.org"))
    readers = [f"r{number}@example.org" for number in range(size)]
    imported = staged(lines("asked@example.org", "broken", *readers), newsletter)
    journal.start(imported, at=NOON)

    with CaptureQueriesContext(connection) as queries:
        journal.work(imported, at=NOON)

    # Import, parts; suppressions, of mail and of asking; states, former addresses; table, emptied, filled; reader, found, raised, subscription, event; part, counts.
    assert len([one for one in queries if "SAVEPOINT" not in one["sql"]]) <= 17


def test_who_leaves_between_the_look_and_the_writing_is_left_alone() -> None:
    newsletter = make_newsletter()
    gone = make_subscription(newsletter=newsletter, state=SubscriptionState.UNSUBSCRIBED)
    known = make_subscriber(address="tom@example.org", language="en")
    readers = [
        judge(number, {"address": address, "language": "de"}, newsletter="aa", at=NOON)
        for number, address in enumerate([str(gone.subscriber.address), "tom@example.org"])
    ]

    writing.enrol(
        [each for each in readers if isinstance(each, Reader)],
        newsletter=newsletter, basis=BASIS, actor="rui", at=NOON, are_some_known=False, facts={},
    )  # fmt: skip

    gone.refresh_from_db()
    assert gone.state == SubscriptionState.UNSUBSCRIBED
    event = ConsentEvent.objects.get(kind=ConsentKind.IMPORTED)
    assert (event.subscriber, event.language) == (known, "en")


def test_every_import_gives_each_active_reader_an_event() -> None:
    newsletter = make_newsletter()
    transfer.import_subscribers(
        "email\n" + "".join(f"r{number}@example.org\n" for number in range(40)),
        newsletter=newsletter, basis=BASIS, actor="rui", at=NOON,
    )  # fmt: skip

    without = Subscription.objects.active().exclude(subscriber__in=ConsentEvent.objects.values("subscriber"))
    assert not without.exists()


def test_the_command_writes_the_lines_to_correct(tmp_path: Path) -> None:
    newsletter = make_newsletter()
    file, errors = tmp_path / "readers.csv", tmp_path / "errors.csv"
    file.write_bytes(b"contact\nmia@example.org\nbroken\n")
    out = io.StringIO()

    call_command(
        "import_subscribers", str(file), "--newsletter", newsletter.slug, "--basis", BASIS,
        "--map", "contact=address", "--errors", str(errors), stdout=out,
    )  # fmt: skip

    assert out.getvalue().splitlines()[-1] == "Done: 1 taken, 1 refused."
    assert errors.read_text("utf-8").splitlines()[1].startswith("3,refused,")
    assert SubscriberImport.objects.get().state == ImportState.FINISHED


@pytest.mark.parametrize("is_ahead", [True, False])
def test_who_is_erased_while_an_import_runs_leaves_no_line_and_the_others_are_taken(
    is_ahead: bool, small_parts: None
) -> None:
    addresses = [
        "tom@example.org",
        "rui@example.org",
        "MIA@Exämple.de",
        "anna-mia@exämple.de",
        "o'mia@exämple.de",
    ]
    imported = staged(lines(*addresses))
    mia = make_subscriber(address="mia@xn--exmple-cua.de")
    journal.start(imported, at=NOON)
    course = journal.work(imported, at=NOON)
    assert course is not None
    assert course.ahead is not None

    privacy.erase_reader(mia, actor="", at=NOON)
    remembered = course if is_ahead else None
    while (remembered := journal.work(imported, at=NOON, remembered=remembered)) is not None:
        pass

    imported.refresh_from_db()
    assert (imported.state, imported.counts) == (ImportState.FINISHED, {"taken": 4, "refused": 1})
    (line,) = list(csv.reader(io.StringIO("".join(journal.left_over(imported)))))[1:]
    assert (line[0], line[3:]) == ("4", [""])


def test_a_file_without_a_heading_is_not_kept() -> None:
    with pytest.raises(TransferError, match="first line"):
        staged(b"mia@example.org,Mia\ntom@example.org,Tom\n", is_mapped_later=True)

    assert not SubscriberImport.objects.exists()


@pytest.mark.postgres(only=True)
def test_a_line_is_found_by_its_reader_even_where_the_database_has_no_statistics() -> None:
    """By the newsletter's index all who read it were read again for each line, and so slower with each."""
    imported = staged(lines(*(f"reader{number}@example.org" for number in range(2_000))))
    journal.start(imported, at=NOON)
    with CaptureQueriesContext(connection) as asked:
        finish(imported)
    (events,) = [
        each["sql"] for each in asked if each["sql"].startswith('INSERT INTO "subscriptions_consent')
    ]

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {events}")
        plan = "\n".join(row[0] for row in cursor)

    assert "Index Cond: (subscriber_id = a.subscriber_id)" in plan
    assert "subscription_by_cadence" not in plan
    assert "SET LOCAL jit = off" in [each["sql"] for each in asked]
