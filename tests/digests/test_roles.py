"""The five groups of staff: who may do what, as the pages for editors tell it."""

import re
from importlib import import_module

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from digests.roles import ROLES, bring_up_to_date

pytestmark = pytest.mark.django_db


def somebody(group: str) -> User:
    bring_up_to_date(Group.objects, Permission.objects)
    user = User.objects.create_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


@pytest.mark.parametrize("group", sorted(ROLES))
def test_a_group_has_exactly_what_is_written(group: str) -> None:
    assert somebody(group).get_all_permissions() == ROLES[group]


def test_what_is_taken_out_of_a_role_is_taken_from_its_group() -> None:
    group = Group.objects.get_or_create(name="Lesend")[0]
    group.permissions.add(Permission.objects.get(codename="send_digest"))

    assert not somebody("Lesend").has_perm("digests.send_digest")


@pytest.mark.parametrize(
    ("permission", "groups"),
    [
        ("digests.approve_digest", {"Abnahme"}),
        ("digests.send_digest", {"Abnahme", "Betrieb"}),
        ("delivery.decide_held", {"Abnahme", "Betrieb"}),
        ("digests.add_digest", {"Redaktion"}),
        ("digests.add_mark", {"Redaktion", "Abnahme", "Community", "Betrieb"}),
        ("digests.change_link", {"Redaktion", "Abnahme", "Betrieb"}),
        ("digests.add_correctionmail", {"Redaktion", "Abnahme"}),
        ("digests.change_correctionmail", {"Redaktion", "Abnahme"}),
        ("digests.change_colleague", {"Redaktion", "Abnahme"}),
        ("digests.view_digestversion", set(ROLES)),
        ("digests.change_digestversion", set()),
        ("digests.delete_digestversion", set()),
        ("subscriptions.change_subscription", {"Community"}),
        ("subscriptions.delete_suppression", {"Community"}),
        ("subscriptions.view_subscriber", {"Community", "Betrieb"}),
        ("digests.change_plan", {"Betrieb"}),
        ("auth.change_user", set()),
    ],
)
def test_who_holds_what_matters_most(permission: str, groups: set[str]) -> None:
    assert {name for name, held in ROLES.items() if permission in held} == groups


def test_an_upgrade_gives_what_a_new_site_has_and_thinks_of_groups_of_its_own() -> None:
    migration = import_module("digests.migrations.0009_let_groups_correct_and_test")
    given = {name for names in migration.GIVEN.values() for name in names}
    bring_up_to_date(Group.objects, Permission.objects)
    for group in Group.objects.all():
        group.permissions.remove(*Permission.objects.filter(codename__in=given))
    interns = Group.objects.create(name="Volontariat")
    interns.permissions.set(Permission.objects.filter(codename__in=["view_digest", "change_digest"]))
    anna = User.objects.create_user("anna", is_staff=True)
    anna.user_permissions.set(Permission.objects.filter(codename="send_digest"))
    bystanders = Group.objects.create(name="Anzeigen")

    migration.let(apps, None)

    for name, wanted in ROLES.items():
        held = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
        assert {f"{app}.{codename}" for app, codename in held} == wanted, name
    assert set(interns.permissions.values_list("codename", flat=True)) == {
        "view_digest", "change_digest", *migration.GIVEN["view_digest"], *migration.GIVEN["change_digest"],
    }  # fmt: skip
    assert set(anna.user_permissions.values_list("codename", flat=True)) == {"send_digest", "change_link"}
    assert not bystanders.permissions.exists()


def test_an_upgrade_lets_those_mark_who_see_stories_and_nobody_else() -> None:
    migration = import_module("digests.migrations.0014_let_more_groups_mark")
    bring_up_to_date(Group.objects, Permission.objects)
    for group in Group.objects.all():
        group.permissions.remove(Permission.objects.get(codename="add_mark"))

    migration.let(apps, None)

    able = Group.objects.filter(permissions__codename="add_mark")
    assert {group.name for group in able} == {"Abnahme", "Community", "Betrieb"}
    for name in migration.GROUPS:
        held = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
        assert {f"{app}.{codename}" for app, codename in held} == ROLES[name], name


@pytest.mark.parametrize("page", ["group", "user"])
def test_what_may_be_given_is_told_in_german(page: str, settings: LazySettings) -> None:
    settings.LOCALE_PATHS = [settings.BASE_DIR / "locale"]
    anna = User.objects.create_superuser("anna")
    client = Client(headers={"accept-language": "de"})
    client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")
    row = Group.objects.get_or_create(name="Redaktion")[0] if page == "group" else anna

    shown = client.get(reverse(f"admin:auth_{page}_change", args=[row.pk])).content.decode()

    offered = re.findall(r"<option[^>]*>([^<]* \| [^<]*)</option>", shown)
    assert len(offered) > 100
    assert [each for each in offered if "Can " in each] == []
    assert any(each.endswith("Artikel | hinzufügen") for each in offered)
    assert any(
        each.endswith("Ausgabe | Darf eine Ausgabe einplanen, versenden und stoppen") for each in offered
    )
