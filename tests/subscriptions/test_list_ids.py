"""What mail programs call a list: written once, the same for its life, nobody else's."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse

from newsroom.mail.models import Letter
from subscriptions import correspondence
from subscriptions.models import Newsletter, Sender
from tests.factories import NOON, make_newsletter, make_sender, make_subscription

pytestmark = pytest.mark.django_db

ADD = "admin:subscriptions_newsletter_add"


@pytest.fixture
def desk() -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))
    return client


def form_for(sender: Sender, **changes: object) -> dict[str, object]:
    return {
        "slug": "morgen",
        "name": "Am Morgen",
        "sender": sender.pk,
        "language": "de",
        "state": "draft",
        "promise": "Was in der Nacht geschah.",
        "cadence_text": "Täglich um 6",
        "reading_minutes": 5,
        "list_id_label": "morgen",
        "position": 0,
    } | changes


def move(sender: Sender) -> None:
    """To another address, another domain, another name."""
    Sender.objects.filter(pk=sender.pk).update(address="post@elsewhere.example.org", name="Anders")


def test_a_newsletter_made_at_the_desk_keeps_its_list_id_when_its_sender_moves(desk: Client) -> None:
    sender = make_sender(address="post@Bücher.example.org")
    desk.post(reverse(ADD), form_for(sender))
    newsletter = Newsletter.objects.get()
    Newsletter.objects.update(state="active")
    change = reverse("admin:subscriptions_newsletter_change", args=[newsletter.pk])

    move(sender)
    changes = form_for(sender, name="Anders", list_id="anders.example.org", state="active")
    saved = desk.post(change, changes)

    newsletter.refresh_from_db()
    assert saved.status_code == 302
    assert (newsletter.name, newsletter.list_id) == ("Anders", "morgen.xn--bcher-kva.example.org")
    assert "morgen.xn--bcher-kva.example.org" in desk.get(change).content.decode()


def test_a_draft_whose_sender_changes_is_named_after_the_one_it_will_be_sent_by(desk: Client) -> None:
    sender = make_sender(address="post@provisional.example.org")
    desk.post(reverse(ADD), form_for(sender))
    newsletter = Newsletter.objects.get()
    change = reverse("admin:subscriptions_newsletter_change", args=[newsletter.pk])
    move(sender)

    desk.post(change, form_for(sender, state="active"))

    newsletter.refresh_from_db()
    assert newsletter.list_id == "morgen.elsewhere.example.org"


def test_letters_keep_the_list_id_when_the_sender_moves() -> None:
    row = make_subscription(newsletter=make_newsletter(list_id_label="wirtschaft"))

    move(row.newsletter.sender)
    correspondence.send_management_link(row.subscriber, at=NOON)

    envelope = Letter.objects.get().envelope
    assert envelope["from_address"] == "post@elsewhere.example.org"
    assert envelope["list_id"] == "wirtschaft.news.example.org"


@pytest.mark.parametrize(
    ("domain", "sentence"),
    [
        (".".join(["x" * 61] * 3 + ["example.org"]), "too long together"),
        ("news.example", "No mail can be delivered to this domain"),
    ],
)
def test_a_list_id_that_cannot_be_written_is_refused_at_the_desk(
    domain: str, sentence: str, desk: Client
) -> None:
    sender = make_sender(address=f"post@{domain}")

    refused = desk.post(reverse(ADD), form_for(sender, list_id_label="m" * 60))

    assert sentence in refused.content.decode()
    assert not Newsletter.objects.exists()


@pytest.mark.parametrize("list_id", ["MORGEN.News.example.org", ""])
def test_the_database_refuses_a_list_id_that_another_has_or_none(list_id: str) -> None:
    make_newsletter(list_id="morgen.news.example.org")

    with pytest.raises(IntegrityError), transaction.atomic():
        make_newsletter(list_id=list_id)


@pytest.mark.django_db(transaction=True)
def test_newsletters_of_before_get_the_list_id_that_their_mails_had() -> None:
    kept = make_newsletter(list_id_label="morgen", sender=make_sender(address="post@faß.example.org"))
    nowhere = make_newsletter(list_id_label="abend", sender=make_sender(address="post@localhost"))
    before = [("subscriptions", "0018_forget_copies_after_a_year")]
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes("subscriptions")

    MigrationExecutor(connection).migrate(before)
    MigrationExecutor(connection).migrate(latest)

    kept.refresh_from_db()
    nowhere.refresh_from_db()
    assert (kept.list_id, nowhere.list_id) == ("morgen.xn--fa-hia.example.org", "abend.localhost")
