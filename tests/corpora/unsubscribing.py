"""Pairs of unsubscribe headers: `cases.json` with input and expected kind.

They are read by a small reader of RFC 2369 and RFC 8058 here, which must agree with the corpus; then the same reader must
find one-click in the headers of a mail of ours.
"""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from urllib.parse import urlsplit

from tests.corpora.tally import Tally, load
from tests.newsroom.mail.mails import make_copy, make_mail


def run(folder: Path) -> Tally:
    tally = Tally()
    for case in load(folder / "cases.json"):
        given, expected = case["input"], case["expected"]
        tally.judge(
            case["name"],
            _reads_as,
            given["list_unsubscribe"] or "",
            given["list_unsubscribe_post"] or "",
            expected["kind"],
        )
    tally.judge("our own mail", _ours_is_one_click)
    return tally


def _reads_as(header: str, post: str, wanted: str) -> bool:
    return kind(header, post) == wanted


def kind(header: str, post: str) -> str:
    """What a mail program makes of the pair."""
    entries = [entry.strip() for entry in re.findall(r"<([^>]*)>", header)]
    web = [
        entry
        for entry in entries
        if urlsplit(entry).scheme.lower() in {"http", "https"} and urlsplit(entry).netloc
    ]
    secure = [entry for entry in web if urlsplit(entry).scheme.lower() == "https"]
    if secure and post.strip().lower() == "list-unsubscribe=one-click":
        return "OneClick"
    if any(entry.lower().startswith("mailto:") for entry in entries):
        return "Mailto"
    return "HttpLink" if web else "None"


def _ours_is_one_click() -> bool:
    message = message_from_bytes(make_mail().splice(make_copy(), date=datetime(2026, 11, 22, tzinfo=UTC)))
    headers = message.get_all("List-Unsubscribe", []), message.get_all("List-Unsubscribe-Post", [])
    return [len(found) for found in headers] == [1, 1] and kind(headers[0][0], headers[1][0]) == "OneClick"
