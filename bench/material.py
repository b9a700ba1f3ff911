"""Readers, mails and mailings to measure with: made by the database itself where there are many."""

import random
from datetime import date

from django.db import connection, transaction

from digests.delivery import control, footers, freezing, renditions
from digests.delivery.models import Batch, Delivery, Mailing
from digests.delivery.states import BatchState, DeliveryState
from newsroom.mail.addresses import mask
from newsroom.mail.wire import Content, Copy, Envelope, Shared, slot
from newsroom.web import clock, tokens
from newsroom.web.tokens import TokenKind
from subscriptions import audiences
from subscriptions.models import Newsletter, Sender, Subscriber
from subscriptions.states import NewsletterState

LONG, SHORT = 60_000, 10_000
_WORDS = "der die das Stadt Fähre Brücke Bürger Straße heute gestern Euro Wasser größer später täglich nächste öffnet".split()  # noqa: SIM905 — reads better
# What a clean table is emptied of between runs.
_EMPTIED = "delivery_attempt, delivery_batch, delivery_delivery, delivery_mailing, delivery_mailingrendition"

# A German reader's and an English one's.
_FEET = [
    Shared(
        footers.words(
            footers.Reader(language=language, since=date(2026, 5, 4), source="/newsletters/"),
            newsletter="Wirtschaft",
            language="de",
        )
    )
    for language in ("de", "en")
]


def make_readers(count: int) -> None:
    """A newsletter of that many readers; readers are shared by all newsletters, as in a newsroom."""
    sender = Sender.objects.first() or Sender.objects.create(
        name="Uferblick", address="post@news.example.org", legal_name="Uferblick Verlag GmbH"
    )
    newsletter = Newsletter.objects.create(
        slug=f"{count}",
        name=f"Wirtschaft {count}",
        sender=sender,
        state=NewsletterState.ACTIVE,
        list_id_label=f"n{count}",
        list_id=f"n{count}.news.example.org",
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Subscriber._meta.db_table} (address, typed_address, address_hash, language, created_at)"
            " SELECT address, address, encode(sha256(address::bytea), 'hex'), 'de', now() FROM"
            " (SELECT 'reader' || lpad(n::text, 7, '0') || '@example.org' AS address"
            "  FROM generate_series(0, %s) AS n) AS made ON CONFLICT DO NOTHING",
            [count - 1],
        )
        cursor.execute(
            "INSERT INTO subscriptions_subscription (newsletter_id, subscriber_id, state, cadence, basis, source,"
            " requested_at, confirmed_at)"
            " SELECT %s, id, 'active', 'each', 'double_opt_in', '/newsletters/', now() - interval '30 days',"
            " now() - interval '30 days' FROM subscriptions_subscriber ORDER BY id LIMIT %s",
            [newsletter.pk, count],
        )
        cursor.execute("ANALYZE")


def clear() -> None:
    """No mailing, and the disk at rest."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_EMPTIED} CASCADE")
        cursor.execute("CHECKPOINT")


def text_of(size: int) -> tuple[str, str]:
    """HTML and text of a digest, together about `size` bytes, the same at each call."""
    dice = random.Random(size)
    html_size, paragraphs, length = size * 85 // 100, [], 0
    while length < html_size - 700:
        words = " ".join(dice.choices(_WORDS, k=40))
        paragraphs.append(
            f'<tr><td style="padding:0 24px;font:16px/24px Georgia,serif"><p>{words}.</p></td></tr>'
        )
        length += len(paragraphs[-1].encode())
    why = f"{slot('why')}{slot('masked_address')}{slot('why_end')}"
    html = (
        f"<!doctype html><html lang=de><body><table>{''.join(paragraphs)}</table>"
        f'<div lang="{slot("reader_language")}"><p>{why}</p>'
        f'<p><a href="{slot("manage_url")}">{slot("manage_label")}</a>'
        f' <a href="{slot("leave_url")}">{slot("leave_label")}</a></p></div></body></html>'
    )
    text = ""
    foot = (
        f"\n{why}\n\n{slot('manage_label')}:\n{slot('manage_url')}\n"
        f"\n{slot('leave_label')}:\n{slot('leave_url')}\n"
    )
    while len(text.encode()) < size - html_size - 100:
        text += " ".join(dice.choices(_WORDS, k=12)) + "\n"
    return html, text + foot


def content(size: int) -> Content:
    html, text = text_of(size)
    return Content(subject="Die Fähre fährt wieder, und was heute sonst geschah", html=html, text=text)


def envelope() -> Envelope:
    return Envelope(
        kind="digest",
        from_name="Uferblick",
        from_address="post@news.example.org",
        reply_to="redaktion@news.example.org",
        language="de",
        list_id="wirtschaft.news.example.org",
        list_name="Wirtschaft",
        archive_url="https://news.example.org/newsletters/wirtschaft/",
        help_url="https://news.example.org/newsletters/",
        feedback_id="wirtschaft:digest:newsroom",
    )


def copies(numbers: range) -> list[Copy]:
    """Copies with their own tokens and links, as the pump makes them from rows."""
    own = tokens.make_many(TokenKind.DELIVERY, (1 << 32 | number for number in numbers))
    leave, manage = tokens.leave_urls(numbers), tokens.manage_urls((number, "0" * 64) for number in numbers)
    made = []
    for number, token, leave_url, manage_url in zip(numbers, own, leave, manage, strict=True):
        address = f"reader{number:07}@example.org"
        slots = {"leave_url": leave_url, "manage_url": manage_url, "masked_address": mask(address)}
        made.append(
            Copy(
                seq=number,
                address=address,
                message_token=token,
                leave_url=leave_url,
                slots=slots,
                shared=_FEET[number % 2],
            )
        )
    return made


def make_mailing(readers: int, *, provider: str = "mailgun", size: int = LONG) -> Mailing:
    """A mailing to all readers of the newsletter of that many, waiting to be frozen."""
    newsletter = Newsletter.objects.get(slug=str(readers))
    html, text = text_of(size)
    at = clock.now()
    rendition = renditions.keep(
        subject=content(size).subject,
        preheader="Jede halbe Stunde",
        html=html,
        text=text,
        language="de",
        at=at,
    )
    with transaction.atomic():
        mailing = freezing.create(
            newsletter=newsletter,
            title=f"Wirtschaft {readers}",
            renditions={0: rendition},
            envelope=envelope(),
            provider=provider,
            audience=audiences.for_newsletter(newsletter),
            at=at,
            late_limit=7200,
        )
        # We freeze it ourselves: a worker that were woken for it would start it as well.
        connection.run_on_commit.clear()
    return mailing


def make_frozen(readers: int, *, provider: str = "mailgun", size: int = LONG) -> Mailing:
    """Frozen, and ready to be started."""
    return freezing.freeze(make_mailing(readers, provider=provider, size=size).pk, at=clock.now())


def make_sending(readers: int, *, provider: str = "mailgun", size: int = LONG) -> Mailing:
    """Frozen and started."""
    return control.start(make_frozen(readers, provider=provider, size=size), at=clock.now())


def handed_over(readers: int) -> Mailing:
    """A mailing of that size whose every copy is accepted: the one at hand, else one made without a provider."""
    found = Mailing.objects.filter(frozen=readers).order_by("-pk").first()
    if found and not Batch.objects.filter(mailing=found).exclude(state=BatchState.DONE).exists():
        return found
    clear()
    mailing = make_sending(readers)
    Delivery.objects.update(state=DeliveryState.ACCEPTED)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_batch SET state = 'done', accepted = size")
        cursor.execute("VACUUM ANALYZE delivery_delivery")
    return mailing
