"""How long traces of staff are kept that are of no more use: who signed in or tried to, and sessions that have ended.

What staff decided stays: the log names who approved, sent and decided about held copies.
"""

from datetime import datetime

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session

from newsroom.mail import retention as mail

# Each with name, network address and program of whoever tried; a name may be a password typed into the wrong field.
_SIGN_INS = (AccessAttempt, AccessFailureLog, AccessLog)


def tidy(*, at: datetime, rows: int = mail.SLICE) -> dict[str, int]:
    """Let go what is older than the settings say; how many rows of each kind. Safe to run twice, and to kill.

    rows: per slice. Queries: 2 per slice, and 4 when nothing is old. A lock lasts minutes, the shortest time a month.
    """
    before = at - mail.days(settings.KEPT_DAYS["sign_ins"])
    # A name that is tried again gets its new time on its old row: the oldest rows are not the first.
    sign_ins = [model._default_manager.filter(attempt_time__lt=before) for model in _SIGN_INS]
    return {
        "sign_ins": sum(mail.delete_in_slices(old, rows=rows) for old in sign_ins),
        "sessions": mail.delete_in_slices(Session.objects.filter(expire_date__lt=at), rows=rows),
    }
