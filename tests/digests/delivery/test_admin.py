"""Staff see the account of a mailing, and act on it only with the permission and after a question."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from digests.delivery import ledger, pump, sweeping
from digests.delivery.models import Attempt, Batch, Delivery, Mailing, ProviderState, QuotaDay
from digests.delivery.states import MailingState
from newsroom.mail.admin import BoundedPaginator
from subscriptions.models import Subscription
from subscriptions.states import SubscriptionState
from tests.digests.delivery import scripted
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def staff(client: Client, *permissions: str) -> User:
    user = User.objects.create_user("anna", "anna@example.org", is_staff=True)
    for name in permissions:
        app, _, codename = name.partition(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client.force_login(user)
    return user


VIEW = ("delivery.view_mailing", "delivery.view_delivery", "delivery.view_batch", "delivery.view_attempt")
ACT = (*VIEW, "digests.send_digest")


def page(mailing: Mailing) -> str:
    return reverse("admin:delivery_mailing_arithmetic", args=[mailing.pk])


@pytest.fixture
def mailing(provider: ScriptedProvider, clock: Clock) -> Mailing:
    """120 readers: 48 accepted, 2 skipped, the rest held, because nobody answered."""
    provider.script.extend([scripted.accept, scripted.no_answer])
    mailing = make_sending(readers=120)
    gone = Subscription.objects.order_by("pk")[:2]
    Subscription.objects.filter(pk__in=[one.pk for one in gone]).update(state=SubscriptionState.UNSUBSCRIBED)
    pump.run(seconds=30, at_clock=clock)
    clock.pass_by(hours=1, seconds=1)
    sweeping.sweep(at=clock())
    mailing.refresh_from_db()
    return mailing


def test_arithmetic_page_shows_every_term_and_the_sum(mailing: Mailing, client: Client) -> None:
    staff(client, *VIEW)

    with CaptureQueriesContext(connection) as queries:
        response = client.get(page(mailing), headers={"accept-language": "en"})

    text = " ".join(response.content.decode().split())
    for term, count in (
        ("Accepted", 48),
        ("Rejected", 0),
        ("Skipped", 2),
        ("Held", 70),
        ("Cancelled", 0),
        ("Waiting", 0),
        ("Readers, as frozen", 120),
    ):
        assert f'<th scope="row">{term}</th><td class="number">{count}</td>' in text
    assert '<th scope="row">unsubscribed</th><td class="number">2</td>' in text
    assert 'name="act"' not in text
    # session, user, two of permissions, mailing; sums, calls, batches, skip reasons, held batches
    assert len(queries) <= 12


@pytest.mark.parametrize(
    ("act", "before", "after"),
    [
        ("stop", MailingState.SENDING, MailingState.PAUSED),
        ("continue", MailingState.PAUSED, MailingState.SENDING),
        ("end", MailingState.SENDING, MailingState.ENDED),
    ],
)
def test_act_happens_after_a_question_and_is_written_down(
    act: str, before: MailingState, after: MailingState, provider: ScriptedProvider, client: Client
) -> None:
    user = staff(client, *ACT)
    mailing = make_sending(readers=3)
    Mailing.objects.filter(pk=mailing.pk).update(state=before)

    asked = client.post(page(mailing), {"act": act})
    mailing.refresh_from_db()
    assert (asked.status_code, mailing.state) == (200, before)
    assert 'name="confirmed"' in asked.content.decode()

    done = client.post(page(mailing), {"act": act, "confirmed": "1", "because": "a wrong name"})
    mailing.refresh_from_db()
    assert (done.status_code, mailing.state) == (302, after)
    assert LogEntry.objects.get().user_id == user.pk
    if act == "stop":
        assert mailing.paused_because == "a wrong name"
    if act == "end":
        assert "a wrong name" in LogEntry.objects.get().change_message


def test_a_mailing_is_ended_for_a_reason_or_not_at_all(provider: ScriptedProvider, client: Client) -> None:
    staff(client, *ACT)
    mailing = make_sending(readers=3)

    asked = client.post(page(mailing), {"act": "end"}, headers={"accept-language": "en"})
    refused = client.post(
        page(mailing),
        {"act": "end", "confirmed": "1", "because": " "},
        headers={"accept-language": "en"},
    )

    mailing.refresh_from_db()
    assert mailing.state == MailingState.SENDING
    assert re.search(r'name="because"[^>]* required', asked.text)
    assert re.search(r'name="because"[^>]* required', refused.text)
    assert "Say why the sending ends: it is kept with your name." in refused.text
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("permission", ["change_digest", "approve_digest", "send_digest"])
def test_whoever_edits_approves_or_sends_may_stop_and_only_who_sends_may_go_on_or_end(
    permission: str, provider: ScriptedProvider, client: Client
) -> None:
    staff(client, *VIEW, f"digests.{permission}")
    mailing = make_sending(readers=3)
    offered = {}

    for state in (MailingState.SENDING, MailingState.PAUSED):
        Mailing.objects.filter(pk=mailing.pk).update(state=state)
        offered[state] = re.findall(r'name="act" value="(\w+)"', client.get(page(mailing)).text)
    answers = {
        act: client.post(page(mailing), {"act": act}).status_code for act in ("stop", "continue", "end")
    }

    if permission == "send_digest":
        assert offered == {MailingState.SENDING: ["stop", "end"], MailingState.PAUSED: ["continue", "end"]}
        assert answers == {"stop": 200, "continue": 200, "end": 200}
    else:
        assert offered == {MailingState.SENDING: ["stop"], MailingState.PAUSED: []}
        assert answers == {"stop": 200, "continue": 403, "end": 403}


@pytest.mark.parametrize("act", ["stop", "continue", "end"])
def test_without_any_of_these_permissions_no_act_is_possible(
    act: str, provider: ScriptedProvider, client: Client
) -> None:
    staff(client, *VIEW)
    mailing = make_sending(readers=3)

    response = client.post(page(mailing), {"act": act, "confirmed": "1"})

    mailing.refresh_from_db()
    assert (response.status_code, mailing.state) == (403, MailingState.SENDING)


def test_page_needs_the_permission_to_see_mailings(provider: ScriptedProvider, client: Client) -> None:
    staff(client)

    assert client.get(page(make_sending(readers=1))).status_code == 403


def test_act_that_no_longer_fits_changes_nothing(mailing: Mailing, client: Client) -> None:
    staff(client, *ACT)
    Mailing.objects.filter(pk=mailing.pk).update(state=MailingState.ENDED)

    response = client.post(page(mailing), {"act": "continue", "confirmed": "1"}, follow=True)

    mailing.refresh_from_db()
    assert mailing.state == MailingState.ENDED
    assert len(list(response.context["messages"])) == 1
    assert client.post(page(mailing), {"act": "explode"}).status_code == 404


@pytest.mark.parametrize("readers", [3, 260])
def test_ledger_list_never_counts_the_table(readers: int, provider: ScriptedProvider, client: Client) -> None:
    staff(client, *VIEW)
    make_sending(readers=readers)

    with CaptureQueriesContext(connection) as queries:
        response = client.get(reverse("admin:delivery_delivery_changelist"))

    assert response.status_code == 200
    counts = [q["sql"] for q in queries if "COUNT(*)" in q["sql"] and "delivery_delivery" in q["sql"]]
    assert all("LIMIT 2000" in sql for sql in counts)
    assert len(queries) <= 12


@pytest.mark.slow
@pytest.mark.postgres(only=True)
def test_ledger_of_a_million_copies_is_listed_without_counting_them(client: Client) -> None:
    staff(client, *VIEW)
    mailing = make_sending(readers=1)
    url = reverse("admin:delivery_delivery_changelist")
    pages = ("", "?p=2", f"?q={mailing.pk}", f"?q={mailing.pk}/9999", "?q=s77")
    asked: dict[int, list[str]] = {}

    for size, since in ((10_000, 1), (1_000_000, 10_001)):
        _fill_ledger(mailing, range(since, size + 1))
        with CaptureQueriesContext(connection) as queries:
            for page in pages:
                assert client.get(url + page).status_code == 200
        asked[size] = [query["sql"] for query in queries]

    assert len(asked[10_000]) == len(asked[1_000_000])
    ledgers = [sql for sql in asked[1_000_000] if 'FROM "delivery_delivery"' in sql]
    assert len(ledgers) >= 2 * len(pages)  # each page counts a little, and lists
    assert not [sql for sql in ledgers if "COUNT(*)" in sql and "LIMIT 2000" not in sql]
    plans = {sql: _plan(sql) for sql in ledgers}
    assert {sql: plan for sql, plan in plans.items() if _most_rows(plan) > BoundedPaginator.MOST_ROWS} == {}
    assert {sql: plan for sql, plan in plans.items() if "Seq Scan" in _steps(plan)} == {}


def _fill_ledger(mailing: Mailing, numbers: range) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_delivery (id, mailing_id, subscription_id, variant, state, reason)"
            " SELECT %s + n, %s, n, 0, 'accepted', '' FROM generate_series(%s::bigint, %s) AS n",
            [ledger.first_id(mailing.pk), mailing.pk, numbers.start, numbers.stop - 1],
        )
        cursor.execute("ANALYZE delivery_delivery")


def _plan(sql: str) -> dict[str, Any]:
    """How PostgreSQL carries a query out, with the rows that each step really brought up."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql)
        ((found,),) = cursor.fetchall()
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def _most_rows(node: dict[str, Any]) -> int:
    """The most rows that any step of a plan brought up."""
    return max(int(node["Actual Rows"]), *map(_most_rows, node.get("Plans", [])), 0)


