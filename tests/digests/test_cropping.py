"""The crop of a pick's picture goes the way of every override: typed, merged, kept, frozen; the story stays as it is."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from PIL import Image

from digests import curation, history, preflight, saving, workflow
from digests.errors import NotReady, StaleProof
from digests.models import Digest, DigestVersion, Pick
from digests.rendering import render
from digests.states import DigestState
from newsroom.articles import cuts
from newsroom.articles.models import Article, Picture
from newsroom.articles.states import Crop
from tests.digests.factories import (
    HOUR,
    MONDAY_SIX,
    build_best_of,
    make_ready,
    make_sent,
    make_user,
    make_weekly,
)
from tests.digests.test_composer import page_of, person
from tests.digests.test_two_editors import page, post, sent_by
from tests.factories import NOON, make_article
from tests.newsroom.articles.factories import make_picture, make_picture_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def digest() -> Digest:
    """Its lead has a picture, 400 by 900."""
    digest = make_ready(stories=2)
    picture = make_picture(size=(400, 900))
    Article.objects.filter(picks__digest=digest, picks__slot="lead").update(picture=picture)
    return digest


@pytest.fixture
def jonas(db: None) -> Client:
    return person("jonas", "Redaktion")


@pytest.fixture
def petra(db: None) -> Client:
    return person("petra", "Redaktion")


def lead(digest: Digest) -> Pick:
    return digest.picks.select_related("article__picture").get(slot="lead")


def picture_of(digest: Digest) -> Picture:
    picture = lead(digest).article.picture
    assert picture is not None
    return picture


def fresh(digest: Digest) -> Digest:
    return Digest.objects.get(pk=digest.pk)


def crop(digest: Digest, chosen: str) -> None:
    curation.change_pick(
        lead(digest), expected_version=fresh(digest).version, at=NOON, by=make_user(), crop=chosen
    )


def shown(html: str) -> str:
    """The picture's tag."""
    found = re.search(r"<img [^>]*/media/[^>]*>", html)
    assert found is not None
    return found[0]


def test_without_a_crop_the_picture_is_whole_and_with_one_it_is_cut_in_mail_and_archive(
    digest: Digest,
) -> None:
    whole = render(digest)
    crop(digest, Crop.TOP)

    cut = render(fresh(digest))

    picture = picture_of(digest)
    assert f'src="{settings.SITE_URL}{picture.file.url}"' in shown(whole.html)
    assert 'width="552" height="1242"' in shown(whole.html)
    assert f'src="{settings.SITE_URL}{cuts.url(picture, Crop.TOP)}"' in shown(cut.html)
    assert f'src="{cuts.url(picture, Crop.TOP)}"' in shown(cut.web_html)
    for html in (cut.html, cut.web_html):
        assert 'width="552" height="310"' in shown(html)
    assert "object-" not in cut.html  # Outlook for Windows knows none of it
    assert render(fresh(digest)) == cut


def test_the_desk_crops_without_touching_the_story_and_sees_a_dot(jonas: Client, digest: Digest) -> None:
    before = page(jonas, digest)
    name = f"pick-{lead(digest).pk}-crop"
    article = Article.objects.values().get(pk=lead(digest).article_id)
    picture = Picture.objects.values().get(pk=picture_of(digest).pk)

    answer = post(jonas, digest, sent_by(before), **{name: "left"})

    assert lead(digest).crop == Crop.LEFT
    assert answer.count('desk-own" hidden') == before.count('desk-own" hidden') - 1
    field = re.compile(rf'<div class="desk-field( is-own)?"><label for="id_{name}">')
    assert [field.search(html)[1] for html in (before, answer)] == [None, " is-own"]  # type: ignore[index]
    assert re.search(
        rf'name="{name}" aria-label="Crop of [^"]+" aria-describedby="id_{name}_helptext"', answer
    )
    assert f'id="id_{name}_helptext"' in answer
    assert Article.objects.values().get(pk=lead(digest).article_id) == article
    assert Picture.objects.values().get(pk=picture["id"]) == picture

    post(jonas, digest, sent_by(answer), **{name: ""})
    assert lead(digest).crop == ""


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((400, 900), "taller than that: top, middle or bottom stays"),
        ((900, 300), "wider than that: left, middle or right stays"),
        ((1200, 675), "is 16:9 already; no crop takes anything off"),
        ((1200, 680), "is 16:9 already; no crop takes anything off"),
    ],
)
def test_the_desk_is_told_which_crops_make_a_difference(
    size: tuple[int, int], said: str, jonas: Client, digest: Digest
) -> None:
    digest.picks.filter(slot="lead").update(picture=make_picture(size=size))

    found = re.findall(r'-crop_helptext">([^<]*)<', page(jonas, digest))

    assert len(found) == 1  # the other story has no picture
    assert said in found[0]


