"""Each rule of the preflight with a digest that breaks it and one that just keeps it, and what the list as a whole promises."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from digests import preflight
from digests.models import Digest, LinkCheck, Pick
from digests.rendering import Rendered, render
from digests.states import DigestState, LinkState, PickLabel
from digests.stories import picks_of
from newsroom.articles.models import Article, Cluster, Picture
from newsroom.articles.states import DigitalSource, Origin, Review
from newsroom.mail import wire
from subscriptions.models import Newsletter, Sender
from subscriptions.states import NewsletterState
from tests.digests.factories import DAY, HOUR, make_handed_over, make_ready
from tests.factories import NOON, make_article, make_author, make_pick, make_section
from tests.newsroom.articles.factories import make_feed, make_picture, make_picture_bytes

pytestmark = pytest.mark.django_db

TEASER = "Nach der Pause setzt sie wieder über, jede halbe Stunde."
"""What `make_article` says."""
ELSEWHERE = "https://www.uferblick.de/faehre"
Change = Callable[[Digest], object]


@dataclass(frozen=True)
class Pair:
    """broken: makes a good digest break the rule; kept: comes as near as it may without breaking it."""

    broken: Change
    kept: Change


def articles(**values: object) -> Change:
    return lambda digest: Article.objects.update(**values)


def words(**values: object) -> Change:
    return lambda digest: Digest.objects.filter(pk=digest.pk).update(**values)


def newsletter(**values: object) -> Change:
    return lambda digest: Newsletter.objects.filter(pk=digest.newsletter_id).update(**values)


def picks(**values: object) -> Change:
    return lambda digest: digest.picks.update(**values)


def fill(slot: str, number: int, **values: Any) -> Change:
    return lambda digest: [
        make_pick(digest=digest, article=make_article(**values), slot=slot, position=9) for _ in range(number)
    ]


def picture(name: str = "faehre.jpg", content: bytes = b"", **values: Any) -> Change:
    """The lead has a picture."""

    def change(digest: Digest) -> None:
        path = default_storage.save(f"pictures/{name}", ContentFile(content or make_picture_bytes()))
        made = {"alt": "Die Fähre am Steg", "credit": "Foto: Thea Brandwald", "sha256": path} | values
        row = Picture.objects.create(file=path, width=40, height=30, **made)
        digest.picks.filter(slot="lead").update(picture=row)

    return change


def portrait(name: str = "jonas.jpg", content: bytes = b"", **values: Any) -> Change:
    """The note is signed by somebody with a portrait."""

    def change(digest: Digest) -> None:
        author = make_author(portrait=make_picture(name, content, **values))
        words(note="Guten Morgen.", note_author=author)(digest)

    return change


def noise(number: int) -> bytes:
    """A picture file of at least so many bytes: what follows the end of a JPEG is ignored."""
    return make_picture_bytes() + b"\0" * number


def section(number: int) -> Change:
    def change(digest: Digest) -> None:
        sections = [make_section() for _ in range(number)]
        for position, pick in enumerate(digest.picks.all()):
            Article.objects.filter(pk=pick.article_id).update(section=sections[position % number])

    return change


def one_author(stories: int) -> Change:
    def change(digest: Digest) -> None:
        author = make_author()
        for pick in digest.picks.all()[:stories]:
            pick.article.bylines.create(author=author, position=0)

    return change


def sent_before(*, ago: dt.timedelta, label: str = "") -> Change:
    """The lead was in a digest of the same newsletter."""

    def change(digest: Digest) -> None:
        earlier = make_handed_over(digest.newsletter, at=NOON)
        Digest.objects.filter(pk=earlier.pk).update(handed_over_at=NOON - ago)
        lead = digest.picks.get(slot="lead")
        earlier.picks.update(article=lead.article)
        Pick.objects.filter(pk=lead.pk).update(label=label)

    return change


def event_before(*, is_let: bool = False) -> Change:
    """A digest that went out told of the lead's event by another article."""

    def change(digest: Digest) -> None:
        event = Cluster.objects.create(made_at=NOON)
        earlier = make_handed_over(digest.newsletter, at=NOON)
        lead = digest.picks.get(slot="lead")
        Article.objects.filter(picks__in=[lead, *earlier.picks.all()]).update(cluster=event)
        let_stand = [f"event:{earlier.pk}"] if is_let else []
        Pick.objects.filter(pk=lead.pk).update(let_stand=let_stand)

    return change


