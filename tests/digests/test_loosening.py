"""A guard that is loosened is told: who, what, before and after; what makes it tighter is not."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.forms import MultiWidget
from django.test import Client

from digests import loosening
from digests.models import NewsletterAccess, Plan
from digests.roles import bring_up_to_date
from digests.states import Autopilot
from newsroom.mail.models import Incident
from newsroom.mail.states import Severity
from tests.digests.factories import make_planned, make_user
from tests.factories import NOON, make_newsletter

pytestmark = pytest.mark.django_db

STRICT = {"needs_four_eyes": True, "autopilot": Autopilot.HOLD, "approval_by_mail": False}


def plan_with(**values: Any) -> Plan:
    return Plan(newsletter=make_newsletter(), pk=7, **{**STRICT, **values})


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("rui")


@pytest.fixture
def browser(boss: User) -> Client:
    bring_up_to_date(Group.objects, Permission.objects)
    found = Client(headers={"accept-language": "en"})
    found.force_login(boss, backend="django.contrib.auth.backends.ModelBackend")
    return found


def form_of(page: Any) -> dict[str, Any]:
    """What a browser would send back from an admin page, unchanged."""
    context = page.context_data
    forms = [context["adminform"].form]
    for each in context["inline_admin_formsets"]:
        forms += [each.formset.management_form, *each.formset.forms]
    values: dict[str, Any] = {}
    for form in forms:
        for field in form:
            value, widget = field.value(), field.field.widget
            if isinstance(widget, MultiWidget):
                parts = enumerate(widget.decompress(value) or ())
                values |= {f"{field.html_name}_{number}": part for number, part in parts if part is not None}
            elif value is not None and value is not False:
                values[field.html_name] = [str(one) for one in value] if isinstance(value, list) else value
    return {name: value for name, value in values.items() if value != ""}


@pytest.mark.parametrize(
    ("before", "after", "is_told"),
    [
        ({}, {}, False),
        ({}, {"needs_four_eyes": False}, True),
        ({"needs_four_eyes": False}, {}, False),
        ({}, {"autopilot": Autopilot.FILL_AND_SEND}, True),
        ({}, {"autopilot": Autopilot.SKIP}, False),
        ({"autopilot": Autopilot.FILL_AND_SEND}, {"autopilot": Autopilot.FILL_AND_SEND}, False),
        ({}, {"approval_by_mail": True}, True),
        ({"approval_by_mail": True}, {}, False),
    ],
)
def test_a_plan_is_told_when_it_becomes_looser(
    before: dict[str, Any], after: dict[str, Any], is_told: bool
) -> None:
    told = loosening.tell_of_plan(plan_with(**after), before=plan_with(**before), by=make_user(), at=NOON)

    assert (told is not None) is is_told


def test_a_new_plan_is_compared_with_what_plans_usually_are() -> None:
    user = make_user()

    assert loosening.tell_of_plan(plan_with(approval_by_mail=True), before=None, by=user, at=NOON) is None
    assert loosening.tell_of_plan(plan_with(needs_four_eyes=False), before=None, by=user, at=NOON)


def test_the_admin_tells_who_loosened_a_plan_and_how_it_stood(browser: Client) -> None:
    plan = Plan.objects.get(newsletter=make_planned().newsletter)
    page = f"/admin/digests/plan/{plan.pk}/change/"
    values = form_of(browser.get(page)) | {"autopilot": Autopilot.FILL_AND_SEND}
    del values["needs_four_eyes"]

    answer = browser.post(page, values)

    assert answer.status_code == 302
    incident = Incident.objects.get()
    assert incident.severity == Severity.WARNING
    assert incident.title == "rui loosened the plan of “Wirtschaft & Technik”"
    assert "a second person approves: yes → no" in incident.text
    assert "if nobody curated: wait for the desk → fill and send" in incident.text
    assert (
        "yes → no" in LogEntry.objects.filter(object_id=str(plan.pk)).order_by("pk")[0].get_change_message()
    )


def test_a_plan_can_do_without_links_by_mail_and_is_told_when_it_has_them_again(browser: Client) -> None:
    plan = Plan.objects.get(newsletter=make_planned().newsletter)
    page = f"/admin/digests/plan/{plan.pk}/change/"
    values = form_of(browser.get(page))

    browser.post(page, {name: value for name, value in values.items() if name != "approval_by_mail"})
    plan.refresh_from_db()
    assert not plan.approval_by_mail
    assert not Incident.objects.exists()

    browser.post(page, form_of(browser.get(page)) | {"approval_by_mail": "on"})
    plan.refresh_from_db()
    assert plan.approval_by_mail
    assert "approvers get a link by mail: no → yes" in Incident.objects.get().text


def test_a_plan_that_is_saved_as_it_was_is_not_told(browser: Client) -> None:
    plan = Plan.objects.get(newsletter=make_planned().newsletter)
    page = f"/admin/digests/plan/{plan.pk}/change/"

    assert browser.post(page, form_of(browser.get(page))).status_code == 302

    assert not Incident.objects.exists()


def test_a_users_groups_and_newsletters_are_told_before_and_after(browser: Client) -> None:
    user, newsletter = User.objects.create_user("aylin", is_staff=True), make_newsletter()
    page = f"/admin/auth/user/{user.pk}/change/"
    values = form_of(browser.get(page)) | {
        "groups": [str(Group.objects.get(name="Abnahme").pk)],
        "newsletter_access-TOTAL_FORMS": "1",
        "newsletter_access-0-user": str(user.pk),
        "newsletter_access-0-newsletter": str(newsletter.pk),
    }

    answer = browser.post(page, values)

    assert answer.status_code == 302
    assert NewsletterAccess.objects.get().newsletter == newsletter
    text = Incident.objects.get().text
    assert "groups: – → Abnahme" in text
    assert "newsletters: all → Wirtschaft & Technik" in text
    assert {entry.user_id for entry in LogEntry.objects.filter(object_id=str(user.pk))} == {
        User.objects.get(username="rui").pk
    }


def test_what_changes_no_right_is_not_told(browser: Client) -> None:
    user = User.objects.create_user("aylin", is_staff=True)
    page = f"/admin/auth/user/{user.pk}/change/"

    browser.post(page, form_of(browser.get(page)) | {"first_name": "Aylin"})

    user.refresh_from_db()
    assert user.first_name == "Aylin"
    assert not Incident.objects.exists()


def test_what_a_group_may_do_is_told(browser: Client) -> None:
    group = Group.objects.get(name="Lesend")
    page = f"/admin/auth/group/{group.pk}/change/"
    more = Permission.objects.get(codename="send_digest")
    values = form_of(browser.get(page))

    browser.post(page, values | {"permissions": [*values["permissions"], str(more.pk)]})

    incident = Incident.objects.get()
    assert incident.title == "rui changed what the group “Lesend” may do"
    assert "– → send_digest" in incident.text


def test_a_second_act_does_not_hide_the_first() -> None:
    user, plan = make_user(), plan_with(needs_four_eyes=False)

    loosening.tell_of_plan(plan, before=None, by=user, at=NOON)
    loosening.tell_of_plan(plan, before=None, by=user, at=NOON.replace(minute=1))

    assert Incident.objects.open().count() == 2


def test_a_user_admin_makes_no_superuser_and_does_not_change_one(boss: User) -> None:
    helper = User.objects.create_user("tom", is_staff=True)
    helper.user_permissions.set(
        Permission.objects.filter(codename__in=["view_user", "change_user", "delete_user"])
    )
    other, browser = User.objects.create_user("aylin"), Client()
    browser.force_login(helper, backend="django.contrib.auth.backends.ModelBackend")
    page = f"/admin/auth/user/{other.pk}/change/"

    answer = browser.post(page, form_of(browser.get(page)) | {"is_superuser": "on", "is_staff": "on"})

    other.refresh_from_db()
    assert answer.status_code == 302
    assert (other.is_staff, other.is_superuser) == (True, False)
    assert browser.post(f"/admin/auth/user/{boss.pk}/change/", {"username": "x"}).status_code == 403
    assert browser.post(f"/admin/auth/user/{boss.pk}/delete/", {"post": "yes"}).status_code == 403
    assert browser.get(f"/admin/auth/user/{boss.pk}/password/").status_code == 403