def test_what_is_no_crop_is_refused_beside_the_field(jonas: Client, digest: Digest) -> None:
    name = f"pick-{lead(digest).pk}-crop"

    answer = post(jonas, digest, sent_by(page(jonas, digest)), **{name: "../../etc"})

    assert "look at the fields marked below" in answer
    assert lead(digest).crop == ""


def test_one_press_gives_everything_back_to_the_article(jonas: Client, digest: Digest) -> None:
    pick = lead(digest)
    way_back = re.compile(
        rf'<p class="desk-double-acts desk-all-back"( hidden)?><button[^>]* value="{pick.pk}"'
    )
    assert way_back.search(page(jonas, digest))[1]  # type: ignore[index]
    other = make_picture()
    changed = {"kicker": "Ufer", "title": "Neu", "teaser": "Neu.", "alt": "Neu", "link_label": "Neu"}
    post(
        jonas,
        digest,
        sent_by(page(jonas, digest)),
        **{f"pick-{pick.pk}-{name}": text for name, text in changed.items()},
        **{f"pick-{pick.pk}-crop": "top", f"pick-{pick.pk}-picture": other.pk},
    )
    seen = page(jonas, digest)
    assert not way_back.search(seen)[1]  # type: ignore[index]

    post(jonas, digest, sent_by(seen), reset=str(pick.pk), subject="Mit gespeichert")

    assert {name: getattr(lead(digest), name) for name in (*changed, "crop")} == dict.fromkeys(
        (*changed, "crop"), ""
    )
    assert lead(digest).picture is None
    assert fresh(digest).subject == "Mit gespeichert"
    assert lead(digest).slot == "lead"


def test_a_crop_and_the_words_of_another_come_together(jonas: Client, petra: Client, digest: Digest) -> None:
    name = f"pick-{lead(digest).pk}"
    seen = sent_by(page(jonas, digest))
    post(petra, digest, seen, **{f"{name}-crop": "bottom"})

    answer = post(jonas, digest, seen, **{f"{name}-alt": "Der Steg"})

    assert "together with what others changed" in answer
    assert (lead(digest).crop, lead(digest).alt) == (Crop.BOTTOM, "Der Steg")


def test_two_crops_of_one_picture_are_asked_in_words(jonas: Client, petra: Client, digest: Digest) -> None:
    name = f"pick-{lead(digest).pk}-crop"
    seen = sent_by(post(jonas, digest, sent_by(page(jonas, digest)), **{name: "left"}))
    post(petra, digest, seen, **{name: ""})

    asked = post(jonas, digest, seen, **{name: "top"})

    assert "petra has changed this meanwhile, too." in asked
    assert re.findall(r'desk-wording">([^<]*)<', asked) == ["top", "the whole picture"]
    assert lead(digest).crop == ""
    post(jonas, digest, sent_by(asked), **{f"choice-{name}": "mine"})
    assert lead(digest).crop == Crop.TOP


def edit(pick: Pick, **own: Any) -> saving.PickEdit:
    return saving.PickEdit(pick_id=pick.pk, slot=pick.slot, place=pick.position + 1, own=own)


