"""Guards that somebody loosened: staff hear of it at once, with who, what, before and after."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.utils.translation import gettext as _

from digests.models import NewsletterAccess, Plan
from digests.states import Autopilot
from newsroom.mail import incidents
from newsroom.mail.models import Incident
from newsroom.mail.states import Severity


@dataclass(frozen=True, kw_only=True)
class Change:
    """What was changed, and how it stood before and stands now, in words."""

    what: str
    before: str
    after: str

    def __str__(self) -> str:
        # Translators: „Eine zweite Person gibt frei: ja → nein“
        return _("%(what)s: %(before)s → %(after)s") % {
            "what": self.what,
            "before": self.before,
            "after": self.after,
        }


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What lets a user do what, in words that can be compared."""

    standing: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    newsletters: tuple[str, ...] = ()


def rights_of(user: User) -> Rights:
    """How a user's rights stand in the database. Queries: 4."""
    known = User.objects.filter(pk=user.pk).first()
    if known is None:
        return Rights()
    flags = {
        _("superuser"): known.is_superuser,
        _("staff"): known.is_staff,
        _("may sign in"): known.is_active,
    }
    access = NewsletterAccess.objects.filter(user=known).values_list("newsletter__name", flat=True)
    return Rights(
        standing=tuple(name for name, holds in flags.items() if holds),
        groups=_sorted(known.groups.values_list("name", flat=True)),
        permissions=_sorted(known.user_permissions.values_list("codename", flat=True)),
        newsletters=_sorted(access),
    )


def permissions_of(group: Group) -> tuple[str, ...]:
    """What a group may do, as the database has it. Queries: 1."""
    return _sorted(group.permissions.values_list("codename", flat=True)) if group.pk else ()


def tell_of_plan(plan: Plan, *, before: Plan | None, by: User, at: datetime) -> Incident | None:
    """Tell that a plan now lets more happen without a second person. before: nothing if the plan is new."""
    old = before or Plan()
    changes = [
        Change(what=_field(plan, name), before=_shown(old, name), after=_shown(plan, name))
        for name, is_looser in (
            ("needs_four_eyes", old.needs_four_eyes and not plan.needs_four_eyes),
            ("approval_by_mail", plan.approval_by_mail and not old.approval_by_mail),
            ("autopilot", plan.autopilot == Autopilot.FILL_AND_SEND != old.autopilot),
        )
        if is_looser
    ]
    return _tell(plan, _("%(who)s loosened the plan of “%(what)s”"), changes, by=by, at=at)


def tell_of_user(user: User, *, before: Rights, by: User, at: datetime) -> Incident | None:
    """Tell that somebody's rights were changed, in either direction: taking a right away may open a way round."""
    now = rights_of(user)
    names = {
        "standing": _("account"),
        "groups": _("groups"),
        "permissions": _("permissions"),
        "newsletters": _("newsletters"),
    }
    changes = [
        Change(what=names[field.name], before=_listed(old, field.name), after=_listed(new, field.name))
        for field in fields(Rights)
        for old, new in [(getattr(before, field.name), getattr(now, field.name))]
        if old != new
    ]
    return _tell(user, _("%(who)s changed the rights of %(what)s"), changes, by=by, at=at)


def tell_of_second_factor(user: User, *, by: User, at: datetime) -> Incident | None:
    """Tell that somebody's phone and recovery codes were forgotten: whoever signs in next enrols a phone of their own."""
    # Translators: „Zweiter Faktor: eingerichtet → vergessen“
    change = Change(what=_("second factor"), before=_("enrolled"), after=_("forgotten"))
    return _tell(user, _("%(who)s reset the second factor of %(what)s"), [change], by=by, at=at)


def tell_of_group(group: Group, *, before: tuple[str, ...], by: User, at: datetime) -> Incident | None:
    """Tell that a group may do other things than before."""
    now = permissions_of(group)
    added, taken = sorted(set(now) - set(before)), sorted(set(before) - set(now))
    changes = [Change(what=_("permissions"), before=_listed(taken, ""), after=_listed(added, ""))]
    title = _("%(who)s changed what the group “%(what)s” may do")
    return _tell(group, title, changes if added or taken else [], by=by, at=at)


def _tell(thing: Model, title: str, changes: list[Change], *, by: User, at: datetime) -> Incident | None:
    """One incident for each act, so that a second one does not hide the first; the log keeps it for good."""
    if not changes:
        return None
    told = [str(change) for change in changes]
    LogEntry.objects.log_actions(
        by.pk, [thing], CHANGE, " ".join(f"{line}." for line in told), single_object=True
    )
    way_out = _("If nobody agreed to this, take it back and ask. If it is right, resolve this notice.")
    return incidents.report(
        f"rights.{thing._meta.label_lower}.{thing.pk}.{at.isoformat()}",
        title=title % {"who": by.get_full_name() or by.get_username(), "what": thing},
        text="\n".join([*told, "", way_out]),
        severity=Severity.WARNING,
        facts={
            "by": by.pk,
            "changes": [
                {"what": change.what, "before": change.before, "after": change.after} for change in changes
            ],
        },
        at=at,
    )


def _field(plan: Plan, name: str) -> str:
    return str(plan._meta.get_field(name).verbose_name)  # type: ignore[union-attr]  # these are columns


def _shown(plan: Plan, name: str) -> str:
    value = getattr(plan, name)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(Autopilot(value).label)


def _listed(names: Iterable[str], field: str) -> str:
    """Names in a row; without any newsletter named, a user works on all of them."""
    return ", ".join(names) or (_("all") if field == "newsletters" else "–")


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
