"""Tasks of this app."""

import logging

from celery import shared_task

from newsroom.articles import clustering, feeds
from newsroom.web.clock import now

logger = logging.getLogger(__name__)


@shared_task(name="articles.poll_feeds")
def poll_feeds() -> None:
    """Check a few due feeds, then look which articles tell of one event, those from the desk included.

    Safe to run twice at once: each feed is claimed by one, and one grouping waits for the other.
    """
    for checked in feeds.poll(at=now(), limit=3):
        logger.info(
            "Checked a feed.",
            extra={"feed_id": checked.feed.pk, "new": checked.new, "problem": checked.error},
        )
    if grouped := clustering.group_new(at=now()):
        logger.info("Compared new articles.", extra={"articles": grouped})
