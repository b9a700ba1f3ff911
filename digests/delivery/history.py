"""Who stopped, continued, ended or decided what: one line each in the admin's own history."""

import logging
from datetime import datetime

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from digests.delivery.models import Batch, Mailing

logger = logging.getLogger(__name__)


def note(row: Mailing | Batch, *, said: str, by: AbstractBaseUser | None, at: datetime) -> None:
    """Write down an act on a mailing or batch; an act of the engine itself (by nobody) goes to the log only."""
    logger.info(
        "%s",
        said,
        extra={row._meta.model_name or "row": row.pk, "by": None if by is None else by.pk},
    )
    if by is not None:
        LogEntry.objects.create(
            user_id=by.pk,
            content_type=ContentType.objects.get_for_model(row),
            object_id=str(row.pk),
            object_repr=str(row)[:200],
            action_flag=CHANGE,
            change_message=said,
            action_time=at,
        )


def of_batches() -> QuerySet[LogEntry]:
    """Every decision about any batch; `object_id` is the batch's key as text."""
    return LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(Batch))


def of_mailing(mailing_id: int) -> QuerySet[LogEntry]:
    """Every decision about a batch of this mailing."""
    batches = Batch.objects.filter(mailing=mailing_id).annotate(text=Cast("pk", TextField()))
    return of_batches().filter(object_id__in=batches.values("text"))


def noted_batches(mailing_id: int) -> set[int]:
    """The batches of a mailing that somebody decided about. Queries: 1."""
    return {int(key or 0) for key in of_mailing(mailing_id).values_list("object_id", flat=True)}
