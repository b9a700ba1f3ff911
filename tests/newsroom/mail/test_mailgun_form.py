"""The form of a call to Mailgun: encoded as everybody encodes forms, and never with what another mail left behind."""

import json
import uuid
from typing import Any
from urllib.parse import parse_qs, quote_plus

from hypothesis import example, given
from hypothesis import strategies as st

from newsroom.mail.providers.mailgun_form import Forms, quoted
from newsroom.mail.wire import CompiledMail, Copy
from tests.newsroom.mail.mails import make_copy, make_mail


def fields(forms: Forms, mail: CompiledMail, copies: list[Copy], attempt: int = 1) -> dict[str, Any]:
    body = forms.build(mail, copies, uuid.UUID(int=attempt)).decode("ascii")
    return parse_qs(body, keep_blank_values=True, strict_parsing=True)


@given(st.text() | st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
@example("".join(map(chr, range(128))))
@example("".join(map(chr, range(32, 127))))
@example("%2B+% %%")
def test_text_is_encoded_as_by_urllib(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()

    assert quoted(text) == quote_plus(text)


def test_second_call_of_a_mail_has_its_own_readers_and_attempt() -> None:
    mail, forms = make_mail(), Forms()

    first = fields(forms, mail, [make_copy(0), make_copy(1)], attempt=1)
    second = fields(forms, mail, [make_copy(2)], attempt=2)

    assert (first["v:a"], second["v:a"]) == ([str(uuid.UUID(int=1))], [str(uuid.UUID(int=2))])
    assert second["to"] == [make_copy(2).address]
    assert list(json.loads(second["recipient-variables"][0])) == second["to"]
    assert second["html"] == first["html"]


def test_call_after_another_is_the_one_that_a_fresh_provider_makes() -> None:
    mail, other = make_mail(), make_mail(subject="Etwas anderes")
    bare = make_mail(text="Guten Morgen", html="<p>Guten Morgen</p>")
    plain, marked = make_copy(0), make_copy(1, address="o'neill+a&b@example.org")
    forms = Forms()

    for content, copies in (
        (mail, [plain]),
        (mail, [marked]),
        (mail, [plain]),
        (bare, [plain]),
        (bare, [make_copy(3, leave_url="")]),
        (other, [plain]),
    ):
        assert fields(forms, content, copies) == fields(Forms(), content, copies)