def last_headline(subject: str) -> Change:
    return lambda digest: Digest.objects.filter(
        pk=make_handed_over(digest.newsletter, subject="Die Brücke ist gesperrt").pk
    ).update(subject=subject)


def link(state: LinkState) -> Change:
    def change(digest: Digest) -> None:
        Article.objects.filter(picks__digest=digest, picks__slot="lead").update(canonical_url=ELSEWHERE)
        LinkCheck.objects.create(url=ELSEWHERE, state=state, answer="it answers 404", looked_at=NOON)

    return change


def link_in_note(state: LinkState) -> Change:
    def change(digest: Digest) -> None:
        Digest.objects.filter(pk=digest.pk).update(note=f"Guten Morgen. [Karte]({ELSEWHERE}?a=1&b=2)")
        LinkCheck.objects.create(
            url=f"{ELSEWHERE}?a=1&b=2", state=state, answer="it answers 404", looked_at=NOON
        )

    return change


def went_out(digest: Digest) -> None:
    """A digest went out within its window, as the last thing in it."""
    earlier = make_handed_over(digest.newsletter, at=NOON)
    Digest.objects.filter(pk=earlier.pk).update(handed_over_at=digest.window_end - dt.timedelta(seconds=1))


def went_out_too_late(digest: Digest) -> None:
    earlier = make_handed_over(digest.newsletter, at=NOON)
    Digest.objects.filter(pk=earlier.pk).update(handed_over_at=digest.window_end)


def both(*changes: Change) -> Change:
    return lambda digest: [change(digest) for change in changes]


def fed_picture(credit: str = "", **feed: Any) -> Change:
    """The lead is a feed's article and has the picture that came with it."""

    def change(digest: Digest) -> None:
        picture(credit=credit)(digest)
        for lead in digest.picks.filter(slot="lead"):
            Article.objects.filter(pk=lead.article_id).update(picture=lead.picture, feed=make_feed(**feed))
        digest.picks.update(picture=None)

    return change


def nothing(digest: Digest) -> None:
    """The digest as it is keeps the rule."""


