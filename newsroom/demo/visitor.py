"""A reader as the site meets one: fills the form, waits for the mail, opens its link and presses the button."""

import re
import time
from email import message_from_bytes, policy
from html import unescape
from typing import Any, cast

import httpx

MAIL_SECONDS = 90.0


class VisitFailed(Exception):
    """The site or the inbox did not do what a reader expects; the sentence says what."""


def sign_up(*, site_url: str, inbox_url: str, address: str, newsletter_name: str) -> None:
    """Subscribe through the catalogue's form, confirm from the letter. Takes a few seconds; raises VisitFailed."""
    with httpx.Client(
        base_url=site_url, follow_redirects=True, timeout=15, headers={"Accept-Language": "de"}
    ) as client:
        catalogue = client.get("/newsletters/")
        form = _form(catalogue.text, action="/subscribe/")
        form["address"] = address
        form |= {"newsletter": _value_of_label(catalogue.text, newsletter_name)}
        time.sleep(2.5)  # the form takes nobody for a person who fills it in faster
        answer = client.post("/subscribe/", data=form, headers={"Referer": f"{site_url}/newsletters/"})
        _expect(
            answer.status_code == 200 and "/subscribe/sent/" in str(answer.url),
            f"Signing up ended at {answer.url} with {answer.status_code}.",
        )
        link = _confirmation_link(inbox_url, address, site_url)
        page = client.get(link)
        _expect(
            re.search(r'<form[^>]*method="post".*?<button', page.text, re.DOTALL) is not None,
            "The confirmation page has no button.",
        )
        confirmed = client.post(link)
        _expect(confirmed.status_code == 200, f"Confirming ended with {confirmed.status_code}.")


def mails_to(inbox_url: str, address: str, **wanted: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{inbox_url}/messages.json", params={"to": address, **wanted}, timeout=10)
    return cast("list[dict[str, Any]]", answer.json())


def count_copies(inbox_url: str, subject: str) -> tuple[int, int]:
    """How many mails with this subject arrived, and at how many addresses."""
    answer = httpx.get(f"{inbox_url}/count.json", params={"subject": subject}, timeout=30)
    groups = [group for group in answer.json()["groups"] if group["subject"] == subject]
    return sum(group["messages"] for group in groups), sum(group["recipients"] for group in groups)


def _confirmation_link(inbox_url: str, address: str, site_url: str) -> str:
    end = time.monotonic() + MAIL_SECONDS
    while time.monotonic() < end:
        for mail in mails_to(inbox_url, address):
            raw = httpx.get(f"{inbox_url}/mails/{mail['number']}/source.eml", timeout=10).content
            message = message_from_bytes(raw, policy=policy.default)
            body = message.get_body(("plain",))
            if body and (found := re.search(rf"{re.escape(site_url)}/confirm/\S+", body.get_content())):
                return found.group()
        time.sleep(0.2)
    raise VisitFailed(f"No confirmation letter for {address} arrived within {MAIL_SECONDS:g} seconds.")


def _form(html: str, *, action: str) -> dict[str, str]:
    """The hidden fields of the form with this action."""
    for match in re.finditer(r"<form\b([^>]*)>(.*?)</form>", html, re.DOTALL):
        attributes, inside = match.groups()
        if f'action="{action}"' in attributes:
            fields = {}
            for field in re.findall(r'<input[^>]*type="hidden"[^>]*>', inside):
                name, value = re.search(r'name="([^"]*)"', field), re.search(r'value="([^"]*)"', field)
                if name:
                    fields[unescape(name.group(1))] = unescape(value.group(1)) if value else ""
            return fields
    raise VisitFailed(f"The page has no form for {action}.")


def _value_of_label(html: str, label: str) -> str:
    """The value of the checkbox beside this name."""
    for match in re.finditer(r'<input[^>]*type="checkbox"[^>]*>', html):
        value = re.search(r'value="([^"]*)"', match.group())
        if value and label in unescape(html[match.end() : match.end() + 600]):
            return value.group(1)
    raise VisitFailed(f"The catalogue does not offer {label}.")


def _expect(held: bool, sentence: str) -> None:
    if not held:
        raise VisitFailed(sentence)
