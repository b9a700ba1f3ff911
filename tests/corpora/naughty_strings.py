"""Strings that break things, as titles, names and subjects: `*.json`, a list. Safe in a header, in HTML and in CSV."""

import contextlib
from datetime import UTC, datetime
from email import message_from_bytes
from html import escape
from pathlib import Path

from django.template import Context, Template

from newsroom.articles import text
from newsroom.mail.errors import BadMail
from tests.corpora.inertness import alive
from tests.corpora.spreadsheets import is_safe
from tests.corpora.tally import Tally, load
from tests.newsroom.mail.mails import make_copy, make_mail

AT = datetime(2026, 11, 22, tzinfo=UTC)


def run(folder: Path) -> Tally:
    tally = Tally()
    usual = _header_names("Am Fluss", "Uferblick")
    template = Template("<p title='{{ value }}'>{{ value }}</p>")
    for path in sorted(folder.glob("*.json")):
        for value in load(path):
            tally.judge(value[:80], _is_safe, value, usual, template)
    return tally


def _is_safe(value: str, usual: list[str], template: Template) -> bool:
    line = text.one_line(value)
    try:
        has_usual_headers = _header_names(line or "x", line or "x") == usual
    except BadMail:
        has_usual_headers = True
    with contextlib.suppress(BadMail):  # refused as it came, which is as good
        has_usual_headers &= _header_names(value or "x", value or "x") == usual
    rendered = template.render(Context({"value": value}))
    return (
        has_usual_headers
        and "\n" not in line
        and not alive(rendered)
        and rendered.count("<") == 2
        and escape(value) in rendered
        and not alive(text.clean_html(value))
        and is_safe(value)
        and text.strip_unwanted(text.strip_unwanted(value)) == text.strip_unwanted(value)
    )


def _header_names(subject: str, name: str) -> list[str]:
    mail = make_mail(envelope={"from_name": name, "list_name": name}, subject=subject)
    return sorted(message_from_bytes(mail.splice(make_copy(), date=AT)).keys())
