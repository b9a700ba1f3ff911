"""Which articles a digest takes: its window, the candidates with their reasons, and filling what the desk left empty.

Windows are half-open and follow each other without a gap: [last cut-off, this cut-off). A digest that was
proofed earlier is cut off where its proof was made, because nobody looked for what came in later; that goes into the
next. A skipped digest cuts nothing off, so that its articles go into the next, too. The weekly best-of has windows of
its own, over the digests that went out.
"""

from digests.selection.best_of import carried
from digests.selection.building import build, last_cut_off, next_due, open_due, slots_of
from digests.selection.candidates import (
    Candidate,
    candidates,
    candidates_for,
    count_new,
    reasons_for,
    with_articles,
)
from digests.selection.contenders import Contender, contenders, window
from digests.selection.filling import fill, name
from digests.selection.rehearsing import Line, Rehearsal, rehearse

__all__ = [
    "Candidate",
    "Contender",
    "Line",
    "Rehearsal",
    "build",
    "candidates",
    "candidates_for",
    "carried",
    "contenders",
    "count_new",
    "fill",
    "last_cut_off",
    "name",
    "next_due",
    "open_due",
    "reasons_for",
    "rehearse",
    "slots_of",
    "window",
    "with_articles",
]
