"""When a form was shown, signed, so that a robot which posts at once can be told from a person who types.

A stamp is good for a day. One that was good for ever could be fetched once and sent with every form from then on.
"""

from datetime import timedelta

from django.core import signing

GOOD_FOR = timedelta(hours=24)

_SALT = "subscriptions.form"  # its former place: forms that are open over an update stay good


def stamp(seconds: float) -> str:
    """The moment, in seconds since 1970, for a hidden field."""
    return signing.dumps(int(seconds), salt=_SALT)


def shown_at(value: str) -> int | None:
    """When the form with this stamp was shown; None for a stamp that is not ours, or that was signed too long ago."""
    try:
        return int(signing.loads(value, salt=_SALT, max_age=GOOD_FOR))
    except (signing.BadSignature, TypeError, ValueError):
        return None
