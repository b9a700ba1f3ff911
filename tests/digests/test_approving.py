"""Approval by the link in a letter: looking decides nothing, and each rule is asked again when somebody decides."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from digests import approving, curation, workflow
from digests.approval_tokens import approval_url, proof_and_user
from digests.errors import LinkClosed
from digests.models import Approval, Digest, NewsletterAccess, Plan, Proof
from digests.states import DigestState
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web import clock
from newsroom.web.errors import BadToken
from newsroom.web.tokens import TokenKind, make
from tests.digests.factories import make_colleague, make_planned, make_ready
from tests.factories import make_newsletter, make_pick

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def jonas() -> User:
    return make_colleague("jonas", "Redaktion")


@pytest.fixture
def aylin() -> User:
    return make_colleague("aylin")


@pytest.fixture
def proof(jonas: User, aylin: User) -> Proof:
    return workflow.propose(make_ready(), by=jonas, at=clock.now())


def path_of(proof: Proof, user: User) -> str:
    return approval_url(proof, user).removeprefix("https://news.example.org")


def token_of(proof: Proof, user: User) -> str:
    return path_of(proof, user).split("/")[2]


def letters_to(kind: LetterKind) -> list[str]:
    return sorted(Letter.objects.filter(kind=kind).values_list("address", flat=True))


def test_each_colleague_who_may_approve_is_asked_and_nobody_else(jonas: User, aylin: User) -> None:
    newsletter = make_planned().newsletter
    elsewhere, here, resting, unreachable = map(make_colleague, ["enno", "mia", "rui", "thea"])
    NewsletterAccess.objects.create(user=elsewhere, newsletter=make_newsletter())
    NewsletterAccess.objects.create(user=here, newsletter=newsletter)
    User.objects.filter(pk=resting.pk).update(is_active=False)
    User.objects.filter(pk=unreachable.pk).update(email="")
    User.objects.create_superuser("anna", "anna@example.org")

    workflow.propose(make_ready(newsletter), by=aylin, at=clock.now())

    assert letters_to(LetterKind.APPROVAL_WANTED) == ["anna@example.org", "mia@example.org"]


def test_the_letter_says_what_is_in_it_who_proposed_and_where_to_decide(proof: Proof, aylin: User) -> None:
    letter = Letter.objects.get(kind=LetterKind.APPROVAL_WANTED)
    story = proof.digest.picks.get().article.title

    for body in (letter.text, letter.html):
        assert approval_url(proof, aylin) in body
        assert "jonas" in body
        assert story in body
        assert proof.digest.subject in body


def test_the_letter_names_the_stories_in_the_order_of_the_mail(jonas: User, aylin: User) -> None:
    digest = make_ready()
    make_pick(digest=digest, slot="more", position=0, title="Zuletzt")
    make_pick(digest=digest, slot="briefs", position=1, title="Dazwischen")

    workflow.propose(digest, by=jonas, at=clock.now())

    text = Letter.objects.get().text
    assert text.index("Die Fähre") < text.index("Dazwischen") < text.index("Zuletzt")


def test_nobody_is_asked_where_the_plan_wants_no_letters(jonas: User, aylin: User) -> None:
    plan = make_planned(approval_by_mail=False)

    workflow.propose(make_ready(plan.newsletter), by=jonas, at=clock.now())

    assert not Letter.objects.exists()


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_scanner_that_follows_the_link_changes_nothing(method: str, proof: Proof, aylin: User) -> None:
    before = Digest.objects.values().get()

    answer = getattr(Client(), method)(path_of(proof, aylin))

    assert answer.status_code == 200
    assert Digest.objects.values().get() == before
    assert not Approval.objects.exists()
    assert not LogEntry.objects.exists()


def test_the_page_shows_the_proof_and_is_kept_by_nobody(proof: Proof, aylin: User) -> None:
    page = Client(headers={"accept-language": "en"}).get(path_of(proof, aylin))
    mail = Client().get(path_of(proof, aylin) + "mail/")

    assert proof.digest.subject in page.text
    assert re.search(r"<iframe[^>]* sandbox ", page.text)
    assert (page["Cache-Control"], page["X-Robots-Tag"]) == ("no-store", "noindex")
    assert page["Referrer-Policy"] == mail["Referrer-Policy"] == "no-referrer"
    assert mail["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert mail["X-Frame-Options"] == "SAMEORIGIN"
    assert proof.digest.picks.get().article.title in mail.text


def test_the_button_approves_in_the_name_of_whoever_got_the_letter(proof: Proof, aylin: User) -> None:
    answer = Client(headers={"accept-language": "en"}).post(path_of(proof, aylin), {"decision": "approve"})

    approval = Approval.objects.get()
    entry = LogEntry.objects.get()
    assert answer.status_code == 200
    assert "Thank you. The proof is approved." in answer.text
    assert (approval.approver, approval.proposer) == (aylin, proof.proposed_by)
    assert Digest.objects.get().state == DigestState.APPROVED
    assert (entry.user, entry.object_id) == (aylin, str(proof.digest_id))
    assert "by the link in a letter" in entry.change_message


def test_whoever_may_send_is_led_on_to_the_schedule(proof: Proof, aylin: User) -> None:
    page = f"/admin/digests/digest/{proof.digest_id}/change/"

    led = Client(headers={"accept-language": "en"}).post(path_of(proof, aylin), {"decision": "approve"}).text

    assert "The digest is not scheduled yet." in led
    assert f'<a href="{page}">' in led


def test_whoever_may_only_approve_is_told_that_it_is_not_scheduled(jonas: User) -> None:
    mia = make_colleague("mia", "Lesend")
    mia.user_permissions.add(Permission.objects.get(codename="approve_digest"))
    proof = workflow.propose(make_ready(), by=jonas, at=clock.now())

    told = Client(headers={"accept-language": "en"}).post(path_of(proof, mia), {"decision": "approve"}).text

    assert "The digest is not scheduled yet." in told
    assert "/admin/" not in told


def test_a_second_press_is_told_that_it_is_approved_already(proof: Proof, aylin: User) -> None:
    Client().post(path_of(proof, aylin), {"decision": "approve"})

    answer = Client(headers={"accept-language": "en"}).post(path_of(proof, aylin), {"decision": "approve"})

    assert answer.status_code == 409
    assert "This proof is approved already." in answer.text
    assert Approval.objects.count() == 1


def test_a_return_needs_a_reason_and_tells_whoever_proposed(proof: Proof, aylin: User) -> None:
    silent = Client().post(path_of(proof, aylin), {"decision": "return", "because": " "})
    assert silent.status_code == 400
    assert Digest.objects.get().state == DigestState.PROOFED

    Client().post(path_of(proof, aylin), {"decision": "return", "because": "Der Aufmacher fehlt."})

    letter = Letter.objects.get(kind=LetterKind.PROOF_RETURNED)
    proof.refresh_from_db()
    assert (proof.returned_by, proof.returned_because) == (aylin, "Der Aufmacher fehlt.")
    assert letter.address == "jonas@example.org"
    assert "Der Aufmacher fehlt." in letter.text
    assert "Der Aufmacher fehlt." in letter.html
    assert Digest.objects.get().state == DigestState.DRAFT


def _edit(proof: Proof, aylin: User) -> None:
    curation.edit_digest(proof.digest, expected_version=1, at=clock.now(), subject="Neu")


def _propose_again(proof: Proof, aylin: User) -> None:
    _edit(proof, aylin)
    workflow.propose(Digest.objects.get(), by=proof.proposed_by, at=clock.now())


def _return(proof: Proof, aylin: User) -> None:
    workflow.return_proof(proof, by=aylin, because="Nein.", at=clock.now())


def _take_rights(proof: Proof, aylin: User) -> None:
    aylin.groups.clear()


def _let_go(proof: Proof, aylin: User) -> None:
    User.objects.filter(pk=aylin.pk).update(is_active=False)


def _make_reader(proof: Proof, aylin: User) -> None:
    User.objects.filter(pk=aylin.pk).update(is_staff=False)


def _move_elsewhere(proof: Proof, aylin: User) -> None:
    NewsletterAccess.objects.create(user=aylin, newsletter=make_newsletter())


def _propose_herself(proof: Proof, aylin: User) -> None:
    Proof.objects.filter(pk=proof.pk).update(proposed_by=aylin)


def _wait_a_day(proof: Proof, aylin: User) -> None:
    day_ago = clock.now() - approving.VALID_FOR - dt.timedelta(seconds=1)
    Proof.objects.filter(pk=proof.pk).update(proposed_at=day_ago)


@pytest.mark.parametrize(
    "meanwhile",
    [
        _edit, _propose_again, _return, _take_rights, _let_go, _make_reader, _move_elsewhere, _propose_herself,
        _wait_a_day,
    ],
)  # fmt: skip
def test_the_link_decides_nothing_any_more(
    meanwhile: Callable[[Proof, User], None], proof: Proof, aylin: User
) -> None:
    meanwhile(proof, aylin)
    state = Digest.objects.get().state

    page = Client().get(path_of(proof, aylin))
    answer = Client().post(path_of(proof, aylin), {"decision": "approve"})
    with pytest.raises(LinkClosed):
        approving.approve(token_of(proof, aylin), at=clock.now())

    assert "<button" not in page.text.partition("<main")[2]
    assert answer.status_code == 409
    assert not Approval.objects.exists()
    assert Digest.objects.get().state == state


@pytest.mark.parametrize("meanwhile", [_take_rights, _let_go, _make_reader, _move_elsewhere, _wait_a_day])
def test_who_may_approve_no_more_and_who_comes_a_day_later_sees_nothing_of_the_digest(
    meanwhile: Callable[[Proof, User], None], proof: Proof, aylin: User
) -> None:
    subject = proof.digest.subject
    meanwhile(proof, aylin)

    page = Client().get(path_of(proof, aylin))

    assert 'role="status"' in page.text
    for word in (subject, proof.digest.picks.get().article.title, "<iframe", "jonas"):
        assert word not in page.text
    assert Client().get(path_of(proof, aylin) + "mail/").status_code == 404
    leads_on = reverse("admin:digests_digest_proof", args=[proof.digest_id, proof.number]) in page.text
    assert leads_on == (meanwhile is _wait_a_day)


def test_an_hour_later_the_link_still_decides(proof: Proof, aylin: User) -> None:
    Proof.objects.filter(pk=proof.pk).update(proposed_at=clock.now() - approving.VALID_FOR + HOUR)

    approving.approve(token_of(proof, aylin), at=clock.now())

    assert Approval.objects.get().approver == aylin


def _rows() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of ours, and who is signed in."""
    models = [
        model
        for app in ("mail", "articles", "subscriptions", "delivery", "digests", "admin", "auth", "sessions")
        for model in apps.get_app_config(app).get_models()
    ]
    return {model._meta.label: list(model._base_manager.order_by("pk").values()) for model in models}


