"""The five groups of staff: who may do what, as the pages for editors tell it."""

import pytest
from django.contrib.auth.models import Group, Permission, User

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
        ("subscriptions.change_subscription", {"Community"}),
        ("subscriptions.delete_suppression", {"Community"}),
        ("subscriptions.view_subscriber", {"Community", "Betrieb"}),
        ("digests.change_plan", {"Betrieb"}),
        ("auth.change_user", set()),
    ],
)
def test_who_holds_what_matters_most(permission: str, groups: set[str]) -> None:
    assert {name for name, held in ROLES.items() if permission in held} == groups
