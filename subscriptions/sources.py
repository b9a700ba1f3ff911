"""Where a reader signed up, in her own words: the record keeps a path or the name of a file."""

from django.utils import translation
from django.utils.translation import gettext_lazy as _

_PLACES = (
    # Translators: unter einem Artikel
    ("/articles/", _("below an article")),
    # Translators: auf unserer Newsletter-Seite
    ("/newsletters/", _("on our newsletter page")),
    ("/subscribe/", _("on our newsletter page")),
    # Translators: auf einer anderen Website
    ("/embed/", _("on another site")),
    ("/api/", _("on another site")),
    # Translators: in Ihren Einstellungen
    ("/preferences/", _("in your settings")),
    # Translators: auf unserer Website
    ("/", _("on our site")),
)
# Translators: bei unserem früheren Newsletter-Dienst
_IMPORTED = _("at our former newsletter service")


def is_imported(source: str) -> bool:
    """Whether a file brought the reader; other places are paths."""
    return bool(source) and not source.startswith("/")


def in_words(source: str, language: str) -> str:
    """The place as a phrase after a date: `below an article`; nothing where it is not known."""
    if not source:
        return ""
    words = next((phrase for start, phrase in _PLACES if source.startswith(start)), _IMPORTED)
    with translation.override(language):
        return str(words)
