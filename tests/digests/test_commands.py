"""build_digest and send_digest: an id on stdout, one clear sentence for what is missing, and never an approval."""

import datetime as dt
import threading
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from digests import progress, workflow
from digests.delivery.models import Batch, Mailing
from digests.management.commands import send_digest
from digests.models import Approval, Digest
from digests.states import DigestState
from newsroom.articles.models import Article
from newsroom.mail.models import Incident
from newsroom.web import clock
from subscriptions.states import NewsletterState
from tests.digests.factories import (
    DAY,
    HOUR,
    make_approved,
    make_handed_over,
    make_planned,
    make_proofed,
    make_ready,
)
from tests.factories import make_article, make_newsletter

MINUTE = dt.timedelta(minutes=1)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def _run(*arguments: Any) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*[str(argument) for argument in arguments], stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def _planned() -> Any:
    return make_planned(first_window_from=clock.now() - DAY, minimum_new=1)


def test_build_digest_prints_the_id_and_nothing_else() -> None:
    newsletter = _planned().newsletter
    make_article(first_seen_at=clock.now() - HOUR)

    out, err = _run("build_digest", newsletter.slug)

    digest = Digest.objects.get()
    assert (out, err) == (f"{digest.pk}\n", "")
    assert digest.picks.count() == 1


def test_build_digest_says_when_there_is_too_little_yet() -> None:
    newsletter = _planned().newsletter

    out, err = _run("build_digest", newsletter.slug)

    assert out.strip() == str(Digest.objects.get().pk)
    assert "0" in err
    assert "1" in err


def test_build_digest_takes_a_cut_off_in_the_plans_zone() -> None:
    newsletter = _planned().newsletter

    _run("build_digest", newsletter.slug, "--at", "2036-01-07T06:00")

    assert Digest.objects.get().window_end == dt.datetime(2036, 1, 7, 5, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nirgends"], "no newsletter “nirgends”; known are"),
        (["{slug}", "--at", "2020-01-01T06:00"], "in the past"),
        (["{slug}", "--at", "morgen früh"], "“morgen früh” is no time"),
    ],
)
def test_build_digest_refuses_with_one_sentence(arguments: list[str], sentence: str) -> None:
    slug = _planned().newsletter.slug

    with pytest.raises(CommandError, match=sentence):
        _run("build_digest", *[argument.format(slug=slug) for argument in arguments])

    assert not Digest.objects.exists()


def test_build_digest_needs_a_plan_and_an_active_newsletter() -> None:
    with pytest.raises(CommandError, match="no plan"):
        _run("build_digest", make_newsletter().slug)
    with pytest.raises(CommandError, match="not active"):
        _run("build_digest", make_newsletter(state=NewsletterState.RETIRED).slug)


def test_send_digest_now_hands_an_approved_digest_over_at_once() -> None:
    digest = make_approved()

    out, _ = _run("send_digest", digest.pk, "--now")

    digest.refresh_from_db()
    mailing = Mailing.objects.get()
    assert digest.state == DigestState.HANDED_OVER
    assert str(mailing.pk) in out


def test_send_digest_now_takes_a_scheduled_digest_too() -> None:
    digest = make_approved()
    workflow.schedule(digest, when=clock.now() + DAY, by=None, at=clock.now())

    _run("send_digest", digest.pk, "--now")

    assert Mailing.objects.count() == 1


def test_send_digest_now_that_is_refused_leaves_the_schedule_as_it_was() -> None:
    digest = make_approved(at=clock.now())
    later = clock.now() + DAY
    Article.objects.filter(picks__digest=digest).update(embargo_until=later - HOUR)
    workflow.schedule(digest, when=later, by=None, at=clock.now())

    with pytest.raises(CommandError, match="under embargo"):
        _run("send_digest", digest.pk, "--now")

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.SCHEDULED, later)
    assert not Incident.objects.exists()


def test_send_digest_now_is_content_with_the_worker_that_was_faster() -> None:
    digest = make_approved()
    workflow.send_now(digest, by=None, at=clock.now(), grace_seconds=0)
    seen = Digest.objects.get(pk=digest.pk)
    workflow.hand_over_due(clock.now())

    mailing = send_digest.hand_over_now(seen, at=clock.now())

    assert Mailing.objects.get() == mailing
    assert mailing.state == "freezing"


