"""Why a copy is where it is: the ledger keeps a key, and staff are told words."""

import ast

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from digests.delivery.figures import REASONS, reason_name
from digests.delivery.states import DeliveryState
from tests.digests.delivery.test_reader_desk import make_copies
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.rules.source import ROOT

# Whose verdict a proof is: `by` of these.
_PROVING = ("promote", "_accept", "settle")


def written() -> set[str]:
    """Each key that the source writes as a copy's reason; a provider's own text is none."""
    found: set[str] = set()
    for path in [*(ROOT / "digests/delivery").rglob("*.py"), ROOT / "subscriptions/audiences.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="fromkeys"), args=[_, ast.Constant(value=str(text))]):
                    found.add(text)
                case ast.Call(func=func, keywords=keywords):
                    called = ast.unparse(func).rpartition(".")[2]
                    given = {
                        each.arg: each.value.value
                        for each in keywords
                        if isinstance(each.value, ast.Constant)
                    }
                    found.add(str(given.get("skip_reason", "")))
                    found.add(str(given.get("reason", "")) if called == "update" else "")
                    found.add(f"proved by {given['by']!s}" if called in _PROVING and "by" in given else "")
                case ast.Assign(targets=[ast.Name(id="reason")], value=ast.Constant(value=str(text))):
                    found.add(text)
                case ast.FunctionDef(name="_skip_reason"):
                    returned = (each.value for each in ast.walk(node) if isinstance(each, ast.Return))
                    found |= {str(each.value) for each in returned if isinstance(each, ast.Constant)}
    return found - {""}


def test_every_reason_that_the_source_writes_has_words_and_no_other_has() -> None:
    assert written() == set(REASONS)


def test_what_a_provider_said_stays_as_it_is() -> None:
    assert reason_name("550 5.1.1 no such user") == "550 5.1.1 no such user"


@pytest.mark.django_db
@pytest.mark.parametrize(("key", "words"), REASONS.items())
def test_the_reader_desk_and_the_ledger_tell_the_words(key: str, words: object) -> None:
    row = make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber())
    (copy,) = make_copies(row, 1)
    copy.state, copy.reason = DeliveryState.SKIPPED, key
    copy.save(update_fields=["state", "reason"])
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))

    desk = client.get(reverse("admin:reader_desk", args=[row.subscriber_id])).content.decode()
    ledger = client.get(reverse("admin:delivery_delivery_changelist")).content.decode()

    assert f'<p class="reader-because">{words}</p>' in desk
    assert f'<td class="field-why">{words}</td>' in ledger
