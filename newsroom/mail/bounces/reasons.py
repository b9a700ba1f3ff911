"""Why a mail came back, from its status code and from what servers write.

Servers disagree about codes, so both are asked. What blames us, our server or the mail is asked first: a reader must
not lose her newsletter because a filter did not like it.
"""

import re
from functools import lru_cache

from newsroom.mail.bounces.reports import Reason

STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
REPLY = re.compile(r"(?<![\d.-])([245])\d\d(?=[ -]|$)(?! ?(?:bytes|seconds|KB))")


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.I | re.S)


_BY_TEXT: tuple[tuple[Reason, re.Pattern[str]], ...] = (
    # Exchange Online's words for an address that is not in its directory, whatever they sound like.
    (Reason.UNKNOWN, _words(r"recipient address rejected: access denied")),
    (
        Reason.NO_DOMAIN,
        _words(
            r"\b(?:521|556)\b(?: [45]\.\d+\.\d+)? .{0,80}(?:accept|no mail)",
            r"host \S{1,253} (?:not found|unknown)",
            r"find a mail exchanger",
            r"domain is (?:not reachable|unreachable)",
            r"not accepting network messages",
        ),
    ),
    (
        Reason.AUTHENTICATION,
        _words(
            r"\bdmarc\b",
            r"\bspf\b",
            r"\bdkim\b",
            r"sender policy framework",
            r"unauthenticated (?:e-?mail|mail|email)",
            r"authentication (?:required|checks?|results?|failed)|not authenticated|auth(?:entication)? failure",
            r"no ptr|ptr record|reverse dns|\brdns\b|reverse (?:hostname|host name|lookup)|fcrdns",
            r"(?:cannot|could not|unable to) (?:find|resolve) your (?:hostname|reverse)",
        ),
    ),
    (
        Reason.RATE,
        _words(
            r"too (?:many|much) (?:connections|messages|mails?|emails|recipients|sessions|concurrent)",
            r"rate limit|throttl|sending (?:rate|limit|too)|receiving (?:mail|email) (?:at )?(?:a |too )",
            r"too (?:fast|frequent)|slow down|temporarily deferred due to",
        ),
    ),
    (
        Reason.SPAM,
        _words(
            r"\bspam\b(?! ?(?:folder|box))",
            r"\bspammy\b|unsolicited|\bjunk\b(?! folder)|\buce\b|bulk (?:e-?)?mail",
            r"content (?:rejected|filter|restriction)|rejected by (?:content|filter)",
        ),
    ),
    (
        Reason.BLOCKED,
        _words(
            r"block ?list|black ?list|deny ?list|\brbl\b|\bdnsbl\b|spamhaus|spamcop|barracudacentral|sorbs",
            r"(?:ip|host|server|client|network|connection|sender|mail|message|address|envelope)s?\b.{0,30}\b(?:is |are |been |was )?(?:blocked|banned|denied|refused by policy)",
            r"poor reputation|bad reputation|low reputation|\breputation\b",
            r"access denied|client host rejected|helo (?:command )?rejected|sender (?:address )?rejected",
            r"(?:dynamic|residential) (?:ip|address)|refused to talk|not (?:allowed|permitted) to (?:send|connect)",
            r"blocked (?:by|using|due|for)|your (?:ip|host|server|network)",
            r"domain of sender|sender(?:'s)? domain|sender verify|bad sender|sender (?:is )?(?:denied|not)",
        ),
    ),
    (
        Reason.POLICY,
        _words(
            r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:allowed|permitted)|prohibited)|unable to relay|we do not relay|not a relay",
            r"polic(?:y|ies)\b|prohibited|not (?:authori[sz]ed|allowed|permitted|accepted for)|restricted|members? only|recipient preferences",
            r"(?:moderat|privat)(?:ed|e) (?:group|list)|permission",
        ),
    ),
    (
        Reason.CONTENT,
        _words(
            r"\bvirus\b|malware|infected|trojan|phish",
            r"(?:message|mail|size|attachment).{0,40}(?:too (?:large|big|long)|exceeds?|over ?size)|exceeds? .{0,30}size",
            r"rfc ?[25]?822|rfc ?5322|bare lf|not compliant|syntax error|header.{0,30}(?:missing|malformed|invalid|too)",
            r"8[- ]?bit|smtputf8|line too long|attachments? (?:not|type|are|is|blocked|removed)",
        ),
    ),
    (
        Reason.FULL,
        _words(
            r"(?:mailbox|mail ?box|inbox|account|user|quota|maildir|recipient|disk|folder|storage)[^.;:]{0,40}(?:\bfull\b|over ?quota|exceed(?:ed|s)?|over (?:its |the |their )?(?:quota|limit|storage)|out of storage|out of disk)",
            r"(?:over|out of|exceed\w*)(?: the| its| his| their| user| disk| mail| storage)* ?quota|quota (?:is )?(?:exceed|full|violation|reached)",
            r"mailbox (?:size )?limit|insufficient (?:system )?(?:disk )?storage|insufficient disk|too much mail data|not enough (?:disk )?space|no space",
        ),
    ),
    (
        Reason.NO_DOMAIN,
        _words(
            r"(?:host|domain)(?: name)?\b[^.;:]{0,40}(?:not found|unknown|does(?: not|n't) exist|not exist)|(?:unknown|unrouteable|no such|nonexistent|non-existent|illegal|bad destination) (?:mail )?(?:host|domain)",
            r"nxdomain|null ?mx|does(?: not|n't) (?:accept|receive) (?:any )?(?:e-?)?mail|never accepts? mail|smtp service",
            r"(?:recipient|domain|address).{0,30}(?:has no|no) mx|no (?:mx|mail) (?:record|server|exchanger|host)s?",
            r"couldn't find any host|name or service not known|can(?:not|'t) (?:find|resolve) (?:the )?(?:domain|host)",
            r"host or domain name not found",
        ),
    ),
    (
        Reason.MOVED,
        _words(
            r"(?:user|recipient|mailbox|address|account|has|have) (?:has |have |is )?(?:moved|changed|been replaced)",
            r"no longer (?:in use|used|valid|works|employed|with|here|available|active)|left the (?:company|organi)",
        ),
    ),
    (
        Reason.UNKNOWN,
        _words(
            r"(?:user|recipient|mailbox|account|address|addressee|alias|destination|person|customer|name|email)\b[^.;]{0,60}(?:unknown|not (?:be )?found|not known|not exist|n't exist|not listed|not recogni[sz]ed|not a (?:valid|known)|nonexist|non-exist|invalid|not local|unavailable on this|not valid|couldn't be found|wasn't found)",
            r"(?:unknown|no such|invalid|bad|unrouteable|undeliverable|nonexistent|non-existent|unresolvable|incorrect|illegal|wrong) (?:local |virtual |destination |recipient |rcpt |e-?mail |mail |user |alias |final |delivery )*(?:user ?id|user|recipient|mailbox|mail box|account|address|alias|name|person|local ?part|customer|part)",
            r"no (?:mailbox|account|user|recipient|such|valid recipients?|one)\b[^.;]{0,40}(?:here|by|with|name|exist|found|at|called)",
            r"(?:does not|doesn't|do not|don't|didn't|did not) (?:exist|have an? (?:account|mailbox|user|\S+ account))|doesn't have a|not our (?:customer|user)",
            r"mailbox (?:is )?(?:unavailable|not available|not found|does not)(?! ?(?:due|because))",
            r"recipient (?:address )?rejected: (?:user|undeliverable|unknown|no such|invalid)|recipnotfound|recipient not found",
            r"(?:is )?not (?:a )?(?:known|valid|existing) (?:user|recipient|mailbox|address|account)",
            r"address rejected[.]?\s*$|user (?:is )?unknown|unknown to (?:address|us)|has no (?:account|mailbox)|this user doesn",
            r"ユーザー?が(?:存在|見つ)|(?:あて|宛)先.{0,12}(?:見つ|存在)|Empfänger.{0,30}(?:unbekannt|nicht gefunden|existiert nicht)|(?:adresse|destinataire).{0,40}(?:n'existe|inconnu|introuvable)|usuario.{0,20}(?:no existe|desconocido)|destinatario.{0,30}(?:no (?:encontr|existe)|sconosciuto)|не (?:существует|найден)",
        ),
    ),
    (
        Reason.DISABLED,
        _words(
            r"(?:mailbox|account|user|recipient|address|email)\b[^.;]{0,40}(?:disabled|inactive|suspended|deactivated|locked|closed|expired|frozen|not active|not in service)",
            r"(?:disabled|inactive|suspended|deactivated) (?:mailbox|account|user|recipient)",
        ),
    ),
    (
        Reason.EXPIRED,
        _words(
            r"(?:delivery|message|retry|queue|retention|been).{0,40}(?:expired|timed? ?out|too long|time limit|undeliverable for)",
            r"could not (?:be )?deliver(?:ed)? (?:\S+ ){0,6}(?:days|hours)|retry time(?:out)?|timeout exceeded",
        ),
    ),
    (
        Reason.NETWORK,
        _words(
            r"(?:connection|network|host|operation).{0,40}(?:refused|timed out|timeout|unreachable|reset|lost|closed|dropped|not respond)",
            r"no route to host|(?:mail )?loop|too many hops|hop count|tls|ssl|dns|name ?server",
        ),
    ),
    (
        Reason.SYSTEM,
        _words(
            r"(?:system|internal|configuration|temporary|local|server|service) (?:error|failure|problem)|try again|unavailable|busy"
        ),
    ),
)

