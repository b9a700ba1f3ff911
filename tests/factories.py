"""Plain makers of rows for tests: each gives a whole, valid row and takes what a test cares about."""

import datetime as dt
from itertools import count
from typing import Any

from digests.models import Digest, Pick, Plan, SlotRule
from newsroom.articles.models import Article, ArticleFingerprint, Author, Byline, Section
from subscriptions.models import ConsentEvent, Newsletter, Sender, Subscriber, Subscription
from subscriptions.states import ConsentKind, NewsletterState, SubscriptionState

NOON = dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC)
"""A Monday; tests that need a time take this one."""

LONG_AFTER = NOON + dt.timedelta(days=3650)

_numbers = count(1)


def make_section(**values: Any) -> Section:
    number = next(_numbers)
    return Section.objects.create(
        **{"slug": f"stadt-{number}", "name_de": "Stadt", "name_en": "City"} | values
    )


def make_author(**values: Any) -> Author:
    number = next(_numbers)
    return Author.objects.create(
        **{"name": f"Thea Brandwald {number}", "slug": f"thea-brandwald-{number}"} | values
    )


def make_article(*, authors: tuple[Author, ...] = (), is_compared: bool = True, **values: Any) -> Article:
    """is_compared: grouping has looked at it and found nothing like it, though all of these are alike."""
    number = next(_numbers)
    article = Article.objects.create(
        **{
            "identity": f"test:{number}",
            "slug": f"die-faehre-faehrt-wieder-{number}",
            "language": "de",
            "title": f"Die Fähre fährt wieder {number}",
            "teaser": "Nach der Pause setzt sie wieder über, jede halbe Stunde.",
            "body_html": "<p>Am Morgen legte sie ab.</p>",
            "words": 300,
            "reading_minutes": 2,
            "published_at": NOON,
            "first_seen_at": NOON,
        }
        | values
    )
    for position, author in enumerate(authors):
        Byline.objects.create(article=article, author=author, position=position)
    if is_compared:
        ArticleFingerprint.objects.create(article=article, title=b"", grams=b"", made_at=LONG_AFTER)
    return article


def make_sender(**values: Any) -> Sender:
    return Sender.objects.create(
        **{
            "name": "Uferblick",
            "address": "post@news.example.org",
            "reply_to": "redaktion@news.example.org",
            "legal_name": "Uferblick Verlag GmbH",
            "postal_address": "Am Alten Kran 3, 99999 Lindenufer",
            "email": "kontakt@news.example.org",
            "phone": "+49 30 23125 100",
            "responsible_person": "Jonas Ufermann",
            "imprint_url": "/imprint/",
            "privacy_url": "/privacy/",
            "rights_contact": "rechte@news.example.org",
            "processor_name": "Postboot GmbH",
            "processor_country": "Deutschland",
            "proof_kept_years": 3,
            "deliveries_kept_months": 12,
        }
        | values
    )


def make_newsletter(**values: Any) -> Newsletter:
    number = next(_numbers)
    if "sender" not in values:
        values["sender"] = make_sender()
    label = values.get("list_id_label", f"wirtschaft-{number}")
    return Newsletter.objects.create(
        **{
            "slug": f"wirtschaft-{number}",
            "name": "Wirtschaft & Technik",
            "language": "de",
            "state": NewsletterState.ACTIVE,
            "promise": "Was in der Stadt gebaut, erfunden und verkauft wird.",
            "cadence_text": "Montag bis Freitag um 6 Uhr",
            "list_id_label": label,
            "list_id": f"{label}.news.example.org",
        }
        | values
    )


def make_subscriber(**values: Any) -> Subscriber:
    address = values.pop("address", f"mia.{next(_numbers)}@example.org")
    return Subscriber.objects.create(
        **{"address": address, "typed_address": address, "created_at": NOON} | values
    )


def make_subscription(
    *, newsletter: Newsletter, subscriber: Subscriber | None = None, **values: Any
) -> Subscription:
    """An active, confirmed subscription with its two consent events."""
    subscriber = subscriber or make_subscriber()
    subscription = Subscription.objects.create(
        **{
            "newsletter": newsletter,
            "subscriber": subscriber,
            "state": SubscriptionState.ACTIVE,
            "source": "/newsletters/",
            "requested_at": NOON - dt.timedelta(days=30),
            "confirmed_at": NOON - dt.timedelta(days=30),
        }
        | values
    )
    for kind in (ConsentKind.REQUESTED, ConsentKind.CONFIRMED):
        ConsentEvent.objects.create(
            subscriber=subscriber,
            newsletter=newsletter,
            kind=kind,
            address=subscriber.address or "",
            at=subscription.requested_at,
        )
    return subscription


def make_plan(*, newsletter: Newsletter, **values: Any) -> Plan:
    """A plan for six in the morning with a lead, briefs and more to read."""
    plan = Plan.objects.create(
        **{
            "newsletter": newsletter,
            "time": dt.time(6, 0),
            "zone": "Europe/Berlin",
            "minimum_new": 1,
            "first_window_from": NOON - dt.timedelta(days=1),
        }
        | values
    )
    for position, (key, title, minimum, maximum) in enumerate(
        [("lead", "", 1, 1), ("briefs", "Kurz notiert", 0, 5), ("more", "Mehr lesen", 0, 6)]
    ):
        SlotRule.objects.create(
            plan=plan, key=key, title=title, minimum=minimum, maximum=maximum, position=position
        )
    return plan


def make_digest(*, newsletter: Newsletter, **values: Any) -> Digest:
    number = next(_numbers)
    return Digest.objects.create(
        **{
            "newsletter": newsletter,
            "number": number,
            "window_start": NOON - dt.timedelta(days=1),
            "window_end": NOON + dt.timedelta(minutes=number),
            "subject": "Die Fähre fährt wieder",
            "preheader": "Und die Bibliothek leiht jetzt Bohrmaschinen aus.",
            "slots": [
                {"key": "lead", "title": "", "minimum": 1, "maximum": 1},
                {"key": "briefs", "title": "Kurz notiert", "minimum": 0, "maximum": 5},
                {"key": "more", "title": "Mehr lesen", "minimum": 0, "maximum": 6},
            ],
            "created_at": NOON,
        }
        | values
    )


def make_pick(*, digest: Digest, article: Article | None = None, **values: Any) -> Pick:
    """An article in a slot; one that is made for it speaks the newsletter's language."""
    article = article or make_article(language=digest.newsletter.language)
    return Pick.objects.create(**{"digest": digest, "article": article, "slot": "lead"} | values)
