"""The admin's log: read by whoever runs the site, changed by nobody; and incidents stand on every page."""

from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from digests.roles import bring_up_to_date
from newsroom.mail import incidents

pytestmark = pytest.mark.django_db

AT = datetime(2026, 5, 4, 6, tzinfo=UTC)


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def member(group: str) -> User:
    bring_up_to_date(Group.objects, Permission.objects)
    user = User.objects.create_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def write(user: User, number: int = 1) -> LogEntry:
    for count in range(number):
        LogEntry.objects.log_actions(user.pk, [user], CHANGE, f"Act {count}.", single_object=True)
    return LogEntry.objects.latest("pk")


@pytest.mark.parametrize(("group", "status"), [("Betrieb", 200), ("Redaktion", 403), ("Lesend", 403)])
def test_only_whoever_runs_the_site_reads_the_log(group: str, status: int) -> None:
    assert browser_of(member(group)).get("/admin/admin/logentry/").status_code == status


def test_not_even_a_superuser_changes_or_deletes_an_entry() -> None:
    user = User.objects.create_superuser("rui")
    entry, browser = write(user), browser_of(user)
    page = f"/admin/admin/logentry/{entry.pk}/"

    assert browser.get(f"{page}change/").status_code == 200
    for refused in (f"{page}change/", f"{page}delete/", "/admin/admin/logentry/add/"):
        assert browser.post(refused, {"post": "yes", "object_repr": "x"}).status_code == 403
    browser.post(
        "/admin/admin/logentry/", {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    )

    assert LogEntry.objects.get(pk=entry.pk).object_repr == "rui"


def test_a_user_with_a_history_is_not_deleted_in_the_admin() -> None:
    boss, jonas = User.objects.create_superuser("rui"), User.objects.create_user("jonas")
    write(jonas)

    browser_of(boss).post(f"/admin/auth/user/{jonas.pk}/delete/", {"post": "yes"})

    assert User.objects.filter(pk=jonas.pk).exists()


def test_the_list_costs_the_same_for_many_entries() -> None:
    user = User.objects.create_superuser("rui")
    browser = browser_of(user)
    counts = []
    for more in (2, 30):
        write(user, more)
        browser.get("/admin/admin/logentry/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            browser.get("/admin/admin/logentry/")
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.postgres(only=True)
def test_postgresql_refuses_to_change_or_delete_an_entry() -> None:
    entry = write(User.objects.create_superuser("rui"))
    rows = LogEntry.objects.filter(pk=entry.pk)

    with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
        rows.update(object_repr="somebody else")
    with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
        rows.delete()

    assert rows.get().object_repr == "rui"


def test_an_open_incident_stands_on_every_page_of_those_who_may_see_it() -> None:
    incident = incidents.report("provider:main", title="The provider refuses us", at=AT)
    boss = browser_of(User.objects.create_superuser("rui"))
    nobody = browser_of(User.objects.create_user("tom", is_staff=True))
    link = f'href="/admin/mail/incident/{incident.pk}/change/">The provider refuses us<'

    for page in ("/admin/", "/admin/digests/digest/", "/admin/password_change/"):
        assert link in boss.get(page).content.decode()
    assert link not in nobody.get("/admin/").content.decode()
    incidents.resolve("provider:main", at=AT)
    assert link not in boss.get("/admin/").content.decode()


def test_the_bar_costs_one_query_however_many_incidents_are_open() -> None:
    browser = browser_of(User.objects.create_superuser("rui"))
    counts = []
    for number in (1, 20):
        for each in range(number):
            incidents.report(f"feed:{each}", title=f"Feed {each}", at=AT)
        browser.get("/admin/")
        with CaptureQueriesContext(connection) as queries:
            browser.get("/admin/")
        counts.append(len(queries))

    assert counts[0] == counts[1]
