"""The desk: finds a reader by her address, ends with a reason, stops and lifts, and can make nobody a reader."""

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from newsroom.mail.addresses import address_hash
from subscriptions import privacy, suppression, transfer
from subscriptions.models import ConsentEvent, Newsletter, Sender, Subscriber, Subscription, Suppression
from subscriptions.states import ConsentKind, NewsletterState, SuppressionReason
from tests.factories import NOON, make_newsletter, make_sender, make_subscriber, make_subscription
from tests.subscriptions.factories import dump

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Client:
    """The browser of somebody who may do everything."""
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))
    return client


def form_of(row: Newsletter | Sender, **changes: object) -> dict[str, object]:
    fields = {
        field.name: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.editable and getattr(row, field.attname) is not None
    }
    return fields | changes


READ_ONLY = (Subscriber, Subscription, ConsentEvent)


@pytest.mark.parametrize("model", READ_ONLY)
def test_no_page_adds_changes_or_deletes_readers_and_their_record(model: type[Model], desk: Client) -> None:
    row = make_subscription(newsletter=make_newsletter())
    keys: dict[type[Model], int] = {Subscriber: row.subscriber_id, Subscription: row.pk}
    pk = keys.get(model) or ConsentEvent.objects.get(kind=ConsentKind.CONFIRMED).pk
    name = f"admin:subscriptions_{model.__name__.lower()}"
    looked = desk.get(reverse(f"{name}_change", args=[pk]))
    before = dump()

    refused = [
        desk.post(reverse(f"{name}_add"), {"state": "active"}),
        desk.post(reverse(f"{name}_change", args=[pk]), {"state": "active", "kind": "confirmed"}),
        desk.post(reverse(f"{name}_delete", args=[pk]), {"post": "yes"}),
    ]
    bulk = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
    desk.post(reverse(f"{name}_changelist"), bulk)

    assert looked.status_code == 200
    assert 'name="_save"' not in looked.content.decode()
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert {table: rows for table, rows in dump().items() if "session" not in table} == {
        table: rows for table, rows in before.items() if "session" not in table
    }


def test_no_list_offers_to_delete_in_bulk(desk: Client) -> None:
    for model in (*READ_ONLY, Suppression, Newsletter):
        request = desk.get(reverse("admin:index")).wsgi_request
        actions = admin.site.get_model_admin(model).get_actions(request)
        assert "delete_selected" not in actions, model


@pytest.mark.parametrize("page", ["subscriber", "subscription", "consentevent", "suppression"])
def test_a_reader_is_found_by_her_whole_address_only(page: str, desk: Client) -> None:
    reader = make_subscriber(address="mia@example.org")
    make_subscription(newsletter=make_newsletter(), subscriber=reader)
    make_subscription(newsletter=make_newsletter())
    suppression.suppress(address_hash("mia@example.org"), reason=SuppressionReason.MANUAL, at=NOON)
    suppression.suppress(address_hash("tom@example.org"), reason=SuppressionReason.MANUAL, at=NOON)
    url = reverse(f"admin:subscriptions_{page}_changelist")

    found = {
        typed: desk.get(url, {"q": typed}).context["cl"].result_count
        for typed in ("MIA@example.org", "mia", "@")
    }

    assert found["MIA@example.org"] >= 1
    assert (found["mia"], found["@"]) == (0, 0)
    assert desk.get(url).context["cl"].result_count > found["MIA@example.org"]


def test_lists_and_the_admin_log_hold_no_whole_address(desk: Client) -> None:
    row = make_subscription(
        newsletter=make_newsletter(), subscriber=make_subscriber(address="mia@example.org")
    )

    desk.post(
        reverse("admin:subscriptions_subscription_unsubscribe", args=[row.pk]), {"because": "by letter"}
    )

    assert "mia@" not in desk.get(reverse("admin:subscriptions_subscriber_changelist")).content.decode()
    assert LogEntry.objects.get().change_message == "by letter"
    assert not LogEntry.objects.filter(object_repr__contains="mia@").exists()


