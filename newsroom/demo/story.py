"""The job itself, as its people do it: from an empty newsroom to a digest in every inbox."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402 — models need the set-up above

from digests import curation, selection, workflow  # noqa: E402
from digests.delivery.models import Mailing  # noqa: E402
from digests.delivery.states import TERMINAL_MAILINGS  # noqa: E402
from digests.errors import DigestError  # noqa: E402
from digests.models import Digest, DigestMailing  # noqa: E402
from newsroom.articles.models import Article, Author  # noqa: E402
from newsroom.demo import seeding, visitor  # noqa: E402
from newsroom.demo.processes import Supervisor  # noqa: E402
from newsroom.demo.stage import Stage  # noqa: E402
from newsroom.web import clock  # noqa: E402
from subscriptions.models import Newsletter, Subscription  # noqa: E402

SEEDS = Path(__file__).resolve().parent.parent.parent / "seeds"
READERS = 300
VISITOR = "mia.ufermann@example.org"
SEND_SECONDS = 120.0


class StoryFailed(Exception):
    """Something in the demo did not happen; the sentence says what."""


def play(house: Stage, supervisor: Supervisor, *, say: Callable[[str], None]) -> dict[str, Any]:
    """The whole job; returns the facts that `--once` prints. Raises StoryFailed."""
    seeds = seeding.Seeds.read(SEEDS)
    at = clock.now()
    seeding.furnish(seeds, at=at)
    articles = seeding.bring_articles(seeds, at=at)
    say(f"{articles} articles came in")
    seeding.enrol_readers(seeds, READERS, at=at)
    say(f"{READERS} readers were taken over with their consent")
    newsletter = Newsletter.objects.get(slug=seeds.newsletter("de")["slug"])
    try:
        visitor.sign_up(
            site_url=house.site_url,
            inbox_url=house.inbox_url,
            address=VISITOR,
            newsletter_name=newsletter.name,
        )
    except visitor.VisitFailed as error:
        raise StoryFailed(str(error)) from error
    say("One more reader signed up on the web and confirmed from the letter")
    digest = _curate(newsletter, seeds, say=say)
    mailing = _await_mailing(digest, supervisor)
    say(f"{mailing.accepted} copies handed over, {mailing.frozen - mailing.accepted} not")
    _check_inbox(house, mailing)
    say("The inbox holds one copy for each of them")
    return {
        "articles": Article.objects.count(),
        "subscribers": Subscription.objects.active().for_newsletter(newsletter).count(),
        **{
            name: getattr(mailing, name)
            for name in ("frozen", "accepted", "rejected", "skipped", "held", "cancelled")
        },
    }


def _curate(newsletter: Newsletter, seeds: seeding.Seeds, *, say: Callable[[str], None]) -> Digest:
    """Jonas builds and words the digest and makes a proof; Aylin approves it and sends it."""
    jonas, aylin = (User.objects.get(username=name) for name in ("jonas", "aylin"))
    words = seeds.newsroom["demo"]
    try:
        at = clock.now()
        digest = selection.build(newsletter, at=at, window_end=at - seeding.CUT_OFF, by=jonas)
        seeding.put_first(digest, seeding.LEAD)
        curation.edit_digest(
            digest,
            expected_version=digest.version,
            at=clock.now(),
            subject=words["subject_de"],
            preheader=words["preheader_de"],
            note=words["note_de"].strip(),
            note_author=str(Author.objects.get(name=words["note_author"]).pk),
        )
        proof = workflow.propose(digest, by=jonas, at=clock.now())
        say(f"Jonas built digest {digest.number} with {digest.picks.count()} stories and made a proof")
        workflow.approve(proof, by=aylin, at=clock.now())
        digest.refresh_from_db()
        workflow.send_now(digest, by=aylin, at=clock.now(), grace_seconds=0)
    except DigestError as error:
        raise StoryFailed(str(error)) from error
    say("Aylin approved it and pressed send")
    return digest


def _await_mailing(digest: Digest, supervisor: Supervisor) -> Mailing:
    """The workers do the rest; we only look."""
    end = time.monotonic() + SEND_SECONDS
    while time.monotonic() < end:
        bound = DigestMailing.objects.filter(digest=digest).select_related("mailing").first()
        if bound and bound.mailing.state in TERMINAL_MAILINGS:
            return bound.mailing
        supervisor.watch(0.2)
    raise StoryFailed(f"The mailing did not finish within {SEND_SECONDS:g} seconds; see var/demo/logs/.")


def _check_inbox(house: Stage, mailing: Mailing) -> None:
    """No reader has two, and what is missing is what nobody can know about."""
    copies, readers = visitor.count_copies(house.inbox_url, mailing.title)
    if copies != readers or not mailing.accepted <= copies <= mailing.accepted + mailing.held:
        raise StoryFailed(
            f"The inbox holds {copies} copies for {readers} readers; the ledger says {mailing.accepted}"
            f" and holds {mailing.held}."
        )
