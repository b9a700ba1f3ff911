"""The link to one's settings: asked for on the web, decided by a worker.

Whether an address reads us must not show in how long the answer takes. So the web does the same work for every address,
and all that differs happens where nobody can measure it.
"""

import logging
from datetime import datetime

from django.db import transaction

from newsroom.mail.addresses import address_hash, normalise
from subscriptions import correspondence, queue
from subscriptions.models import LinkRequest, Subscriber

logger = logging.getLogger(__name__)


def ask(typed_address: str, *, at: datetime) -> None:
    """Take the request down, whoever asks. One query. Raises BadAddress."""
    with transaction.atomic():
        LinkRequest.objects.create(address_hash=address_hash(normalise(typed_address).normal), asked_at=at)
        queue.wake_send_links()


def send_asked(*, limit: int = 100) -> int:
    """Write the letters that are asked for, to readers alone; returns how many requests were decided.

    Safe with many workers: deleting a row wins it, and the letter commits with it. Queries: at most 10 each.
    """
    decided = 0
    for request in LinkRequest.objects.order_by("pk")[:limit]:
        try:
            decided += _decide(request)
        except Exception:  # one letter that cannot be written holds up nobody else's
            logger.exception("A request for a settings link waits.", extra={"request": request.pk})
    return decided


def _decide(request: LinkRequest) -> int:
    with transaction.atomic():
        taken, _rows = LinkRequest.objects.filter(pk=request.pk).delete()
        reader = Subscriber.objects.filter(address_hash=request.address_hash).first() if taken else None
        if reader is not None:
            correspondence.send_management_link(reader, at=request.asked_at)
    return taken
