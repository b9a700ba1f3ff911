"""What readers are told when they agree, word for word, in every version we ever showed.

Not gettext: a wording that somebody saw must stay what it was (GDPR art. 7(1) wants it provable). To change a text,
add a version and point the form to it; never edit one that has been shown.
"""

from dataclasses import dataclass

BOX = "2026-11-box"
PICKS = "2026-11-picks"
SETTINGS = "2026-11-settings"
ADDRESS = "2026-11-address"

FIRST_BOX = "2026-11-box"
"""What forms on other sites showed before they said which version it was."""

# The letters that ask to confirm. Their words stand in templates and catalogues; a test holds that the source's are the
# version's own, so that changed words get a new one.
LETTER = "2026-11-letter-3"

_TEXTS: dict[str, dict[str, str]] = {
    # The box under an article and on a newsletter's own page: one newsletter, named.
    BOX: {
        "de": "Wir senden Ihnen „{name}“ kostenlos per E-Mail, sobald Sie Ihre Adresse bestätigt haben. "
        "Abbestellen können Sie jederzeit, mit einem Klick in jeder Ausgabe.",
        "en": "We will send you “{name}” by e-mail, free of charge, once you have confirmed your address. "
        "You can unsubscribe at any time, with one click in every issue.",
    },
    # The catalogue: as many as are ticked.
    PICKS: {
        "de": "Wir senden Ihnen die angekreuzten Newsletter kostenlos per E-Mail, sobald Sie Ihre Adresse "
        "bestätigt haben. Abbestellen können Sie jeden einzeln und jederzeit, mit einem Klick in jeder Ausgabe.",
        "en": "We will send you the newsletters you tick by e-mail, free of charge, once you have confirmed your "
        "address. You can unsubscribe from each at any time, with one click in every issue.",
    },
    # A reader who adds a newsletter among her settings.
    SETTINGS: {
        "de": "Für Newsletter, die Sie neu einschalten, erhalten Sie eine E-Mail zur Bestätigung. "
        "Erst danach senden wir sie Ihnen.",
        "en": "For newsletters that you switch on you will get an e-mail to confirm. "
        "We will send them only after that.",
    },
    # A reader who moves to another address, on the page that the letter to that address opens.
    ADDRESS: {
        "de": "Mit der Bestätigung willigen Sie ein, dass wir Ihnen diese Newsletter kostenlos an die neue Adresse "
        "schicken. Abbestellen können Sie jeden einzeln und jederzeit, mit einem Klick in jeder Ausgabe.",
        "en": "By confirming you agree that we send these newsletters to the new address, free of charge. "
        "You can unsubscribe from each at any time, with one click in every issue.",
    },
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Which words somebody saw: their version, and the language they stood in, whatever that of our letters is."""

    version: str
    language: str


AT_SIGN_UP = (BOX, PICKS)
"""Every version that a form to sign up by has ever shown."""


@dataclass(frozen=True, kw_only=True)
class Wording:
    """A text as shown, and how to find it again."""

    version: str
    language: str
    text: str


def wording(version: str, language: str, *, name: str = "") -> Wording:
    """The text of a version in a language; an unknown version is the present one for picks, an unknown language English.

    Unknown versions come from forms that somebody changed on the way; what we then record is what we show today.
    """
    texts = _TEXTS.get(version)
    if texts is None:
        version, texts = PICKS, _TEXTS[PICKS]
    language = language if language in texts else "en"
    return Wording(version=version, language=language, text=texts[language].format(name=name))


def shown_at_sign_up(version: str, *, otherwise: str = PICKS) -> str:
    """The version that a form says it showed, if one to sign up by ever did; else what is shown today."""
    return version if version in AT_SIGN_UP else otherwise


def letter_version() -> str:
    """Which words a letter that asks to confirm has today."""
    return LETTER


def languages_of_all() -> set[str]:
    """The languages in which every version exists."""
    return set.intersection(*(set(texts) for texts in _TEXTS.values()))
