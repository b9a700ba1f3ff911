"""Mail templates: what the compiler would drop or die of is named, with its line."""

import pytest

from digests.mjml import MailTemplateError, lint


def test_a_component_that_would_vanish_is_named_with_its_line() -> None:
    with pytest.raises(MailTemplateError, match=r"digest\.mjml, line 2: <mj-carousel>"):
        lint("<mjml><mj-body>\n<mj-carousel></mj-carousel></mj-body></mjml>", name="digest.mjml")


def test_a_stray_sign_is_named_with_its_line() -> None:
    with pytest.raises(MailTemplateError, match=r"digest\.mjml, line 3: a bare <"):
        lint("<mjml>\n<mj-body>\n{% if a < b %}</mj-body></mjml>", name="digest.mjml")


def test_known_components_comments_and_html_pass() -> None:
    lint(
        "<mjml><!-- note --><mj-body><mj-text><p>5 &lt; 6</p></mj-text></mj-body></mjml>", name="digest.mjml"
    )
