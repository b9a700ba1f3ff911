"""An import that goes on only as it began, and one that is ended half-way."""

import io
import re
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from subscriptions.errors import ImportChanged
from subscriptions.models import Newsletter, SubscriberImport, SubscriberImportPart, Subscription
from subscriptions.states import ImportState
from subscriptions.tasks import run_imports
from subscriptions.transfer import journal
from tests.factories import NOON, make_newsletter
from tests.subscriptions.importing import BASIS, finish, staged

pytestmark = pytest.mark.django_db
RAW = (
    "email,joined,left\n"
    "mia@example.org,2021-03-04,\nbroken,,\ntom@example.org,2021-03-05,\nrui@example.org,2021-03-06,\n"
)


@pytest.fixture
def newsletter() -> Newsletter:
    return make_newsletter(slug="aa")


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch, newsletter: Newsletter) -> SubscriberImport:
    """One that was killed after its first part of two lines."""
    monkeypatch.setattr(journal, "PART_ROWS", 2)
    imported = staged(RAW.encode(), newsletter, mapped={"joined": "requested_at"})
    journal.start(imported, at=NOON)
    journal.work(imported, at=NOON)
    return imported


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "readers.csv"
    path.write_text(RAW)
    return str(path)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("import_subscribers", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("mapped", ["joined=requested_at", "Joined =requested_at"])
def test_the_same_command_goes_on(mapped: str, killed: SubscriberImport, file: str) -> None:
    said = run(file, "--newsletter", "aa", "--basis", f" {BASIS} ", "--map", mapped)

    assert "Going on with the import" in said
    assert said.splitlines()[-1] == "Done: 3 taken, 1 refused."
    assert SubscriberImport.objects.get().state == ImportState.FINISHED


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (["--basis", "Another"], "--basis"),
        (["--basis", ""], "--basis"),
        (["--basis", BASIS, "--map", "joined=confirmed_at"], "--map"),
        (["--basis", BASIS], "--map"),
        (["--basis", BASIS, "--map", "joined=requested_at", "--map", "left=unsubscribed_at"], "--map"),
    ],
)
def test_another_word_than_it_began_with_is_refused_and_changes_nothing(
    changed: list[str], named: str, killed: SubscriberImport, file: str
) -> None:
    with pytest.raises(CommandError) as caught:
        run(file, "--newsletter", "aa", *changed)

    sentence = str(caught.value)
    assert sentence.startswith(f"With another {named} than")
    assert "--end" in sentence
    assert re.fullmatch(r"[^\n]+\.", sentence)
    killed.refresh_from_db()
    assert (killed.state, killed.parts_done, SubscriberImport.objects.count()) == (ImportState.RUNNING, 1, 1)


def test_a_trial_of_another_mapping_is_free_while_it_waits(killed: SubscriberImport, file: str) -> None:
    said = run(file, "--newsletter", "aa", "--basis", "Another", "--dry-run")

    assert said.splitlines()[-1].startswith("Dry run")


def test_who_ends_it_hears_how_many_stay_and_begins_anew(killed: SubscriberImport, file: str) -> None:
    said = run(file, "--newsletter", "aa", "--end")

    assert said.splitlines()[-1] == "Ended after 2 of 4 lines; what was taken in stays: 1 taken, 1 refused."
    killed.refresh_from_db()
    assert (killed.state, killed.counts) == (ImportState.DISCARDED, {"taken": 1, "refused": 1})
    assert killed.finished_at is not None
    assert not SubscriberImportPart.objects.filter(content__isnull=False).exists()
    assert Subscription.objects.active().count() == 1
    # What was left over of the lines that were done is still a file to correct.
    assert "broken" in "".join(journal.left_over(killed))

    said = run(file, "--newsletter", "aa", "--basis", "Another", "--map", "joined=confirmed_at")
    assert said.splitlines()[-1] == "Done: 2 taken, 1 already reading, 1 refused."


def test_there_is_nothing_to_end_where_nothing_runs(newsletter: Newsletter, file: str) -> None:
    with pytest.raises(CommandError, match=r"^No import of this file into aa is running\.$"):
        run(file, "--newsletter", "aa", "--end")


def test_a_worker_finds_nothing_left_of_one_that_was_ended(killed: SubscriberImport) -> None:
    course = journal.work(killed, at=NOON)  # another worker has it in hand, and the next part judged
    assert course is not None

    journal.end(SubscriberImport.objects.get(), at=NOON)

    before = Subscription.objects.count()
    assert journal.work(killed, at=NOON, remembered=course) is None
    assert run_imports() == 0
    assert Subscription.objects.count() == before
    assert finish(killed).state == ImportState.DISCARDED


def test_only_what_runs_is_ended(newsletter: Newsletter) -> None:
    waiting = staged(RAW.encode(), newsletter)

    with pytest.raises(ImportChanged):
        journal.end(waiting, at=NOON)


def test_the_command_that_is_ended_from_elsewhere_says_so(
    newsletter: Newsletter, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PART_ROWS", 2)
    work = journal.work

    def and_somebody_ends_it(imported: SubscriberImport, **more: object) -> object:
        course = work(imported, **more)  # type: ignore[arg-type]
        if course is not None:
            journal.end(SubscriberImport.objects.get(), at=NOON)
        return course

    monkeypatch.setattr(journal, "work", and_somebody_ends_it)

    said = run(file, "--newsletter", "aa", "--basis", BASIS)

    assert said.splitlines()[-1] == "Ended after 2 of 4 lines; what was taken in stays: 1 taken, 1 refused."


def test_it_is_ended_on_its_page(killed: SubscriberImport) -> None:
    desk = Client(headers={"accept-language": "en"})
    desk.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))
    url = reverse("admin:subscriptions_subscriberimport_change", args=[killed.pk])
    assert 'value="end"' in desk.get(url).content.decode()

    act = reverse("admin:subscriptions_subscriberimport_act", args=[killed.pk])
    page = desk.post(act, {"act": "end"}, follow=True).content.decode()

    killed.refresh_from_db()
    assert killed.state == ImportState.DISCARDED
    assert "Ended; the 1 reader who was taken in stays." in page
    assert 'value="end"' not in page
    assert "Download the lines left over" in page
    assert LogEntry.objects.get().change_message == "Ended; the 1 reader who was taken in stays."
    assert "changed meanwhile" in desk.post(act, {"act": "end"}, follow=True).content.decode()