MACHINE = DigitalSource.AI
PAIRS = {
    "slot_underfull": Pair(lambda digest: digest.picks.filter(slot="lead").delete(), nothing),
    "slot_overfull": Pair(fill("lead", 1), fill("briefs", 3)),
    "nothing_picked": Pair(lambda digest: digest.picks.all().delete(), nothing),
    "empty_week": Pair(
        both(words(cadence="weekly"), went_out_too_late), both(words(cadence="weekly"), went_out)
    ),
    "one_section": Pair(section(1), section(2)),
    "third_by_author": Pair(one_author(3), one_author(2)),
    "no_subject": Pair(words(subject=" "), words(subject="Fähre")),
    "long_subject": Pair(words(subject="F" * 61), words(subject="F" * 60)),
    "faked_reply": Pair(words(subject="AW: Die Fähre"), words(subject="Awacs: Die Fähre")),
    "same_headline": Pair(last_headline("Die Fähre fährt wieder!"), last_headline("Die Fähre fährt nicht")),
    "no_preheader": Pair(words(preheader=""), nothing),
    "preheader_repeats": Pair(
        words(preheader="die Fähre  fährt wieder …"), words(preheader="Die Fähre ist da")
    ),
    "no_note": Pair(nothing, words(note="Guten Morgen.")),
    "dead_link_in_note": Pair(link_in_note(LinkState.DEAD), link_in_note(LinkState.DOUBTFUL)),
    "withdrawn": Pair(articles(withdrawn_at=NOON), nothing),
    "embargoed": Pair(
        both(articles(embargo_until=NOON + HOUR), words(wanted_at=NOON)),
        both(articles(embargo_until=NOON + HOUR), words(wanted_at=NOON + HOUR)),
    ),
    "embargo_ahead": Pair(articles(embargo_until=NOON + HOUR), articles(embargo_until=NOON)),
    "unreviewed": Pair(
        # As an article is that nobody said anything of.
        articles(origin=Origin.USER_SUBMISSION, review=Review.NOT_NEEDED),
        articles(origin=Origin.USER_SUBMISSION, review=Review.REVIEWED),
    ),
    "rights_notice": Pair(
        articles(rights_notice="Hafenlabor: Das Foto ist unseres."), articles(rights_notice="")
    ),
    "other_language": Pair(articles(language="en"), articles(language="de-AT")),
    "repeated": Pair(sent_before(ago=29 * DAY), sent_before(ago=30 * DAY)),
    "event_sent": Pair(event_before(), event_before(is_let=True)),
    "dead_link": Pair(link(LinkState.DEAD), link(LinkState.DOUBTFUL)),
    "doubtful_link": Pair(link(LinkState.DOUBTFUL), link(LinkState.FINE)),
    "unchecked_link": Pair(articles(canonical_url=ELSEWHERE), link(LinkState.FINE)),
    "no_teaser": Pair(articles(teaser=""), both(articles(teaser=""), picks(teaser="Sie legt ab."))),
    "original_changed": Pair(
        picks(original={"title": "Die Fähre fährt wieder bald"}),
        picks(title="Sie fährt!", original={"teaser": TEASER}),
    ),
    "no_alt": Pair(picture(alt=""), both(picture(alt=""), picks(alt="Die Fähre am Steg"))),
    "no_credit": Pair(fed_picture(picture_credit=" "), fed_picture(picture_credit="Foto: Hafenlabor")),
    "unlabelled_machine_picture": Pair(
        picture(credit="Uferblick, KI-generiert"),
        picture(credit="Uferblick, KI-generiert", digital_source=MACHINE),
    ),
    "unmailable_picture": Pair(
        picture(name="faehre.webp", content=make_picture_bytes("WEBP")), picture(name="faehre.PNG")
    ),
    "uncuttable_picture": Pair(
        both(picture(content=make_picture_bytes()[:100]), picks(crop="top")),
        both(picture(), picks(crop="top")),
    ),
    "heavy_picture": Pair(picture(content=noise(100_001)), picture(content=noise(90_000))),
    "portrait_no_alt": Pair(portrait(alt=" "), both(portrait(alt=""), words(note=""))),
    "portrait_no_credit": Pair(portrait(credit=" "), portrait(credit="", digital_source=MACHINE)),
    "portrait_unlabelled": Pair(
        portrait(credit="Uferblick, KI-generiert"),
        portrait(credit="Uferblick, KI-generiert", digital_source=MACHINE),
    ),
    "portrait_unmailable": Pair(
        portrait("jonas.webp", make_picture_bytes("WEBP")), portrait("jonas.webp", withdrawn_at=NOON)
    ),
    "portrait_heavy": Pair(portrait(content=noise(100_001)), portrait(content=noise(90_000))),
    "too_large": Pair(nothing, nothing),  # by the size of the mail: below
    "large": Pair(nothing, nothing),
    "newsletter_at_rest": Pair(
        newsletter(state=NewsletterState.PAUSED),
        newsletter(state=NewsletterState.ACTIVE, takes_sign_ups=False),
    ),
    "no_legal_block": Pair(lambda digest: Sender.objects.update(imprint_url=""), nothing),
    "no_way_out": Pair(nothing, nothing),
    "reading_time": Pair(words(note="Wort " * 2_400), words(note="Wort " * 1_500)),
}
BY_MAIL = {"too_large": (100_001, 100_000), "large": (90_001, 90_000)}
"""Rules that look at the rendered mail: bytes that break them, bytes that just keep them."""


