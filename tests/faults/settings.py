"""Newsroom's settings with little patience, so that what takes minutes in earnest takes seconds here."""

from newsroom.settings import *  # noqa: F403
from newsroom.settings import CELERY_BEAT_SCHEDULE as _SCHEDULE

DELIVERY_LEASE_SECONDS = 4
DELIVERY_CALL_SECONDS = 5
DELIVERY_MARGIN_SECONDS = 1
DELIVERY_UNKNOWN_SECONDS = 5
DELIVERY_SLICE_SECONDS = 5
DELIVERY_FAILOVER_SECONDS = 3

# Longer than a slice and a call, so that only a task that hangs meets them.
CELERY_TASK_SOFT_TIME_LIMIT = 14
CELERY_TASK_TIME_LIMIT = 17
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10.0
CELERY_BEAT_SCHEDULE = {name: {**_SCHEDULE[name], "schedule": 1.0} for name in ("sweep", "nudge", "events")}
