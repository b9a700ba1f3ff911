"""Exports of other systems: CSV files, and `headers/headers.json` with the columns of each product.

Right: the address is found on every line; who is unsubscribed or cleaned there is not mailed here; the time of consent is
kept. Nobody is mailed.
"""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

from django.db import transaction

from newsroom.mail.models import Letter
from subscriptions import suppression
from subscriptions.errors import TransferError
from subscriptions.models import Newsletter, Subscriber, Subscription
from subscriptions.transfer import LineResult, Report, import_subscribers, read_text
from tests.corpora.tally import Tally, load
from tests.factories import make_newsletter

AT = datetime(2026, 11, 22, tzinfo=UTC)
_TAKEN = frozenset({LineResult.TAKEN, LineResult.ALREADY, LineResult.TWICE, LineResult.SUPPRESSED})


def run(folder: Path) -> Tally:
    tally = Tally(aim=1.0)
    newsletter = make_newsletter()
    for path in sorted(folder.glob("*.csv")):
        tally.judge(path.name, _file, path, newsletter)
    for known in load(folder / "headers" / "headers.json") if (folder / "headers").is_dir() else []:
        columns = known["columns"]
        if not columns.startswith("..."):
            tally.judge(f"headers of {known['product']}", _heading, columns, newsletter)
    tally.judge("nobody is mailed", lambda: not Letter.objects.exists())
    return tally


def _import(text: str, newsletter: Newsletter) -> Report:
    return import_subscribers(
        text,
        newsletter=newsletter,
        basis="Export of the former system",
        actor="corpora",
        at=AT,
        are_all_confirmed=True,
    )


def _file(path: Path, newsletter: Newsletter) -> bool:
    text = read_text(path.read_bytes())
    rows = [row for row in csv.DictReader(io.StringIO(text)) if any(row.values())]
    with transaction.atomic():
        report = _import(text, newsletter)
        stays = [line for line in report.lines if line.result in _TAKEN]
        hashes = {row.address_hash for row in _subscribers(newsletter)}
        is_stopped = path.stem.rpartition("-")[2] in {"cleaned", "unsubscribed"}
        is_right = len(report.lines) == len(rows) and all(
            line.because for line in report.lines if line.result is LineResult.REFUSED
        )
        if is_stopped:
            is_right &= not [line for line in stays if line.result is LineResult.TAKEN] and not (
                hashes - suppression.among(hashes)
            )
        else:
            disabled = {
                row.get("email") for row in rows if (row.get("email_disabled") or "").lower() == "true"
            }
            is_right &= bool(stays) and not any(line.address in disabled for line in stays)
            confirmed = Subscription.objects.filter(newsletter=newsletter, requested_at=AT).count()
            is_right &= ("created_at" not in text[:200] and "OPTIN_TIME" not in text[:200]) or not confirmed
        transaction.set_rollback(True)
    return is_right


def _subscribers(newsletter: Newsletter) -> list[Subscriber]:
    rows = Subscription.objects.filter(newsletter=newsletter).select_related("subscriber")
    return [row.subscriber for row in rows]


def _heading(columns: str, newsletter: Newsletter) -> bool:
    names = columns.split(",")
    cells = [
        "ann@example.net" if name.strip().lower() in {"email", "email address"} else "" for name in names
    ]
    try:
        with transaction.atomic():
            report = _import(f"{','.join(names)}\n{','.join(cells)}\n", newsletter)
            transaction.set_rollback(True)
    except TransferError:
        return False
    return [line.address for line in report.lines] == ["ann@example.net"] and report.lines[
        0
    ].result is not LineResult.REFUSED
