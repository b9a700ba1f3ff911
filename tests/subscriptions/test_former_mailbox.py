"""What the links in a former mailbox still open once mail goes elsewhere: nothing of hers."""

import pytest

from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web import tokens
from newsroom.web.clock import now
from newsroom.web.tokens import TokenKind
from tests.factories import make_newsletter
from tests.subscriptions.factories import (
    fresh_client,
    make_confirmation,
    make_pending,
    settings_path,
)
from tests.subscriptions.moving import DAY, ask, confirm, opened, reading, token_in, undo

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_links_in_the_former_mailbox_open_no_settings_once_mail_goes_elsewhere() -> None:
    row = reading()
    links = [
        settings_path(row),
        f"/preferences/{tokens.make(TokenKind.MANAGE, row.pk)}/",
    ]  # of today, and older
    assert [fresh_client().post(link).status_code for link in links] == [303, 303]
    ask(row)
    confirm()

    for link in links:
        for page in (fresh_client().get(link), fresh_client().post(link)):
            assert page.status_code == 200
            assert "This link no longer works" in page.content.decode()
            assert "example.org" not in page.content.decode().replace("news.example.org", "")
            assert "reader" not in page.cookies
        answer = fresh_client().get(
            "/api/v1/preferences", headers={"authorization": f"Bearer {link.split('/')[2]}"}
        )
        assert answer.status_code == 401
    row.refresh_from_db()
    row.subscriber.refresh_from_db()
    assert fresh_client().post(settings_path(row)).status_code == 303  # what the new mailbox gets


def test_links_of_either_mailbox_open_settings_while_mail_goes_there() -> None:
    row = reading()
    former = settings_path(row)
    ask(row)
    confirm()
    row.subscriber.refresh_from_db()
    between = settings_path(row)

    undo()

    assert fresh_client().post(former).status_code == 303
    assert fresh_client().post(between).status_code == 200


def test_settings_that_stand_open_close_when_mail_goes_elsewhere() -> None:
    row = reading()
    client = opened(row)
    field = f'name="on-{row.newsletter.slug}"'
    assert field in client.get("/preferences/").content.decode()

    ask(row)
    confirm()

    assert field not in client.get("/preferences/").content.decode()
    assert client.get("/preferences/data/json/")["Content-Type"].startswith("text/html")


def test_a_confirmation_letter_in_the_former_mailbox_reaches_her_no_more() -> None:
    row = reading()
    waiting = make_pending(make_newsletter(), row.subscriber)
    _used, used = make_confirmation(row, at=now())
    assert "/preferences/" in fresh_client().post(f"/confirm/{used}/").content.decode()
    _open, still_open = make_confirmation(waiting, at=now())
    _late, expired = make_confirmation(waiting, at=now() - 8 * DAY)
    ask(row)
    confirm()
    letters = Letter.objects.count()

    for token in (used, still_open, expired):
        assert fresh_client().get(f"/confirm/{token}/").status_code == 404
        assert fresh_client().post(f"/confirm/{token}/").status_code == 404
        assert fresh_client().post(f"/confirm/{token}/", {"again": "1"}).status_code == 404

    waiting.refresh_from_db()
    assert waiting.state == "pending"
    assert Letter.objects.count() == letters


def test_the_mailbox_between_two_moves_learns_nothing_of_the_second() -> None:
    row = reading()
    ask(row, "between@example.org", at=now())
    link = f"/address/{token_in(LetterKind.NEW_ADDRESS)}/"
    assert fresh_client().post(link).status_code == 200
    assert fresh_client().get(link).status_code == 200
    row.subscriber.refresh_from_db()
    ask(row, at=now())
    confirm(at=now())

    page = fresh_client().get(link)

    assert page.status_code == 404
    assert row.newsletter.cadence_text not in page.content.decode()
