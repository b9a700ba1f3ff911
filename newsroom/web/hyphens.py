"""Where a long word may break: soft hyphens for German compounds, which no phone is wide enough for.

Browsers hyphenate by themselves where they know the language; most mail programs do not, and break such a word
anywhere or let it run out of the window.
"""

import re
from functools import lru_cache

import pyphen

SOFT_HYPHEN = "\u00ad"
LONGEST_WHOLE = 16
"""Letters up to which a word stays as it is: at 27 px such a word fits a phone of 320 px."""
_LONG_WORD = re.compile(rf"[^\W\d_]{{{LONGEST_WHOLE + 1},}}")
_SHORTEST_PART = 4


def soften(text: str, language: str) -> str:
    """The text with soft hyphens in its long words, by the rules of its language; unchanged if nobody knows these.

    For what is shown only: no plain text, no header, nothing that is searched. About 20 µs for a headline.
    """
    rules = _rules(language.partition("-")[0])
    if rules is None:
        return text
    return _LONG_WORD.sub(lambda word: rules.inserted(word[0], SOFT_HYPHEN), text)


@lru_cache(maxsize=8)
def _rules(language: str) -> "pyphen.Pyphen | None":
    name = pyphen.language_fallback(language)
    return pyphen.Pyphen(lang=name, left=_SHORTEST_PART, right=_SHORTEST_PART) if name else None
