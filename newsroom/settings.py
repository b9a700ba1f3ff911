"""Settings: the composition root. What the environment says comes through `newsroom.environment`, and only there."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from newsroom.environment import (
    ROOT,
    Environment,
    read_complaints,
    read_dkim_selectors,
    read_kept_days,
    read_link_keys,
    read_page_seconds,
    read_return_sites,
    read_signups_per_hour,
)

# So that `ModelAdmin[Article]` and `ModelForm[Digest]` mean something at run time as well.
django_stubs_ext.monkeypatch()

BASE_DIR = ROOT
environment = Environment()

# --- The site ---------------------------------------------------------------------------------------------
DEBUG = environment.flag("DEBUG")
SITE_URL = environment.text("SITE_URL").rstrip("/")
_site = urlsplit(SITE_URL)
if _site.scheme not in {"http", "https"} or not _site.hostname or _site.path:
    raise ImproperlyConfigured("SITE_URL must look like https://news.example.org, without a path.")
SITE_NAME = environment.text("SITE_NAME")
ALLOWED_HOSTS = environment.items("ALLOWED_HOSTS") or [_site.hostname]
TRUSTED_PROXIES = environment.items("TRUSTED_PROXIES")
CSRF_TRUSTED_ORIGINS = [SITE_URL]
ROOT_URLCONF = "newsroom.urls"
WSGI_APPLICATION = "newsroom.wsgi.application"
ASGI_APPLICATION = "newsroom.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Database and keys ------------------------------------------------------------------------------------
DATABASES = {"default": environment.database()}
_on_sqlite = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
SECRET_KEY = environment.key("SECRET_KEY", may_make=_on_sqlite)
SECRET_KEY_FALLBACKS = environment.items("SECRET_KEY_FALLBACKS")
LINK_KEYS = read_link_keys(environment.key("LINK_KEYS", may_make=_on_sqlite))
ADDRESS_KEY = environment.key("ADDRESS_KEY", may_make=_on_sqlite).encode()

# --- Apps -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "newsroom.apps.NewsroomAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "corsheaders",
    "csp",
    "anymail",
    "newsroom.mail",
    "newsroom.articles",
    "subscriptions",
    "digests.delivery",
    "digests",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "newsroom.web.proxies.ClientAddressMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "digests.limits_backend.LimitsBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
SECOND_FACTOR = environment.flag("SECOND_FACTOR") if environment.optional("SECOND_FACTOR") else not DEBUG
OTP_TOTP_ISSUER = SITE_NAME
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "newsroom.web.proxies.login_address"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
                "newsroom.web.pages.site",
            ],
            "libraries": {"web": "newsroom.web.tags"},
        },
    },
]

FORM_RENDERER = "newsroom.web.form_html.Renderer"

# The desk's own pages of the admin, named here because the site stands below the apps: what the front page shows,
# and addresses beside those of the records.
ADMIN_FRONT = "digests.board_page.front"
ADMIN_PAGES = ["digests.board_page.urls", "digests.self_check_page.urls"]

# Which incidents a staff user gets a letter about: mail stands below the apps that know who works on what.
INCIDENT_ACCESS = "digests.access.may_know"

# The copies in a reader's own data: the readers' app stands below the ledger.
READER_COPIES = "digests.delivery.reader_copies.of_reader"

# --- Languages and time -----------------------------------------------------------------------------------
LANGUAGE_CODE = "de"
LANGUAGES = [("de", _("German")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "newsroom.formats"
TIME_ZONE = environment.zone("TIME_ZONE")
USE_TZ = True

# --- Files ------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
MEDIA_ROOT = Path(environment.text("MEDIA_ROOT"))
if not MEDIA_ROOT.is_absolute():
    MEDIA_ROOT = BASE_DIR / MEDIA_ROOT
MEDIA_URL = "/media/"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# --- What browsers are told -------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
_secure = _site.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = _secure
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SESSION_COOKIE_AGE = 12 * 60 * 60

# --- Public pages ------------------------------------------------------------------------------------------
PAGE_SECONDS = read_page_seconds(environment.optional("PAGE_SECONDS"), default=0 if DEBUG else 10)

# --- Signing up -------------------------------------------------------------------------------------------
SIGNUPS_PER_HOUR = read_signups_per_hour(environment.text("SIGNUPS_PER_HOUR"))
LOOK_UP_DOMAINS = environment.flag("LOOK_UP_DOMAINS")
RETURN_SITES = read_return_sites(environment.items("RETURN_SITES"))
# What a page on one of these sites may call from its reader's browser: nothing that a cookie or a token opens.
CORS_ALLOWED_ORIGINS = sorted(RETURN_SITES)
CORS_URLS_REGEX = r"/api/v1/(newsletters|subscriptions)\Z"
CORS_ALLOW_METHODS = ["GET", "POST"]
CORS_ALLOW_HEADERS = ["content-type"]

# --- Mail -------------------------------------------------------------------------------------------------
# Read by newsroom.mail.provider_urls; Django's own EMAIL_* settings are not used.
MAIL_PROVIDERS = environment.text("MAIL_PROVIDERS")
# The self-check looks whether the keys that sign the mail are published there.
DKIM_SELECTORS = read_dkim_selectors(environment.items("DKIM_SELECTORS"))
EMAIL_BACKEND = "newsroom.mail.refusing.EmailBackend"  # nothing may mail past newsroom.mail

# From how many percent of its accepted copies on, and how many at least, complaints warn staff or stop a mailing.
COMPLAINTS = read_complaints(environment.text("COMPLAINTS"))

# --- How long records are kept ----------------------------------------------------------------------------
KEPT_DAYS = read_kept_days(environment.text("KEPT_DAYS"))

# --- Redis and Celery: wake-ups only ----------------------------------------------------------------------
REDIS_URL = environment.text("REDIS_URL")


def _redis_database(offset: int) -> str:
    """REDIS_URL with its database number moved on: broker, cache and send rates never share one."""
    base, _, number = REDIS_URL.rpartition("/")
    return f"{base}/{int(number) + offset}" if number.isdigit() else f"{REDIS_URL.rstrip('/')}/{offset}"


CACHES = {
    "default": {
        "BACKEND": "newsroom.web.cache.ForgivingRedisCache",
        "LOCATION": _redis_database(1),
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}
SEND_RATES_URL = _redis_database(2)

CELERY_BROKER_URL = _redis_database(0)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False  # a lost wake-up costs seconds, a redelivered one would cost trust
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 2_000
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 70.0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_PUBLISH_RETRY = False  # with Redis away a visitor does not wait for it: the sweep sends later
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_timeout": 30,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "retry_on_timeout": True,
    "max_retries": 0,  # a wake-up that cannot be sent at once is not sent: 0.03 s instead of 6.7 s with Redis away
}
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_ROUTES = {
    "mail.send_letters": {"queue": "letters"},
    "subscriptions.decide_sign_ups": {"queue": "letters"},
    "subscriptions.send_links": {"queue": "letters"},
    "delivery.pump": {"queue": "mailings"},
    "delivery.freeze": {"queue": "mailings"},
}
CELERY_TIMEZONE = "UTC"
QUEUES = ("control", "letters", "mailings")
PULSE_SECONDS = (
    45.0  # a sign of life through each queue; two that fail to come are an alarm, within two minutes
)
HEARTBEAT_SECONDS = 30.0  # a worker, and a job that runs more often, is written down no more often
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "plans": {"task": "digests.run_due_plans", "schedule": 60.0},
    "reminders": {"task": "digests.remind", "schedule": 60.0},
    "withdrawn": {"task": "digests.pull_withdrawn", "schedule": 60.0},
    "due-digests": {"task": "digests.hand_over_due", "schedule": 5.0},
    "links": {"task": "digests.look_at_links", "schedule": 60.0},
    "sweep": {"task": "delivery.sweep", "schedule": 15.0},
    "complaints": {"task": "delivery.watch_complaints", "schedule": 60.0},
    "nudge": {"task": "delivery.nudge", "schedule": 5.0},
    "letters": {"task": "mail.send_letters", "schedule": 5.0},
    "events": {"task": "delivery.apply_events", "schedule": 2.0},
    "feeds": {"task": "articles.poll_feeds", "schedule": 60.0},
    "settings-links": {"task": "subscriptions.send_links", "schedule": 5.0},
    "decide-sign-ups": {"task": "subscriptions.decide_sign_ups", "schedule": 5.0},
    "sign-ups": {"task": "subscriptions.watch_sign_ups", "schedule": 60.0},
    "letters-noted": {"task": "subscriptions.note_letters", "schedule": 60.0},
    "ended-best-ofs": {"task": "subscriptions.tell_of_ended_best_ofs", "schedule": 60.0},
    "imports": {"task": "subscriptions.run_imports", "schedule": 30.0},
    "old-clicks": {"task": "digests.forget_clicks", "schedule": 3600.0},
    "tidy": {"task": "subscriptions.tidy", "schedule": 3600.0},
    "old-sign-ins": {"task": "digests.tidy", "schedule": 3600.0},
    "old-copies": {"task": "delivery.forget_old", "schedule": 3600.0},
    "incidents": {"task": "mail.tell_staff", "schedule": 30.0},
    "self-check": {"task": "digests.watch", "schedule": 300.0},
    "standstill": {"task": "digests.watch_queues", "schedule": 20.0},
}
for _queue in QUEUES:
    CELERY_BEAT_SCHEDULE[f"pulse-{_queue}"] = {
        "task": "mail.pulse", "schedule": PULSE_SECONDS, "args": [_queue], "options": {"queue": _queue},
    }  # fmt: skip
# A beat that was away does not flood the queue with the wake-ups it missed.
for _entry in CELERY_BEAT_SCHEDULE.values():
    _entry.setdefault("options", {})["expires"] = 60

# --- The engine's patience (seconds) ----------------------------------------------------------------------
DELIVERY_LEASE_SECONDS = 60
DELIVERY_CALL_SECONDS = 60  # total deadline of one provider call
DELIVERY_MARGIN_SECONDS = 30
DELIVERY_UNKNOWN_SECONDS = 60 * 60  # how long proof of an unanswered call is waited for
DELIVERY_SLICE_SECONDS = 20
DELIVERY_FAILOVER_SECONDS = (
    2 * 60
)  # out of order for so long, a provider's waiting batches go to its failover
DELIVERY_LATE_LIMIT_SECONDS = 2 * 60 * 60
LETTER_LEASE_SECONDS = 120

# --- Logs and errors --------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "mask": {"()": "newsroom.web.logs.MaskAddresses"},
        "without_trace": {"()": "newsroom.web.logs.WithoutTrace"},
    },
    "formatters": {"line": {"()": "newsroom.web.logs.LineFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["mask"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # A line per request that we make, or per start of a process, tells an operator nothing.
    "loggers": {
        "httpx": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "django.security.DisallowedHost": {"filters": ["without_trace"]},
    },
}
SENTRY_DSN = environment.optional("SENTRY_DSN")
if SENTRY_DSN:
    import sentry_sdk

    from newsroom.web import error_reports

    sentry_sdk.init(**error_reports.options(SENTRY_DSN))