@pytest.mark.postgres
def test_a_date_that_no_file_had_is_not_made_up(desk: Client) -> None:
    transfer.import_subscribers(
        "email,confirmed at\nmia@example.org,\ntom@example.org,2021-03-05\n",
        newsletter=make_newsletter(), basis="b", actor="rui", at=NOON,
    )  # fmt: skip
    make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber(address="rui@example.org"))

    shown = {
        name: [
            desk.get(path).content.decode()
            for path in (
                f"{reverse('admin:subscriptions_subscription_changelist')}?q={name}@example.org",
                reverse("admin:subscriptions_subscription_change", args=[row.pk]),
                reverse("admin:subscriptions_subscriber_change", args=[row.subscriber_id]),
            )
        ]
        for row in Subscription.objects.select_related("subscriber")
        for name in [str(row.subscriber.address).partition("@")[0]]
    }

    undated, dated, own = shown["mia"], shown["tom"], shown["rui"]
    assert ["unknown (taken in)" in page for page in undated] == [True] * 3
    assert "May 4, 2026" not in undated[0] + undated[1], "the day of the import"
    assert ["March 5, 2021" in page for page in dated] == [True] * 3
    assert ["April 4, 2026" in page for page in own] == [True] * 3
    assert "unknown (taken in)" not in "".join(own) + dated[0]


def test_ending_a_subscription_needs_a_reason_and_keeps_it(desk: Client) -> None:
    row = make_subscription(newsletter=make_newsletter())
    url = reverse("admin:subscriptions_subscription_unsubscribe", args=[row.pk])
    assert url in desk.get(reverse("admin:subscriptions_subscription_change", args=[row.pk])).content.decode()

    asked = desk.get(url)
    without = desk.post(url, {"because": ""})
    row.refresh_from_db()
    assert (asked.status_code, without.status_code, row.state) == (200, 200, "active")
    done = desk.post(url, {"because": "asked by mail on 3 May"})

    row.refresh_from_db()
    assert (done.status_code, row.state) == (302, "unsubscribed")
    event = ConsentEvent.objects.get(kind=ConsentKind.UNSUBSCRIBED)
    assert (event.actor, event.facts["because"]) == ("rui", "asked by mail on 3 May")


def test_what_staff_write_down_of_a_reader_holds_no_address_that_outlives_her(desk: Client) -> None:
    reader = make_subscriber(address="mia@example.org")
    row = make_subscription(newsletter=make_newsletter(), subscriber=reader)
    said = {"because": "Rang us as Mia@example.org on 3 May, and wrote too."}
    stop = {"typed_address": "mia@example.org", "newsletter": "", "note": "mia@example.org by telephone"}

    desk.post(reverse("admin:subscriptions_subscription_unsubscribe", args=[row.pk]), said)
    desk.post(reverse("admin:subscriptions_reader_data", args=[reader.pk]), said)
    desk.post(reverse("admin:subscriptions_export"), {"what": "readers", "newsletter": "", **said})
    desk.post(reverse("admin:subscriptions_suppression_add"), stop)
    lift = reverse("admin:subscriptions_suppression_lift", args=[Suppression.objects.get().pk])
    desk.post(lift, said)

    masked = "Rang us as M…@example.org on 3 May, and wrote too."
    event = ConsentEvent.objects.get(kind=ConsentKind.UNSUBSCRIBED)
    assert event.facts["because"] == masked
    written = list(LogEntry.objects.values_list("change_message", flat=True))
    assert len([text for text in written if masked in text]) == 4
    privacy.erase_reader(reader, actor="rui", at=NOON)
    assert not [table for table, rows in dump().items() if "mia@example.org" in str(rows).casefold()]


