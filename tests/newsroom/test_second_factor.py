"""The second factor of staff: nothing of the admin opens before it, and nobody is locked out for good."""

import re
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from newsroom.mail.models import Incident
from newsroom.mail.states import Severity

pytestmark = pytest.mark.django_db

PASSWORD = "ebbe-und-flut"
PAGE = "/admin/second-factor/"


@pytest.fixture(autouse=True)
def _switched_on(settings: LazySettings) -> None:
    settings.SECOND_FACTOR = True


@pytest.fixture
def jonas() -> User:
    return User.objects.create_superuser("jonas", "jonas@example.org", PASSWORD)


@pytest.fixture
def client(jonas: User) -> Client:
    """A browser that gave the right password and nothing else."""
    browser = Client()
    browser.post("/admin/login/", {"username": "jonas", "password": PASSWORD, "next": "/admin/"})
    return browser


def code_of(device: TOTPDevice) -> str:
    return f"{TOTP(device.bin_key).token():06d}"


def enrol(client: Client, jonas: User) -> list[str]:
    client.get(PAGE)
    device = TOTPDevice.objects.get(user=jonas)
    page = client.post(PAGE, {"code": code_of(device), "next": "/admin/"}).content.decode()
    # The code just used does not count twice; a minute later there is another.
    TOTPDevice.objects.update(last_t=-1)
    return re.findall(r"<li><code>([\w-]+)</code>", page)


def wait_for_the_throttle() -> None:
    TOTPDevice.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(hours=1))


def test_after_the_password_a_new_person_is_led_to_enrolment_and_on(client: Client, jonas: User) -> None:
    first = client.get("/admin/digests/digest/", follow=True)
    device = TOTPDevice.objects.get(user=jonas)
    page = first.content.decode()

    assert first.redirect_chain[-1][0].startswith(PAGE)
    assert re.search(r'class="qr".*?><svg', page)
    assert re.search(r'class="secret">[A-Z2-7]{4}( [A-Z2-7]{4})+<', page)
    answer = client.post(PAGE, {"code": code_of(device), "next": "/admin/digests/digest/"})
    assert len(set(re.findall(r"<li><code>([\w-]+)</code>", answer.content.decode()))) == 8
    assert 'href="/admin/digests/digest/"' in answer.content.decode()
    assert client.get("/admin/").status_code == 200


def test_reloading_the_enrolment_page_keeps_the_key(client: Client) -> None:
    secrets = {
        re.search(r'class="secret">([^<]+)', client.get(PAGE).content.decode()).group(1)  # type: ignore[union-attr]
        for _ in range(2)
    }

    assert len(secrets) == 1


def test_a_password_alone_opens_nothing_nor_enrols_a_second_phone(client: Client, jonas: User) -> None:
    enrol(client, jonas)
    thief = Client()
    thief.post("/admin/login/", {"username": "jonas", "password": PASSWORD, "next": "/admin/"})

    page = thief.get(PAGE).content.decode()

    assert 'class="qr"' not in page
    assert thief.get("/admin/").status_code == 302
    assert thief.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 200
    assert TOTPDevice.objects.count() == 1


@pytest.mark.parametrize("code", ["", "000000", "abcdefabcdef"])
def test_a_wrong_code_leaves_the_door_shut_and_says_so(client: Client, jonas: User, code: str) -> None:
    enrol(client, jonas)
    other = Client()
    other.force_login(jonas)

    answer = other.post(PAGE, {"code": code})

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert other.get("/admin/").status_code == 302


def test_the_phone_opens_with_a_code_that_counts_once(client: Client, jonas: User) -> None:
    enrol(client, jonas)
    code = code_of(TOTPDevice.objects.get())
    first, second = Client(), Client()
    for browser in (first, second):
        browser.force_login(jonas)

    answer = first.post(PAGE, {"code": f"{code[:3]} {code[3:]}", "next": "/admin/digests/digest/"})
    second.post(PAGE, {"code": code})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/digests/digest/")
    assert first.get("/admin/").status_code == 200
    assert second.get("/admin/").status_code == 302


