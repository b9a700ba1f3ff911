"""Two at once, each on a connection of its own."""

import io
import re
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections, transaction

from newsroom.mail.models import Letter
from subscriptions import consent, privacy, suppression
from subscriptions.errors import LinkUnknown
from subscriptions.models import (
    AddressChange,
    Confirmation,
    ConsentEvent,
    Newsletter,
    SignUpRequest,
    Subscriber,
    SubscriberImport,
    SubscriberImportPart,
    Subscription,
    Suppression,
)
from subscriptions.states import ConsentKind, ImportState, SuppressionReason
from subscriptions.transfer import journal
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import dump, make_confirmation, make_pending

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


@pytest.fixture
def at_once() -> Iterator[Callable[..., list[Any]]]:
    """Runs acts in threads that start together; each has its own connection, and closes it."""

    def run(*acts: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(len(acts))

        def act_on_own_connection(act: Callable[[], Any]) -> Any:
            try:
                barrier.wait(timeout=10)
                return act()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(acts)) as pool:
            return list(pool.map(act_on_own_connection, acts))

    yield run
    connection.close()


def _ask(address: str, newsletter_id: int) -> None:
    consent.request_subscription(
        consent.Wish(
            typed_address=address,
            newsletters=[Newsletter.objects.select_related("sender").get(pk=newsletter_id)],
            language="de",
            form="/",
            network_address="203.0.113.7",
        ),
        at=NOON,
    )


@pytest.mark.parametrize(
    "spellings",
    [("mia@example.org",) * 4, ("Mia@EXÄMPLE.de", "mia@xn--exmple-cua.de") * 2],
    ids=["same", "two spellings"],
)
def test_sign_ups_at_the_same_moment_make_one_row_and_one_letter(
    spellings: tuple[str, ...], at_once: Callable[..., list[Any]]
) -> None:
    newsletter = make_newsletter()

    at_once(*(lambda spelling=spelling: _ask(spelling, newsletter.pk) for spelling in spellings))

    assert Subscriber.objects.count() == 1
    assert Subscription.objects.count() == 1
    assert Letter.objects.count() == 1
    assert ConsentEvent.objects.count() == 1


def test_two_workers_decide_each_sign_up_once(at_once: Callable[..., list[Any]]) -> None:
    newsletter = make_newsletter()
    for number in range(12):
        consent.take_down(
            consent.Wish(
                typed_address=f"reader{number}@example.org",
                newsletters=[newsletter],
                language="de",
                form="/",
                network_address=f"203.0.113.{number}",
            ),
            at=NOON,
        )

    decided = at_once(*[consent.decide_sign_ups] * 3)

    assert sum(decided) == 12
    assert (Subscriber.objects.count(), Letter.objects.count(), ConsentEvent.objects.count()) == (12,) * 3
    assert not SignUpRequest.objects.exists()


def test_variants_of_one_mailbox_at_the_same_moment_get_one_letter(
    at_once: Callable[..., list[Any]],
) -> None:
    newsletter = make_newsletter()

    at_once(*(lambda number=number: _ask(f"mia+{number}@gmail.com", newsletter.pk) for number in range(4)))

    assert Letter.objects.count() == 1


def test_two_presses_confirm_once(at_once: Callable[..., list[Any]]) -> None:
    _confirmation, secret = make_confirmation(make_pending(make_newsletter()))

    done = at_once(*[lambda: consent.confirm(secret, network_address="", at=NOON)] * 2)

    assert sorted(each.was_already for each in done) == [False, True]
    assert ConsentEvent.objects.filter(kind=ConsentKind.CONFIRMED).count() == 1
    assert Letter.objects.count() == 1
    assert Confirmation.objects.get().used_at == NOON


def test_leaving_at_the_same_moment_is_recorded_once(at_once: Callable[..., list[Any]]) -> None:
    row = make_subscription(newsletter=make_newsletter())

    def leave() -> bool:
        same = Subscription.objects.select_related("subscriber", "newsletter").get(pk=row.pk)
        return consent.unsubscribe(same, how="one-click", network_address=None, at=NOON)

    assert sorted(at_once(*[leave] * 3)) == [False, False, True]
    assert ConsentEvent.objects.filter(kind=ConsentKind.UNSUBSCRIBED).count() == 1


def test_mail_programs_that_press_at_the_same_moment_are_recorded_once(
    at_once: Callable[..., list[Any]],
) -> None:
    row = make_subscription(newsletter=make_newsletter())

    done = at_once(*[lambda: consent.press(row.pk, network_address=None, at=NOON)] * 4)

    assert [each for each in done if each is not None] == [row.subscriber.language]
    assert ConsentEvent.objects.filter(kind=ConsentKind.UNSUBSCRIBED).count() == 1