def _steps(node: dict[str, Any]) -> set[str]:
    """The kinds of a plan's steps that read the ledger."""
    own = {node["Node Type"]} if node.get("Relation Name") == "delivery_delivery" else set()
    return own.union(*map(_steps, node.get("Plans", [])))


def test_ledger_is_searched_by_its_keys(mailing: Mailing, client: Client) -> None:
    staff(client, *VIEW)
    other = make_sending(readers=2)
    subscription = Subscription.objects.order_by("-pk")[0]

    def found(wanted: str) -> int:
        url = reverse("admin:delivery_delivery_changelist")
        return client.get(url, {"q": wanted}).context["cl"].result_count

    assert found(str(other.pk)) == 2
    assert found(f"{mailing.pk}/119") == 1
    assert found(f"{mailing.pk}/120") == 0
    assert found(f"s{subscription.pk}") == 1
    assert found("ferry") == found("s") == found("9" * 30) == 0


def test_records_are_looked_at_and_never_changed(mailing: Mailing, client: Client) -> None:
    user = staff(client, *VIEW)
    user.is_superuser = True
    user.save()
    ProviderState.objects.create(name="main", changed_at=NOON)
    QuotaDay.objects.create(provider="main", day=NOON.date(), used=7)
    rows = [Mailing, Delivery, Batch, Attempt, ProviderState, QuotaDay]

    for model in rows:
        name = f"admin:delivery_{model._meta.model_name}"
        row = model._default_manager.all()[0]
        assert client.get(reverse(f"{name}_changelist")).status_code == 200
        assert client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
        assert client.post(reverse(f"{name}_change", args=[row.pk]), {"state": "done"}).status_code == 403
        assert client.post(reverse(f"{name}_delete", args=[row.pk])).status_code == 403
        assert client.get(reverse(f"{name}_add")).status_code == 403