def mail(size: int = 10_000, *, text: str = wire.slot("leave_url")) -> Rendered:
    return Rendered(
        subject="s",
        preheader="p",
        html=text.ljust(size, "x") if size else text,
        text=text,
        web_html="",
        language="de",
    )


def sized(size: int) -> Rendered:
    """A mail of exactly so many bytes with the longest links filled in."""
    over = mail(size).html_bytes - size
    return mail(size - over)


def told(digest: Digest, rendered: Rendered | None = None) -> dict[str, preflight.Finding]:
    found = preflight.check(Digest.objects.get(pk=digest.pk), at=NOON, rendered=rendered)
    return {finding.rule: finding for finding in found}


@pytest.mark.parametrize("code", [code for code in preflight.RULES if code not in {*BY_MAIL, "no_way_out"}])
def test_a_rule_speaks_when_it_is_broken_and_only_then(code: str) -> None:
    broken, kept = make_ready(stories=3), make_ready(stories=3)

    # The changes reach all articles, so the one that keeps the rule is judged first.
    PAIRS[code].kept(kept)
    of_kept = told(kept)
    LinkCheck.objects.all().delete()
    PAIRS[code].broken(broken)
    of_broken = told(broken)

    assert code not in of_kept
    assert of_broken[code].blocks is preflight.RULES[code].blocks
    assert of_broken[code].message


def test_every_rule_has_its_pair_and_every_pair_its_rule() -> None:
    assert set(PAIRS) == set(preflight.RULES)


def test_these_rules_block_and_the_others_advise() -> None:
    assert {code for code, rule in preflight.RULES.items() if rule.blocks} == {
        "slot_underfull", "slot_overfull", "nothing_picked", "empty_week", "no_subject", "faked_reply", "dead_link_in_note",
        "withdrawn", "embargoed", "unreviewed", "rights_notice", "other_language", "repeated", "dead_link", "no_alt", "no_credit",
        "unlabelled_machine_picture", "uncuttable_picture", "portrait_no_alt", "portrait_no_credit", "portrait_unlabelled", "too_large",
        "newsletter_at_rest", "no_legal_block", "no_way_out",
    }  # fmt: skip


@pytest.mark.parametrize("code", BY_MAIL)
def test_a_mail_that_gmail_would_cut_is_told(code: str) -> None:
    digest = make_ready()
    broken, kept = BY_MAIL[code]

    assert code in told(digest, sized(broken))
    assert code not in told(digest, sized(kept))
    assert sized(broken).html_bytes == broken


def test_a_mail_without_a_link_to_leave_is_blocked_in_either_part() -> None:
    digest = make_ready()

    assert "no_way_out" in told(digest, mail(text="Guten Morgen"))
    assert "no_way_out" not in told(digest, mail())
    assert "no_way_out" not in told(digest, render(digest))


def test_a_good_digest_has_nothing_that_blocks() -> None:
    assert not [finding for finding in preflight.check(make_ready(stories=3), at=NOON) if finding.blocks]


def test_what_blocks_comes_first() -> None:
    digest = make_ready(stories=3, preheader="", subject="")

    found = [finding.blocks for finding in preflight.check(digest, at=NOON)]

    assert found == sorted(found, reverse=True)
    assert set(found) == {True, False}


