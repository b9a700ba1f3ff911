"""Every address of the admin × every role: the table is `admin_doors.txt`, and a door that is not in it fails the test.

A door is shut for a role if it answers 403; an address that knows no such method or row answers 405, 404 or leads away,
for everybody alike. The admin looks at rights before it looks for the row, so most rows need not exist. History pages and
the pages of a digest or a mailing look first and get a real row where there is one.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import URLPattern, URLResolver

from digests.approval_tokens import approval_url
from digests.composer.acts import ACTS
from digests.models import Proof
from digests.roles import bring_up_to_date
from newsroom.mail import incidents
from newsroom.web import clock
from tests.digests.factories import make_colleague, make_handed_over, make_proofed
from tests.factories import make_subscription

pytestmark = pytest.mark.django_db

TABLE = Path(__file__).with_name("admin_doors.txt")
LETTERS = {
    "R": "Redaktion",
    "A": "Abnahme",
    "C": "Community",
    "B": "Betrieb",
    "L": "Lesend",
    "S": "",
    "-": "",
}
# Open half-way in, or to everybody: they are how one gets in and out.
ENTRANCES = {"login/", "logout/", "second-factor/"}
NOWHERE = 4_040_404


FRONT = "(front)"


def routes(patterns: list[Any], before: str = "") -> Iterator[str]:
    for each in patterns:
        match each:
            case URLResolver():
                yield from routes(each.url_patterns, before + str(each.pattern))
            case URLPattern():
                yield before + str(each.pattern) or FRONT


def doors() -> list[str]:
    """Each address below /admin/ once, as Django writes its route, and each act of the composer for itself."""
    found = dict.fromkeys(routes(admin.site.urls[0]))
    return [
        door.replace("<slug:act>", act) for door in found for act in (ACTS if "<slug:act>" in door else [""])
    ]


def address(door: str, proof: Proof) -> str:
    """An address that this route answers."""
    if door == FRONT:
        return "/admin/"
    if door.startswith("^"):
        door = door.replace("^(?P<app_label>", "").split("|")[0] + "/"
    elif door.endswith("(?P<url>.*)$"):
        return "/admin/no-such-page/"
    row = proof.digest_id if door.startswith("digests/digest/") else NOWHERE
    if door.endswith(("/history/", "/arithmetic/", "/held/")):
        app, model = door.split("/")[:2]
        first = apps.get_model(app, model).objects.order_by("pk").first()
        row = first.pk if first else NOWHERE
    return "/admin/" + re.sub(r"<[^>]+>", str(row), door.replace("<int:number>", str(proof.number)))


def read_table() -> dict[str, tuple[str, str]]:
    rows = [
        line.split() for line in TABLE.read_text("utf-8").splitlines() if line and not line.startswith("#")
    ]
    return {door: (get, post) for door, get, post in rows}


def browser_of(letter: str) -> Client:
    bring_up_to_date(Group.objects, Permission.objects)
    user = User.objects.create_user(f"role-{letter}", is_staff=True, is_superuser=letter == "S")
    user.groups.set(Group.objects.filter(name=LETTERS[letter]))
    browser = Client(raise_request_exception=False)
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.fixture
def proof(caplog: pytest.LogCaptureFixture) -> Proof:
    """A newsroom with something in it; its refusals, a thousand of them, are not logged with their tracebacks."""
    caplog.set_level(logging.CRITICAL, logger="django.request")
    incidents.report("feed:1", title="A feed is silent", at=clock.now())
    make_subscription(newsletter=make_handed_over().newsletter)
    return make_proofed(at=clock.now())


def test_every_door_has_its_row_and_every_row_its_door(proof: Proof) -> None:
    known, there = read_table(), [door for door in doors() if door not in ENTRANCES]
    new = [door for door in there if door not in known]
    gone = [door for door in known if door not in there]

    assert not new, "Add to admin_doors.txt, if this is who may:\n" + "\n".join(rows_for(new, proof))
    assert not gone, "Take out of admin_doors.txt, nothing answers there:\n" + "\n".join(gone)
    assert len(there) == len(set(there))


def rows_for(found: list[str], proof: Proof) -> list[str]:
    """The rows of the table as these doors answer today, to be read before they are pasted."""
    browsers = {letter: browser_of(letter) for letter in LETTERS}
    rows = []
    for door in found:
        opens = {
            method: "".join(
                letter
                for letter, browser in browsers.items()
                if getattr(browser, method)(address(door, proof)).status_code != 403
            )
            for method in ("get", "post")
        }
        get, post = ("all" if "-" in letters else letters or "none" for letters in opens.values())
        rows.append(f"{door:<70} {get:<7} {post}")
    return rows


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_each_door_opens_for_those_in_the_table_and_for_nobody_else(
    letter: str, method: str, proof: Proof
) -> None:
    browser = browser_of(letter)
    wrong = []

    for door, row in read_table().items():
        status = getattr(browser, method)(address(door, proof)).status_code
        may = letter in row[method == "post"].replace("-", "") or row[method == "post"] == "all"
        if (status != 403) is not may or status >= 500:
            wrong.append(f"{door} {method}: {status}")

    assert wrong == []


@pytest.mark.parametrize("who", ["anonymous", "reader", "unverified", "approver"])
def test_nothing_opens_for_strangers_and_for_a_password_alone(
    who: str, proof: Proof, settings: LazySettings
) -> None:
    """A link in a letter lets a colleague decide about one proof without a code. It is no way into the admin."""
    settings.SECOND_FACTOR = True
    browser = Client()
    if who == "approver":
        colleague = make_colleague("aylin")
        path = approval_url(proof, colleague).removeprefix(settings.SITE_URL)
        assert browser.post(path, {"decision": "approve"}).status_code == 200
        assert proof.digest.proofs.get().approval.approver == colleague
    elif who != "anonymous":
        staff = who == "unverified"
        user = User.objects.create_user(who, is_staff=staff, is_superuser=staff)
        browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    wrong = []

    for door in read_table():
        for method in ("get", "post"):
            answer = getattr(browser, method)(address(door, proof))
            if answer.status_code != 302 or "/admin/login/" not in answer["Location"]:
                wrong.append(f"{door} {method}: {answer.status_code}")

    assert wrong == []