def test_guessing_is_slowed_down_so_that_even_the_right_code_has_to_wait(client: Client, jonas: User) -> None:
    enrol(client, jonas)
    other = Client()
    other.force_login(jonas)
    other.post(PAGE, {"code": "000000"})

    other.post(PAGE, {"code": code_of(TOTPDevice.objects.get())})
    was_open = other.get("/admin/").status_code
    wait_for_the_throttle()
    other.post(PAGE, {"code": code_of(TOTPDevice.objects.get())})

    assert was_open == 302
    assert other.get("/admin/").status_code == 200


def test_a_recovery_code_opens_once(client: Client, jonas: User) -> None:
    code = enrol(client, jonas)[0]
    statuses = []
    for _ in range(2):
        browser = Client()
        browser.force_login(jonas)
        browser.post(PAGE, {"code": code.upper()})
        statuses.append(browser.get("/admin/").status_code)

    assert statuses == [200, 302]
    assert StaticToken.objects.count() == 7


def test_one_may_sign_out_half_way(client: Client) -> None:
    client.post(reverse("admin:logout"))

    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example.org/", "//evil.example.org/", "javascript:alert(1)"]
)
def test_the_way_on_stays_on_this_site(client: Client, jonas: User, elsewhere: str) -> None:
    enrol(client, jonas)

    assert client.get(PAGE, {"next": elsewhere})["Location"] == "/admin/"


def test_those_without_a_staff_account_do_not_see_the_page() -> None:
    reader = Client()
    reader.force_login(User.objects.create_user("mia"))

    for browser in (reader, Client()):
        assert browser.get(PAGE)["Location"].startswith("/admin/login/")
    assert not TOTPDevice.objects.exists()


def test_switched_off_a_password_is_enough(client: Client, settings: LazySettings) -> None:
    settings.SECOND_FACTOR = False

    assert client.get("/admin/").status_code == 200


def test_a_lost_phone_is_forgotten_by_one_command_and_its_sessions_end(client: Client, jonas: User) -> None:
    enrol(client, jonas)
    assert client.get("/admin/").status_code == 200

    call_command("reset_second_factor", "jonas")

    assert client.get("/admin/").status_code == 302
    assert 'class="qr"' in client.get(PAGE).content.decode()
    assert StaticToken.objects.count() == 0
    assert "reset" in LogEntry.objects.get().get_change_message()


def test_a_superuser_lets_in_who_lost_the_phone_and_staff_are_told(client: Client, jonas: User) -> None:
    enrol(client, jonas)
    rui = Client()
    rui.force_login(User.objects.create_superuser("rui", "rui@news.example.org"))
    enrol(rui, User.objects.get(username="rui"))
    page = f"/admin/auth/user/{jonas.pk}/second-factor/"
    assert page in rui.get(f"/admin/auth/user/{jonas.pk}/change/").content.decode()

    assert rui.get(page).status_code == 200
    assert client.get("/admin/").status_code == 200  # looking has changed nothing
    rui.post(page)

    assert client.get("/admin/").status_code == 302
    assert 'class="qr"' in client.get(PAGE).content.decode()
    assert "rui" in Incident.objects.get(severity=Severity.WARNING).title
    assert LogEntry.objects.get(user__username="rui").object_id == str(jonas.pk)


def test_devices_of_the_second_factor_have_no_pages(client: Client) -> None:
    client.force_login(User.objects.create_superuser("rui", "rui@news.example.org"))
    enrol(client, User.objects.get(username="rui"))

    assert client.get("/admin/otp_totp/totpdevice/add/").status_code == 404
    assert client.get("/admin/otp_static/staticdevice/").status_code == 404


def test_staff_are_made_by_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("add_staff", "aylin", "--group", "Abnahme", "--make-password")

    user = User.objects.get(username="aylin")
    password = re.search(r"this once: (\S+)", capsys.readouterr().out)
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert [group.name for group in user.groups.all()] == ["Abnahme"]
    assert password
    assert user.check_password(password.group(1))


@pytest.mark.parametrize("words", [["aylin"], ["jonas", "--group", "Abnahme"], ["", "--superuser"]])
def test_staff_are_not_made_by_halves(jonas: User, words: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("add_staff", *words, "--make-password")

    assert User.objects.count() == 1