@pytest.mark.parametrize(
    ("state", "times", "told_as"),
    [
        (DigestState.DRAFT, {"due_at": NOON + 2 * HOUR}, ""),
        (DigestState.DRAFT, {"due_at": NOON + HOUR / 2}, "embargo_ahead"),
        (DigestState.DRAFT, {"due_at": NOON - DAY}, "embargo_ahead"),
        (DigestState.APPROVED, {"due_at": NOON + HOUR / 2}, "embargo_ahead"),
        (DigestState.SCHEDULED, {"due_at": NOON + 2 * HOUR, "scheduled_at": NOON + HOUR / 2}, "embargoed"),
        (DigestState.SCHEDULED, {"due_at": NOON - HOUR, "scheduled_at": NOON + HOUR}, ""),
        # A story was exchanged: with its approval the digest is back at the time it had.
        (DigestState.PROOFED, {"due_at": NOON + 2 * HOUR, "wanted_at": NOON + HOUR / 2}, "embargoed"),
        (DigestState.PROOFED, {"due_at": NOON - HOUR, "wanted_at": NOON + HOUR}, ""),
    ],
)
def test_an_embargo_counts_at_the_time_when_readers_get_it(
    state: str, times: dict[str, dt.datetime], told_as: str
) -> None:
    digest = make_ready()
    Article.objects.update(embargo_until=NOON + HOUR)
    words(state=state, **times)(digest)

    assert {"embargoed", "embargo_ahead"} & set(told(digest)) == ({told_as} if told_as else set())


def test_the_desk_learns_from_when_on_an_embargoed_story_may_go_by_its_own_clock() -> None:
    digest = make_ready()
    articles(embargo_until=NOON + HOUR)(digest)

    # One o'clock in the afternoon in UTC is three in Berlin's summer.
    assert "15:00" in told(digest)["embargo_ahead"].message


@pytest.mark.parametrize("label", PickLabel)
def test_a_repeat_that_says_so_may_go(label: str) -> None:
    digest = make_ready(stories=3)
    sent_before(ago=DAY, label=label)(digest)

    assert "repeated" not in told(digest)


def test_what_another_newsletter_sent_is_no_repeat() -> None:
    digest, other = make_ready(), make_handed_over()
    other.picks.update(article=digest.picks.get().article)

    assert "repeated" not in told(digest)


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        (picture(credit=" "), True),
        (picture(credit="", digital_source=MACHINE), False),
        (fed_picture(), True),
        (fed_picture(credit="Foto: Thea Brandwald"), False),
        (both(fed_picture(), articles(picture_is_illustration=True)), False),
        # What the desk itself puts over a feed's article is not the feed's.
        (both(fed_picture(picture_credit="Foto: Hafenlabor"), picture(credit="")), True),
    ],
)
def test_a_picture_without_a_maker_blocks_wherever_it_came_from(change: Change, is_told: bool) -> None:
    digest = make_ready()
    change(digest)

    assert ("no_credit" in told(digest)) is is_told


def test_the_way_out_for_a_feeds_picture_names_the_feed() -> None:
    digest = make_ready()
    fed_picture(title="Hafenlabor")(digest)

    assert "the feed Hafenlabor" in told(digest)["no_credit"].message


def test_what_changed_since_it_was_picked_is_named_and_own_words_are_asked_about() -> None:
    digest = make_ready()
    picks(original={"title": "Bald fährt sie", "teaser": "Alt."})(digest)
    assert "(headline, teaser)" in told(digest)["original_changed"].message

    picks(title="Sie fährt!")(digest)

    assert "your own words" in told(digest)["original_changed"].message


def test_a_picture_counts_only_where_the_mail_shows_it() -> None:
    digest = make_ready()
    picture(alt="", credit="")(digest)
    picks(slot="briefs")(digest)

    assert not {"no_alt", "no_credit"} & told(digest).keys()


