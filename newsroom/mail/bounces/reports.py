"""The values that reading a returned mail gives."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a report means for the copy that it is about, in Anymail's words where those exist."""

    BOUNCED = "bounced"  # this copy is lost
    DEFERRED = "deferred"  # somebody still tries
    COMPLAINED = "complained"  # the reader pressed "spam"
    NOTHING = "nothing"  # delivered, vacation, read receipt, challenge


class Reason(StrEnum):
    """Why a copy came back. Only the first four are about the mailbox."""

    UNKNOWN = "unknown"  # no such mailbox
    MOVED = "moved"
    NO_DOMAIN = "no domain"  # the domain does not exist, or takes no mail (RFC 7505)
    DISABLED = "disabled"
    FULL = "full"
    SPAM = "spam"
    AUTHENTICATION = "authentication"
    RATE = "rate"
    BLOCKED = "blocked"  # our server's address or name
    POLICY = "policy"
    CONTENT = "content"  # too large, a virus, not the form they want
    EXPIRED = "expired"
    NETWORK = "network"
    SYSTEM = "system"  # the other side is broken
    COMPLAINT = "complaint"
    OTHER = "other"


# A mailbox that will not take mail tomorrow either (RFC 3463 §3.2, §3.3).
GONE = frozenset({Reason.UNKNOWN, Reason.MOVED, Reason.NO_DOMAIN, Reason.DISABLED})


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is said about one recipient. Empty strings where nothing was said."""

    recipient: str
    kind: Kind
    action: str = ""  # RFC 3464 §2.3.3, small letters
    status: str = ""  # RFC 3463
    diagnostic: str = ""
    suppress_now: bool = False
    reason: Reason = Reason.OTHER
    token: str = ""  # our own, not yet verified