def _wishes_for(row: Subscription, address: str) -> str:
    """The secret in the letter to the address that a reader wants her mail at."""
    consent.ask_for_new_address(row.subscriber, typed_address=address, network_address="", at=NOON)
    consent.decide_new_addresses(at=NOON)
    found = re.search(r"/address/([\w-]+)/", Letter.objects.filter(kind="new_address").latest("pk").text)
    assert found is not None
    return found[1]


def _moves(secret: str) -> str:
    """What came of pressing the button: moved, already, or unknown."""
    try:
        done = consent.confirm_new_address(secret, network_address="", at=NOON)
    except LinkUnknown:
        return "unknown"
    return "already" if done.was_already else "moved"


def _erases(address: str) -> str:
    reader = Subscriber.objects.filter(address=address).first()
    if reader is not None:
        privacy.erase_reader(reader, actor="", at=NOON)
    return "erased"


ROUNDS = range(4)


def test_two_presses_move_a_reader_once(at_once: Callable[..., list[Any]]) -> None:
    newsletter = make_newsletter()
    for number in ROUNDS:
        row = make_subscription(newsletter=newsletter)
        secret = _wishes_for(row, f"new{number}@example.org")

        assert sorted(at_once(*[lambda secret=secret: _moves(secret)] * 3)) == ["already", "already", "moved"]

        row.subscriber.refresh_from_db()
        assert row.subscriber.address == f"new{number}@example.org"
        told = Letter.objects.filter(kind="address_changed", subscriber_id=row.subscriber_id)
        assert told.count() == 1
        confirmed = ConsentEvent.objects.filter(subscriber=row.subscriber, facts__step="confirmed")
        assert confirmed.count() == 1


def test_two_readers_who_move_to_one_mailbox_become_one(at_once: Callable[..., list[Any]]) -> None:
    newsletters = [make_newsletter(), make_newsletter()]
    for number in ROUNDS:
        address = f"new{number}@example.org"
        rows = [make_subscription(newsletter=each) for each in newsletters]
        secrets = [_wishes_for(rows[0], address)]
        AddressChange.objects.update(decided_at=NOON - timedelta(hours=1))  # letters are a minute apart
        secrets.append(_wishes_for(rows[1], address))

        done = at_once(*(lambda secret=secret: _moves(secret) for secret in secrets))

        assert done == ["moved", "moved"]
        reads = Subscription.objects.active().filter(subscriber__address=address)
        assert set(reads.values_list("newsletter_id", flat=True)) == {each.pk for each in newsletters}
        assert reads.values("subscriber").distinct().count() == 1


@pytest.mark.parametrize("whose", ["hers", "the other's"])
def test_who_is_erased_while_mail_moves_is_forgotten(whose: str, at_once: Callable[..., list[Any]]) -> None:
    newsletter = make_newsletter()
    for number in ROUNDS:
        row = make_subscription(newsletter=newsletter)
        address = f"new{number}@example.org"
        if whose == "the other's":
            make_subscription(newsletter=newsletter, subscriber=make_subscriber(address=address))
        secret = _wishes_for(row, address)
        former = str(row.subscriber.address)

        def erase(reader: Subscriber = row.subscriber, address: str = address) -> str:
            if whose == "the other's":
                return _erases(address)
            privacy.erase_reader(reader, actor="", at=NOON)
            return "erased"

        moved, erased = at_once(lambda secret=secret: _moves(secret), erase)

        assert erased == "erased"
        assert moved in {"moved", "unknown"}
        assert not Subscription.objects.active().filter(subscriber__address=address).exists()
        gone = address if whose == "the other's" else former
        for forgotten in {address, gone}:
            assert forgotten not in repr(dump()), moved
        if whose == "the other's" and moved == "unknown":  # hers stay as they were
            assert Subscription.objects.active().filter(subscriber__address=former).exists()


def _moved(row: Subscription, address: str) -> str:
    """Moves a reader; the secret of her way back."""
    row.subscriber.refresh_from_db()
    assert _moves(_wishes_for(row, address)) == "moved"
    letter = Letter.objects.filter(kind="address_changed").latest("pk")
    found = re.search(r"/address/([\w-]+)/", letter.text)
    assert found is not None
    return found[1]


def _undoes(secret: str) -> str:
    try:
        consent.undo_new_address(secret, network_address="", at=NOON)
    except LinkUnknown:
        return "unknown"
    return "undone"


def test_a_move_and_those_after_it_undone_at_once_lead_to_where_the_first_began(
    at_once: Callable[..., list[Any]],
) -> None:
    newsletter = make_newsletter()
    for number in ROUNDS:
        row = make_subscription(newsletter=newsletter)
        home = row.subscriber.address
        make_subscription(
            newsletter=make_newsletter(), subscriber=make_subscriber(address=f"c{number}@example.org")
        )
        ways = [_moved(row, f"{name}{number}@example.org") for name in "abc"]

        done = at_once(*(lambda secret=secret: _undoes(secret) for secret in ways))

        assert done[0] == "undone"
        row.refresh_from_db()
        assert (row.state, row.subscriber.address) == ("active", home)


