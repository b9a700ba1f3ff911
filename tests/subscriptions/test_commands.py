"""The commands: what they print, and one clear sentence with exit code 1 for bad input."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from subscriptions.models import Subscriber, Subscription
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.subscriptions import moving

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_import_tries_first_and_then_does(tmp_path: Path) -> None:
    newsletter = make_newsletter()
    file = tmp_path / "readers.csv"
    file.write_text("address\nmia@example.org\nbroken\n")
    arguments = ("import_subscribers", str(file), "--newsletter", newsletter.slug, "--basis", "by letter")

    dry = run(*arguments, "--dry-run")
    assert not Subscriber.objects.exists()
    done = run(*arguments)

    assert "line 3: broken: refused Please enter exactly one e-mail address" in dry
    assert dry.splitlines()[-1] == "Dry run, nothing changed: 1 taken, 1 refused."
    assert done.splitlines()[-1] == "Done: 1 taken, 1 refused."
    assert Subscription.objects.active().count() == 1


def test_export_can_be_read_back() -> None:
    row = make_subscription(newsletter=make_newsletter())
    make_subscription(newsletter=make_newsletter())

    lines = run("export_subscribers", "--newsletter", row.newsletter.slug).splitlines()

    assert lines[0].startswith("address,newsletter,state")
    assert len(lines) == 2
    assert str(row.subscriber.address) in lines[1]


def test_export_reader_is_json() -> None:
    make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber(address="mia@example.org"))

    assert json.loads(run("export_reader", "MIA@example.org"))["address"] == "mia@example.org"


def test_erase_reader_erases() -> None:
    row = make_subscription(
        newsletter=make_newsletter(), subscriber=make_subscriber(address="mia@example.org")
    )

    said = run("erase_reader", "mia@example.org")

    row.subscriber.refresh_from_db()
    assert row.subscriber.address is None
    assert "mia" not in said


@pytest.mark.parametrize("command", ["erase_reader", "export_reader"])
def test_a_former_address_leads_to_its_reader_only_when_that_is_meant(command: str) -> None:
    row = moving.reading()
    moving.ask(row)
    moving.confirm()

    with pytest.raises(CommandError, match=r"m…@example\.org today.*--former\.$") as caught:
        run(command, moving.OLD)
    row.subscriber.refresh_from_db()
    assert (row.subscriber.address, "mia.neu" in str(caught.value)) == (moving.NEW.casefold(), False)

    said = run(command, moving.OLD, "--former")

    row.subscriber.refresh_from_db()
    if command == "erase_reader":
        assert row.subscriber.address is None
        assert "who read at m…@example.org" in said
        with pytest.raises(CommandError, match="nobody"):
            run(command, moving.OLD, "--former")
    else:
        assert json.loads(said)["address"] == moving.NEW.casefold()


def test_with_former_the_reader_of_today_is_meant_all_the_same() -> None:
    row = moving.reading()
    moving.ask(row)
    moving.confirm()
    make_subscription(newsletter=row.newsletter, subscriber=make_subscriber(address=moving.OLD))

    run("erase_reader", moving.OLD, "--former")

    row.subscriber.refresh_from_db()
    assert row.subscriber.address == moving.NEW.casefold()
    assert not Subscriber.objects.filter(address=moving.OLD).exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("import_subscribers", "/nowhere.csv", "--newsletter", "wirtschaft", "--basis", "by letter"),
        ("import_subscribers", "{file}", "--newsletter", "nothing", "--basis", "by letter"),
        ("import_subscribers", "{file}", "--newsletter", "wirtschaft", "--basis", " "),
        ("import_subscribers", "{file}", "--newsletter", "wirtschaft", "--basis", "by letter"),
        ("export_subscribers", "--newsletter", "nothing"),
        ("export_reader", "nobody@example.org"),
        ("export_reader", "nobody"),
        ("erase_reader", "nobody@example.org"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_one(arguments: tuple[str, ...], tmp_path: Path) -> None:
    make_newsletter(slug="wirtschaft", list_id_label="wirtschaft")
    file = tmp_path / "file.csv"
    file.write_text("name\nMia\n")

    with pytest.raises(CommandError) as caught:
        run(*(argument.format(file=file) for argument in arguments))

    assert caught.value.returncode == 1
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