def test_each_finding_jumps_to_something_on_the_composers_page() -> None:
    digest = make_ready(stories=3)
    for code, pair in PAIRS.items():
        if code not in {"nothing_picked", "slot_underfull", "repeated", "event_sent", "same_headline"}:
            LinkCheck.objects.all().delete()
            pair.broken(digest)
    found = preflight.check(Digest.objects.get(pk=digest.pk), at=NOON, rendered=sized(100_001))
    # What some of them break hides others, so the places of those are named here.
    targets = {finding.target for finding in found} | {"candidates", "slot-lead", "id_preheader", "id_note"}
    browser = Client()
    browser.force_login(User.objects.create_superuser("rui"), "django.contrib.auth.backends.ModelBackend")

    page = browser.get(f"/admin/digests/digest/{digest.pk}/change/").content.decode()

    assert targets <= set(re.findall(r'\sid="([^"]+)"', page))
    assert {"words", "preview", "id_subject"} <= targets


def test_stories_whose_links_nobody_looked_at_are_named_once() -> None:
    digest = make_ready()
    articles(canonical_url=ELSEWHERE, title="Die Fähre")(digest)

    said = told(digest)["unchecked_link"].message

    assert said == "These links are not checked yet: “Die Fähre”. That takes a few minutes."


def test_a_link_of_the_note_that_nobody_looked_at_is_told_and_our_own_page_is_not() -> None:
    digest = make_ready()
    assert "unchecked_link" not in told(digest)

    words(note=f"[Karte]({ELSEWHERE})")(digest)

    finding = told(digest)["unchecked_link"]
    assert (finding.target, finding.blocks) == ("id_note", False)
    assert ELSEWHERE in finding.message
    LinkCheck.objects.create(url=ELSEWHERE, state=LinkState.FINE, looked_at=NOON)
    assert "unchecked_link" not in told(digest)


def test_what_the_desk_let_stand_among_others_is_hinted_no_more() -> None:
    """As at the pick itself: the hint names what was let stand, and the next one is told again."""
    digest = make_ready(stories=3)
    section(1)(digest)
    one_author(3)(digest)
    last = digest.picks.get(position=1)
    assert {"one_section", "third_by_author"} <= told(digest).keys()

    kept = [f"section:{last.article.section_id}", f"author:{last.article.bylines.get().author_id}"]
    Pick.objects.filter(pk=last.pk).update(let_stand=kept)

    assert not {"one_section", "third_by_author"} & told(digest).keys()
    fill("more", 1, section=last.article.section, authors=(last.article.bylines.get().author,))(digest)
    assert {"one_section", "third_by_author"} <= told(digest).keys()


@pytest.mark.parametrize("state", LinkState)
def test_the_page_says_when_links_were_checked(state: str) -> None:
    digest = make_ready()
    assert preflight.check(digest, at=NOON).links_checked_at is None

    link(LinkState(state))(digest)

    assert preflight.check(digest, at=NOON).links_checked_at == NOON


def test_queries_do_not_grow_with_the_digest() -> None:
    digest = make_ready(stories=3)
    rendered = render(digest)
    counts = []
    for more in (1, 20):
        fill("more", more, canonical_url=ELSEWHERE)(digest)
        for pick in digest.picks.all():
            pick.article.bylines.create(author=make_author(), position=0)
        fresh = Digest.objects.select_related("newsletter__sender").get(pk=digest.pk)
        with CaptureQueriesContext(connection) as queries:
            preflight.check(fresh, at=NOON, rendered=rendered)
        counts.append(len(queries))

    # Picks, their bylines, the authors; link checks; repeats, the last headline.
    assert counts == [6, 6]


def test_a_glance_finds_what_needs_no_mail_in_a_fixed_number_of_queries() -> None:
    made = make_ready(stories=3, subject="")
    portrait(alt="")(made)
    digest = Digest.objects.with_frame().get(pk=made.pk)
    read = picks_of(digest)

    with CaptureQueriesContext(connection) as queries:
        found = preflight.glance([digest], picks={digest.pk: read}, at=NOON)

    # Looks at links, what was sent lately.
    assert len(queries) <= 2
    assert {"no_subject", "portrait_no_alt"} <= {finding.rule for finding in found[digest.pk]}
