"""A returned mail read: one report per recipient, and nothing where nothing came back."""

import re

from newsroom.mail.bounces import recipients
from newsroom.mail.bounces.parts import Fields, Parts, take_apart
from newsroom.mail.bounces.reasons import OURS, REPLY, STATUS, by_status, by_text
from newsroom.mail.bounces.reports import GONE, Kind, Reason, Report

_LONGEST = 1_000  # characters of a diagnostic that are kept
_LONGEST_READ = 4_000
_MOST = 100  # reports of one mail
_SHAPE = r"([A-Za-z0-9_-]{23}|[A-Za-z0-9_-]{20})"
_OUR_MESSAGE_ID = re.compile(rf"(?<![\w-]){_SHAPE}@[a-z0-9.-]+", re.I)
_OUR_RETURN_PATH = re.compile(rf"[a-z0-9._-]+\+{_SHAPE}@[a-z0-9.-]+", re.I)

_DAEMON = re.compile(
    r"mailer[-_ ]?daemon|post[ _]?master|mail delivery|delivery (?:sub)?system|mail system|mail administrator|mdaemon"
    r"|system administrator|mail router|bounce",
    re.I,
)
_BOUNCE_SUBJECT = re.compile(
    r"undeliver|non-?deliver|not (?:be )?deliver|deliver(?:y|ed)? (?:status|fail|notification|report|problem|error|delay|incomplete|has|to|attempt)"
    r"|(?:mail|message|delivery).{0,20}(?:fail|return|bounce|reject|error|warning|delay|not (?:yet )?(?:been )?(?:sent|delivered))|(?:returned|failed|rejected) (?:e-?)?mail|failure notice"
    r"|bounce|unzustellbar|nicht zugestellt|non remis|échec|no entregado|não entregue|недоставлен|配信|送信|エラー|warning: could not|permanent.{0,10}error|notice"
    r"|unknown (?:user|recipient|mail)|user unknown|mail could not",
    re.I,
)
_BOUNCE_TEXT = re.compile(
    r"(?:could not|couldn't|cannot|can't|was not|wasn't|not|unable to|failed to) (?:yet )?(?:be(?:en)? )?(?:send|sent|deliver|reach|forward)"
    r"|(?:permanent|fatal|delivery|delivering).{0,40}(?:error|fail)|undeliverable|delivery (?:to|has|attempt|status)|following (?:address|recipient)"
    r"|(?:mail|message|delivery)\b.{0,60}\b(?:returned|postponed|delayed)|(?:failed|undelivered|rejected) (?:recipient|address)"
    r"|mailbox (?:is )?(?:full|unavailable|not available|disabled|inactive)|full mailbox|over ?quota|quota exceeded"
    r"|did not reach|was (?:rejected|returned|bounced)|returned (?:mail|message|to)|konnte.{0,40}nicht.{0,40}(?:zugestellt|erreicht)"
    r"|\b5\.\d\.\d{1,3}\b|\b55[0-4]\b|user unknown|unknown user|no such user|invalid user|not found|mail.{0,20}(?:rejected|refused)",
    re.I,
)
_LATE = re.compile(
    r"still|will (?:be )?(?:continue|retried|keep|try)|has not yet|not yet been|delayed|warning message|no action is required"
    r"|this is a warning",
    re.I,
)
_FINAL = re.compile(
    r"permanent|fatal|giving up|gave up|given up|failed|could not be delivered|undeliverable", re.I
)
# RFC 3834 and what came before it: an answer by a machine, in the name of a person.
_ANSWERED = re.compile(r"auto-(?:replied|notified)", re.I)
_AWAY = re.compile(
    r"out of (?:the )?office|vacation|auto(?:matic|matische)?[- ]?(?:reply|response|antwort)|abwesen|absence|away from|on holiday",
    re.I,
)
# At which command the other side refused (RFC 5321 §3.3): MAIL FROM is about us, after DATA about the mail.
_ABOUT_SENDER = re.compile(r"(?:after|reply to|response to)[^\n]{0,12} mail from", re.I)
_AFTER_DATA = re.compile(r"(?:after|reply to|response to|following)[^\n]{0,12} (?:end of )?data", re.I)
_TO_RECIPIENT = re.compile(
    r"(?:after|reply to|response to|following|our|the|>>>|SMTP:) ?RCPT\b|^[ \t]{0,20}RCPT TO:", re.I | re.M
)
# A server speaking of its own users: X.400's "unrecognised name" and its like.
_OWN_DIRECTORY = re.compile(r"not recogni[sz]ed|unrecogni[sz]ed|final delivery", re.I)
# RFC 5965 §3.1 and RFC 6591; "opt-out" is of an older draft and still seen.
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "miscategorized", "complaint", "spam"})
_NO_BOUNCE = frozenset({"delivered", "relayed", "expanded"})