@pytest.mark.parametrize("whose", ["hers", "the other's"])
def test_taking_a_move_back_waits_for_whoever_changes_one_of_its_readers(whose: str) -> None:
    row = make_subscription(newsletter=make_newsletter())
    other = make_subscription(newsletter=make_newsletter())
    home, secret = str(row.subscriber.address), _moved(row, "new@example.org")
    _moved(row, str(other.subscriber.address))
    reader = Subscriber.objects.get(pk=(row if whose == "hers" else other).subscriber_id)

    def undo() -> str:
        try:
            return _undoes(secret)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Subscriber.objects.select_for_update().get(pk=reader.pk)
            undone = pool.submit(undo)
            _wait_for_waiting()
            assert not undone.done()
            privacy.erase_reader(reader, actor="", at=NOON)
        done = undone.result()

    row.refresh_from_db()
    now = ("unknown", "unsubscribed", None) if whose == "hers" else ("undone", "active", home)
    assert (done, row.state, row.subscriber.address) == now


def _begun(addresses: list[str], **values: Any) -> SubscriberImport:
    raw = "email\n" + "".join(f"{address}\n" for address in addresses)
    imported = journal.stage(
        io.BytesIO(raw.encode()), newsletter=values.pop("newsletter", None) or make_newsletter(), basis="by letter",
        actor="rui", filename="readers.csv", at=NOON,
    )  # fmt: skip
    journal.start(imported, at=NOON)
    return imported


def _finish(imported: SubscriberImport) -> None:
    while journal.work(imported, at=NOON) is not None:
        pass


