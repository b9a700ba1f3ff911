"""What staff get to know: incidents, notices, checks at start, the admin, a look at a received mail."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from newsroom.mail import checks, incidents, letters, notices
from newsroom.mail.inspection import inspect
from newsroom.mail.models import Incident, Letter, ProviderEvent
from newsroom.mail.states import LetterKind, LetterState, Severity
from newsroom.mail.tasks import send_letters, tell_staff
from tests.newsroom.mail.mails import NOW, make_copy, make_envelope, make_mail

pytestmark = pytest.mark.django_db


def _staff(name: str, *permissions: str, **changes: Any) -> User:
    user = User.objects.create_user(name, f"{name}@example.org", "x", **{"is_staff": True, **changes})
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    return user


def _incident(key: str = "k", **changes: Any) -> Incident:
    return incidents.report(key, **{"title": "A provider refuses us", "text": "Look.", "at": NOW, **changes})


def test_one_incident_stays_open_per_key_and_says_the_latest() -> None:
    first = _incident()
    again = _incident(title="Still", severity=Severity.WARNING, facts={"n": 2})

    assert again.pk == first.pk
    assert (again.title, again.severity, again.facts) == ("Still", Severity.WARNING, {"n": 2})
    assert incidents.resolve("k", at=NOW)
    assert not incidents.resolve("k", at=NOW)
    assert _incident().pk != first.pk


def test_staff_who_may_see_incidents_are_told_once() -> None:
    _staff("may", "view_incident")
    _staff("may-not")
    _staff("left", "view_incident", is_active=False)
    _staff("reader", "view_incident", is_staff=False)
    User.objects.create_superuser("boss", "boss@example.org", "x")
    incident = _incident()

    assert notices.tell_staff(NOW) == 2
    assert notices.tell_staff(NOW) == 0

    incident.refresh_from_db()
    assert incident.told_at == NOW
    letter = Letter.objects.order_by("pk")[0]
    assert (letter.kind, letter.address) == (LetterKind.STAFF_NOTICE, "may@example.org")
    assert f"https://news.example.org/admin/mail/incident/{incident.pk}/change/" in letter.text
    assert letter.envelope["from_address"] == "newsroom@news.example.org"
    assert letter.envelope["auto_submitted"] is True


def test_telling_twice_writes_no_second_letter() -> None:
    _staff("may", "view_incident")
    incident = _incident()
    notices.tell_staff(NOW)
    Incident.objects.filter(pk=incident.pk).update(told_at=None)  # as after a crash

    notices.tell_staff(NOW)

    assert Letter.objects.count() == 1


def test_a_site_without_a_name_takes_the_address_its_provider_was_given(settings: Settings) -> None:
    settings.SITE_URL = "http://127.0.0.1:8000"
    assert notices.staff_sender() == ""

    settings.MAIL_PROVIDERS = "main=memory://?from=desk@example.org"
    assert notices.staff_sender() == "desk@example.org"


def test_the_tasks_do_what_their_services_do() -> None:
    _staff("may", "view_incident")
    _incident()

    assert tell_staff() == 1
    assert send_letters() == 1
    assert Letter.objects.get().state == LetterState.SENT


def _ids(value: str, settings: Settings) -> list[str | None]:
    settings.MAIL_PROVIDERS = value
    return [message.id for message in checks.check_providers()]


@pytest.mark.parametrize(
    ("scheme", "package", "extra"),
    [
        ("amazon_ses", "boto3", "amazon-ses"),
        ("postal", "cryptography", "postal"),
        ("resend", "svix", "resend"),
        ("sendgrid", "cryptography", "sendgrid"),
    ],
)
def test_a_provider_whose_package_is_missing_is_told_in_one_sentence(
    scheme: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.MAIL_PROVIDERS = f"main={scheme}://KEY@?webhook=aaaaaaaaaaaaaaaaaaaa"
    if scheme == "postal":
        settings.MAIL_PROVIDERS += "&api_url=https://postal.example.org/"
    installed: set[str] = set()
    monkeypatch.setattr(checks, "find_spec", lambda name: name in installed or None)

    missing = [message for message in checks.check_providers() if message.id == "mail.E004"]
    installed.add(package)
    found = [message for message in checks.check_providers() if message.id == "mail.E004"]

    assert [(message.msg, message.hint) for message in missing] == [
        (
            f"main: {scheme} needs the package {package}, which is not installed.",
            f"Install it: pip install 'django-anymail[{extra}]'",
        )
    ]
    assert found == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("main=memory://", []),
        ("main=smtp://mail.example.org", []),
        ("main=smtp://u:p@mail.example.org?tls=off", ["mail.W003"]),
        ("main=smtp://u:p@127.0.0.1?tls=off", []),
        ("main=mailgun://KEY@mg.example.org?webhook=aaaaaaaaaaaaaaaaaaaa", []),
        ("main=mailgun://KEY@mg.example.org", ["mail.W004"]),
        (
            "main=mailgun://KEY@mg.example.org?webhook=aaaaaaaaaaaaaaaaaaaa&api_url=http://x.example.org",
            ["mail.W003"],
        ),
        ("main=sparkpost://KEY@?webhook=aaaaaaaaaaaaaaaaaaaa", ["mail.E003"]),
        ("main=mailersend://KEY@?webhook=aaaaaaaaaaaaaaaaaaaa", ["mail.W001"]),
        (
            "main=unisender_go://KEY@?api_url=https://x.example.org&webhook=aaaaaaaaaaaaaaaaaaaa",
            ["mail.W001"],
        ),
        ("main=sendgrid://KEY@?webhook=aaaaaaaaaaaaaaaaaaaa", ["mail.W002"]),
        ("main=scaleway://KEY@?project_id=x", ["mail.W004", "mail.W005"]),
        ("main=brevo://KEY@?webhook=aaaaaaaaaaaaaaaaaaaa", ["mail.W005"]),
        ("main=postmark://KEY@?webhook=aaaaaaaaaaaaaaaaaaaa", []),
        ("nonsense", ["mail.E002"]),
    ],
)
def test_the_start_tells_what_a_provider_cannot_do(
    value: str, expected: list[str], settings: Settings
) -> None:
    assert _ids(value, settings) == expected


@pytest.mark.parametrize(("host", "expected"), [("a" * 44, []), ("a" * 45, ["mail.E001"])])
def test_the_start_measures_the_unsubscribe_address(
    host: str, expected: list[str], settings: Settings
) -> None:
    settings.SITE_URL = f"https://{host}"

    assert [message.id for message in checks.check_leave_url()] == expected


def _letter() -> Letter:
    return letters.write(
        LetterKind.STAFF_NOTICE,
        address="ann@example.org",
        language="en",
        context={"incident": _incident(), "admin_url": "https://news.example.org/admin/"},
        envelope=make_envelope(kind="letter"),
        dedupe_key="x",
        at=NOW,
    )


def test_the_admin_shows_letters_without_what_only_the_reader_may_know(admin_client: Client) -> None:
    letter = _letter()

    for path in ("/admin/mail/letter/", f"/admin/mail/letter/{letter.pk}/change/"):
        page = admin_client.get(path).content.decode()
        assert "a…@example.org" in page
        assert "ann@example.org" not in page
        assert "You receive this notice" not in page


def test_the_admin_changes_nothing_but_resolves(admin_client: Client) -> None:
    incident = _incident()
    ProviderEvent.objects.create(
        provider="main", event_id="1", kind="bounced", occurred_at=NOW, received_at=NOW
    )

    assert admin_client.get("/admin/mail/providerevent/").status_code == 200
    for model in ("letter", "providerevent", "incident"):
        assert admin_client.get(f"/admin/mail/{model}/add/").status_code == 403
    admin_client.post("/admin/mail/incident/", {"action": "resolve", "_selected_action": [incident.pk]})

    incident.refresh_from_db()
    assert incident.resolved_at


def test_who_may_only_look_resolves_nothing(client: Client) -> None:
    client.force_login(_staff("may", "view_incident"))
    incident = _incident()

    client.post("/admin/mail/incident/", {"action": "resolve", "_selected_action": [incident.pk]})

    incident.refresh_from_db()
    assert incident.resolved_at is None


@pytest.mark.parametrize("lookup", ["text__contains", "html__regex", "subject", "address__startswith"])
def test_the_list_of_letters_answers_no_question_about_what_only_the_reader_may_know(
    lookup: str, client: Client
) -> None:
    client.force_login(_staff("curious", "view_letter"))
    _letter()

    assert client.get("/admin/mail/letter/", {lookup: "a"}).status_code == 400
    assert client.get("/admin/mail/letter/", {"state__exact": "waiting"}).status_code == 200


def test_the_admin_lets_a_failed_letter_go_again(admin_client: Client) -> None:
    letter = _letter()
    Letter.objects.update(state=LetterState.FAILED, tries=8)

    admin_client.post("/admin/mail/letter/", {"action": "send_again", "_selected_action": [letter.pk]})

    letter.refresh_from_db()
    assert (letter.state, letter.tries) == (LetterState.WAITING, 0)


SIGNED = (
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=k;\r\n"
    b" h=from:to:subject:list-unsubscribe:list-unsubscribe-post; bh=x; b=y\r\n"
)


def _faults(raw: bytes) -> list[str]:
    return [finding.text for finding in inspect(raw) if finding.is_good is False]


def test_our_own_mails_pass_our_own_look() -> None:
    raw = make_mail().splice(make_copy(), date=NOW)

    assert _faults(raw) == []
    assert _faults(SIGNED + raw) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"list-unsubscribe-post;", b"x;", "DKIM h= covers List-Unsubscribe-Post (RFC 8058 §4)"),
        (b"d=example.org", b"d=sender.example.net", "DKIM d=sender.example.net belongs to the From domain"),
        (b"List-Unsubscribe=One-Click", b"yes", "List-Unsubscribe-Post announces one click"),
        (
            b"List-Unsubscribe: <https:",
            b"List-Unsubscribe: <mailto:x@example.org>, <https:",
            "one https address",
        ),
        (b"Reply-To:", b"To:", "To: 2 times, must be once"),
        (b"Feedback-ID: ", b"Feedback-ID: =?utf-8?q?x?= ", "Feedback-ID is readable without decoding"),
        (b"List-Post: NO", b"X-Long: " + b"x" * 1000, "longest line: 1008 octets"),
    ],
)
def test_a_fault_in_a_received_mail_is_named(old: bytes, new: bytes, fault: str, tmp_path: Path) -> None:
    raw = (SIGNED + make_mail().splice(make_copy(), date=NOW)).replace(old, new, 1)
    path = tmp_path / "mail.eml"
    path.write_bytes(raw)
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("check_mail", path, stdout=out)

    assert any(fault in line for line in out.getvalue().splitlines() if line.startswith("BAD"))


def test_check_mail_is_content_with_a_good_mail_and_says_when_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "mail.eml"
    path.write_bytes(make_mail().splice(make_copy(), date=NOW).replace(b"\r\n", b"\n"))  # as programs save it

    call_command("check_mail", path, stdout=StringIO())

    with pytest.raises(CommandError, match="cannot be read"):
        call_command("check_mail", tmp_path / "nothing.eml")


@pytest.mark.parametrize(
    "raw", [b"", b"\x00\xff", b"no headers at all", b"From: \r\nSubject: =?x?y?z?=\r\n\r\n"]
)
def test_any_file_is_looked_at_without_a_crash(raw: bytes) -> None:
    assert _faults(raw)