# RFC 3463 and the IANA registry of enumerated status codes: subject and detail.
_BY_STATUS: dict[str, Reason] = {
    **dict.fromkeys(("1.0", "1.1", "1.3"), Reason.UNKNOWN),
    "1.2": Reason.NO_DOMAIN,
    "1.6": Reason.MOVED,
    "1.7": Reason.POLICY,  # 1.7 and 1.8 are about the sender
    "1.8": Reason.POLICY,
    "1.10": Reason.NO_DOMAIN,
    "2.1": Reason.DISABLED,
    "2.2": Reason.FULL,
    "2.3": Reason.CONTENT,
    "3.4": Reason.CONTENT,
    "4.7": Reason.EXPIRED,
}
# Without a detail, the subject alone. 1: the address is spoken of, but not that it does not exist.
_BY_SUBJECT = {
    "3": Reason.SYSTEM,
    "4": Reason.NETWORK,
    "5": Reason.SYSTEM,
    "6": Reason.CONTENT,
    "7": Reason.POLICY,
}
OURS = frozenset(
    (Reason.AUTHENTICATION, Reason.RATE, Reason.SPAM, Reason.BLOCKED, Reason.POLICY, Reason.CONTENT)
)


def by_status(status: str) -> Reason | None:
    """What the code alone says. "5.1.0" says nothing: servers write it when they know no better."""
    _class, _dot, detail = status.partition(".")
    if detail in {"", "0.0", "1.0"}:
        return None
    return _BY_STATUS.get(detail) or _BY_SUBJECT.get(detail.partition(".")[0])


@lru_cache(maxsize=32)
def by_text(text: str) -> Reason | None:
    """What the words say: the first that matches, blame of us before blame of the mailbox."""
    return next((reason for reason, words in _BY_TEXT if words.search(text)), None)
