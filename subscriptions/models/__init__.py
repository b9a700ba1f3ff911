"""Records of readers: who publishes, what they may read, what they agreed to, and whom not to mail."""

from subscriptions.models.asking import AddressChange, Confirmation, LinkRequest, SignUpRequest
from subscriptions.models.consent import ConsentEvent, SoftBounces, Suppression
from subscriptions.models.imports import SubscriberImport, SubscriberImportPart
from subscriptions.models.newsletters import Newsletter, NewsletterQuerySet, Sender
from subscriptions.models.readers import (
    AddressHashField,
    Subscriber,
    Subscription,
    SubscriptionQuerySet,
    sendable_form,
)

__all__ = [
    "AddressChange",
    "AddressHashField",
    "Confirmation",
    "ConsentEvent",
    "LinkRequest",
    "Newsletter",
    "NewsletterQuerySet",
    "Sender",
    "SignUpRequest",
    "SoftBounces",
    "Subscriber",
    "SubscriberImport",
    "SubscriberImportPart",
    "Subscription",
    "SubscriptionQuerySet",
    "Suppression",
    "sendable_form",
]
