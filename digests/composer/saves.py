"""The composer's form: read from a request, saved as one, and shown again where two people changed the same."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from digests import history, saving
from digests.composer.requests import fresh, log, number_in, seen_in, user_of
from digests.errors import EditClash, WentOn
from digests.forms import Clash, DigestForm, PickForm
from digests.merging import Sheet
from digests.models import Digest, DigestVersion, Pick
from digests.preflight import slot_name
from digests.states import PickLabel, is_further
from newsroom.articles.models import Article, Author, Picture
from newsroom.articles.states import Crop

PICTURES_SHOWN = 40
_PICK = re.compile(r"pick-(\d{1,9})-slot")


class NotFilledIn(Exception):
    """A field holds what cannot be saved."""


class NotChosen(NotFilledIn):
    """Two people changed the same, and nobody has said yet whose version stands."""


@dataclass(kw_only=True)
class PickPart:
    """A pick's part of the form, made when somebody looks at it: most pages never do, see `cards`.

    place: from 1, in its slot. data: what was sent of it, values: what its fields show instead of what is stored.
    """

    pick: Pick
    slot: str
    place: int
    slots: Sequence[dict[str, Any]]
    pictures: Sequence[tuple[int, str]]
    data: QueryDict | None = None
    values: Mapping[str, Any] | None = None
    clashes: Mapping[str, Clash] = field(default_factory=dict)

    @property
    def is_as_stored(self) -> bool:
        """Whether it shows nothing that somebody typed."""
        return self.data is None and self.values is None and not self.clashes

    @cached_property
    def form(self) -> PickForm:
        form = PickForm(
            self.data,
            pick=self.pick,
            slots=self.slots,
            place=self.place,
            pictures=self.pictures,
            values=self.values,
        )
        form.clashes = self.clashes
        return form


@dataclass(kw_only=True)
class Desk:
    """The form's parts: the digest's words, its picks, and picks that others took out while they were worked on."""

    form: DigestForm
    picks: list[PickPart]
    gone: list[PickForm]
    clashes: Mapping[str, Clash]

    def __post_init__(self) -> None:
        self.form.clashes = self.clashes
        for form in (*self.sent, *self.gone):
            form.clashes = self.clashes
        for part in self.picks:
            part.clashes = self.clashes

    @property
    def sent(self) -> list[PickForm]:
        """The forms of those picks that came with the request."""
        return [part.form for part in self.picks if part.data is not None]


def read(request: HttpRequest, digest: Digest, picks: Sequence[Pick]) -> Desk:
    """The form as it is sent, or as the digest stands. Queries: 1, and 3 more if picks are gone or fields clash."""
    data = request.POST if request.method == "POST" else None
    pictures = _pictures(picks)
    places: dict[str, int] = {}
    parts = []
    for pick in picks:
        places[pick.slot] = places.get(pick.slot, 0) + 1
        # A pick that somebody else put in meanwhile is not in the form: it stays as it is.
        is_sent = data is not None and f"pick-{pick.pk}-slot" in data
        parts.append(
            PickPart(
                pick=pick,
                slot=pick.slot,
                place=places[pick.slot],
                slots=digest.slots,
                pictures=pictures,
                data=data if is_sent else None,
            )
        )
    sent = {int(key) for name in data or () for key in _PICK.findall(name)}
    gone = [
        PickForm(data, pick=pick, slots=digest.slots, place=1, pictures=pictures)
        for pick in _gone(digest, sent - {pick.pk for pick in picks})
    ]
    form = DigestForm(data, instance=digest)
    desk = Desk(form=form, picks=parts, gone=gone, clashes={})
    clashes = _asked(request, digest, desk)
    return replace(desk, clashes=clashes) if clashes else desk


def save(request: HttpRequest, digest: Digest, desk: Desk, *, at: datetime, may_merge: bool) -> saving.Saved:
    """Save what was typed. Raises DigestError and NotFilledIn, having written nothing."""
    sent = [form for form in (*desk.sent, *desk.gone) if form.is_bound]
    seen = seen_in(request)
    # Each is looked at, so that each shows what is wrong with it.
    is_filled_in = all([desk.form.is_valid(), *(form.is_valid() for form in sent)])
    is_chosen = all(clash.choice for clash in desk.clashes.values())
    if not (is_filled_in and is_chosen) and is_further(digest.state, than=seen):
        # The answer is a page that shows how far it is: who mends the fields there saves knowingly, so it is said now.
        raise WentOn(state=digest.state)
    if not is_filled_in:
        raise NotFilledIn(_("Nothing is saved yet: look at the fields marked below."))
    if not is_chosen:
        raise NotChosen(_("Nothing is saved yet: choose whose version stands."))
    saved = saving.save(
        fresh(digest),
        expected_version=desk.form.cleaned_data["version"],
        words=desk.form.words,
        edits=_pressed(request, [_edit(form) for form in sent], {form.pick.pk: form.pick for form in sent}),
        taken=[name for name, clash in desk.clashes.items() if clash.choice == "theirs"],
        may_merge=may_merge,
        seen=seen,
        at=at,
        by=user_of(request),
    )
    if saved.has_changed:
        log(request, digest, _("Saved."))
    return saved


def clashed(digest: Digest, picks: Sequence[Pick], clash: EditClash) -> Desk:
    """The form again, from what came together: where it did not, with what was typed, and the other version beside it.

    Queries: 2, and 2 more if picks are gone.
    """
    sheet, pictures = clash.merge.sheet, _pictures(picks)
    places = {
        pick: (slot, number) for slot, order in sheet.slots.items() for number, pick in enumerate(order, 1)
    }
    rows = {pick.pk: pick for pick in picks}
    gone = {pick.pk: pick for pick in _gone(digest, sheet.picks.keys() - rows.keys())}
    parts: dict[int, PickPart] = {}
    for key, pick in {**rows, **gone}.items():
        is_in = key in sheet.picks
        slot, place = places[key] if is_in else (pick.slot, pick.position + 1)
        values = {**(sheet.picks[key] if is_in else {}), "slot": slot, "remove": not is_in}
        parts[key] = PickPart(
            pick=pick, slot=slot, place=place, slots=digest.slots, pictures=pictures, values=values
        )
    form = DigestForm(instance=digest, initial={**sheet.words, "version": clash.actual})
    in_order = sorted(parts.values(), key=lambda each: (each.slot, each.place))
    return Desk(
        form=form,
        picks=[each for each in in_order if each.pick.pk in rows],
        gone=[each.form for each in in_order if each.pick.pk in gone],
        clashes=_told(
            digest,
            clash.merge.clashes,
            mine=sheet,
            theirs=clash.theirs,
            versions=history.since(digest, clash.expected),
            titles={key: str(pick) for key, pick in {**rows, **gone}.items()},
        ),
    )


def _edit(form: PickForm) -> saving.PickEdit:
    typed = form.cleaned_data
    return saving.PickEdit(
        pick_id=form.pick.pk,
        slot=typed["slot"],
        place=typed["position"],
        own=form.own,
        is_removed=typed["remove"],
    )


def _pressed(
    request: HttpRequest, edits: list[saving.PickEdit], picks: Mapping[int, Pick]
) -> list[saving.PickEdit]:
    """What a button at a pick adds to what was typed: this one instead, let both stand, the article's words."""
    by_pick = {edit.pick_id: edit for edit in edits}
    for name, act in (
        ("instead", _instead),
        ("stand", _let_stand),
        ("original", _original),
        ("reset", _reset),
    ):
        typed, _sign, rest = request.POST.get(name, "").partition(":")
        if (number := number_in(typed)) in by_pick:
            act(by_pick, picks[number], rest)
    return list(by_pick.values())


