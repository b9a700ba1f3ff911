"""Files of listmonk: times as its export writes them, and who confirmed, which it does not say."""

import datetime as dt
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from subscriptions import transfer
from subscriptions.errors import TransferError
from subscriptions.models import ConsentEvent, Subscriber, SubscriberImport
from subscriptions.states import ImportState
from subscriptions.transfer import journal
from tests.factories import NOON, make_newsletter
from tests.subscriptions.importing import BASIS, finish, staged

pytestmark = pytest.mark.django_db
LISTMONK = "uuid,email,name,attributes,status,created_at,updated_at\n"


@pytest.mark.parametrize(
    ("written", "is_read_as"),
    [
        ("2024-05-01 10:11:12.345678 +0000 UTC", "2024-05-01T10:11:12.345678+00:00"),
        ("2024-05-01 10:11:12 +0000 UTC", "2024-05-01T10:11:12+00:00"),
        ("2024-05-01 10:11:12.345678 +0000 +0000", "2024-05-01T10:11:12.345678+00:00"),
        ("2024-05-01 10:11:12.3 +0200 CEST", "2024-05-01T08:11:12.300000+00:00"),
        ("2024-05-01 10:11:12.345678 +0530 +0530", "2024-05-01T04:41:12.345678+00:00"),
        ("2024-05-01 10:11:12.345678 -0300 -03", "2024-05-01T13:11:12.345678+00:00"),
        ("2024-05-01 10:11:12.345678901 +0000 UTC m=+0.100000001", "2024-05-01T10:11:12.345678+00:00"),
    ],
)
def test_a_time_as_listmonk_writes_it_is_read(written: str, is_read_as: str) -> None:
    line = f"0a1b,mia@example.org,Mia,{{}},enabled,{written},0001-01-01 00:00:00 +0000 UTC\n"
    imported = staged((LISTMONK + line).encode())
    journal.start(imported, at=NOON, are_all_confirmed=True)

    assert finish(imported).counts == {"taken": 1}
    (event,) = ConsentEvent.objects.all()
    requested = dt.datetime.fromisoformat(event.facts["requested_at"])
    assert requested == dt.datetime.fromisoformat(is_read_as)
    assert event.facts["all_confirmed"] is True


def test_no_time_as_listmonk_writes_it_is_none() -> None:
    line = "0a1b,mia@example.org,Mia,{},enabled,0001-01-01 00:00:00 +0000 UTC,\n"
    imported = staged((LISTMONK + line).encode())
    journal.start(imported, at=NOON, are_all_confirmed=True)

    assert finish(imported).counts == {"taken": 1}
    assert "requested_at" not in ConsentEvent.objects.get().facts


@pytest.mark.parametrize(
    "written",
    ["2024-05-01 10:11:12 UTC", "2024-13-01 10:11:12 +0000 UTC", "2024-05-01 10:11:12 +0000 UTC later"],
)
def test_what_is_no_time_of_theirs_is_refused(written: str) -> None:
    imported = staged(f"{LISTMONK}0a1b,mia@example.org,Mia,{{}},enabled,{written},\n".encode())
    journal.start(imported, at=NOON, are_all_confirmed=True)

    assert finish(imported).counts == {"refused": 1}


def test_a_file_that_cannot_say_who_confirmed_is_not_taken_in_before_a_person_does() -> None:
    raw = f"{LISTMONK}0a1b,mia@example.org,Mia,{{}},enabled,,\n"
    imported = staged(raw.encode())

    with pytest.raises(TransferError, match="subscription_status=confirmed"):
        journal.start(imported, at=NOON)
    with pytest.raises(TransferError, match="subscription_status=confirmed"):
        transfer.import_subscribers(raw, newsletter=imported.newsletter, basis=BASIS, actor="rui", at=NOON)

    imported.refresh_from_db()
    assert (imported.state, Subscriber.objects.count()) == (ImportState.WAITING, 0)


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_the_command_wants_to_be_told_that_all_of_listmonk_confirmed(dry: list[str], tmp_path: Path) -> None:
    newsletter, file = make_newsletter(), tmp_path / "subscribers.csv"
    file.write_text(f"{LISTMONK}0a1b,mia@example.org,Mia,{{}},enabled,2024-05-01 10:11:12.3 +0000 UTC,\n")
    said = ("import_subscribers", str(file), "--newsletter", newsletter.slug, "--basis", BASIS, *dry)

    with pytest.raises(CommandError, match="subscription_status=confirmed"):
        call_command(*said, stdout=io.StringIO())
    assert not SubscriberImport.objects.exists()

    out = io.StringIO()
    call_command(*said, "--all-confirmed", stdout=out)
    assert out.getvalue().splitlines()[-1].endswith(": 1 taken.")
