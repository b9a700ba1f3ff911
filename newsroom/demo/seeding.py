"""Fills an empty database with the seed newsroom: its sections, authors, sender, newsletters, staff, articles, readers."""

import datetime as dt
import itertools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User

from digests import curation, planning
from digests.models import Digest, Plan, SlotRule
from newsroom.articles import intake, pages, pictures
from newsroom.articles.models import Article, Author, Picture, Section
from newsroom.articles.states import FeedRights, Review
from newsroom.articles.text import slugify_german
from newsroom.demo.stage import PASSWORD
from subscriptions import transfer
from subscriptions.models import Newsletter, Sender
from subscriptions.publishing import first_list_id
from subscriptions.states import Cadence, NewsletterState

LEAD = "faehre-legt-wieder-ab"
"""The day's story: the newest on the front page, and first in the digest."""
CUT_OFF = dt.timedelta(hours=3)
"""The demo's digest takes what came before this; what came after waits for the next one."""
ARTICLES_APART = dt.timedelta(minutes=31)


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """The seed files, read."""

    directory: Path
    newsroom: dict[str, Any]

    @classmethod
    def read(cls, directory: Path) -> "Seeds":
        return cls(
            directory=directory, newsroom=tomllib.loads((directory / "newsroom.toml").read_text("utf-8"))
        )

    def newsletter(self, language: str) -> dict[str, Any]:
        return next(entry for entry in self.newsroom["newsletters"] if entry["language"] == language)


def furnish(seeds: Seeds, *, at: dt.datetime) -> None:
    """Sections, authors, sender, newsletters with their plans, and staff."""
    data = seeds.newsroom
    for position, section in enumerate(data["sections"]):
        Section.objects.create(**section, position=position)
    for author in data["authors"]:
        _author(author, seeds.directory / "pictures")
    sender_values = dict(data["sender"])
    sender = Sender.objects.create(
        imprint_url=sender_values.pop("imprint_path"),
        privacy_url=sender_values.pop("privacy_path"),
        **sender_values,
    )
    for position, entry in enumerate(data["newsletters"]):
        _newsletter(entry, sender=sender, position=position, at=at)
    for person in data["staff"]:
        _staff(person)


def bring_articles(seeds: Seeds, *, at: dt.datetime) -> int:
    """The newsroom's own articles before the cut-off, those of three feeds after it; returns how many."""
    own = [
        *sorted(seeds.directory.glob("pages/*.txt")),
        *sorted(seeds.directory.glob("articles/*/*.md"), key=lambda path: (path.stem == LEAD, path)),
    ]
    fed = sorted(seeds.directory.glob("feeds/*"))
    taken = _take_in(own, until=at - CUT_OFF, apart=ARTICLES_APART)
    taken += _take_in(fed, until=at, apart=CUT_OFF / 16, rights=FeedRights.TEASER)
    intake.relate(taken)
    # Staff has looked at what readers sent in; Petra Lohmühle telephones when something is unclear.
    Article.objects.filter(review=Review.UNREVIEWED).update(review=Review.REVIEWED)
    drawn = seeds.newsroom["pictures"]
    Picture.objects.update(credit=drawn["credit_de"], digital_source=drawn["digital_source_type"])
    return len(taken)


def _take_in(
    sources: list[Path], *, until: dt.datetime, apart: dt.timedelta, rights: str = ""
) -> list[tuple[Article, tuple[str, ...]]]:
    drafts = [draft for source in sources for draft in pages.drafts(str(source))]
    taken = []
    for number, draft in enumerate(drafts):
        article, _ = intake.take_in(draft, at=until - apart * (len(drafts) - number), rights=rights)
        taken.append((article, draft.related))
    return taken


def enrol_readers(seeds: Seeds, number: int, *, at: dt.datetime) -> None:
    """So many confirmed readers of the German newsletter, through the import that newsrooms use."""
    names = seeds.newsroom["readers"]
    people = itertools.islice(itertools.product(names["given"], names["family"]), number)
    lines = ["email,confirmed_at"]
    for count, (given, family) in enumerate(people):
        lines.append(f"{given}.{family}@example.org,{(at - dt.timedelta(days=3 + count)).isoformat()}")
    transfer.import_subscribers(
        "\n".join(lines),
        newsletter=Newsletter.objects.get(slug=seeds.newsletter("de")["slug"]),
        basis="Double opt-in in the newsroom's former system.",
        actor="demo",
        at=at,
    )


def put_first(digest: Digest, slug: str) -> None:
    """Make this article the lead, as an editor would; what led before is taken out."""
    article = Article.objects.get(slug=slug)
    for former in digest.picks.filter(slot="lead").exclude(article=article):
        curation.remove_pick(former, expected_version=digest.version, at=digest.created_at)
        digest.refresh_from_db()
    pick = digest.picks.filter(article=article).first()
    if pick is None:
        curation.add_pick(
            digest, article, slot="lead", expected_version=digest.version, by=None, at=digest.created_at
        )
    else:
        curation.move_pick(pick, slot="lead", expected_version=digest.version, at=digest.created_at)
    digest.refresh_from_db()


def _author(entry: dict[str, Any], drawings: Path) -> None:
    values = dict(entry)
    name, alt = values.pop("portrait", ""), values.pop("portrait_alt", "")
    portrait = pictures.keep((drawings / name).read_bytes(), alt=alt) if name else None
    Author.objects.create(**values, slug=slugify_german(entry["name"]), portrait=portrait)


def _newsletter(entry: dict[str, Any], *, sender: Sender, position: int, at: dt.datetime) -> None:
    values = dict(entry)
    plans = {Cadence.EACH: values.pop("plan"), Cadence.WEEKLY: values.pop("weekly", None)}
    newsletter = Newsletter.objects.create(
        sender=sender,
        state=NewsletterState.ACTIVE,
        position=position,
        list_id=first_list_id(values["list_id_label"], sender),
        **values,
    )
    for cadence, plan in plans.items():
        if plan:
            _plan(newsletter, cadence, plan, at=at)
    planning.tell_newsletter(newsletter, at=at)


def _plan(newsletter: Newsletter, cadence: Cadence, values: dict[str, Any], *, at: dt.datetime) -> None:
    plan = Plan.objects.create(
        newsletter=newsletter,
        cadence=cadence,
        weekdays=",".join(values["weekdays"]),
        time=dt.time.fromisoformat(values["time"]),
        zone=values["zone"],
        autopilot=values["autopilot"],
        needs_four_eyes=values["four_eyes"],
        minimum_new=values["minimum_new"],
        first_window_from=at - dt.timedelta(days=1),
        # Due times before the demo began are nobody's business.
        last_due_at=at,
    )
    for place, slot in enumerate(values["slots"]):
        SlotRule.objects.create(
            plan=plan,
            key=slot["key"],
            title=slot["title"],
            minimum=slot["min"],
            maximum=slot["max"],
            position=place,
        )


def _staff(person: dict[str, Any]) -> None:
    first_name, _, last_name = person["name"].partition(" ")
    make = User.objects.create_superuser if person["superuser"] else User.objects.create_user
    user = make(
        person["username"],
        person["email"],
        PASSWORD,
        first_name=first_name,
        last_name=last_name,
        is_staff=True,
    )
    user.groups.set(Group.objects.filter(name__in=person["groups"]))