def test_acts_need_their_permission() -> None:
    row = make_subscription(newsletter=make_newsletter())
    stop = suppression.suppress("0" * 64, reason=SuppressionReason.MANUAL, at=NOON)
    looker = User.objects.create_user("petra", password="x", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(looker)

    answers = [
        client.post(reverse("admin:subscriptions_subscription_unsubscribe", args=[row.pk]), {"because": "x"}),
        client.post(reverse("admin:subscriptions_suppression_lift", args=[stop.pk]), {"because": "x"}),
        client.get(reverse("admin:subscriptions_suppression_add")),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    row.refresh_from_db()
    assert row.state == "active"
    assert Suppression.objects.count() == 1


def test_staff_stop_an_address_and_lift_it_with_a_note(desk: Client) -> None:
    row = make_subscription(
        newsletter=make_newsletter(), subscriber=make_subscriber(address="mia@example.org")
    )

    added = desk.post(
        reverse("admin:subscriptions_suppression_add"),
        {"typed_address": "Mia@example.org", "note": "by phone"},
    )
    stop = Suppression.objects.get()
    row.refresh_from_db()
    assert (added.status_code, stop.reason, stop.note, row.state) == (
        302,
        "manual",
        "by phone",
        "unsubscribed",
    )
    page = desk.get(reverse("admin:subscriptions_suppression_change", args=[stop.pk]))
    assert page.status_code == 200
    lifted = desk.post(
        reverse("admin:subscriptions_suppression_lift", args=[stop.pk]), {"because": "by phone"}
    )

    row.refresh_from_db()
    assert (lifted.status_code, row.state) == (302, "unsubscribed")
    assert not Suppression.objects.exists()


def test_a_stop_for_what_is_no_address_is_explained(desk: Client) -> None:
    page = desk.post(reverse("admin:subscriptions_suppression_add"), {"typed_address": "mia", "note": ""})

    assert page.status_code == 200
    assert "such as name@example.org" in page.content.decode()
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("lacking", ["imprint_url", "privacy_url", "postal_address"])
def test_a_newsletter_cannot_become_active_without_its_legal_notices(lacking: str, desk: Client) -> None:
    newsletter = make_newsletter(state=NewsletterState.DRAFT)
    url = reverse("admin:subscriptions_newsletter_change", args=[newsletter.pk])
    Sender.objects.update(**{lacking: ""})

    refused = desk.post(url, form_of(newsletter, state="active"))
    Sender.objects.update(**{lacking: "/there/"})
    taken = desk.post(url, form_of(newsletter, state="active"))

    assert refused.status_code == 200
    assert "its sender lacks" in refused.content.decode()
    assert taken.status_code == 302
    newsletter.refresh_from_db()
    assert newsletter.state == NewsletterState.ACTIVE


def test_an_active_newsletter_says_what_its_privacy_notice_leaves_open(desk: Client) -> None:
    newsletter = make_newsletter(state=NewsletterState.DRAFT)
    url = reverse("admin:subscriptions_newsletter_change", args=[newsletter.pk])
    complete = desk.post(url, form_of(newsletter, state="active"), follow=True).content.decode()
    Sender.objects.update(processor_country="")

    lacking = desk.post(url, form_of(newsletter, state="active"), follow=True).content.decode()

    assert "still leave open" not in complete
    assert "still leave open: the country of the e-mail service." in lacking


def test_the_address_of_a_list_never_changes(desk: Client) -> None:
    newsletter = make_newsletter(list_id_label="wirtschaft", slug="wirtschaft")
    url = reverse("admin:subscriptions_newsletter_change", args=[newsletter.pk])

    desk.post(url, form_of(newsletter, list_id_label="anders", slug="anders", name="Neu"))

    newsletter.refresh_from_db()
    assert (newsletter.name, newsletter.list_id_label, newsletter.slug) == ("Neu", "wirtschaft", "wirtschaft")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"address": "uferblick@gmail.com"}, "at your own domain"),
        ({"imprint_url": "javascript:alert(1)"}, "a path on this site"),
        ({"privacy_url": "//elsewhere.example"}, "a path on this site"),
    ],
)
def test_a_sender_nobody_could_trust_is_refused(
    changes: dict[str, object], sentence: str, desk: Client
) -> None:
    sender = make_sender()
    url = reverse("admin:subscriptions_sender_change", args=[sender.pk])

    refused = desk.post(url, form_of(sender, **changes))
    taken = desk.post(url, form_of(sender, name="Uferblick am Morgen"))

    assert refused.status_code == 200
    assert sentence in refused.content.decode()
    assert taken.status_code == 302


@pytest.mark.parametrize("size", [1, 15])
@pytest.mark.parametrize("page", ["newsletter", "subscriber", "subscription", "consentevent", "suppression"])
def test_lists_do_not_grow_in_queries(page: str, size: int, desk: Client) -> None:
    for number in range(size):
        make_subscription(newsletter=make_newsletter())
        suppression.suppress(f"{number:064x}", reason=SuppressionReason.MANUAL, at=NOON)
    with CaptureQueriesContext(connection) as queries:
        assert desk.get(reverse(f"admin:subscriptions_{page}_changelist")).status_code == 200

    assert len(queries) <= 12


@pytest.mark.parametrize("state", NewsletterState)
def test_the_newsletters_page_leads_to_the_code_for_other_sites(desk: Client, state: NewsletterState) -> None:
    newsletter = make_newsletter(state=state)

    page = desk.get(reverse("admin:subscriptions_newsletter_change", args=[newsletter.pk])).content.decode()

    link = f'<a href="/embed/{newsletter.slug}/">Code to embed</a>'
    assert (link in page) == (state == NewsletterState.ACTIVE)
    assert ("As soon as the newsletter takes sign-ups." in page) == (state != NewsletterState.ACTIVE)
    assert desk.get(f"/embed/{newsletter.slug}/").status_code == (200 if link in page else 404)


def test_a_new_newsletter_has_no_code_yet(desk: Client) -> None:
    page = desk.get(reverse("admin:subscriptions_newsletter_add")).content.decode()

    assert "/embed/" not in page
