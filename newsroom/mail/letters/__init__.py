"""Letters to single people: confirmations, welcomes, notices. Written once, sent at least once, then emptied.

A letter is claimed by compare-and-set on its state and fence, handed over with no transaction open, and settled by
the same fence. Whatever is not known to have arrived is sent again: a second confirmation mail does no harm, a
missing one loses a reader.
"""

from newsroom.mail.letters.sending import MAX_TRIES as MAX_TRIES
from newsroom.mail.letters.sending import Call as Call
from newsroom.mail.letters.sending import claim as claim
from newsroom.mail.letters.sending import hand_over as hand_over
from newsroom.mail.letters.sending import recover as recover
from newsroom.mail.letters.sending import send_again as send_again
from newsroom.mail.letters.sending import send_due as send_due
from newsroom.mail.letters.sending import settle as settle
from newsroom.mail.letters.writing import count_since as count_since
from newsroom.mail.letters.writing import note_unwritten as note_unwritten
from newsroom.mail.letters.writing import render as render
from newsroom.mail.letters.writing import write as write
