"""Which articles a digest takes: its window, the candidates with their reasons, and filling what the desk left empty.

Windows are half-open and follow each other without a gap: [last cut-off, this cut-off). A skipped digest cuts
nothing off, so that its articles go into the next.
"""

from digests.selection.building import build, last_cut_off, next_due, slots_of
from digests.selection.candidates import Candidate, candidates, count_new, reasons_for
from digests.selection.filling import fill, name
from digests.selection.rehearsing import Line, Rehearsal, rehearse

__all__ = [
    "Candidate",
    "Line",
    "Rehearsal",
    "build",
    "candidates",
    "count_new",
    "fill",
    "last_cut_off",
    "name",
    "next_due",
    "reasons_for",
    "rehearse",
    "slots_of",
]