def test_a_page_from_before_there_were_crops_neither_clashes_nor_uncrops(digest: Digest) -> None:
    sheet = history.sheet(digest, digest.picks.all())
    before = {
        str(pick): {name: value for name, value in own.items() if name != "crop"}
        for pick, own in sheet.picks.items()
    }
    content = {"words": sheet.words, "picks": before, "slots": sheet.slots, "entries": {}}
    DigestVersion.objects.create(digest=digest, number=1, content=content, made_at=NOON)
    crop(digest, Crop.TOP)
    pick = lead(digest)

    saving.save(
        fresh(digest),
        expected_version=1,
        words={},
        edits=[edit(pick, **(dict.fromkeys(history.OVERRIDES, "") | {"title": "Meine Zeile"}))],
        at=NOON,
    )

    assert (lead(digest).crop, lead(digest).title) == (Crop.TOP, "Meine Zeile")


def test_the_history_tells_of_a_crop_and_brings_it_back(jonas: Client, digest: Digest) -> None:
    crop(digest, Crop.TOP)
    crop(digest, "")
    address = reverse("admin:digests_digest_versions", args=[digest.pk])

    told = jonas.get(f"{address}?from=1&to=2").content.decode()
    saving.restore(
        fresh(digest), digest.versions.get(number=2), expected_version=fresh(digest).version, at=NOON
    )

    assert "Crop added: top" in " ".join(re.sub(r"<[^>]+>", " ", told).split())
    assert lead(digest).crop == Crop.TOP


def test_a_crop_after_the_proof_makes_it_stale_and_another_hash(digest: Digest) -> None:
    proof = workflow.propose(digest, by=make_user(), at=NOON)

    crop(digest, Crop.TOP)

    assert fresh(digest).state == DigestState.DRAFT
    with pytest.raises(StaleProof):
        workflow.approve(proof, by=make_user(), at=NOON)
    again = workflow.propose(fresh(digest), by=make_user(), at=NOON)
    assert again.content_hash != proof.content_hash


def test_the_preview_is_the_mail_and_the_proof_has_the_piece_made(jonas: Client, digest: Digest) -> None:
    crop(digest, Crop.BOTTOM)
    preview = jonas.get(reverse("admin:digests_digest_preview", args=[digest.pk])).content.decode()
    picture = picture_of(digest)

    proof = workflow.propose(fresh(digest), by=make_user(), at=NOON)

    mail = proof.renditions.get().rendition.html
    assert shown(preview) == shown(mail)
    assert cuts.url(picture, Crop.BOTTOM) in shown(mail)
    Path(picture.file.path).unlink()  # from now on nobody can cut it any more
    answer = jonas.get(cuts.url(picture, Crop.BOTTOM))
    assert Image.open(io.BytesIO(b"".join(answer))).size == (400, 225)


def test_a_picture_that_cannot_be_cut_is_no_error_page_but_a_sentence(jonas: Client, digest: Digest) -> None:
    crop(digest, Crop.TOP)
    Path(picture_of(digest).file.path).write_bytes(make_picture_bytes()[:100])

    answer = jonas.get(page_of(digest))

    assert answer.status_code == 200
    assert "cannot be cut: its file is damaged or missing" in answer.content.decode()
    with pytest.raises(NotReady):
        workflow.propose(fresh(digest), by=make_user(), at=NOON)
    crop(digest, "")
    workflow.propose(fresh(digest), by=make_user(), at=NOON)


def test_what_a_mail_weighs_is_the_piece_it_shows(digest: Digest) -> None:
    Path(picture_of(digest).file.path).write_bytes(make_picture_bytes() + b"\0" * 100_001)
    found = [finding.rule for finding in preflight.check(digest, at=NOON)]
    crop(digest, Crop.TOP)

    assert "heavy_picture" in found
    assert "heavy_picture" not in [finding.rule for finding in preflight.check(fresh(digest), at=NOON)]


def test_the_best_of_the_week_takes_the_crop_along() -> None:
    plan = make_weekly()
    article = make_article(picture=make_picture(), first_seen_at=MONDAY_SIX - HOUR)
    digest = make_sent(plan.newsletter, at=MONDAY_SIX, articles=[article])
    digest.picks.update(crop=Crop.RIGHT)

    assert build_best_of(plan).picks.get().crop == Crop.RIGHT
