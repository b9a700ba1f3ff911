"""Imports and exports in the admin: seen before they happen, done by a worker, written down, and for few."""

import csv
import io

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from subscriptions import import_pages, suppression
from subscriptions.models import (
    ConsentEvent,
    Newsletter,
    Subscriber,
    SubscriberImport,
    SubscriberImportPart,
    Subscription,
)
from subscriptions.states import ImportState, SuppressionReason
from subscriptions.tasks import run_imports
from subscriptions.transfer import exporting
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db
FILE = b"Email Address,OPTIN_TIME,CONFIRM_TIME\nmia@example.org,2021-03-04 08:00:00,\nbroken,,\n"


@pytest.fixture
def desk() -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))
    return client


@pytest.fixture
def newsletter() -> Newsletter:
    return make_newsletter()


def upload(
    desk: Client, newsletter: Newsletter, raw: bytes = FILE, basis: str = "Double opt-in"
) -> HttpResponse:
    return desk.post(
        reverse("admin:subscriptions_subscriberimport_add"),
        {"file": SimpleUploadedFile("readers.csv", raw), "newsletter": newsletter.pk, "basis": basis},
    )  # type: ignore[return-value]


def act(desk: Client, imported: SubscriberImport, name: str, **more: str) -> HttpResponse:
    url = reverse("admin:subscriptions_subscriberimport_act", args=[imported.pk])
    return desk.post(url, {"act": name, **more}, follow=True)  # type: ignore[return-value]


def page_of(desk: Client, imported: SubscriberImport) -> str:
    url = reverse("admin:subscriptions_subscriberimport_change", args=[imported.pk])
    return desk.get(url).content.decode()


def test_a_file_is_shown_tried_and_only_then_taken_in(desk: Client, newsletter: Newsletter) -> None:
    upload(desk, newsletter)
    imported = SubscriberImport.objects.get()
    shown = page_of(desk, imported)
    assert "Mailchimp" in shown
    assert "mia@example.org" in shown
    assert "exactly one e-mail address" in shown
    assert not Subscriber.objects.exists()

    act(desk, imported, "try")
    run_imports()
    tried = page_of(desk, imported)
    assert "What would become of the lines" in tried
    assert not Subscriber.objects.exists()

    act(desk, imported, "start", confirmed="yes")
    run_imports()

    imported.refresh_from_db()
    assert (imported.state, imported.counts) == (ImportState.FINISHED, {"taken": 1, "refused": 1})
    assert "What became of the lines" in page_of(desk, imported)
    assert Subscription.objects.active().count() == 1
    assert not Letter.objects.exists()
    said = list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))
    assert said == ["Uploaded.", "Being tried out; nothing is changed by it.", "Taking in 2 lines."]


def test_nothing_starts_without_the_confirmation_that_they_agreed(
    desk: Client, newsletter: Newsletter
) -> None:
    upload(desk, newsletter)
    imported = SubscriberImport.objects.get()

    page = act(desk, imported, "start")

    imported.refresh_from_db()
    assert imported.state == ImportState.WAITING
    assert "Please confirm that these people agreed" in page.content.decode()


def test_a_file_of_listmonk_wants_one_more_word_of_who_starts_it(
    desk: Client, newsletter: Newsletter
) -> None:
    upload(desk, newsletter)
    raw = b"uuid,email,name,attributes,status,created_at,updated_at\n1,mia@example.org,Mia,{},enabled,2024-05-01 10:11:12.345678 +0000 UTC,\n"
    upload(desk, newsletter, raw)
    other, imported = SubscriberImport.objects.order_by("pk")
    asked = [page_of(desk, each).count("exported from listmonk with") for each in (other, imported)]
    assert asked == [0, 1]

    page = act(desk, imported, "start", confirmed="yes")

    imported.refresh_from_db()
    assert imported.state == ImportState.WAITING
    assert "does not say who left the list or never confirmed" in page.content.decode()
    act(desk, imported, "start", confirmed="yes", all_confirmed="yes")
    run_imports()
    imported.refresh_from_db()
    assert imported.counts == {"taken": 1}


@pytest.mark.parametrize(
    ("raw", "basis", "said"),
    [(FILE, " ", "required"), (b"PK\x03\x04\0\0", "b", "not text"), (b"", "b", "empty"), (b'a\n"torn', "b", "not valid CSV")],
)  # fmt: skip
def test_what_cannot_be_read_is_said_and_leaves_nothing(
    raw: bytes, basis: str, said: str, desk: Client, newsletter: Newsletter
) -> None:
    page = upload(desk, newsletter, raw, basis)

    assert said in page.content.decode()
    assert not SubscriberImport.objects.exists()


def test_a_file_over_the_limit_is_refused(
    desk: Client, newsletter: Newsletter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_pages, "MOST_BYTES", 10)

    assert "larger than" in upload(desk, newsletter).content.decode()


def test_columns_nobody_guesses_are_said_by_a_person(desk: Client, newsletter: Newsletter) -> None:
    upload(desk, newsletter, b"contact,joined\nmia@example.org,2021-03-04\n")
    imported = SubscriberImport.objects.get()
    assert "which column holds the address" in page_of(desk, imported)
    act(desk, imported, "start", confirmed="yes")
    imported.refresh_from_db()
    assert imported.state == ImportState.WAITING

    act(desk, imported, "map", column0="address", column1="confirmed_at")
    act(desk, imported, "start", confirmed="yes")
    run_imports()

    confirmed = Subscription.objects.get().confirmed_at
    assert confirmed is not None
    assert confirmed.year == 2021


