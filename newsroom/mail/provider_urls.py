"""MAIL_PROVIDERS read: `main=mailgun://KEY@mg.example.org?region=eu&rate=300/s,spare=smtp://user:pw@host:587`.

Names are the newsroom's own; several accounts of one kind may stand side by side. Signs that mean something in an
address (`,` `@` `/` `?` `#` `%` `&`) are percent-encoded in users and passwords.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from newsroom.mail.errors import BadProviderUrl
from newsroom.mail.families import FAMILIES

# Between two providers: a comma with a name and a scheme behind it. An option's value may hold commas.
_BETWEEN = re.compile(r",\s*(?=[A-Za-z0-9-]+=[a-z_]+://)")
_ONE = re.compile(r"(?P<name>[a-z][a-z0-9-]{0,39})=(?P<scheme>[a-z_]+)://(?P<rest>.*)", re.DOTALL)
_RATE = re.compile(r"(?P<number>\d+(?:\.\d+)?)/(?P<unit>[smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}

# What each scheme understands beside what all do. Anymail's backends take theirs as they call them.
COMMON_OPTIONS = frozenset({"rate", "family", "quota", "failover", "api_url", "webhook", "from"})
OPTIONS: dict[str, frozenset[str]] = {
    "smtp": frozenset({"tls", "ca", "helo", "per_connection", "bounces", "smtputf8"}),
    "memory": frozenset({"file", "smtputf8"}),
    "mailgun": frozenset({"region", "webhook_signing_key"}),
    "amazon_ses": frozenset({"region", "configuration_set_name"}),
    "brevo": frozenset(),
    "mailersend": frozenset({"signing_secret"}),
    "mailjet": frozenset(),
    "mailtrap": frozenset({"sandbox_id", "signing_secret"}),
    "mandrill": frozenset({"webhook_key", "webhook_url"}),
    "postal": frozenset({"webhook_key"}),
    "postmark": frozenset({"message_stream"}),
    "resend": frozenset({"signing_secret"}),
    "scaleway": frozenset({"project_id", "region"}),
    "sendgrid": frozenset({"tracking_webhook_verification_key"}),
    "sparkpost": frozenset({"subaccount"}),
    "unisender_go": frozenset(),
}
MIN_SECRET = 16
# Room for "+" and a token in the 64 characters of a local part (RFC 5321 §4.5.3.1.1).
_RETURN_PATH = re.compile(r"[A-Za-z0-9_.-]{1,40}@[a-z0-9-]+(?:\.[a-z0-9-]+)+")


@dataclass(frozen=True, kw_only=True)
class ProviderConfig:
    """One provider as configured. Its secrets stay out of `repr`, and so out of logs."""

    name: str
    scheme: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    host: str = ""
    port: int | None = None
    options: dict[str, str] = field(default_factory=dict, repr=False)
    rate: float | None = None  # copies a second; None: as fast as it goes
    families: dict[str, float] = field(default_factory=dict)  # copies a second to one family of mailboxes
    quota: int | None = None  # copies a day
    failover: str = ""  # the provider that takes over what this one does not come to
    api_url: str = ""
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    sender: str = ""  # From of notices to staff

    @property
    def carries_utf8(self) -> bool:
        """Whether whoever configured it says that it carries letters beyond ASCII before the @ (RFC 6531)."""
        return self.options.get("smtputf8") == "on"


def parse(value: str) -> list[ProviderConfig]:
    """The providers in their order, the first being the default. Raises BadProviderUrl with one sentence."""
    configs: list[ProviderConfig] = []
    for part in _BETWEEN.split(value.strip()):
        config = _parse_one(part.strip())
        if any(config.name == other.name for other in configs):
            raise BadProviderUrl(f"MAIL_PROVIDERS names {config.name!r} twice.")
        configs.append(config)
    _check_failover(configs)
    return configs


@lru_cache(maxsize=8)
def parsed(value: str) -> tuple[ProviderConfig, ...]:
    """`parse`, once per process and value."""
    return tuple(parse(value))


def _parse_one(part: str) -> ProviderConfig:
    found = _ONE.fullmatch(part)
    if not found:
        raise BadProviderUrl(
            "MAIL_PROVIDERS must look like name=scheme://user:password@host, separated by commas; "
            "names are small letters, digits and hyphens."
        )
    name, scheme = found["name"], found["scheme"]
    try:
        # Schemes of URLs have no underscores (RFC 3986 §3.1), names of Anymail's backends have.
        url = urlsplit(f"x://{found['rest']}")._replace(scheme=scheme)
        port = url.port
    except ValueError as error:
        raise BadProviderUrl(
            f"MAIL_PROVIDERS: the address of {name!r} cannot be read; is the port a number?"
        ) from error
    if url.scheme not in OPTIONS:
        raise BadProviderUrl(
            f"MAIL_PROVIDERS: {name!r} is of a kind we do not know, {url.scheme!r}; known are {', '.join(OPTIONS)}."
        )
    pairs = parse_qsl(url.query, keep_blank_values=True)
    options = dict(pairs)
    for option in options:
        if option not in OPTIONS[url.scheme] | COMMON_OPTIONS:
            raise BadProviderUrl(
                f"MAIL_PROVIDERS: {name!r} has an option that {url.scheme} does not have, {option!r}."
            )
    secrets = tuple(value for option, value in pairs if option == "webhook")
    if any(len(secret) < MIN_SECRET or not re.fullmatch(r"[\w~-]+", secret) for secret in secrets):
        raise BadProviderUrl(
            f"MAIL_PROVIDERS: the webhook secret of {name!r} needs {MIN_SECRET} letters and digits at least."
        )
    _check(name, url, options)
    return ProviderConfig(
        name=name,
        scheme=url.scheme,
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        host=url.hostname or "",
        port=port,
        options={key: text for key, text in options.items() if key not in COMMON_OPTIONS},
        rate=_rate(name, options.get("rate", "")),
        families=_families(name, [text for option, text in pairs if option == "family"]),
        quota=_quota(name, options.get("quota", "")),
        failover=options.get("failover", ""),
        api_url=options.get("api_url", ""),
        webhook_secrets=secrets,
        sender=options.get("from", ""),
    )


def _check(name: str, url: SplitResult, options: dict[str, str]) -> None:
    if url.scheme == "smtp" and not url.hostname:
        raise BadProviderUrl(f"MAIL_PROVIDERS: {name!r} names no mail server.")
    if options.get("tls", "start") not in {"start", "on", "off"}:
        raise BadProviderUrl(f"MAIL_PROVIDERS: tls of {name!r} must be start, on or off.")
    if options.get("smtputf8", "off") not in {"on", "off"}:
        raise BadProviderUrl(f"MAIL_PROVIDERS: smtputf8 of {name!r} must be on or off.")
    if not options.get("per_connection", "1").isdigit():
        raise BadProviderUrl(f"MAIL_PROVIDERS: per_connection of {name!r} must be a number.")
    if "bounces" in options and not _RETURN_PATH.fullmatch(options["bounces"]):
        raise BadProviderUrl(
            f"MAIL_PROVIDERS: bounces of {name!r} must be an address such as b@bounces.example.org, without a plus "
            "sign, in small letters behind the @ and at most 40 characters before it."
        )
    if url.scheme not in {"smtp", "memory", "amazon_ses"} and not url.username:
        raise BadProviderUrl(f"MAIL_PROVIDERS: {name!r} has no key; write {url.scheme}://KEY@…")
    if url.scheme == "mailgun" and not url.hostname:
        raise BadProviderUrl(
            f"MAIL_PROVIDERS: {name!r} needs the sending domain: mailgun://KEY@mg.example.org"
        )
    if url.scheme in {"postal", "unisender_go"} and not options.get("api_url"):
        raise BadProviderUrl(f"MAIL_PROVIDERS: {name!r} needs api_url=https://…")
    if not options.get("api_url", "https://").startswith(("https://", "http://")):
        raise BadProviderUrl(f"MAIL_PROVIDERS: api_url of {name!r} must begin with https://")


def _check_failover(configs: list[ProviderConfig]) -> None:
    names = {config.name for config in configs}
    for config in configs:
        if config.failover and config.failover not in names - {config.name}:
            raise BadProviderUrl(
                f"MAIL_PROVIDERS: failover of {config.name!r} must name another provider in it, "
                f"{config.failover!r} is none."
            )


def _rate(name: str, text: str, *, option: str = "rate", prefix: str = "") -> float | None:
    if not text:
        return None
    found = _RATE.fullmatch(text)
    if not found or not float(found["number"]):
        raise BadProviderUrl(
            f"MAIL_PROVIDERS: {option} of {name!r} must look like {prefix}300/s, {prefix}5000/m or {prefix}20000/h."
        )
    return float(found["number"]) / _SECONDS[found["unit"]]


def _families(name: str, texts: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        family, _, rate = text.partition(":")
        if family not in FAMILIES:
            raise BadProviderUrl(
                f"MAIL_PROVIDERS: family of {name!r} must look like gmail:20/s; known are {', '.join(FAMILIES)}."
            )
        found[family] = _rate(name, rate or "-", option="family", prefix=f"{family}:") or 0.0
    return found


def _quota(name: str, text: str) -> int | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,9})/d", text)
    if not found or not int(found[1]):
        raise BadProviderUrl(f"MAIL_PROVIDERS: quota of {name!r} must look like 50000/d, copies a day.")
    return int(found[1])
