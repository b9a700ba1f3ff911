"""Which copies went to a reader, for the file of all that we hold about her (GDPR art. 15)."""

from typing import Any

from digests.delivery.models import Delivery
from digests.delivery.states import DeliveryState
from newsroom.mail import events
from newsroom.web.tokens import TokenKind
from subscriptions.models import Subscriber


def of_reader(reader: Subscriber) -> list[dict[str, Any]]:
    """Her copies, the oldest first, ready for JSON: of what, when, what became of them, what the provider reported.

    Those of digests whose copies are forgotten are gone. Queries: 1, and 1 per 1,000 copies.
    """
    rows = Delivery.objects.filter(subscription__subscriber=reader).order_by("pk")
    copies = list(rows.select_related("mailing__newsletter"))
    reported = events.reported(TokenKind.DELIVERY, [copy.pk for copy in copies])
    return [
        {
            "newsletter": copy.mailing.newsletter.name,
            "title": copy.mailing.title,
            "at": copy.mailing.created_at.isoformat(),
            "outcome": str(DeliveryState(copy.state).label),
            "code": copy.reason,
            "reported": [events.as_told(event) for event in reported.get(copy.pk, [])],
        }
        for copy in copies
    ]