@pytest.mark.parametrize(
    ("decision", "changed"),
    [
        ("approve", {"digests.Digest", "digests.Approval", "admin.LogEntry"}),
        ("return", {"digests.Digest", "digests.Proof", "admin.LogEntry", "mail.Letter"}),
        ("send", set()),
        ("schedule", set()),
        ("", set()),
    ],
)
def test_the_link_can_decide_about_its_one_proof_and_do_nothing_else(
    decision: str, changed: set[str], proof: Proof, jonas: User, aylin: User
) -> None:
    other = workflow.propose(make_ready(), by=jonas, at=clock.now())
    before, browser = _rows(), Client()
    typed = {"decision": decision, "because": "Nein.", "proof": other.pk, "digest": other.digest_id}
    more = {"act": "send", "when": "2030-01-01T06:00", "subject": "Neu", "next": "/admin/", "user": jonas.pk}

    browser.post(path_of(proof, aylin), {**typed, **more})

    after = _rows()
    assert {table for table, rows in after.items() if rows != before[table]} == changed
    for table in {"digests.Digest", "digests.Proof"} & changed:
        own = [new for new, old in zip(after[table], before[table], strict=True) if new != old]
        assert [row.get("digest_id", row["id"]) for row in own] == [proof.digest_id]
    assert not browser.cookies.get("sessionid")


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_the_link_knows_no_other_method(method: str, proof: Proof, aylin: User) -> None:
    before = _rows()

    answer = getattr(Client(), method)(path_of(proof, aylin), {"decision": "approve"})

    assert answer.status_code == 405
    assert _rows() == before