def _instead(edits: dict[int, saving.PickEdit], pick: Pick, rest: str) -> None:
    other = edits.get(number_in(rest))
    if other is not None:
        edits[other.pick_id] = replace(other, is_removed=True)
        edits[pick.pk] = replace(edits[pick.pk], slot=other.slot, place=other.place)


def _let_stand(edits: dict[int, saving.PickEdit], pick: Pick, rest: str) -> None:
    stands = sorted({*pick.let_stand, rest[:40]})
    edits[pick.pk] = replace(edits[pick.pk], own={**edits[pick.pk].own, "let_stand": stands})


def _original(edits: dict[int, saving.PickEdit], pick: Pick, rest: str) -> None:
    own = {**edits[pick.pk].own, "original": history.original_of(pick.article)}
    if rest == "keep":
        for name, (before, _now) in history.changed_since(pick).items():
            own[name] = own.get(name) or before
    edits[pick.pk] = replace(edits[pick.pk], own=own)


def _reset(edits: dict[int, saving.PickEdit], pick: Pick, rest: str) -> None:
    """One field without words of its own, as a pick begins; or all of them, if none is named."""
    everything = (*history.OVERRIDES, "picture")
    names = everything if not rest else {rest}.intersection(everything)
    plain = {name: history.EMPTY[name] for name in names}
    edits[pick.pk] = replace(edits[pick.pk], own={**edits[pick.pk].own, **plain})


