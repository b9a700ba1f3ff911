"""The one typed reader of settings from the environment; `docs/settings.md` has a line for each.

Every setting is declared once, here, with its default and its meaning. A value that cannot be read stops the
start with one sentence that names the setting and the way out.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"


@dataclass(frozen=True)
class Setting:
    """A setting of the environment: its name, what stands in if it is not set, and what it means."""

    name: str
    default: str
    meaning: str


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "DATABASE_URL",
        "sqlite:///var/newsroom.sqlite3",
        "The database; SQLite for small sites, PostgreSQL else.",
    ),
    Setting(
        "REDIS_URL",
        "redis://127.0.0.1:6379/0",
        "Wake-ups, send-rate tokens and cache; uses the databases n, n+1 and n+2.",
    ),
    Setting(
        "SITE_URL", "http://127.0.0.1:8000", "Where readers reach the site; at most 50 characters, no path."
    ),
    Setting("SITE_NAME", "Newsroom", "What the site is called, in its masthead and in titles."),
    Setting("SECRET_KEY", "made in var/keys with SQLite", "Signs sessions and forms."),
    Setting("SECRET_KEY_FALLBACKS", "", "Former values of SECRET_KEY, comma-separated."),
    Setting(
        "LINK_KEYS",
        "made in var/keys with SQLite",
        "Signs the links in mails: `1:KEY,2:KEY`, the highest number signs; never drop one.",
    ),
    Setting(
        "ADDRESS_KEY", "made in var/keys with SQLite", "Keys the hashes of addresses; must never change."
    ),
    Setting("DEBUG", "off", "Django's debug mode; never on a public site."),
    Setting(
        "SECOND_FACTOR", "on unless DEBUG is", "Whether staff need a code beside their password in the admin."
    ),
    Setting("ALLOWED_HOSTS", "the host of SITE_URL", "Host names the site answers to, comma-separated."),
    Setting(
        "TRUSTED_PROXIES",
        "",
        "Networks of your own proxies whose X-Forwarded headers count, comma-separated.",
    ),
    Setting("TIME_ZONE", "Europe/Berlin", "The zone of the admin; each plan has its own."),
    Setting(
        "MAIL_PROVIDERS",
        "main=smtp://127.0.0.1:1025?tls=off",
        "Who takes the mail: `name=scheme://…`, comma-separated; the first is the default.",
    ),
    Setting(
        "DKIM_SELECTORS",
        "",
        "Selectors under which the keys that sign the mail stand: `news,example.org=k1`, for the self-check.",
    ),
    Setting(
        "SIGNUPS_PER_HOUR",
        "network=40,domain=50,site=600",
        "Sign-ups within an hour from one network, to one target domain and altogether.",
    ),
    Setting(
        "LOOK_UP_DOMAINS",
        "on",
        "Whether name servers are asked if a domain takes mail before a letter to confirm goes there.",
    ),
    Setting(
        "RETURN_SITES",
        "",
        "Sites whose sign-up forms may lead back to them and whose pages may sign up by the API, comma-separated.",
    ),
    Setting(
        "COMPLAINTS",
        "warn=0.1,stop=0.3,least=3",
        "Of a mailing's accepted copies, how many percent reported as spam warn staff or stop the rest, from how many on.",
    ),
    Setting(
        "KEPT_DAYS",
        "letters=90,payloads=90,events=396,confirmations=396,sign_ins=90",
        "For how many days records of letters, provider events, links to confirm and sign-ins of staff are kept.",
    ),
    Setting(
        "PAGE_SECONDS",
        "10",
        "For how many seconds a public page is kept for all visitors; 0, as with DEBUG, makes each anew.",
    ),
    Setting("MEDIA_ROOT", "var/media", "Where pictures are kept."),
    Setting("SENTRY_DSN", "", "Where errors are reported; nothing is reported without it."),
)

_KEY_NAMES = ("SECRET_KEY", "LINK_KEYS", "ADDRESS_KEY")


class Environment:
    """Reads the settings; `values` stands in for the process environment."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values
        self._defaults = {setting.name: setting.default for setting in SETTINGS}

    def text(self, name: str) -> str:
        """The value of a declared setting, or its default."""
        return self._values.get(name, "") or self._defaults[name]

    def optional(self, name: str) -> str:
        """The value as set, or nothing: for settings whose default is made elsewhere."""
        assert name in self._defaults
        return self._values.get(name, "")

    def flag(self, name: str) -> bool:
        """A yes or no; raises ImproperlyConfigured for anything else."""
        value = self.text(name).strip().lower()
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise ImproperlyConfigured(f"{name} must be on or off, not {value!r}.")

    def zone(self, name: str) -> str:
        """The name of a time zone; raises ImproperlyConfigured for one that is not known."""
        value = self.text(name)
        try:
            ZoneInfo(value)
        except (KeyError, OSError, ValueError) as error:
            raise ImproperlyConfigured(
                f"{name} must be a time zone such as Europe/Berlin, not {value!r}."
            ) from error
        return value

    def items(self, name: str) -> list[str]:
        """A comma-separated list, blanks dropped."""
        return [item.strip() for item in self.optional(name).split(",") if item.strip()]

    def database(self) -> dict[str, object]:
        """Django's database entry, with the options that the engine's promises need."""
        url = self.text("DATABASE_URL")
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            url = f"sqlite:///{ROOT / url.removeprefix('sqlite:///')}"
        try:
            config: dict[str, object] = dict(environ.Env.db_url_config(url))
        except Exception as error:
            raise ImproperlyConfigured(
                "DATABASE_URL cannot be read; it looks like postgres://user:password@host:5432/name."
            ) from error
        match config["ENGINE"]:
            case "django.db.backends.sqlite3":
                # Readers never wait for the one writer; a writer asks for its lock at BEGIN, not half-way.
                config["OPTIONS"] = {
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 20,
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000;",
                }
                Path(str(config["NAME"])).parent.mkdir(parents=True, exist_ok=True)
            case "django.db.backends.postgresql":
                config["HOST"] = unquote(str(config["HOST"]))  # a socket's folder is written with %2F
                config["CONN_MAX_AGE"] = 600
                config["CONN_HEALTH_CHECKS"] = True
                config["OPTIONS"] = {"connect_timeout": 10}
            case engine:
                raise ImproperlyConfigured(
                    f"DATABASE_URL names {engine}; Newsroom runs on SQLite and PostgreSQL."
                )
        return config

    def key(self, name: str, *, may_make: bool) -> str:
        """A secret: from the environment, else (with SQLite) made once in var/keys, readable by its owner only."""
        assert name in _KEY_NAMES
        if value := self.optional(name):
            return value
        if not may_make:
            raise ImproperlyConfigured(
                f"{name} is not set. Make one with: python -c 'import secrets; print(secrets.token_hex(32))'"
            )
        path = VAR / "keys" / name.lower()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = secrets.token_hex(32)
        # Written aside and linked into place: of two processes that start at once, both read the same whole key.
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"1:{made}" if name == "LINK_KEYS" else made)
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
        aside.unlink()
        return path.read_text().strip()


