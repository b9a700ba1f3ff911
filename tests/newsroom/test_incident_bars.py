"""The bars on every page of the admin: each open error, a few warnings, and where the others stand."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from newsroom.admin_site import SHOWN_WARNINGS
from newsroom.mail import incidents
from newsroom.mail.states import Severity
from newsroom.web import clock

pytestmark = pytest.mark.django_db

PAGE = "/admin/password_change/"


@pytest.fixture
def staff() -> Client:
    client = Client(headers={"accept-language": "en"})
    boss = User.objects.create_superuser("boss", "boss@example.org", "x")
    client.force_login(boss, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _open(number: int, severity: Severity) -> None:
    for count in range(number):
        title = f"{severity} {count}"
        incidents.report(f"{severity}.{count}", title=title, severity=severity, at=clock.now())


def _bars(client: Client) -> list[str]:
    found = re.findall(r'<p class="incident-bar[^>]*>(.*?)</p>', client.get(PAGE).text)
    return [re.sub("<[^>]+>", "", bar) for bar in found]


@pytest.mark.postgres
def test_every_error_has_its_bar_before_the_newest_warnings_and_the_rest_is_counted(staff: Client) -> None:
    _open(5, Severity.ERROR)
    _open(SHOWN_WARNINGS + 2, Severity.WARNING)

    assert _bars(staff) == [
        *(f"Error: error {number}" for number in (4, 3, 2, 1, 0)),
        *(f"Warning: warning {number}" for number in (4, 3, 2)),
        "2 more open incidents",
    ]


def test_the_line_of_the_rest_leads_to_all_that_is_open(staff: Client) -> None:
    _open(SHOWN_WARNINGS + 1, Severity.WARNING)
    incidents.report("over", title="Long over", at=clock.now())
    incidents.resolve("over", at=clock.now())

    (url,) = re.findall(r'<a href="([^"]+)">1 more open incident</a>', staff.get(PAGE).text)

    shown = staff.get(url).context["cl"].result_list
    assert {incident.title for incident in shown} == {f"warning {count}" for count in range(4)}


def test_nothing_more_is_said_where_all_are_shown(staff: Client) -> None:
    _open(1, Severity.ERROR)
    _open(SHOWN_WARNINGS, Severity.WARNING)

    assert len(_bars(staff)) == 1 + SHOWN_WARNINGS


def test_bars_cost_one_query_however_many_incidents_are_open(staff: Client) -> None:
    counts = []
    for number in (1, 8):
        _open(number, Severity.ERROR)
        _open(number, Severity.WARNING)
        with CaptureQueriesContext(connection) as found:
            staff.get(PAGE)
        counts.append([query["sql"] for query in found if "mail_incident" in query["sql"]])

    assert [len(queries) for queries in counts] == [1, 1]


def test_severities_are_told_apart_by_more_than_colour(staff: Client) -> None:
    _open(1, Severity.ERROR)
    _open(1, Severity.WARNING)
    sheet = Path("static/css/admin.css").read_text()

    text = staff.get(PAGE).text

    for severity, word in (("error", "Error:"), ("warning", "Warning:")):
        assert f'incident-bar severity-{severity}" role="status"><b>{word}</b>' in text
        assert f".severity-{severity} " in sheet