def _pictures(picks: Iterable[Pick]) -> list[tuple[int, str]]:
    """The newest pictures and those chosen already. Queries: 1."""
    chosen = {pick.picture_id for pick in picks if pick.picture_id}
    newest = Picture.objects.filter(withdrawn_at__isnull=True).order_by("-pk")[:PICTURES_SHOWN]
    rows = {picture.pk: picture for picture in newest}
    rows |= {pick.picture_id: pick.picture for pick in picks if pick.picture_id in chosen and pick.picture}
    return [(key, f"{str(picture)[:80]} ({key})") for key, picture in rows.items()]


def _gone(digest: Digest, keys: Iterable[int]) -> list[Pick]:
    """Picks that are not in the digest any more, as the history has them. Queries: 3, and none for no picks."""
    entries = history.entries(digest, set(keys))
    articles = Article.objects.with_byline().defer("body_html")
    found = {
        article.pk: article for article in articles.filter(pk__in=[each.article for each in entries.values()])
    }
    return [
        Pick(pk=key, digest=digest, article=found[entry.article], slot=digest.slots[0]["key"])
        for key, entry in entries.items()
        if entry.article in found and digest.slots
    ]


def _asked(request: HttpRequest, digest: Digest, desk: Desk) -> dict[str, Clash]:
    """The clashes that an earlier answer asked about, with what was chosen for each."""
    names = request.POST.getlist("clash") if request.method == "POST" else []
    version = history.version_of(digest, _number(request.POST.get("version"))) if names else None
    if version is None:
        return {}
    theirs = history.sheet_of(version)
    picks = [*(part.pick for part in desk.picks), *(form.pick for form in desk.gone)]
    titles = {pick.pk: str(pick) for pick in picks}
    mine = Sheet(
        words={name: desk.form[name].value() or "" for name in desk.form.Meta.fields},
        picks={
            form.pick.pk: {name: form[name].value() for name in form.OWN} for form in (*desk.sent, *desk.gone)
        },
        slots=theirs.slots,
    )
    known = [name for name in dict.fromkeys(names) if _is_known(name, mine)]
    told = _told(digest, known, mine=mine, theirs=theirs, versions=[version], titles=titles)
    return {
        name: replace(clash, choice=choice if choice in {"mine", "theirs"} else "")
        for name, clash in told.items()
        for choice in [request.POST.get(f"choice-{name}", "")]
    }


def _is_known(name: str, sheet: Sheet) -> bool:
    found = re.fullmatch(r"pick-(\d{1,9})-[a-z_]+", name)
    if found:
        return int(found[1]) in sheet.picks
    return name in sheet.words or name.removeprefix("slot-") in sheet.slots


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def _told(
    digest: Digest,
    names: Iterable[str],
    *,
    mine: Sheet,
    theirs: Sheet,
    versions: Sequence[DigestVersion],
    titles: Mapping[int, str],
) -> dict[str, Clash]:
    """Each clash in words."""
    told = {}
    for name in names:
        version = history.who_changed(name, versions) or versions[-1] if versions else None
        who = _name(version)
        told[name] = Clash(
            name=name,
            sentence=_sentence(name) % {"name": who},
            mine=_shown(digest, name, mine, titles),
            theirs=_shown(digest, name, theirs, titles),
            who=who,
            changed_at=version.made_at if version else None,
        )
    return told


def _name(version: DigestVersion | None) -> str:
    by = version.made_by if version else None
    return (by.get_full_name() or by.get_username()) if by else _("Somebody")


def _sentence(name: str) -> str:
    if name.endswith("-gone"):
        return _("%(name)s has taken this article out meanwhile. You have changed it.")
    if name.endswith("-remove"):
        return _("You are taking this article out. %(name)s has changed it meanwhile.")
    if name.startswith("slot-"):
        return _("%(name)s has ordered these articles anew meanwhile, too.")
    return _("%(name)s has changed this meanwhile, too.")


def _shown(digest: Digest, name: str, sheet: Sheet, titles: Mapping[int, str]) -> str:
    """A field's value as people read it."""
    value = sheet.value(name)
    part = name.rpartition("-")[2]
    if name.startswith("slot-"):
        return " · ".join(titles.get(int(pick), pick) for pick in value)
    if part in {"gone", "remove"}:
        return _("Out of the digest") if value else _("In the digest")
    if part == "slot":
        names = {slot["key"]: slot["title"] or slot_name(slot["key"]) for slot in digest.slots}
        return str(names.get(value, value))
    if part == "label":
        return str(dict(PickLabel.choices).get(value, "–"))
    if part == "crop":
        return str(dict(Crop.choices).get(value) or _("the whole picture"))
    if name == "note_author" and value:
        author = Author.objects.filter(pk=value).first() if str(value).isdecimal() else None
        return author.name if author else "–"
    if part == "picture":
        return _("Picture %(number)s") % {"number": value} if value else _("the article's")
    return str(value or _("(empty)"))
