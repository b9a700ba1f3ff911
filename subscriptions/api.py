"""The readers' part of the API: the catalogue, signing up by the same rules as every form, and a reader's settings."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from ninja.decorators import decorate_view
from ninja.security import HttpBearer
from pydantic import Field

from newsroom.mail.addresses import mask
from newsroom.mail.errors import BadAddress
from newsroom.web.api import WITHOUT_CONTROLS, Moment, Problem, ProblemBody, Sent, Slug
from newsroom.web.clock import now, reckoned
from newsroom.web.errors import BadToken
from newsroom.web.proxies import client_address
from subscriptions import consent, signing_up
from subscriptions.errors import CadenceRefused, LinkOutdated, Misspelt, NothingToPause, NoWeekly
from subscriptions.forms import language_code
from subscriptions.models import Newsletter, Subscriber, Subscription
from subscriptions.states import Cadence, NewsletterState, SubscriptionState
from subscriptions.views.private import keep_private, settings_of
from subscriptions.wording import BOX, Shown, shown_at_sign_up, wording

router = Router(tags=["readers"])

Language = Literal["de", "en"]


class NewsletterOut(Schema):
    """A newsletter that takes sign-ups."""

    slug: str
    name: str
    language: str
    promise: str
    cadence: str = Field(description="When it comes, in words for readers.")
    has_weekly: bool = Field(description="Readers may choose its weekly best-of instead of each digest.")
    theme: str
    url: str
    wording: str = Field(description="What a reader agrees to; show it where she signs up.")
    wording_version: str


class SignUpIn(Sent):
    """A wish to read newsletters."""

    address: Annotated[str, Field(max_length=320, pattern=WITHOUT_CONTROLS)] = Field(
        description="One e-mail address, as it was typed."
    )
    newsletters: list[Slug] = Field(min_length=1, max_length=50, description="Slugs of the catalogue.")
    cadences: dict[Slug, Annotated[str, Field(max_length=20, pattern=WITHOUT_CONTROLS)]] = Field(
        default_factory=dict,
        max_length=50,
        description="How often, by slug: `each`, or `weekly` where `has_weekly` says so; without it `each`.",
    )
    language: Language | None = Field(None, description="Of our letters; without it the first newsletter's.")
    wording_version: Annotated[str, Field(max_length=20, pattern=WITHOUT_CONTROLS)] = Field(
        BOX,
        description="Which wording the reader saw; it is kept with her consent, in the language of the catalogue.",
    )
    insist: bool = Field(
        False, description="The address is meant as it is written, though it looks like a slip."
    )


class Taken(Schema):
    """The answer to every sign-up, whatever we know of the address."""

    detail: str


class SettingOut(Schema):
    """A newsletter, and how a reader stands to it. state: none, pending, active, unsubscribed or lapsed."""

    slug: str
    name: str
    state: str
    cadence: str | None = Field(description="`each` or `weekly`; null for what she never asked for.")
    has_weekly: bool = Field(description="Its weekly best-of may be chosen.")
    paused_until: datetime | None


class PreferencesOut(Schema):
    """A reader's settings. address: shortened."""

    address: str
    language: str
    newsletters: list[SettingOut]


class SettingIn(Sent):
    """What is to become of one newsletter; what is left out stays."""

    on: bool | None = Field(None, description="Off ends it at once; on asks for a confirmation by letter.")
    cadence: Annotated[str, Field(max_length=20, pattern=WITHOUT_CONTROLS)] | None = Field(
        None,
        description="Of one that is active and stays on: `each`, or `weekly` where `has_weekly` says so.",
    )
    paused_until: Moment | None = Field(
        None,
        description="Of one that is active and stays on: within a year; of any, null to let it go on at once.",
    )


class PreferencesIn(Sent):
    """Settings to change; what is left out stays."""

    language: Language | None = Field(None, description="Of our letters.")
    newsletters: dict[Slug, SettingIn] = Field(default_factory=dict, description="Settings by slug.")
    wording_version: Annotated[str, Field(max_length=20, pattern=WITHOUT_CONTROLS)] = Field(
        BOX,
        description="Which wording the reader saw of what she switches on; it is kept with her consent, in the language of the catalogue.",
    )


class ReaderToken(HttpBearer):
    """The token of a settings link, as it stands in a reader's mails: `/preferences/<token>/`."""

    def authenticate(self, request: HttpRequest, token: str) -> Subscriber | None:
        """The token's reader; nobody if it went to an address she has left. One query."""
        try:
            row = settings_of(token)
        except (BadToken, LinkOutdated):
            return None
        return row.subscriber if row is not None else None


def _private(run: Any) -> Any:
    """No cache keeps what a reader's token opened."""

    def wrapped(request: HttpRequest, *args: Any, **keywords: Any) -> HttpResponse:
        response: HttpResponse = run(request, *args, **keywords)
        keep_private(response)
        return response

    return wrapped


