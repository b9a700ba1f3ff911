"""Files of readers: staged, and worked on to their end."""

import io

from subscriptions.models import Newsletter, SubscriberImport
from subscriptions.transfer import journal
from tests.factories import NOON, make_newsletter

BASIS = "Double opt-in at the former provider"


def lines(*addresses: str) -> bytes:
    return ("email\n" + "".join(f"{address}\n" for address in addresses)).encode()


def staged(raw: bytes, newsletter: Newsletter | None = None, **more: object) -> SubscriberImport:
    return journal.stage(
        io.BytesIO(raw),
        newsletter=newsletter or make_newsletter(),
        basis=BASIS,
        actor="rui",
        filename="readers.csv",
        at=NOON,
        **more,  # type: ignore[arg-type]
    )


def finish(imported: SubscriberImport) -> SubscriberImport:
    while journal.work(imported, at=NOON) is not None:
        pass
    imported.refresh_from_db()
    return imported