def test_send_digest_schedules_for_the_due_time() -> None:
    due = clock.now() + DAY
    digest = make_approved(due_at=due)

    out, _ = _run("send_digest", digest.pk)
    again, _ = _run("send_digest", digest.pk)

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.SCHEDULED, due)
    assert out == again
    assert f"{due:%Y-%m-%d}" in out


@pytest.mark.parametrize("due", [None, dt.datetime(2026, 5, 4, 4, 0, tzinfo=dt.UTC)])
def test_send_digest_does_not_send_what_was_due_before(due: dt.datetime | None) -> None:
    digest = make_approved(due_at=due)

    with pytest.raises(CommandError, match="--now"):
        _run("send_digest", digest.pk)

    assert Digest.objects.get().state == DigestState.APPROVED


REFUSED = [
    (lambda: make_ready(subject="").pk, "draft. Missing: a proof and its approval; The subject is missing"),
    (lambda: make_proofed().digest.pk, "waits for approval"),
    (lambda: make_handed_over().pk, "never sent twice"),
    (lambda: 404, "no digest with the id 404"),
]


@pytest.mark.parametrize(("make", "sentence"), REFUSED)
def test_send_digest_names_what_is_missing_and_never_approves(make: Any, sentence: str) -> None:
    pk = make()
    before = (Approval.objects.count(), Mailing.objects.count())

    with pytest.raises(CommandError, match=sentence):
        _run("send_digest", pk, "--now")

    assert (Approval.objects.count(), Mailing.objects.count()) == before


def test_send_digest_says_why_a_skipped_digest_stays_here() -> None:
    digest = make_ready()
    workflow.skip(digest, because="Feiertag", by=None, at=clock.now())

    with pytest.raises(CommandError, match="skipped: Feiertag"):
        _run("send_digest", digest.pk)


def test_send_digest_leaves_a_blocked_digest_approved_and_says_why() -> None:
    digest = make_approved()
    article = digest.picks.get().article
    article.withdrawn_at = clock.now()
    article.save()

    with pytest.raises(CommandError, match="withdrawn"):
        _run("send_digest", digest.pk, "--now")

    assert Digest.objects.get().state == DigestState.APPROVED
    assert not Mailing.objects.exists()


def test_waiting_ends_when_the_last_copy_is_accounted_for() -> None:
    digest = make_handed_over()
    Mailing.objects.update(state="finished", frozen=3, accepted=3)
    _settled(accepted=2, rejected=1)

    _, err = _run("send_digest", digest.pk, "--wait")

    assert err == f"[{'#' * 30}] 3/3 accepted 2, rejected 1\n"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"state": "paused", "paused_because": "Tippfehler"}, "stopped: Tippfehler"),
        ({"state": "ended"}, "ended early"),
    ],
)
def test_waiting_ends_with_an_error_when_somebody_stopped_it(values: dict[str, str], sentence: str) -> None:
    digest = make_handed_over()
    Mailing.objects.update(**values)

    with pytest.raises(CommandError, match=sentence):
        _run("send_digest", digest.pk, "--wait")


def test_waiting_ends_with_an_error_when_the_digest_leaves_the_schedule() -> None:
    digest = make_approved()

    with pytest.raises(CommandError, match="off the schedule"):
        progress.wait_until_over(digest, out=_Lines())


@pytest.mark.django_db(transaction=True)
def test_waiting_follows_the_mailing_while_it_goes() -> None:
    digest, lines = make_handed_over(), _Lines()
    Mailing.objects.update(state="sending", frozen=4)
    batch = _settled(accepted=2)

    def finish() -> None:
        Batch.objects.filter(pk=batch.pk).update(accepted=4)
        Mailing.objects.update(state="finished")
        connection.close()

    timer = threading.Timer(0.2, finish)
    timer.start()
    progress.wait_until_over(digest, out=lines)
    timer.join()

    assert [line.partition("] ")[2] for line in lines.written] == ["2/4 accepted 2", "4/4 accepted 4"]


class _Lines:
    """What a log file sees."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, msg: str = "", style_func: None = None, ending: str | None = None) -> None:
        self.written.append(msg)

    def isatty(self) -> bool:
        return False


def _settled(**counts: int) -> Batch:
    mailing = Mailing.objects.get()
    return Batch.objects.create(
        mailing=mailing, lo=0, hi=4, size=4, state="done", not_before=clock.now(), provider="main", **counts
    )
