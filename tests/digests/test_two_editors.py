"""Two people at one composer, and one person who looks twice: through the page, as a browser without a script would."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from digests import curation, doubles, history
from digests.models import Digest, DigestVersion, Pick
from digests.states import DigestState, PickLabel
from newsroom.articles.models import Article, Author, Picture
from newsroom.web import clock
from tests.digests.test_composer import act, filled_form, page_of, person
from tests.factories import (
    NOON,
    make_article,
    make_author,
    make_digest,
    make_newsletter,
    make_pick,
    make_plan,
    make_section,
    make_subscription,
)
from tests.newsroom.articles.factories import make_picture

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


@pytest.fixture
def digest() -> Digest:
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)
    make_subscription(newsletter=newsletter)
    digest = make_digest(newsletter=newsletter)
    make_pick(digest=digest, article=make_article(title="Die Fähre legt ab", kicker="Hafen"))
    for position, title in enumerate(["Der Kran dreht sich", "Die Schleuse schließt", "Das Rathaus tagt"]):
        make_pick(digest=digest, slot="briefs", position=position, article=make_article(title=title))
    return digest


@pytest.fixture
def jonas(db: None) -> Client:
    return person("jonas", "Redaktion")


@pytest.fixture
def petra(db: None) -> Client:
    return person("petra", "Redaktion")


def sent_by(page: str) -> dict[str, Any]:
    """What a browser would send of the digest's form on this page, if nobody touched it."""
    form = page[page.index('id="digest-form"') :].split("</form>")[0]
    data: dict[str, Any] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        fields = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        kind = fields.get("type", "text")
        is_sent = "checked" in tag if kind in {"radio", "checkbox"} else kind != "submit"
        if is_sent and "name" in fields:
            data.setdefault(fields["name"], []).append(
                unescape(fields.get("value", "on" if kind == "checkbox" else ""))
            )
    for name, text in re.findall(r'<textarea name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        data[name] = unescape(text)[1:]  # the line end that HTML eats
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        data[name] = chosen[1] if chosen else re.findall(r'value="([^"]*)"', options)[0]
    return data


def page(client: Client, digest: Digest) -> str:
    return client.get(page_of(digest)).content.decode()


def post(client: Client, digest: Digest, data: dict[str, Any], **changes: Any) -> str:
    return client.post(page_of(digest), data | changes, follow=True).content.decode()


def test_a_page_that_nobody_touched_saves_nothing(jonas: Client, digest: Digest) -> None:
    answer = post(jonas, digest, sent_by(page(jonas, digest)))

    assert "Nothing was changed." in answer
    assert not DigestVersion.objects.exists()


def test_edits_to_different_places_both_survive(jonas: Client, petra: Client, digest: Digest) -> None:
    first, second, _third = digest.picks.filter(slot="briefs")
    seen = sent_by(page(jonas, digest))
    post(petra, digest, seen, subject="Von Petra", **{f"pick-{first.pk}-title": "Petras Zeile"})

    answer = post(jonas, digest, seen, preheader="Von Jonas", **{f"pick-{second.pk}-alt": "Eine Schleuse"})

    digest.refresh_from_db()
    assert "together with what others changed" in answer
    assert (digest.subject, digest.preheader) == ("Von Petra", "Von Jonas")
    assert Pick.objects.get(pk=first.pk).title == "Petras Zeile"
    assert Pick.objects.get(pk=second.pk).alt == "Eine Schleuse"


def test_a_clash_shows_both_wordings_and_is_settled_by_a_choice(
    jonas: Client, petra: Client, digest: Digest
) -> None:
    pick = digest.picks.get(slot="lead")
    name = f"pick-{pick.pk}-teaser"
    seen = sent_by(page(jonas, digest))
    post(petra, digest, seen, subject="Petras Betreff", **{name: "Petras Worte"})

    asked = post(jonas, digest, seen, note="Von Jonas", **{name: "Jonas' Worte"})
    data = sent_by(asked)

    assert "petra has changed this meanwhile, too." in asked
    assert data["clash"] == [name]
    assert data[name] == "Jonas' Worte"  # what was typed is kept
    assert data["subject"] == ["Petras Betreff"]  # what came together is shown
    pick.refresh_from_db()
    assert pick.teaser == "Petras Worte"

    assert "choose whose version stands" in post(jonas, digest, data)
    pick.refresh_from_db()
    assert pick.teaser == "Petras Worte"

    post(jonas, digest, data, **{f"choice-{name}": "mine"})
    pick.refresh_from_db()
    digest.refresh_from_db()
    assert (pick.teaser, digest.subject, digest.note) == ("Jonas' Worte", "Petras Betreff", "Von Jonas")


def test_the_others_version_can_be_chosen_with_one_press(
    jonas: Client, petra: Client, digest: Digest
) -> None:
    seen = sent_by(page(jonas, digest))
    post(petra, digest, seen, subject="Von Petra")
    data = sent_by(post(jonas, digest, seen, subject="Von Jonas", note="Von Jonas"))

    post(jonas, digest, data, **{"choice-subject": "theirs"})

    digest.refresh_from_db()
    assert (digest.subject, digest.note) == ("Von Petra", "Von Jonas")


def test_an_order_that_both_changed_is_asked_with_both_orders(
    jonas: Client, petra: Client, digest: Digest
) -> None:
    first, second, third = digest.picks.filter(slot="briefs")
    seen = sent_by(page(jonas, digest))

    def ordered(*picks: Pick) -> dict[str, int]:
        return {f"pick-{pick.pk}-position": place for place, pick in enumerate(picks, 1)}

    post(petra, digest, seen, **ordered(third, first, second))
    asked = post(jonas, digest, seen, **ordered(first, third, second))

    assert "Das Rathaus tagt · Der Kran dreht sich · Die Schleuse schließt" in asked
    assert "Der Kran dreht sich · Das Rathaus tagt · Die Schleuse schließt" in asked
    post(jonas, digest, sent_by(asked), **{"choice-slot-briefs": "mine"})
    assert list(digest.picks.filter(slot="briefs")) == [first, third, second]


def test_a_pick_that_another_took_out_keeps_what_was_typed_and_can_come_back(
    jonas: Client, petra: Client, digest: Digest
) -> None:
    pick = digest.picks.filter(slot="briefs")[0]
    seen = sent_by(page(jonas, digest))
    post(petra, digest, seen, **{f"pick-{pick.pk}-remove": "on"})

    asked = post(jonas, digest, seen, **{f"pick-{pick.pk}-title": "Jonas' Zeile"})

    assert "petra has taken this article out meanwhile" in asked
    data = sent_by(asked)
    assert data[f"pick-{pick.pk}-title"] == ["Jonas' Zeile"]
    post(jonas, digest, data, **{f"choice-pick-{pick.pk}-gone": "mine"})
    assert Pick.objects.get(pk=pick.pk).title == "Jonas' Zeile"


def test_or_it_stays_out(jonas: Client, petra: Client, digest: Digest) -> None:
    pick = digest.picks.filter(slot="briefs")[0]
    seen = sent_by(page(jonas, digest))
    post(petra, digest, seen, **{f"pick-{pick.pk}-remove": "on"})
    data = sent_by(post(jonas, digest, seen, **{f"pick-{pick.pk}-title": "Jonas' Zeile"}))

    post(jonas, digest, data, **{f"choice-pick-{pick.pk}-gone": "theirs"})

    assert not Pick.objects.filter(pk=pick.pk).exists()


def test_taking_out_what_another_changed_is_asked(jonas: Client, petra: Client, digest: Digest) -> None:
    pick = digest.picks.filter(slot="briefs")[0]
    seen = sent_by(page(jonas, digest))
    post(petra, digest, seen, **{f"pick-{pick.pk}-title": "Petras Zeile"})

    asked = post(jonas, digest, seen, **{f"pick-{pick.pk}-remove": "on"})

    assert "petra has changed it meanwhile" in asked
    data = sent_by(asked)
    assert f"pick-{pick.pk}-remove" in data
    post(jonas, digest, data, **{f"choice-pick-{pick.pk}-remove": "theirs"})
    assert Pick.objects.get(pk=pick.pk).title == "Petras Zeile"


def test_a_script_learns_the_new_version_or_is_sent_to_the_page(
    jonas: Client, petra: Client, digest: Digest
) -> None:
    seen = filled_form(digest)
    saved = jonas.post(page_of(digest), seen | {"subject": "Von Jonas"}, headers=JSON)
    late = petra.post(page_of(digest), seen | {"note": "Von Petra"}, headers=JSON)
    wrong = jonas.post(page_of(digest), seen | {"version": "x"}, headers=JSON)

    assert (saved.status_code, saved.json()["saved"], saved.json()["version"]) == (200, True, 2)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", saved.json()["at"])
    assert (late.status_code, late.json()["saved"]) == (409, False)
    assert "both come together" in late.json()["message"]
    assert (wrong.status_code, wrong.json()["saved"]) == (400, False)
    digest.refresh_from_db()
    assert digest.note == ""


def test_fields_that_a_form_does_not_send_stay(jonas: Client, digest: Digest) -> None:
    pick = digest.picks.get(slot="lead")
    curation.change_pick(pick, expected_version=1, at=NOON, alt="Eine Fähre", link_label="Zum Fahrplan")

    jonas.post(page_of(digest), filled_form(digest, subject="Neu"))

    pick.refresh_from_db()
    assert (pick.alt, pick.link_label) == ("Eine Fähre", "Zum Fahrplan")


def test_each_override_is_kept_and_an_emptied_one_is_the_articles_again(
    jonas: Client, digest: Digest
) -> None:
    pick = digest.picks.get(slot="lead")
    words = {
        "kicker": "Ufer",
        "title": "Neu",
        "teaser": "Neu.",
        "alt": "Neu",
        "link_label": "Neu",
        "crop": "top",
    }
    before = page(jonas, digest)
    answer = post(
        jonas, digest, sent_by(before), **{f"pick-{pick.pk}-{name}": text for name, text in words.items()}
    )

    pick.refresh_from_db()
    assert {name: getattr(pick, name) for name in words} == words
    assert 'placeholder="Hafen"' in answer
    assert answer.count('desk-own" hidden') == before.count('desk-own" hidden') - 1

    emptied = {f"pick-{pick.pk}-{name}": "" for name in words}
    post(jonas, digest, sent_by(answer), **emptied)
    pick.refresh_from_db()
    assert {getattr(pick, name) for name in words} == {""}


def test_a_button_beside_a_field_gives_the_articles_own_back(jonas: Client, digest: Digest) -> None:
    pick = digest.picks.get(slot="lead")
    picture = Picture.objects.create(sha256="b" * 64, file="pictures/kran.jpg", width=40, height=30)
    Pick.objects.filter(pk=pick.pk).update(title="Neu", teaser="Neu.", picture=picture)

    for name in ("title", "picture", "slot", "nothing"):
        post(jonas, digest, sent_by(page(jonas, digest)), reset=f"{pick.pk}:{name}")

    pick.refresh_from_db()
    assert (pick.title, pick.teaser, pick.picture, pick.slot) == ("", "Neu.", None, "lead")


def test_a_length_is_told_with_what_reads_well(jonas: Client, digest: Digest) -> None:
    Digest.objects.filter(pk=digest.pk).update(subject="Die Fähre", preheader="")
    shown = page(jonas, digest)

    assert "9 characters, 40 to 50 read well" in shown
    assert "0 characters, 40 to 90 read well" in shown
    assert "17 characters, up to 60 read well" in shown
    assert "characters, 120 to 200 read well" in shown


def test_a_changed_original_is_shown_and_taken_over_or_kept(jonas: Client, digest: Digest) -> None:
    pick = digest.picks.get(slot="lead")
    Pick.objects.filter(pk=pick.pk).update(original=history.original_of(pick.article))
    assert "The original was changed" not in page(jonas, digest)
    Article.objects.filter(pk=pick.article_id).update(title="Die Fähre legt wieder ab")

    shown = page(jonas, digest)
    assert "The original was changed" in shown
    assert re.search(r"<ins>.*?wieder", shown)

    post(jonas, digest, sent_by(shown), original=f"{pick.pk}:keep", note="Getippt")
    pick.refresh_from_db()
    digest.refresh_from_db()
    assert (pick.title, pick.original["title"]) == ("Die Fähre legt ab", "Die Fähre legt wieder ab")
    assert digest.note == "Getippt"  # the button saves what was typed, too
    assert "The original was changed" not in page(jonas, digest)

    Article.objects.filter(pk=pick.article_id).update(kicker="Ufer")
    post(jonas, digest, sent_by(page(jonas, digest)), original=f"{pick.pk}:take")
    pick.refresh_from_db()
    assert (pick.kicker, pick.original["kicker"]) == ("", "Ufer")


def test_a_double_is_replaced_or_let_stand(jonas: Client, digest: Digest) -> None:
    lead, brief = digest.picks.get(slot="lead"), digest.picks.filter(slot="briefs")[0]
    url = "https://quelle.example.org/kran"
    Article.objects.filter(pk__in=[lead.article_id, brief.article_id]).update(canonical_url=url)
    shown = page(jonas, digest)
    assert "The same address as “Die Fähre legt ab”." in unescape(shown)

    post(jonas, digest, sent_by(shown), stand=f"{brief.pk}:url:{lead.pk}")
    brief.refresh_from_db()
    assert brief.let_stand == [f"url:{lead.pk}"]
    shown = page(jonas, digest)
    assert 'class="desk-double"' not in shown

    post(jonas, digest, sent_by(shown), instead=f"{brief.pk}:{lead.pk}")
    brief.refresh_from_db()
    assert brief.slot == "lead"
    assert not Pick.objects.filter(pk=lead.pk).exists()


def test_what_is_all_of_one_section_is_exchanged_or_let_stand(jonas: Client, digest: Digest) -> None:
    """The hint names the others and leads to the last story, which leads on to the candidates."""
    section = make_section(name_de="Stadt")
    Article.objects.update(section=section)
    *others, last = doubles.as_read(digest, list(digest.picks.all()))
    named = doubles.listed(others)

    shown = unescape(page(jonas, digest))

    assert f"From one section with all others, Stadt: {named}." in shown
    hint = f"“{last}” is from one section with all others, Stadt: {named}."
    assert f'<a href="#pick-{last.pk}">{hint}</a>' in shown
    assert (
        f'<a class="desk-quiet" href="#candidates" aria-label="Replace “{last}”: to the candidates">' in shown
    )
    assert 'id="candidates"' in shown
    post(jonas, digest, sent_by(shown), stand=f"{last.pk}:section:{section.pk}")
    assert 'class="desk-double"' not in page(jonas, digest)


def test_a_repeat_says_what_it_is(jonas: Client, digest: Digest) -> None:
    former = make_digest(
        newsletter=digest.newsletter, state=DigestState.HANDED_OVER, handed_over_at=clock.now()
    )
    pick = digest.picks.get(slot="lead")
    make_pick(digest=former, article=pick.article)
    assert "Say whether it is a repeat or an update." in page(jonas, digest)

    post(jonas, digest, filled_form(digest), **{f"pick-{pick.pk}-label": "update"})

    pick.refresh_from_db()
    assert pick.label == PickLabel.UPDATE
    assert "repeat or an update. Stands." in page(jonas, digest)


def test_a_slot_says_in_words_what_it_wants(jonas: Client, digest: Digest) -> None:
    digest.picks.filter(slot="lead").update(slot="more")
    assert "1 more article for “Lead”" in page(jonas, digest)

    for position in range(4):
        make_pick(digest=digest, slot="briefs", position=position)
    assert "2 too many" in page(jonas, digest)


def test_the_history_names_who_and_what_and_goes_back(jonas: Client, petra: Client, digest: Digest) -> None:
    pick = digest.picks.filter(slot="briefs")[0]
    post(petra, digest, sent_by(page(petra, digest)), subject="Die Fähre fährt")
    post(jonas, digest, sent_by(page(jonas, digest)), **{f"pick-{pick.pk}-remove": "on"})
    url = reverse("admin:digests_digest_versions", args=[digest.pk])

    shown = jonas.get(url).content.decode()
    assert "From version 2 to 3" in shown
    assert "Der Kran dreht sich" in shown
    between = jonas.get(url, {"from": 1, "to": 2}).content.decode()
    assert re.search(r"<del>.*?wieder", between)

    restore = reverse("admin:digests_digest_restore", args=[digest.pk])
    jonas.post(restore, {"number": 1, "version": 3})

    digest.refresh_from_db()
    assert (digest.subject, digest.version, digest.picks.count()) == ("Die Fähre fährt wieder", 4, 4)
    assert "Restored version 1." in LogEntry.objects.latest("pk").change_message
    assert LogEntry.objects.filter(object_id=str(digest.pk)).count() == 3


def test_going_back_from_a_version_that_is_old_is_refused(jonas: Client, digest: Digest) -> None:
    curation.edit_digest(digest, expected_version=1, at=NOON, subject="Neu")
    restore = reverse("admin:digests_digest_restore", args=[digest.pk])

    answer = jonas.post(restore, {"number": 1, "version": 1}, follow=True).content.decode()

    digest.refresh_from_db()
    assert (digest.subject, digest.version) == ("Neu", 2)
    assert "Somebody else has changed this digest" in answer


def test_going_back_takes_a_proof_back(jonas: Client, digest: Digest) -> None:
    curation.edit_digest(digest, expected_version=1, at=NOON, subject="Neu")
    act(jonas, digest, "propose")

    seen = {"number": 1, "version": 2, "state": "proofed"}
    jonas.post(reverse("admin:digests_digest_restore", args=[digest.pk]), seen)

    digest.refresh_from_db()
    assert (digest.state, digest.subject) == (DigestState.DRAFT, "Die Fähre fährt wieder")


def test_who_only_reads_sees_the_history_and_cannot_go_back(digest: Digest) -> None:
    reader = person("lea", "Lesend")
    curation.edit_digest(digest, expected_version=1, at=NOON, subject="Neu")

    shown = reader.get(reverse("admin:digests_digest_versions", args=[digest.pk]))
    refused = reader.post(
        reverse("admin:digests_digest_restore", args=[digest.pk]), {"number": 1, "version": 2}
    )

    assert shown.status_code == 200
    assert "Restore version" not in shown.content.decode()
    assert refused.status_code == 403


@pytest.mark.parametrize("junk", ["x", "-1", "²", "9" * 20, "1:2:3", ":", ""])
def test_junk_at_the_buttons_is_never_a_fault_of_ours(junk: str, jonas: Client, digest: Digest) -> None:
    for name in ("instead", "stand", "original", "clash", "choice-subject"):
        assert jonas.post(page_of(digest), filled_form(digest, **{name: junk})).status_code in {200, 302}
    pick = digest.picks.get(slot="lead")
    junk_pick = {"instead": f"{pick.pk}:{junk}", "clash": f"pick-{pick.pk}-{junk}"}
    assert jonas.post(page_of(digest), filled_form(digest, **junk_pick)).status_code in {200, 302}
    url = reverse("admin:digests_digest_versions", args=[digest.pk])
    assert jonas.get(url, {"from": junk, "to": junk}).status_code == 200


def test_who_signs_the_note_is_chosen_from_those_the_newsroom_has_introduced(
    jonas: Client, digest: Digest
) -> None:
    ada, _fed = make_author(name="Ada Beispiel", role_de="Redakteurin"), make_author(name="Aus einem Feed")
    bo = make_author(name="Bo Muster", portrait=make_picture())

    post(jonas, digest, sent_by(page(jonas, digest)), note="Guten Morgen", note_author=str(ada.pk))
    Author.objects.filter(pk=ada.pk).update(role_de="")
    shown = page(jonas, digest)

    digest.refresh_from_db()
    assert digest.note_author == ada
    options = re.search(r'<select name="note_author".*?</select>', shown, re.S)
    assert options
    assert re.findall(r">([^<>]+)</option>", options[0]) == ["–", "Ada Beispiel", "Bo Muster"]
    assert f'<option value="{ada.pk}" selected>' in options[0]
    assert "Select a valid choice" in post(jonas, digest, sent_by(shown), note_author=str(_fed.pk))
    assert "Saved." in post(jonas, digest, sent_by(shown), note_author=str(bo.pk))
    assert "Saved." in post(jonas, digest, sent_by(page(jonas, digest)), note_author="")
    digest.refresh_from_db()
    assert digest.note_author is None


def test_two_who_let_different_people_sign_are_asked_by_name(
    jonas: Client, petra: Client, digest: Digest
) -> None:
    ada, bo = (make_author(name=name, role_de="Redaktion") for name in ("Ada Beispiel", "Bo Muster"))
    seen = sent_by(page(jonas, digest))
    post(petra, digest, seen, note_author=str(ada.pk))

    asked = post(jonas, digest, seen, note_author=str(bo.pk), note="Von Jonas")
    data = sent_by(asked)

    clash = re.search(r'<fieldset class="desk-clash">.*?</fieldset>', asked, re.S)
    assert clash
    assert re.findall(r'class="desk-wording">([^<]*)<', clash[0]) == ["Bo Muster", "Ada Beispiel"]
    assert (data["clash"], data["note_author"]) == (["note_author"], str(bo.pk))
    digest.refresh_from_db()
    assert digest.note_author == ada

    post(jonas, digest, data, **{"choice-note_author": "theirs"})
    digest.refresh_from_db()
    assert (digest.note_author, digest.note) == (ada, "Von Jonas")


def test_the_history_names_who_signed_also_when_the_author_is_gone(jonas: Client, digest: Digest) -> None:
    ada, bo = (make_author(name=name, role_de="Redaktion") for name in ("Ada Beispiel", "Bo Muster"))
    for author in (ada, bo):
        post(jonas, digest, sent_by(page(jonas, digest)), note_author=str(author.pk))
    ada.delete()
    url = reverse("admin:digests_digest_versions", args=[digest.pk])

    shown = jonas.get(url, {"from": 2, "to": 3}).content.decode()

    assert "Note signed by" in shown
    removed, added = ("".join(re.findall(rf"<{tag}>(.*?)</{tag}>", shown)) for tag in ("del", "ins"))
    assert ("Ada" in removed, "Bo" in added) == (True, True)