def read_signups_per_hour(value: str) -> dict[str, int]:
    """`network=40,domain=50,site=600` as numbers; what is left out is as in the default."""
    limits = {"network": 40, "domain": 50, "site": 600}
    for part in filter(None, value.split(",")):
        name, _, number = part.strip().partition("=")
        if name not in limits or not number.isdigit() or int(number) < 1:
            raise ImproperlyConfigured(
                "SIGNUPS_PER_HOUR must look like network=40,domain=50,site=600 with numbers from 1."
            )
        limits[name] = int(number)
    return limits


def read_return_sites(sites: list[str]) -> frozenset[str]:
    """Scheme and host of each, as browsers write them: small letters, international names as xn--."""
    for site in sites:
        if not re.fullmatch(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?", site):
            raise ImproperlyConfigured(
                f"RETURN_SITES must look like https://www.example.org, without a path, not {site!r}."
            )
    return frozenset(sites)


def read_kept_days(value: str) -> dict[str, int]:
    """`letters=90,events=396` as numbers; what is left out is as in the default."""
    kept = {"letters": 90, "payloads": 90, "events": 396, "confirmations": 396, "sign_ins": 90}
    for part in filter(None, value.split(",")):
        name, _, number = part.strip().partition("=")
        # Limits per address look back over 30 days.
        if name not in kept or not number.isdigit() or int(number) < 31:
            raise ImproperlyConfigured(
                f"KEPT_DAYS must look like letters=90,events=396 with {', '.join(kept)} and numbers from 31."
            )
        kept[name] = int(number)
    return kept


def read_complaints(value: str) -> dict[str, Decimal]:
    """`warn=0.1,stop=0.3,least=3` as two rates in percent and a number; what is left out is as in the default."""
    limits = {"warn": Decimal("0.1"), "stop": Decimal("0.3"), "least": Decimal(3)}
    sentence = (
        "COMPLAINTS must look like warn=0.1,stop=0.3,least=3 with percent up to 100, warn not above stop, "
        "and a whole number from 1."
    )
    for part in filter(None, value.split(",")):
        name, _, number = part.strip().partition("=")
        shape = r"[1-9][0-9]{0,5}" if name == "least" else r"[0-9]{1,3}([.][0-9]{1,3})?"
        if name not in limits or not re.fullmatch(shape, number):
            raise ImproperlyConfigured(sentence)
        limits[name] = Decimal(number)
    if not 0 < limits["warn"] <= limits["stop"] <= 100:
        raise ImproperlyConfigured(sentence)
    return limits


def read_page_seconds(value: str, *, default: int) -> int:
    """Seconds from 0 to 300; nothing means the default."""
    if not value:
        return default
    # A picture that was withdrawn is gone within five minutes, and so is the page that shows it.
    if not (value.isascii() and value.isdigit() and int(value) <= 300):
        raise ImproperlyConfigured(f"PAGE_SECONDS must be a number from 0 to 300, not {value!r}.")
    return int(value)


def read_dkim_selectors(items: list[str]) -> dict[str, tuple[str, ...]]:
    """`news,example.org=k1` by domain; those for every domain stand under the empty name."""
    found: dict[str, tuple[str, ...]] = {}
    for item in items:
        domain, _, selector = item.lower().rpartition("=")
        # Names of the DNS; a selector may have dots (RFC 6376 §3.1).
        if not re.fullmatch(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9])?", selector) or not re.fullmatch(
            r"([a-z0-9-]+(\.[a-z0-9-]+)+)?", domain
        ):
            raise ImproperlyConfigured(
                f"DKIM_SELECTORS must look like news or example.org=news, comma-separated, not {item!r}."
            )
        found[domain] = (*found.get(domain, ()), selector)
    return found


def read_link_keys(value: str) -> dict[int, bytes]:
    """`1:KEY,2:KEY` as {number: key}; numbers run from 1 to 15 because a link has four bits for them."""
    keys: dict[int, bytes] = {}
    for part in value.split(","):
        number, _, key = part.strip().partition(":")
        if not number.isdigit() or not 1 <= int(number) <= 15 or len(key) < 16 or int(number) in keys:
            raise ImproperlyConfigured(
                "LINK_KEYS must look like 1:KEY,2:KEY with numbers from 1 to 15 and keys of at least 16 characters."
            )
        keys[int(number)] = key.encode()
    return keys