@router.get("/newsletters", response=list[NewsletterOut], operation_id="list_newsletters")
def newsletters(request: HttpRequest) -> list[dict[str, Any]]:
    """The newsletters that take sign-ups, in the catalogue's order."""
    return [_catalogued(each) for each in Newsletter.objects.offered()]


def _catalogued(newsletter: Newsletter) -> dict[str, Any]:
    agreed = wording(BOX, _given_out_in(newsletter), name=newsletter.name)
    return {
        "slug": newsletter.slug,
        "name": newsletter.name,
        "language": newsletter.language,
        "promise": newsletter.promise,
        "cadence": newsletter.cadence_text,
        "has_weekly": newsletter.has_weekly,
        "theme": newsletter.theme,
        "url": newsletter.get_absolute_url(),
        "wording": agreed.text,
        "wording_version": agreed.version,
    }


def _given_out_in(newsletter: Newsletter) -> str:
    """The language in which the catalogue says what a reader agrees to, whatever that of her letters will be."""
    return language_code(newsletter.language)


def _shown(newsletters: Iterable[Newsletter], version: str) -> dict[int, Shown]:
    """The words of this version that a reader saw of each, by id."""
    version = shown_at_sign_up(version, otherwise=BOX)
    return {each.pk: Shown(version=version, language=_given_out_in(each)) for each in newsletters}


@router.post(
    "/subscriptions",
    response={202: Taken, 400: ProblemBody, 415: ProblemBody, 422: ProblemBody},
    operation_id="sign_up",
)
def sign_up(request: HttpRequest, sent: SignUpIn) -> Status[dict[str, str]]:
    """Take a sign-up: a letter asks the reader to confirm it, and nothing happens before she has.

    The answer is the same for every address. One network may send forty an hour, so send from the reader's browser:
    pages on the sites that `RETURN_SITES` names may do so, and may read the catalogue. A `suggestion` in a problem is
    what the address may be meant to be: ask, then send it or `insist`.
    """
    known = {each.slug: each for each in Newsletter.objects.offered().select_related("sender")}
    picks = [known[slug] for slug in dict.fromkeys(sent.newsletters) if slug in known]
    if any(slug not in known for slug in sent.newsletters):
        sentence = _("This newsletter takes no sign-ups now. Please choose another, or try later.")
        raise Problem(422, sentence, fields=["newsletters"])
    try:
        weekly = signing_up.weekly_among(picks, sent.cadences)
    except CadenceRefused as error:
        raise Problem(422, str(error), fields=[f"cadences.{error.slug}"]) from error
    wish = signing_up.SignUp(
        typed_address=sent.address,
        newsletters=picks,
        language=sent.language or language_code(picks[0].language),
        place="/api/v1/subscriptions",
        network_address=client_address(request),
        shown=_shown(picks, sent.wording_version),
        insists=sent.insist,
        weekly=weekly,
    )
    try:
        signing_up.take(wish, at=reckoned())
    except BadAddress as error:
        raise Problem(422, str(error), fields=["address"]) from error
    except Misspelt as slip:
        # Translators: Meinten Sie %(meant)s?
        sentence = _("Did you mean %(meant)s?") % {"meant": slip.meant}
        raise Problem(422, sentence, fields=["address"], suggestion=slip.meant) from slip
    # Translators: Wenn alles stimmt, ist eine E-Mail mit der Bitte um Bestätigung unterwegs.
    return Status(202, {"detail": _("If all is right, a letter that asks for confirmation is on its way.")})


@router.get(
    "/preferences",
    auth=ReaderToken(),
    response={200: PreferencesOut, 401: ProblemBody},
    operation_id="read_preferences",
)
@decorate_view(_private)
def read_preferences(request: HttpRequest) -> dict[str, Any]:
    """A reader's settings, by the token of her settings link."""
    return _preferences(_reader(request), at=now())


