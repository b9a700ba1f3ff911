"""Two newsletters and a colleague who works on one of them: pages, acts and lists of the other stay shut."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.models import Model
from django.forms import model_to_dict
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from digests import access, skipping
from digests.composer.acts import ACTS
from digests.delivery import control, ledger
from digests.delivery.models import Attempt, Batch, Delivery, Mailing
from digests.limited_admin import PATHS, newsletter_of
from digests.models import Digest, NewsletterAccess, Plan
from digests.roles import ROLES, bring_up_to_date
from newsroom.mail import incidents, notices
from newsroom.mail.admin import ReadOnly
from newsroom.mail.models import Incident, Letter
from newsroom.mail.states import LetterKind, LetterState
from newsroom.web import clock
from subscriptions import reader_acts
from subscriptions.models import ConsentEvent, Newsletter, Sender, Subscription
from subscriptions.states import SubscriptionState
from tests.digests.factories import make_handed_over, make_planned, make_proofed, make_ready
from tests.factories import NOON, make_sender, make_subscription

pytestmark = pytest.mark.django_db


class Desk:
    """A newsletter with something on each page."""

    def __init__(self, name: str) -> None:
        self.newsletter = make_planned().newsletter
        Newsletter.objects.filter(pk=self.newsletter.pk).update(name=name)
        self.newsletter.refresh_from_db()
        self.subscription = make_subscription(newsletter=self.newsletter)
        self.sent = make_handed_over(self.newsletter)
        self.mailing = self.sent.mailings.get().mailing
        self.held = Batch.objects.create(
            mailing=self.mailing, lo=5, hi=6, size=1, state="held", held=1, not_before=NOON, provider="main"
        )
        self.proof = make_proofed(self.newsletter)
        self.digest = self.proof.digest
        self.plan = Plan.objects.get(newsletter=self.newsletter)
        self.letter = Letter.objects.create(
            kind=LetterKind.CONFIRMATION, dedupe_key=name, state=LetterState.FAILED, language="de", address="mia@example.org",
            newsletter_id=self.newsletter.pk, not_before=NOON, created_at=NOON,
        )  # fmt: skip

    @property
    def pages(self) -> list[str]:
        digest, proof = f"/admin/digests/digest/{self.digest.pk}", f"proofs/{self.proof.number}"
        mailing, plan = f"/admin/delivery/mailing/{self.mailing.pk}", f"/admin/digests/plan/{self.plan.pk}"
        return [
            *(f"{digest}/{page}/" for page in ("change", "preview", proof, f"{proof}/mail", "history")),
            *(f"{plan}/{page}/" for page in ("change", "rehearsal", "history")),
            *(f"{mailing}/{page}/" for page in ("change", "arithmetic", "held", "history")),
            f"/admin/subscriptions/newsletter/{self.newsletter.pk}/change/",
            f"/admin/subscriptions/subscription/{self.subscription.pk}/change/",
            f"/admin/subscriptions/subscription/{self.subscription.pk}/unsubscribe/",
            f"/admin/subscriptions/consentevent/{self.subscription.subscriber.consent_events.all()[0].pk}/change/",
            f"/admin/subscriptions/sender/{self.newsletter.sender_id}/change/",
            f"/admin/subscriptions/sender/{self.newsletter.sender_id}/history/",
            f"/admin/mail/letter/{self.letter.pk}/change/",
        ]

    @property
    def acts(self) -> list[str]:
        digest = f"/admin/digests/digest/{self.digest.pk}"
        return [
            *(f"{digest}/act/{act}/" for act in ACTS),
            f"{digest}/pick/",
            f"{digest}/change/",
            f"/admin/digests/plan/{self.plan.pk}/change/",
            f"/admin/delivery/mailing/{self.mailing.pk}/arithmetic/",
            f"/admin/delivery/mailing/held/{self.held.pk}/",
            f"/admin/subscriptions/newsletter/{self.newsletter.pk}/change/",
            f"/admin/subscriptions/sender/{self.newsletter.sender_id}/change/",
            f"/admin/subscriptions/subscription/{self.subscription.pk}/unsubscribe/",
        ]


@pytest.fixture
def own() -> Desk:
    return Desk("Wirtschaft am Morgen")


@pytest.fixture
def other() -> Desk:
    return Desk("Kultur am Abend")


def make_colleague(newsletter: Newsletter | None = None, name: str = "aylin") -> User:
    """Somebody in all groups."""
    bring_up_to_date(Group.objects, Permission.objects)
    user = User.objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=ROLES))
    if newsletter:
        NewsletterAccess.objects.create(user=user, newsletter=newsletter)
    return user


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def is_open(browser: Client, page: str) -> bool:
    return browser.get(page).status_code == 200


def test_every_page_of_the_own_newsletter_opens_and_none_of_the_other(own: Desk, other: Desk) -> None:
    browser = browser_of(make_colleague(own.newsletter))

    assert [page for page in own.pages if not is_open(browser, page)] == []
    assert [page for page in other.pages if is_open(browser, page)] == []


def test_without_a_line_of_access_every_newsletter_is_open(own: Desk, other: Desk) -> None:
    browser = browser_of(make_colleague())

    assert [page for page in (*own.pages, *other.pages) if not is_open(browser, page)] == []


def test_no_act_reaches_the_other_newsletter(own: Desk, other: Desk) -> None:
    browser = browser_of(make_colleague(own.newsletter))
    before = _rows(other)

    for act in other.acts:
        answer = browser.post(
            act,
            {
                "version": other.digest.version,
                "proof": other.proof.number,
                "act": "end",
                "confirmed": "1",
                "because": "x",
            },
        )
        # The admin's own pages lead away from a row that is not in the list.
        assert answer.status_code in {403, 404} or answer.headers.get("Location") == "/admin/", act

    assert _rows(other) == before


def _rows(desk: Desk) -> list[object]:
    return [
        *Digest.objects.filter(newsletter=desk.newsletter).order_by("pk").values(),
        *Mailing.objects.filter(newsletter=desk.newsletter).values(),
        *Batch.objects.filter(mailing__newsletter=desk.newsletter).values(),
        *Subscription.objects.filter(newsletter=desk.newsletter).values(),
        *Plan.objects.filter(newsletter=desk.newsletter).values(),
        *Sender.objects.filter(newsletter=desk.newsletter).values(),
    ]


def test_a_sender_is_changed_by_who_works_on_all_its_newsletters(own: Desk, other: Desk) -> None:
    alone = own.newsletter.sender
    shared = make_sender(name="Verlag")
    page = f"/admin/subscriptions/sender/{alone.pk}/change/"
    browser = browser_of(make_colleague(own.newsletter))
    given = {name: value for name, value in model_to_dict(alone).items() if value is not None}
    given["name"] = "Neuer Name"

    assert browser.post(page, given).status_code == 302
    assert Sender.objects.get(pk=alone.pk).name == "Neuer Name"
    Newsletter.objects.update(sender=shared)

    page = f"/admin/subscriptions/sender/{shared.pk}/change/"
    assert (is_open(browser, page), browser.post(page, given).status_code) == (True, 403)
    assert 'name="name"' not in browser.get(page).content.decode()
    assert (
        browser.post(f"/admin/subscriptions/sender/{shared.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    assert browser_of(make_colleague(name="thea")).post(page, given).status_code == 302


def test_senders_of_other_newsletters_are_neither_listed_nor_chosen_nor_made(own: Desk, other: Desk) -> None:
    Sender.objects.filter(pk=other.newsletter.sender_id).update(name="Kulturverlag")
    limited, everybody = browser_of(make_colleague(own.newsletter)), browser_of(make_colleague(name="thea"))
    pages = ["/admin/subscriptions/sender/", f"/admin/subscriptions/newsletter/{own.newsletter.pk}/change/"]

    for page in pages:
        assert "Kulturverlag" in everybody.get(page).content.decode()
        assert "Kulturverlag" not in limited.get(page).content.decode()
    assert is_open(everybody, "/admin/subscriptions/sender/add/")
    assert limited.get("/admin/subscriptions/sender/add/").status_code == 403


def test_letters_of_the_other_newsletter_and_of_none_are_not_sent_again(own: Desk, other: Desk) -> None:
    staffs = Letter.objects.create(
        kind=LetterKind.STAFF_NOTICE, dedupe_key="x", state=LetterState.FAILED, language="de", address="rui@example.org",
        not_before=NOON, created_at=NOON,
    )  # fmt: skip
    chosen = [own.letter.pk, other.letter.pk, staffs.pk]

    browser_of(make_colleague(own.newsletter)).post(
        "/admin/mail/letter/", {"action": "send_again", "_selected_action": chosen}
    )

    failed = Letter.objects.filter(pk__in=chosen, state=LetterState.FAILED)
    assert set(failed.values_list("pk", flat=True)) == {other.letter.pk, staffs.pk}


def test_each_act_reaches_the_own_newsletter(own: Desk, other: Desk) -> None:
    browser = browser_of(make_colleague(own.newsletter))

    assert [act for act in own.acts if browser.post(act, {}).status_code in {403, 404}] == [
        # Asks for an act by name, and for an article.
        f"/admin/digests/digest/{own.digest.pk}/act/approve/",
        f"/admin/digests/digest/{own.digest.pk}/pick/",
        f"/admin/delivery/mailing/{own.mailing.pk}/arithmetic/",
        f"/admin/delivery/mailing/held/{own.held.pk}/",
    ]


@pytest.mark.parametrize("model", [*PATHS, Digest, Plan])
def test_a_list_and_its_filters_do_not_show_the_other_newsletter(
    model: type[Model], own: Desk, other: Desk
) -> None:
    for desk in (own, other):
        _fill(desk)
    path, address = PATHS.get(model, "newsletter"), f"/admin/{model._meta.label_lower.replace('.', '/')}/"
    everybody = browser_of(User.objects.create_superuser("rui")).get(address)

    page = browser_of(make_colleague(own.newsletter)).get(address)

    newsletters = {desk.newsletter.pk for desk in (own, other)}
    assert everybody.context_data
    assert page.context_data
    assert {newsletter_of(row, path) for row in everybody.context_data["cl"].result_list} == newsletters
    assert {newsletter_of(row, path) for row in page.context_data["cl"].result_list} == {own.newsletter.pk}
    assert "Kultur am Abend" not in page.content.decode()


def _fill(desk: Desk) -> None:
    """A copy, a batch and an attempt of the mailing."""
    batch = Batch.objects.create(mailing=desk.mailing, lo=0, hi=1, size=1, not_before=NOON, provider="main")
    Attempt.objects.create(batch=batch, fence=0, provider="main", size=1, calling_at=NOON, deadline_at=NOON)
    Delivery.objects.create(
        id=ledger.first_id(desk.mailing.pk), mailing=desk.mailing, subscription=desk.subscription
    )


@pytest.mark.parametrize("permission", ["digests.send_digest", "delivery.decide_held"])
def test_a_right_to_act_reaches_no_further_than_the_newsletter(
    permission: str, own: Desk, other: Desk, rf: RequestFactory
) -> None:
    """Whatever a page has looked at before it asks: the question itself names the row."""
    request, page = rf.get("/admin/"), admin.site.get_model_admin(Mailing)
    assert isinstance(page, ReadOnly)

    def allowed(user: User) -> list[bool]:
        request.user = user
        return [page.may(request, permission, desk.mailing) for desk in (own, other)]

    assert allowed(make_colleague(own.newsletter)) == [True, False]
    assert allowed(make_colleague(name="thea")) == [True, True]
    assert allowed(User.objects.create_user("rui", is_staff=True)) == [False, False]


def test_incidents_of_the_other_newsletter_are_not_told(own: Desk, other: Desk) -> None:
    at = clock.now()
    for desk in (own, other):
        title, number = f"{desk.newsletter} waits", desk.newsletter.pk
        incidents.report(f"x.{number}", title=title, newsletter_id=number, at=at)
    incidents.report("machine.beat", title="The scheduler stands still", at=at)
    limited, everybody = browser_of(make_colleague(own.newsletter)), browser_of(make_colleague(name="thea"))
    hidden = Incident.objects.get(title="Kultur am Abend waits")

    for page in ("/admin/", f"/admin/digests/digest/{own.digest.pk}/change/", "/admin/mail/incident/"):
        text = limited.get(page).content.decode()
        assert "Wirtschaft am Morgen waits" in text
        assert "The scheduler stands still" in text
        assert "Kultur am Abend waits" not in text
        assert "Kultur am Abend waits" in everybody.get(page).content.decode()
    assert not is_open(limited, f"/admin/mail/incident/{hidden.pk}/change/")
    limited.post("/admin/mail/incident/", {"action": "resolve", "_selected_action": [hidden.pk]})
    assert not Incident.objects.get(pk=hidden.pk).resolved_at


def test_letters_about_incidents_go_to_who_works_on_the_newsletter_and_about_none_to_all(
    own: Desk, other: Desk
) -> None:
    people = {
        "aylin": make_colleague(own.newsletter, "aylin"),
        "enno": make_colleague(other.newsletter, "enno"),
        "thea": make_colleague(name="thea"),
        "petra": make_colleague(own.newsletter, "petra"),
    }
    NewsletterAccess.objects.create(user=people["petra"], newsletter=other.newsletter)
    boss = User.objects.create_superuser("boss", "boss@example.org")
    NewsletterAccess.objects.create(user=boss, newsletter=own.newsletter)
    for name, user in people.items():
        User.objects.filter(pk=user.pk).update(email=f"{name}@example.org")
    Letter.objects.all().delete()
    at = clock.now()
    incidents.report("x", title="Die Wirtschaft wartet", newsletter_id=own.newsletter.pk, at=at)
    incidents.report("y", title="Die Kultur wartet", newsletter_id=other.newsletter.pk, at=at)
    incidents.report("z", title="Der Zeitplaner steht still", at=at)

    notices.tell_staff(at)

    told: dict[str, set[str]] = {}
    for letter in Letter.objects.filter(kind=LetterKind.STAFF_NOTICE):
        title = letter.subject.partition(": ")[2]
        told.setdefault(title, set()).add(letter.address.partition("@")[0])
    assert told == {
        "Die Wirtschaft wartet": {"aylin", "petra", "thea", "boss"},
        "Die Kultur wartet": {"enno", "petra", "thea", "boss"},
        "Der Zeitplaner steht still": {"aylin", "enno", "petra", "thea", "boss"},
    }


def test_what_goes_wrong_with_a_digest_or_its_mailing_names_the_newsletter(own: Desk) -> None:
    at = clock.now()
    Mailing.objects.filter(pk=own.mailing.pk).update(active_at=NOON, state="sending")
    control.pause_late(Mailing.objects.get(pk=own.mailing.pk), at=at)
    skipping.too_little(make_ready(own.newsletter), found=0, minimum=1, at=at)

    found = Incident.objects.values_list("key", "facts__newsletter_id")

    assert {key.split(".")[1] for key, _newsletter in found} == {"late", "skipped"}
    assert {newsletter for _key, newsletter in found} == {own.newsletter.pk}


def test_a_list_holds_the_rows_of_the_own_newsletters(own: Desk, other: Desk) -> None:
    user = make_colleague(own.newsletter)

    for rows, path in (
        (Digest.objects.all(), "newsletter"),
        (Mailing.objects.all(), "newsletter"),
        (Delivery.objects.all(), "mailing__newsletter"),
        (ConsentEvent.objects.all(), "newsletter"),
    ):
        everything = rows.filter(**{f"{path}__in": [own.newsletter.pk, other.newsletter.pk]})
        mine = access.among(user, everything, path=path)
        assert list(mine.order_by("pk")) == list(everything.filter(**{path: own.newsletter}).order_by("pk"))


def whole_readers(desk: Desk) -> list[str]:
    """Pages that reach across newsletters."""
    reader = desk.subscription.subscriber_id
    return [
        f"/admin/subscriptions/subscriber/{reader}/change/",
        "/admin/subscriptions/subscriber/",
        "/admin/subscriptions/subscriberimport/",
        "/admin/subscriptions/suppression/",
        reverse("admin:reader_desk", args=[reader]),
        reverse("admin:reader_desk_find"),
        reverse("admin:subscriptions_export"),
        *(reverse(f"admin:subscriptions_reader_{name}", args=[reader]) for name in reader_acts.VIEWS),
    ]


def test_what_concerns_a_reader_as_a_whole_is_for_those_who_work_on_all(own: Desk) -> None:
    limited, everybody = make_colleague(own.newsletter), make_colleague(name="thea")

    for method in ("get", "post"):
        assert {getattr(browser_of(limited), method)(page).status_code for page in whole_readers(own)} == {
            403
        }
    assert [page for page in whole_readers(own) if not is_open(browser_of(everybody), page)] == []


@pytest.mark.parametrize("page", ["admin/logentry", "mail/providerevent"])
def test_what_names_no_newsletter_is_for_those_who_work_on_all(page: str, own: Desk) -> None:
    limited, everybody = make_colleague(own.newsletter), make_colleague(name="thea")

    assert browser_of(limited).get(f"/admin/{page}/").status_code == 403
    assert is_open(browser_of(everybody), f"/admin/{page}/")


def test_the_self_check_leads_to_held_copies_of_the_own_newsletter_alone(own: Desk, other: Desk) -> None:
    limited, everybody = make_colleague(own.newsletter), make_colleague(name="thea")
    ours, theirs = (reverse("admin:delivery_mailing_held", args=[desk.mailing.pk]) for desk in (own, other))

    seen, all_seen = (browser_of(user).get(reverse("admin:self_check")).text for user in (limited, everybody))

    assert ours in seen
    assert theirs not in seen
    assert theirs in all_seen


def test_who_may_not_see_the_reader_can_still_end_her_subscription(own: Desk) -> None:
    page = f"/admin/subscriptions/subscription/{own.subscription.pk}"

    answer = browser_of(make_colleague(own.newsletter)).post(f"{page}/unsubscribe/", {"because": "By phone."})

    own.subscription.refresh_from_db()
    assert own.subscription.state == SubscriptionState.UNSUBSCRIBED
    assert answer.headers["Location"] == f"{page}/change/"


def test_only_the_own_newsletters_next_digest_can_be_built(own: Desk, other: Desk) -> None:
    browser = browser_of(make_colleague(own.newsletter))

    page = browser.get("/admin/digests/digest/add/").content.decode()
    answer = browser.post("/admin/digests/digest/add/", {"newsletter": other.newsletter.pk})

    assert "Wirtschaft am Morgen" in page
    assert "Kultur am Abend" not in page
    assert answer.status_code == 200
    assert Digest.objects.filter(newsletter=other.newsletter).count() == 2


def test_who_works_on_one_newsletter_makes_no_new_one(own: Desk) -> None:
    assert (
        browser_of(make_colleague(own.newsletter)).get("/admin/subscriptions/newsletter/add/").status_code
        == 403
    )


def test_access_costs_one_query_per_request(own: Desk, other: Desk) -> None:
    counts = []
    for user in (make_colleague(), User.objects.create_superuser("rui")):
        browser = browser_of(user)
        browser.get("/admin/digests/digest/")
        with CaptureQueriesContext(connection) as queries:
            browser.get("/admin/digests/digest/")
        counts.append(sum("newsletteraccess" in query["sql"] for query in queries))

    assert counts == [1, 0]
