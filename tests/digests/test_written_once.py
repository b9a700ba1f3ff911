"""Consent, approvals and versions are written once: the database refuses, whoever asks and by whatever way."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, models, transaction

from digests.models import Approval, DigestVersion
from newsroom.mail.addresses import address_hash
from subscriptions import privacy
from subscriptions.models import ConsentEvent
from tests.digests.factories import make_approved, make_ready, make_user
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def consent() -> models.QuerySet[Any]:
    make_subscription(newsletter=make_newsletter())
    return ConsentEvent.objects.all()


def approval() -> models.QuerySet[Any]:
    return Approval.objects.filter(proof__digest=make_approved())


def version() -> models.QuerySet[Any]:
    DigestVersion.objects.create(
        digest=make_ready(), number=1, content={"subject": "Die Fähre"}, made_by=make_user(), made_at=NOON
    )
    return DigestVersion.objects.all()


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (consent, {"at": NOON}),
        (consent, {"wording": "Ich will alles."}),
        (consent, {"newsletter": None}),
        (consent, {"facts": {"forged": True}}),
        (consent, {"address": "eve@example.org"}),
        (consent, {"address": ""}),
        (consent, {"address": address_hash("mia@example.org"), "kind": "withdrawn"}),
        (approval, {"approved_at": NOON}),
        (approval, {"policy": "one_pair"}),
        (version, {"content": {}}),
        (version, {"made_by": None, "act": "Nothing."}),
        (version, {"number": 2}),
    ],
)
def test_a_row_cannot_be_changed(make: Callable[[], models.QuerySet[Any]], change: dict[str, Any]) -> None:
    rows = make()
    before = list(rows.values())

    with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
        rows.update(**change)

    assert list(rows.values()) == before


@pytest.mark.postgres(only=True)
@pytest.mark.parametrize("make", [consent, approval, version])
def test_postgresql_refuses_to_delete_a_row(make: Callable[[], models.QuerySet[Any]]) -> None:
    rows = make()

    with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
        rows.all()._raw_delete(rows.db)

    assert rows.exists()


@pytest.mark.postgres(only=True)
def test_postgresql_lets_go_of_consent_that_names_nobody() -> None:
    rows = consent()
    rows.update(address=address_hash("mia@example.org"))

    rows.all()._raw_delete(rows.db)

    assert not rows.exists()


def test_erasing_a_reader_puts_the_hash_in_the_place_of_the_address() -> None:
    reader = make_subscriber(address="mia@example.org")
    make_subscription(newsletter=make_newsletter(), subscriber=reader)

    privacy.erase_reader(reader, actor="", at=NOON)

    assert set(ConsentEvent.objects.values_list("address", flat=True)) == {address_hash("mia@example.org")}


def test_one_hash_does_not_become_another() -> None:
    rows = consent()
    rows.update(address=address_hash("mia@example.org"))

    with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
        rows.update(address=address_hash("eve@example.org"))


def test_a_version_outlives_the_user_who_made_it() -> None:
    rows = version()

    rows.get().made_by.delete()

    assert rows.get().made_by is None
