"""What mail keeps and lets go: an old row goes, a young one stays, and a kill in between costs nothing."""

import datetime as dt
from typing import Any

import pytest

from newsroom.environment import read_kept_days
from newsroom.mail import retention
from newsroom.mail.models import Heartbeat, Incident, Letter, ProviderEvent
from newsroom.mail.states import LetterState
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)


def letter(age: dt.timedelta, **values: Any) -> Letter:
    number = Letter.objects.count()
    return Letter.objects.create(
        **{
            "kind": "welcome",
            "dedupe_key": f"welcome:{number}",
            "state": LetterState.SENT,
            "language": "de",
            "address_hash": "0" * 64,
            "not_before": NOON - age,
            "created_at": NOON - age,
        }
        | values
    )


def event(age: dt.timedelta) -> ProviderEvent:
    return ProviderEvent.objects.create(
        provider="main",
        event_id=str(ProviderEvent.objects.count()),
        kind="delivered",
        payload={"event": "delivered"},
        occurred_at=NOON - age,
        received_at=NOON - age,
    )


@pytest.mark.parametrize("state", [LetterState.SENT, LetterState.FAILED, LetterState.CANCELLED], ids=str)
def test_letters_go_after_ninety_days(state: LetterState) -> None:
    letter(90 * DAY + SECOND, state=state)
    young = letter(90 * DAY, state=state)

    assert retention.tidy(at=NOON)["letters"] == 1

    assert Letter.objects.get() == young


def test_payloads_go_after_ninety_days_and_events_after_thirteen_months() -> None:
    event(396 * DAY + SECOND)
    kept, emptied, young = event(396 * DAY), event(90 * DAY + SECOND), event(90 * DAY)

    done = retention.tidy(at=NOON)

    assert (done["events"], done["payloads"]) == (1, 2)
    assert dict(ProviderEvent.objects.values_list("pk", "payload")) == {
        kept.pk: {},
        emptied.pk: {},
        young.pk: {"event": "delivered"},
    }


def test_incidents_go_thirteen_months_after_they_were_resolved_and_open_ones_never() -> None:
    for number, resolved_at in enumerate([NOON - 397 * DAY, NOON - 396 * DAY, None]):
        Incident.objects.create(
            key=str(number), title="Mail waits", opened_at=NOON - 900 * DAY, resolved_at=resolved_at
        )

    assert retention.tidy(at=NOON)["incidents"] == 1

    assert sorted(Incident.objects.values_list("key", flat=True)) == ["1", "2"]


def test_it_works_in_slices_and_goes_on_where_it_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    for _number in range(7):
        letter(100 * DAY)
        event(100 * DAY)
    letter(DAY)
    event(DAY)
    save, calls = Heartbeat.objects.update_or_create, []

    def killed(**values: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return save(**values)

    monkeypatch.setattr(Heartbeat.objects, "update_or_create", killed)
    with pytest.raises(KeyboardInterrupt):
        retention.tidy(at=NOON, rows=3)
    assert ProviderEvent.objects.filter(payload={}).count() == 3  # the slice that was cut off changed nothing
    again = retention.tidy(at=NOON, rows=3)

    assert again["payloads"] == 4
    assert (Letter.objects.count(), ProviderEvent.objects.exclude(payload={}).count()) == (1, 1)
    assert retention.tidy(at=NOON, rows=3) == {"letters": 0, "events": 0, "payloads": 0, "incidents": 0}


def test_the_environment_says_how_long() -> None:
    assert read_kept_days("letters=60,events=183") == {
        "letters": 60,
        "payloads": 90,
        "events": 183,
        "confirmations": 396,
        "sign_ins": 90,
    }
    for wrong in ("letters", "letters=30", "copies=90", "letters=-1"):
        with pytest.raises(Exception, match="KEPT_DAYS must look like"):
            read_kept_days(wrong)