def read(raw: bytes) -> list[Report]:
    """What a mail in the bounce mailbox reports, one by recipient; empty if it reports nothing. Never raises.

    recipient may be empty where the reporter hid it. token is what looks like ours; verify it before believing.
    Costs about 2 ms for a usual bounce; at most a megabyte is read.
    """
    parts = take_apart(raw)
    token = _token(parts)
    if parts.feedback is not None:
        return _complaints(parts, parts.feedback, token)
    if parts.receipt is not None:
        return _refused_by_filter(parts, parts.receipt, token)
    if parts.statuses:
        reports = [_from_status(fields, parts, token) for fields in parts.statuses[:_MOST]]
        return _once([report for report in reports if report is not None])
    if not _is_bounce(parts):
        return []
    return _once([_from_text(address, parts, token) for address in recipients.from_text(parts)])


def _once(reports: list[Report]) -> list[Report]:
    """One report per recipient: the heaviest."""
    order = [Kind.COMPLAINED, Kind.BOUNCED, Kind.DEFERRED, Kind.NOTHING]
    found: dict[str, Report] = {}
    for report in sorted(reports, key=lambda report: (order.index(report.kind), not report.suppress_now)):
        found.setdefault(report.recipient.lower(), report)
    return list(found.values())


def _token(parts: Parts) -> str:
    """Our own: in the Message-ID that came back, in the address that the mail came to, or in what it answers."""
    head = parts.head
    if found := _OUR_MESSAGE_ID.search(parts.returned.get("message-id", "")):
        return found[1]
    for name in ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "received"):
        if found := _OUR_RETURN_PATH.search(head.get(name, "")):
            return found[1]
    if found := _OUR_RETURN_PATH.search(parts.returned.get("return-path", "")):
        return found[1]
    if found := re.fullmatch(_SHAPE, parts.report.get("original-envelope-id", "")):
        return found[1]
    for value in (head.get("in-reply-to", ""), head.get("references", "")):
        if found := _OUR_MESSAGE_ID.search(value):
            return found[1]
    found = re.search(
        rf"^[> \t]{{0,20}}Message-ID:[ \t]{{0,20}}<{_SHAPE}@[a-z0-9.-]+>", parts.everything, re.I | re.M
    )
    return found[1] if found else ""


def _complaints(parts: Parts, feedback: Fields, token: str) -> list[Report]:
    kind = feedback.get("feedback-type", "").strip().lower()
    named = recipients.cleaned(feedback.get("original-rcpt-to", "")) or recipients.cleaned(
        feedback.get("removal-recipient", "")
    )
    if not named:
        named = next(iter(recipients.in_field(parts.returned.get("to", ""))), "")
    complained = kind in _COMPLAINTS
    return [
        Report(
            recipient=named,
            kind=Kind.COMPLAINED if complained else Kind.NOTHING,
            action=kind[:40],
            diagnostic=_short(parts.said),
            suppress_now=complained,
            reason=Reason.COMPLAINT if complained else Reason.OTHER,
            token=token,
        )
    ]


def _refused_by_filter(parts: Parts, receipt: Fields, token: str) -> list[Report]:
    """A read receipt is no bounce, unless a machine says that it deleted the mail: a reader's filter, or the server
    that runs it, refuses so (RFC 5429 §2.1.2). Never a reason to stop mail by itself."""
    mode, _semicolon, what = receipt.get("disposition", "").lower().partition(";")
    if "automatic-action" not in mode or not what.strip().startswith("deleted"):
        return []
    address = recipients.cleaned(receipt.get("final-recipient", ""))
    return [
        Report(
            recipient=address,
            kind=Kind.BOUNCED,
            action="failed",
            diagnostic=_short(parts.said),
            reason=Reason.FULL if by_text(parts.said) is Reason.FULL else Reason.POLICY,
            token=token,
        )
    ]


def _from_status(fields: Fields, parts: Parts, token: str) -> Report | None:
    named = (
        fields.get("final-recipient", ""),
        fields.get("original-recipient", ""),
        fields.get("x-actual-recipient", ""),
    )
    address = next(filter(None, map(recipients.cleaned, named)), "")
    if not address:
        address = next(iter(recipients.from_text(parts)), "")
    action = fields.get("action", "").split(" ")[0].strip(" ;").lower()
    diagnostic = fields.get("diagnostic-code", "")
    status = STATUS.search(fields.get("status", ""))
    return _judged(address, action, status[0] if status else "", diagnostic, parts, token)


def _from_text(address: str, parts: Parts, token: str) -> Report:
    around = _around(address, parts.said)
    status = STATUS.search(around) or STATUS.search(parts.said)
    action = "delayed" if _LATE.search(parts.said) and not _FINAL.search(parts.said) else "failed"
    return _judged(address, action, status[0] if status else "", around, parts, token)


