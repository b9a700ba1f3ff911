"""How long until something, or since when: `in 2 h 14 min`, `2 h 14 min ago`."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

_DAYS_FROM = timedelta(hours=48)


def until(moment: datetime, *, at: datetime) -> str:
    """The time between, to the minute; in days where it is two of them or more."""
    if moment >= at:
        # Translators: „in 2 Std. 14 Min.“
        return _("in %(time)s") % {"time": span(moment - at)}
    # Translators: „seit 2 Std. 14 Min.“
    return _("%(time)s ago") % {"time": span(at - moment)}


def patterns() -> dict[str, str]:
    """The same words with their places open, for a script that counts on."""
    return {
        "in": _("in %(time)s"),
        "ago": _("%(time)s ago"),
        "moment": _("less than a minute"),
        "minutes": _("%(minutes)d min"),
        "hours": _("%(hours)d h %(minutes)d min"),
    }


def is_far(time: timedelta) -> bool:
    """Whether it is counted in days: nobody reads 73 hours."""
    return time >= _DAYS_FROM


def span(time: timedelta) -> str:
    """`2 h 14 min`, `3 days`; whole minutes, those begun not counted."""
    if is_far(time):
        return ngettext("%(number)d day", "%(number)d days", time.days) % {"number": time.days}
    hours, minutes = divmod(int(time.total_seconds()) // 60, 60)
    if not hours and not minutes:
        return _("less than a minute")
    if not hours:
        return _("%(minutes)d min") % {"minutes": minutes}
    # Translators: „2 Std. 14 Min.“
    return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