@router.patch(
    "/preferences",
    auth=ReaderToken(),
    response={
        200: PreferencesOut,
        400: ProblemBody,
        401: ProblemBody,
        409: ProblemBody,
        415: ProblemBody,
        422: ProblemBody,
    },
    operation_id="change_preferences",
)
@decorate_view(_private)
def change_preferences(request: HttpRequest, sent: PreferencesIn) -> dict[str, Any]:
    """Change a reader's settings; what is left out stays. All of it is done, or nothing.

    409 says that a subscription ended at this moment: read the settings again.
    """
    reader, at = _reader(request), now()
    offered = {newsletter.slug: (newsletter, row) for newsletter, row in _offered(reader)}
    if unknown := [slug for slug in sent.newsletters if slug not in offered]:
        sentence = _("This newsletter takes no sign-ups now. Please choose another, or try later.")
        raise Problem(422, sentence, fields=[f"newsletters.{slug}" for slug in unknown])
    named = {offered[slug][0].pk: setting for slug, setting in sent.newsletters.items()}
    touched = [offered[slug] for slug in sent.newsletters]
    wanted = {
        newsletter.pk
        for newsletter, row in touched
        if (named[newsletter.pk].on if named[newsletter.pk].on is not None else _is_on(row))
    }
    cadences, pauses = _cadences(touched, sent.newsletters), _pauses(touched, sent.newsletters)
    try:
        consent.change_settings(
            reader,
            newsletters=[newsletter for newsletter, _row in touched],
            wanted=wanted,
            pauses=pauses,
            cadences=cadences,
            language=sent.language or reader.language,
            how="/api/v1/preferences",
            shown=_shown((newsletter for newsletter, _row in touched), sent.wording_version),
            network_address=client_address(request),
            at=at,
        )
    except ValueError as error:
        # Translators: Eine Pause endet in der Zukunft und innerhalb eines Jahres.
        raise Problem(422, _("A pause ends after now and within a year."), fields=["newsletters"]) from error
    except NothingToPause as error:  # it ended after it was looked at here
        (ended,) = (each for each, row in touched if row is not None and row.pk == error.subscription_id)
        # Translators: Das Abo von „%(name)s“ ist inzwischen beendet. Geändert wurde nichts.
        words = _("The subscription to “%(name)s” has ended meanwhile. Nothing was changed.")
        raise Problem(409, words % {"name": ended.name}, fields=[f"newsletters.{ended.slug}"]) from error
    except NoWeekly as error:
        (ended,) = (each for each, _row in touched if each.pk == error.newsletter_id)
        sentence = str(signing_up.no_weekly(ended))
        raise Problem(422, sentence, fields=[_field(ended.slug, "cadence")]) from error
    return _preferences(reader, at=at)


def _cadences(
    touched: list[tuple[Newsletter, Subscription | None]], sent: dict[str, SettingIn]
) -> dict[int, Cadence]:
    """How often each is to come from now on, by newsletter id. Raises Problem for what cannot be."""
    asked = {slug: setting.cadence for slug, setting in sent.items() if setting.cadence is not None}
    for newsletter, row in touched:
        if newsletter.slug in asked and not _stays_on(row, sent[newsletter.slug]):
            # Translators: Wie oft „%(name)s“ kommt, lässt sich nur ändern, solange Sie den Newsletter erhalten.
            words = _("How often “%(name)s” comes can be changed only while you receive it.")
            raise Problem(422, words % {"name": newsletter.name}, fields=[_field(newsletter.slug, "cadence")])
    try:
        signing_up.weekly_among([newsletter for newsletter, _row in touched], asked)
    except CadenceRefused as error:
        raise Problem(422, str(error), fields=[_field(error.slug, "cadence")]) from error
    return {
        newsletter.pk: Cadence(asked[newsletter.slug])
        for newsletter, _row in touched
        if newsletter.slug in asked
    }


def _pauses(
    touched: list[tuple[Newsletter, Subscription | None]], sent: dict[str, SettingIn]
) -> dict[int, datetime | None]:
    """Until when each is to rest, by newsletter id; None lets it go on. Raises Problem for what does not come."""
    pauses = {}
    for newsletter, row in touched:
        setting = sent[newsletter.slug]
        if setting.paused_until is not None and not _stays_on(row, setting):
            # Translators: „%(name)s“ lässt sich nur pausieren, solange Sie den Newsletter erhalten.
            words = _("“%(name)s” can be paused only while you receive it.")
            field = _field(newsletter.slug, "paused_until")
            raise Problem(422, words % {"name": newsletter.name}, fields=[field])
        if "paused_until" in setting.model_fields_set:
            pauses[newsletter.pk] = setting.paused_until
    return pauses


def _field(slug: str, name: str) -> str:
    return f"newsletters.{slug}.{name}"


def _reader(request: HttpRequest) -> Subscriber:
    reader: Subscriber = request.auth  # type: ignore[attr-defined]  # set by ReaderToken
    return reader


def _is_on(row: Subscription | None) -> bool:
    return row is not None and row.state == SubscriptionState.ACTIVE


def _stays_on(row: Subscription | None, setting: SettingIn) -> bool:
    return setting.on is not False and _is_on(row)


def _offered(reader: Subscriber) -> list[tuple[Newsletter, Subscription | None]]:
    """Newsletters that take sign-ups, and those she reads though they rest. Two queries."""
    rows = {row.newsletter_id: row for row in reader.subscriptions.all()}
    return [
        (newsletter, rows.get(newsletter.pk))
        for newsletter in Newsletter.objects.select_related("sender")
        if newsletter.state == NewsletterState.ACTIVE or _is_on(rows.get(newsletter.pk))
    ]


def _preferences(reader: Subscriber, *, at: datetime) -> dict[str, Any]:
    return {
        "address": mask(reader.address or ""),
        "language": reader.language,
        "newsletters": [
            {
                "slug": newsletter.slug,
                "name": newsletter.name,
                "state": row.state if row else "none",
                "cadence": row.cadence if row else None,
                "has_weekly": newsletter.has_weekly,
                "paused_until": row.paused_until
                if row and row.paused_until and row.paused_until > at
                else None,
            }
            for newsletter, row in _offered(reader)
        ],
    }