def _around(address: str, text: str) -> str:
    """What is said about one address: from its first line to where the next one begins."""
    start = text.lower().find(address.lower())
    if start < 0:
        return text
    following = text[start + len(address) :]
    others = (
        match for match in recipients.HEADING.finditer(following) if match[1].lower() != address.lower()
    )
    other = next(others, None)
    said = following[: other.start()] if other else following
    # In a transcript one line is one answer (RFC 5321 §4.2).
    answers = re.split(r"\n(?=[245]\d\d[ -])", said)
    if by_text(answers[0]):
        said = answers[0]
    return said if by_text(said) or STATUS.search(said) else text


def _judged(address: str, action: str, status: str, diagnostic: str, parts: Parts, token: str) -> Report:
    if action in _NO_BOUNCE:
        return Report(recipient=address, kind=Kind.NOTHING, action=action, status=status, token=token)
    in_words = STATUS.search(diagnostic)
    # A server in between writes 5.0.0 or its own view; the server that refused says it in its words.
    if in_words and (not status or status[1:] in {".0.0", ".1.0", ".3.0", ".4.0", ".5.0"}):
        status = in_words[0]
    diagnostic = diagnostic[:_LONGEST_READ]
    reason = _reason(status, diagnostic, parts.said)
    is_lasting = _is_lasting(action, status, diagnostic)
    kind = Kind.DEFERRED if action == "delayed" else Kind.BOUNCED
    return Report(
        recipient=address,
        kind=kind,
        action=action or "failed",
        status=status,
        diagnostic=_short(diagnostic or parts.said),
        suppress_now=kind is Kind.BOUNCED
        and is_lasting
        and reason in GONE
        and _is_sure(reason, status, diagnostic, parts),
        reason=reason,
        token=token,
    )


def _is_sure(reason: Reason, status: str, diagnostic: str, parts: Parts) -> bool:
    """Whether that holds without a second bounce. Words need company: filters call readers unknown who exist."""
    if by_text(diagnostic) is Reason.DISABLED:
        # RFC 3463 §3.3 leaves open whether X.2.1 lasts, and who says "disabled" often means "for now".
        return False
    if by_status(status) in GONE or reason is Reason.NO_DOMAIN or reason is Reason.MOVED:
        return True
    if reason is Reason.DISABLED:
        return False
    if parts.statuses and REPLY.search(diagnostic):
        return True
    return bool(_TO_RECIPIENT.search(f"{diagnostic}\n{parts.said}") or _OWN_DIRECTORY.search(diagnostic))


def _is_after_data(diagnostic: str, said: str) -> bool:
    """Whether an answer came after the address had been taken."""
    if _AFTER_DATA.search(diagnostic) or (_AFTER_DATA.search(said) and not _TO_RECIPIENT.search(said)):
        return True
    # Sendmail's transcript: the command before the answer that the diagnostic repeats.
    words = diagnostic.rpartition("; ")[2].split("\n")[0].removeprefix("> ").strip("<> ")[:40]
    before = said.partition(f"<<< {words}")[0] if words and f"<<< {words}" in said else ""
    commands = re.findall(r">>> ?(\w+)", before)
    return bool(commands) and commands[-1].upper() == "DATA"


def _is_lasting(action: str, status: str, diagnostic: str) -> bool:
    if status:
        return status[0] == "5"
    reply = REPLY.search(diagnostic)
    return reply[1] == "5" if reply else action in {"failed", ""}


def _reason(status: str, diagnostic: str, said: str) -> Reason:
    """From words and code together: a word against us wins, then the code if it is exact, then any word."""
    words = by_text(diagnostic)
    code = by_status(status)
    if words in OURS:
        return words
    if words in GONE and _ABOUT_SENDER.search(diagnostic):
        return Reason.BLOCKED
    if words is Reason.UNKNOWN and code not in GONE and _is_after_data(diagnostic, said):
        # The address had been taken; what follows judges the mail in whatever words.
        return Reason.POLICY
    if code is Reason.POLICY:
        return code
    if words in GONE or words is Reason.FULL:
        return words
    if code is not None and (code in GONE or code is Reason.FULL):
        return code
    return words or code or by_text(said) or Reason.OTHER


def _is_bounce(parts: Parts) -> bool:
    """Whether a mail without a report for machines is a bounce: from a daemon, and speaking of failure."""
    head = parts.head
    subject, sender = head.get("subject", ""), head.get("from", "")
    if "x-failed-recipients" in head:
        return True
    if _ANSWERED.search(head.get("auto-submitted", "")) and _AWAY.search(subject):
        return False
    return_path = head.get("return-path", "").strip()
    from_daemon = bool(_DAEMON.search(sender) or return_path == "<>" or _DAEMON.search(return_path))
    if parts.content_type == "multipart/report" and "delivery-status" in head.get("content-type", "").lower():
        return True
    if not from_daemon and not _BOUNCE_SUBJECT.search(subject):
        return False
    if _AWAY.search(subject) and not _BOUNCE_SUBJECT.search(subject):
        return False
    if _BOUNCE_TEXT.search(parts.said):
        return True
    return from_daemon and (parts.brings_mail or bool(_BOUNCE_SUBJECT.search(subject)))


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
