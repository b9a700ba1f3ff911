"""Staff: who may do what on a newsletter; the first one made, and let back in who lost the phone."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import password_validation
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django_otp import devices_for_user

from digests import loosening
from digests.errors import NoSuchGroup
from digests.models import NewsletterAccess
from subscriptions.models import Newsletter


@dataclass(frozen=True, kw_only=True)
class NewStaff:
    """Who is to be made; with `is_superuser` every right, else those of the group."""

    username: str
    email: str
    group: str
    is_superuser: bool


@transaction.atomic
def add(new: NewStaff, *, password: str) -> User:
    """Make a staff user. Raises NoSuchGroup, Django's ValidationError for a name or password that will not do."""
    group = Group.objects.filter(name=new.group).first() if new.group else None
    if group is None and not new.is_superuser:
        raise NoSuchGroup(new.group)
    user = User(username=new.username, email=new.email, is_staff=True, is_superuser=new.is_superuser)
    user.full_clean(exclude=["password"])
    password_validation.validate_password(password, user)
    user.set_password(password)
    user.save()
    if group:
        user.groups.add(group)
    return user


@transaction.atomic
def reset_second_factor(user: User, *, by: User | None, at: datetime) -> int:
    """Forget the user's phones and recovery codes; returns how many devices. The next sign-in enrols a new phone.

    Sessions that were let in by one of them are asked again at once. The act stands in the admin's log; where it was
    done in the admin, staff are told. by: nobody, if it came from the command line.
    """
    devices = list(devices_for_user(user, confirmed=None))
    for device in devices:
        device.delete()
    if by is not None:
        loosening.tell_of_second_factor(user, by=by, at=at)
    else:
        # Translators: Zweiter Faktor über die Kommandozeile zurückgesetzt.
        said = _("Second factor reset from the command line.")
        LogEntry.objects.log_actions(user.pk, [user], CHANGE, said, single_object=True)
    return len(devices)


def who_may(permission: str, newsletter: Newsletter) -> QuerySet[User]:
    """Active staff with an address whose groups allow this and who work on the newsletter. Queries: 1, when read."""
    allowed = User.objects.with_perm(
        permission, include_superusers=True, backend="django.contrib.auth.backends.ModelBackend"
    )
    limits = NewsletterAccess.objects.filter(user=OuterRef("pk"))
    mine = limits.filter(newsletter=newsletter)
    works_there = Q(is_superuser=True) | ~Exists(limits) | Exists(mine)
    return allowed.filter(works_there, is_staff=True).exclude(email="").order_by("pk")
