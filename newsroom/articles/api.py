"""The articles' part of the API: another system hands an article in, under its own token, as often as it likes."""

import hashlib
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Header, Router, Schema, Status
from ninja.security import HttpBearer
from pydantic import Field

from newsroom.articles import handing_in, links, text
from newsroom.articles.drafts import ArticleDraft
from newsroom.articles.errors import KeyUsedBefore
from newsroom.articles.models import ApiToken
from newsroom.web import throttles
from newsroom.web.api import WITHOUT_CONTROLS, Moment, Problem, ProblemBody, Sent
from newsroom.web.clock import now

router = Router(tags=["articles"])

PER_HOUR = 1_000


class ArticleIn(Sent):
    """An article as its system has it."""

    id: Annotated[str, Field(min_length=1, max_length=200, pattern=WITHOUT_CONTROLS)] = Field(
        description="Yours for this piece; sent again it changes the article and makes no second one."
    )
    title: Annotated[
        str,
        Field(
            min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
        ),
    ]
    kicker: Annotated[str, Field(max_length=80, pattern=WITHOUT_CONTROLS)] = ""
    teaser: Annotated[str, Field(max_length=600, pattern=WITHOUT_CONTROLS)] = ""
    body_html: Annotated[str, Field(max_length=500_000, pattern=WITHOUT_CONTROLS)] = Field(
        "", description="HTML; what we do not show is taken out. Kept only if the source's rights say so."
    )
    authors: list[Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]] = (
        Field(default_factory=list, max_length=20)
    )
    language: Annotated[str, Field(pattern=r"^([a-z]{2})?$")] = ""
    url: Annotated[str, Field(max_length=1000, pattern=r"^(https?://[!-\[\]-~]+)?$")] = Field(
        "", description="Where the piece stands, if it stands somewhere."
    )
    published_at: Moment | None = None
    embargo_until: Moment | None = None


class ArticleOut(Schema):
    """The article here."""

    slug: str
    url: str
    is_new: bool


class SourceToken(HttpBearer):
    """The token of a source, made in the admin."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        """The source's token, unless it was revoked. One query."""
        return handing_in.token_of(token)


@router.post(
    "/articles",
    auth=SourceToken(),
    response={
        200: ArticleOut,
        201: ArticleOut,
        400: ProblemBody,
        401: ProblemBody,
        409: ProblemBody,
        415: ProblemBody,
        422: ProblemBody,
        429: ProblemBody,
    },
    operation_id="hand_in_article",
)
def hand_in(
    request: HttpRequest,
    sent: ArticleIn,
    idempotency_key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=100,
            pattern=r"^[!-~]+$",
            description="Yours for this call.",
        ),
    ],
) -> Status[dict[str, Any]]:
    """Hand an article in, or change it: 201 for a new one, 200 for one that is known.

    A call that is repeated with its Idempotency-Key does nothing and gets the same answer, for thirty days; the same
    key with other content is a conflict.
    """
    token: ApiToken = request.auth  # type: ignore[attr-defined]  # set by SourceToken
    if not throttles.allow("articles by API", str(token.pk), limit=PER_HOUR, seconds=3600):
        # Translators: Das waren zu viele Artikel in einer Stunde. Bitte warten Sie etwas.
        sentence = _("These were too many articles within an hour. Please wait a little.")
        raise Problem(429, sentence, headers={"Retry-After": "600"})
    try:
        receipt = handing_in.hand_in(
            _draft(sent, token),
            token=token,
            key=idempotency_key,
            content_hash=hashlib.sha256(request.body).hexdigest(),
            at=now(),
        )
    except KeyUsedBefore as error:
        # Translators: Diesen Idempotency-Key hatte schon ein anderer Inhalt.
        sentence = _("This Idempotency-Key was used for other content.")
        raise Problem(409, sentence, fields=["Idempotency-Key"]) from error
    article = receipt.article
    assert article is not None
    answer = {
        "slug": article.slug,
        "url": f"{settings.SITE_URL}{article.get_absolute_url()}",
        "is_new": receipt.was_new,
    }
    return Status(201 if receipt.was_new else 200, answer)


def _draft(sent: ArticleIn, token: ApiToken) -> ArticleDraft:
    url = links.without_tracking(sent.url)
    return ArticleDraft(
        identity=handing_in.identity(token, sent.id),
        title=text.plain_title(sent.title),
        kicker=text.one_line(sent.kicker, 80),
        teaser=text.one_line(sent.teaser, 600),
        body_html=text.clean_html(sent.body_html, base=url),
        authors=tuple(filter(None, (text.one_line(name, 120) for name in sent.authors))),
        language=sent.language,
        url=url,
        published_at=sent.published_at,
        embargo_until=sent.embargo_until,
    )