def test_a_discarded_file_leaves_no_lines(desk: Client, newsletter: Newsletter) -> None:
    upload(desk, newsletter)
    imported = SubscriberImport.objects.get()

    act(desk, imported, "discard")
    page = act(desk, imported, "start", confirmed="yes")

    assert "changed meanwhile" in page.content.decode()
    assert not SubscriberImportPart.objects.exists()


def test_the_lines_left_over_are_given_out_and_written_down(desk: Client, newsletter: Newsletter) -> None:
    upload(desk, newsletter)
    imported = SubscriberImport.objects.get()
    act(desk, imported, "start", confirmed="yes")
    run_imports()
    url = reverse("admin:subscriptions_subscriberimport_left_over", args=[imported.pk])

    assert desk.get(url).status_code == 405
    file = desk.post(url)

    lines = list(csv.reader(io.StringIO(file.getvalue().decode())))
    assert [line[:2] for line in lines] == [["line", "result"], ["3", "refused"]]
    assert LogEntry.objects.filter(change_message="Downloaded the lines left over.").exists()


def test_what_a_trial_left_over_is_not_offered_as_what_the_run_does(
    desk: Client, newsletter: Newsletter
) -> None:
    upload(desk, newsletter)
    imported = SubscriberImport.objects.get()
    act(desk, imported, "try")
    run_imports()

    tried = page_of(desk, imported)
    act(desk, imported, "start", confirmed="yes")
    running = page_of(desk, imported)
    run_imports()

    offered = ["Download the lines left over" in page for page in (tried, running, page_of(desk, imported))]
    assert offered == [True, False, True]


def test_progress_is_told_to_the_page(desk: Client, newsletter: Newsletter) -> None:
    upload(desk, newsletter)
    imported = SubscriberImport.objects.get()
    act(desk, imported, "start", confirmed="yes")
    url = reverse("admin:subscriptions_subscriberimport_progress", args=[imported.pk])

    before = desk.get(url).json()
    run_imports()

    assert before == {"state": "running", "done": 0, "whole": 2, "said": "0 of 2 lines"}
    assert desk.get(url).json()["state"] == "finished"


def test_who_may_only_look_imports_and_exports_nothing(desk: Client, newsletter: Newsletter) -> None:
    upload(desk, newsletter)
    imported = SubscriberImport.objects.get()
    looker = User.objects.create_user("petra", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(looker)

    page = client.get(reverse("admin:subscriptions_subscriberimport_change", args=[imported.pk]))
    refused = [
        client.post(
            reverse("admin:subscriptions_subscriberimport_act", args=[imported.pk]), {"act": "discard"}
        ),
        client.post(reverse("admin:subscriptions_subscriberimport_left_over", args=[imported.pk])),
        client.get(reverse("admin:subscriptions_subscriberimport_add")),
        client.get(reverse("admin:subscriptions_export")),
    ]

    assert [answer.status_code for answer in refused] == [403] * 4
    assert "mia@example.org" not in page.content.decode()


@pytest.mark.parametrize("what", list(exporting.EXPORTS))
def test_an_export_wants_a_reason_and_holds_no_formula(
    what: str, desk: Client, newsletter: Newsletter
) -> None:
    strange = make_subscriber(address="=cmd|calc@example.org", typed_address="=CMD|calc@example.org")
    make_subscription(newsletter=newsletter, subscriber=strange, source="+SUM(A1:A9)")
    suppression.suppress(
        address_hash("gone@example.org"), reason=SuppressionReason.MANUAL, note="@SUM(A1)", at=NOON
    )
    url = reverse("admin:subscriptions_export")

    assert desk.post(url, {"what": what}).status_code == 200
    assert not LogEntry.objects.exists()
    file = desk.post(url, {"what": what, "because": "moving house"})

    cells = [cell for line in csv.reader(io.StringIO(file.getvalue().decode())) for cell in line]
    assert len(cells) > len(exporting.EXPORTS[what][0])
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    assert "moving house" in LogEntry.objects.get().change_message


def test_an_export_says_what_each_reader_agreed_to(newsletter: Newsletter) -> None:
    row = make_subscription(newsletter=newsletter)
    make_subscription(newsletter=make_newsletter(), subscriber=row.subscriber)
    ConsentEvent.objects.create(
        subscriber=row.subscriber, newsletter=newsletter, kind="requested", address=row.subscriber.address or "",
        wording="We will send you this", form="/box/", at=NOON,
    )  # fmt: skip

    lines = list(csv.DictReader(exporting.lines("readers", newsletters=[newsletter])))

    assert [(line["agreed_to"], line["agreed_where"]) for line in lines] == [
        ("We will send you this", "/box/")
    ]


@pytest.mark.parametrize("number", ["²", "x", "0", "9" * 30, "9" * 5_000])
def test_an_import_of_no_number_is_not_found(number: str, admin_client: Client) -> None:
    url = reverse("admin:subscriptions_subscriberimport_change", args=["1"]).replace("/1/", f"/{number}/")

    assert admin_client.get(url).status_code == 404