@pytest.mark.parametrize("change", [lambda token: token[:-1] + "A", lambda token: "x" * 23, lambda token: ""])
def test_a_link_that_we_never_made_opens_nothing(
    change: Callable[[str], str], proof: Proof, aylin: User
) -> None:
    token = token_of(proof, aylin)
    broken = change(token if token[-1] != "A" else token[:-1] + "B")

    assert Client().post(f"/approve/{broken}/", {"decision": "approve"}).status_code == 404
    assert not Approval.objects.exists()


def test_no_other_link_of_ours_is_taken_for_one(proof: Proof, aylin: User) -> None:
    with pytest.raises(BadToken):
        proof_and_user(make(TokenKind.DELIVERY, proof.pk << 24 | aylin.pk))


def test_who_tries_too_often_has_to_wait(proof: Proof, aylin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digests.approval_page.PER_MINUTE", 3)
    browser = Client()
    codes = [browser.get(f"/approve/{'x' * 23}/").status_code for _ in range(4)]

    assert codes == [404, 404, 404, 429]
    assert browser.get(f"/approve/{'x' * 23}/mail/").status_code == 429


def test_one_pair_of_eyes_still_needs_somebody_else_for_a_link(jonas: User, aylin: User) -> None:
    """Where one person is enough she approves in the admin; the link of a letter is for the others."""
    plan = make_planned(needs_four_eyes=False)
    proof = workflow.propose(make_ready(plan.newsletter), by=jonas, at=clock.now())

    approving.approve(token_of(proof, aylin), at=clock.now())

    assert Approval.objects.get().approver == aylin
    assert Plan.objects.get() == plan