def test_two_workers_at_one_import_count_each_line_once(
    at_once: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PART_ROWS", 5)
    imported = _begun([f"reader{number}@example.org" for number in range(40)])

    at_once(*(lambda: _finish(SubscriberImport.objects.get(pk=imported.pk)) for _ in range(3)))

    imported.refresh_from_db()
    assert (imported.state, imported.counts) == (ImportState.FINISHED, {"taken": 40})
    assert Subscription.objects.active().count() == ConsentEvent.objects.count() == 40


def test_two_files_with_the_same_readers_at_once_make_them_once(at_once: Callable[..., list[Any]]) -> None:
    newsletter = make_newsletter()
    addresses = [f"reader{number}@example.org" for number in range(200)]
    first, second = _begun(addresses, newsletter=newsletter), _begun(addresses[::-1], newsletter=newsletter)

    at_once(lambda: _finish(first), lambda: _finish(second))

    assert Subscriber.objects.count() == Subscription.objects.active().count() == 200
    assert ConsentEvent.objects.count() == 200
    counts = [SubscriberImport.objects.get(pk=each.pk).counts for each in (first, second)]
    assert sorted(counts, key=str) == [{"already reading": 200}, {"taken": 200}]


def test_a_sign_up_during_an_import_ends_as_one_subscription(at_once: Callable[..., list[Any]]) -> None:
    newsletter = make_newsletter()
    imported = _begun([f"reader{number}@example.org" for number in range(50)], newsletter=newsletter)

    at_once(lambda: _finish(imported), lambda: _ask("reader7@example.org", newsletter.pk))

    row = Subscription.objects.get(subscriber__address="reader7@example.org")
    events = ConsentEvent.objects.filter(subscriber=row.subscriber, kind=ConsentKind.IMPORTED)
    assert events.count() == (1 if row.basis == "imported" else 0)


def test_a_sign_up_that_had_to_wait_takes_what_the_import_made() -> None:
    newsletter = make_newsletter()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            row = make_subscription(
                newsletter=newsletter, subscriber=make_subscriber(address="mia@example.org")
            )
            asked = pool.submit(_ask_on_own_connection, "mia@example.org", newsletter.pk)
            _wait_for_waiting()
        asked.result(timeout=20)
    connection.close()

    assert [(each.pk, each.state) for each in Subscription.objects.all()] == [(row.pk, "active")]


def _ask_on_own_connection(address: str, newsletter_id: int) -> None:
    try:
        _ask(address, newsletter_id)
    finally:
        connections.close_all()


def _wait_for_waiting(number: int = 1) -> None:
    """Until somebody (or so many) waits for what this transaction holds; SQLite does not tell, and lets nobody write meanwhile."""
    if connection.vendor != "postgresql":
        time.sleep(0.2)
        return
    end = time.monotonic() + 10
    waiting = 0
    while waiting < number:
        assert time.monotonic() < end, "nobody waits"
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            (waiting,) = cursor.fetchone()


def test_who_waited_is_raised_and_who_is_stopped_at_this_moment_stays_stopped(
    at_once: Callable[..., list[Any]],
) -> None:
    newsletter = make_newsletter()
    waiting = [make_pending(newsletter) for _ in range(20)]
    imported = _begun([str(row.subscriber.address) for row in waiting], newsletter=newsletter)
    stopped = waiting[3].subscriber

    at_once(
        lambda: _finish(imported),
        lambda: suppression.suppress(stopped.address_hash, reason=SuppressionReason.COMPLAINT, at=NOON),
    )

    states = dict(Subscription.objects.values_list("subscriber", "state"))
    assert states.pop(stopped.pk) == "unsubscribed"
    assert set(states.values()) == {"active"}


def _erase_on_own_connection(reader: Subscriber) -> None:
    try:
        privacy.erase_reader(reader, actor="", at=NOON)
    finally:
        connections.close_all()


def _erase_all(readers: list[Subscriber]) -> None:
    for reader in readers:
        privacy.erase_reader(reader, actor="", at=NOON)


def _finish_on_own_connection(imported: SubscriberImport) -> None:
    try:
        _finish(imported)
    finally:
        connections.close_all()


def _nobody_knows(reader: Subscriber, address: str) -> None:
    assert address not in repr(dump())
    kept = SubscriberImportPart.objects.values_list("content", "left_over")
    assert address not in "".join(
        zlib.decompress(bytes(each)).decode() for both in kept for each in both if each
    )
    assert not Subscription.objects.active().filter(subscriber=reader).exists()
    assert Suppression.objects.get().reason == SuppressionReason.ERASED


@pytest.mark.parametrize("standing", ["reads another newsletter", "waits for this one"])
def test_who_is_erased_while_her_file_is_taken_in_does_not_come_back(
    standing: str, at_once: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PART_ROWS", 4)
    addresses = [f"reader{number}@example.org" for number in range(24)]
    newsletter = make_newsletter()
    theirs = [make_subscriber(address=each) for each in addresses[::7]]
    for reader in theirs:
        if standing == "waits for this one":
            make_pending(newsletter, reader)
        else:
            make_subscription(newsletter=make_newsletter(), subscriber=reader)
    imported = _begun(addresses, newsletter=newsletter)

    at_once(
        lambda: _finish(imported),
        lambda: _erase_all(theirs[::-1]),
    )

    imported.refresh_from_db()
    assert (imported.state, sum(imported.counts.values())) == (ImportState.FINISHED, 24)
    assert Subscription.objects.active().filter(newsletter=newsletter).count() == 20
    told = repr(dump()).lower()
    assert [each for each in addresses[::7] if each in told] == []


@pytest.mark.postgres(only=True)
@pytest.mark.parametrize("standing", ["reads another newsletter", "waits for this one"])
def test_a_file_that_comes_while_she_is_being_erased_does_not_bring_her_back(standing: str) -> None:
    """Her erasure has looked through the files already when one with her is uploaded, and begins."""
    address, newsletter = "mia@example.org", make_newsletter()
    reader = make_subscriber(address=address)
    if standing == "waits for this one":
        make_pending(newsletter, reader)
    else:
        make_subscription(newsletter=make_newsletter(), subscriber=reader)
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            Subscriber.objects.select_for_update().get(pk=reader.pk)
            erased = pool.submit(_erase_on_own_connection, reader)
            _wait_for_waiting()
            imported = pool.submit(_begin_on_own_connection, ["tom@example.org", address], newsletter).result(
                20
            )
            taken = pool.submit(_finish_on_own_connection, imported)
            _wait_for_waiting(2)
        erased.result(timeout=20)
        taken.result(timeout=20)
    connection.close()

    _nobody_knows(reader, address)
    imported.refresh_from_db()
    assert imported.counts == {"taken": 1, "suppressed": 1}


@pytest.mark.postgres(only=True)
def test_who_is_erased_when_her_line_is_being_written_waits_for_it_and_is_forgotten() -> None:
    address, newsletter = "mia@example.org", make_newsletter()
    reader = make_subscription(
        newsletter=make_newsletter(), subscriber=make_subscriber(address=address)
    ).subscriber
    imported = _begun(["tom@example.org", address], newsletter=newsletter)
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            make_subscriber(address="tom@example.org")  # the import waits for this row
            taken = pool.submit(_finish_on_own_connection, imported)
            _wait_for_waiting()
            erased = pool.submit(_erase_on_own_connection, reader)
            _wait_for_waiting(2)
        taken.result(timeout=20)
        erased.result(timeout=20)
    connection.close()

    _nobody_knows(reader, address)
    imported.refresh_from_db()
    assert imported.counts == {"taken": 2}


def _begin_on_own_connection(addresses: list[str], newsletter: Newsletter) -> SubscriberImport:
    try:
        return _begun(addresses, newsletter=newsletter)
    finally:
        connections.close_all()
