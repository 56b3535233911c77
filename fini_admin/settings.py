"""Django's settings, all from the environment (`.env.example` lists what there is)."""

import logging
import sys
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from huey.serializer import SignedSerializer

from fini_admin.lib.environment import (
    all_or_none,
    database,
    encryption_keys,
    env,
    flag,
    folder,
    https_url,
    is_read_only,
    mail_server,
    number,
    origin,
    origins,
    read_only_database,
    secret,
    slug_of_url,
    text,
    url,
    words,
)

BASE_DIR = Path(__file__).resolve().parent.parent
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")

DEBUG = flag("DEBUG")
SECRET_KEY = secret("SECRET_KEY")
ENCRYPTION_KEYS = encryption_keys(secret("ENCRYPTION_KEYS"))
# With DEBUG on and none set, everybody knows the one that stands in its place: no API key is sealed with it.
ENCRYPTION_KEY_IS_PUBLIC = DEBUG and not ENCRYPTION_KEYS
missing = [name for name in ("SECRET_KEY", "ENCRYPTION_KEYS") if not globals()[name]]
# It opens no key, and runs where an image is built, which has no secrets.
if missing and sys.argv[1:2] == ["collectstatic"]:
    SECRET_KEY = SECRET_KEY or "collectstatic needs none"
elif missing and DEBUG:
    SECRET_KEY, ENCRYPTION_KEYS = (
        SECRET_KEY or "debug",
        ENCRYPTION_KEYS or [b"debug-only-encryption-key-012345"],
    )
elif missing:
    raise ImproperlyConfigured(f"{' and '.join(missing)} must be set (see .env.example)")

VAR_DIR = folder("VAR_DIR", BASE_DIR / "var")

DATABASES = {"default": database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'fini_admin.sqlite3'}")}
POSTGRES = DATABASES["default"]["ENGINE"].endswith("postgresql")
DATABASES["default"].update({"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True})
# What stands behind the address's question mark counts before these; times are in seconds.
options: dict[str, Any] = (
    {"connect_timeout": 10}
    if POSTGRES
    else {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
)
DATABASES["default"]["OPTIONS"] = options | DATABASES["default"].get("OPTIONS", {})
if not POSTGRES:
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if not POSTGRES and is_read_only(DATABASES["default"]):
    DATABASES["default"] = read_only_database(DATABASES["default"])

FINI_API_BASE_URL = https_url("FINI_API_BASE_URL", "https://api-prod.usefini.com")
FINI_CALLS_PER_MINUTE = number("FINI_CALLS_PER_MINUTE", 90)
MOST_BATCH_SIZE = 500  # where a workspace sets its own as well
FINI_BATCH_SIZE = number("FINI_BATCH_SIZE", 100, most=MOST_BATCH_SIZE)
FINI_TIMEOUT = number("FINI_TIMEOUT", 30)
FINI_PROXY = url("FINI_PROXY")

ALLOWED_HOSTS = words("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = origins("CSRF_TRUSTED_ORIGINS", words("CSRF_TRUSTED_ORIGINS"))
TRUSTED_PROXIES = number("TRUSTED_PROXIES", 0, least=0)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "template_partials",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "fini_admin.audit",
    "fini_admin.workspaces",
    "fini_admin.people",
    "fini_admin.sources",
    "fini_admin.ingestion",
    "fini_admin.web",
    "fini_admin.cli",
]
MIDDLEWARE = [
    "fini_admin.web.key_guard.KeyGuard",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "fini_admin.web.middleware.Compress",
    "csp.middleware.CSPMiddleware",
    "fini_admin.web.middleware.Answers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "fini_admin.web.middleware.Common",
    "fini_admin.web.accounts.authentication.Authentication",
    "allauth.account.middleware.AccountMiddleware",
    "fini_admin.web.permissions.LoginRequired",
    "fini_admin.web.key_guard.FieldGuard",
    "django.middleware.csrf.CsrfViewMiddleware",
    "fini_admin.web.permissions.SecondFactorRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "fini_admin.web.viewer.Viewer",
]
DEFAULT_EXCEPTION_REPORTER = "fini_admin.lib.redaction.ErrorReport"
DEFAULT_EXCEPTION_REPORTER_FILTER = "fini_admin.lib.redaction.ReportFilter"
ROOT_URLCONF = "fini_admin.web.urls"
WSGI_APPLICATION = "fini_admin.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "template_partials.templatetags.partials",
                "django.templatetags.static",
                "django.contrib.humanize.templatetags.humanize",
                "heroicons.templatetags.heroicons",
                "fini_admin.web.templatetags.common",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "fini_admin.web.pages.frame",
            ],
        },
    }
]

# People: log-in by e-mail and password, or by the one log-in provider; nobody signs up, an admin adds people.
AUTH_USER_MODEL = "workspaces.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "fini_admin.workspaces.passwords.Length"},
    *(
        {"NAME": f"django.contrib.auth.password_validation.{name}"}
        for name in (
            "UserAttributeSimilarityValidator",
            "CommonPasswordValidator",
            "NumericPasswordValidator",
        )
    ),
]
ACCOUNT_ADAPTER = "fini_admin.web.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
# Its mail would invite strangers to the sign-up page, which does not exist.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
# A person is told by mail when the way in changes (people/letters.py).
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_FORMS = {
    "login": "fini_admin.web.accounts.forms.LogInForm",
    "change_password": "fini_admin.web.accounts.forms.ChangeForm",
    "reset_password": "fini_admin.web.accounts.forms.ResetForm",
    "reset_password_from_key": "fini_admin.web.accounts.forms.NewPasswordForm",
    "reauthenticate": "fini_admin.web.accounts.forms.AskForm",
}
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 10 * 60
# A session ends with the browser, and by the two limits below: nothing to remember.
ACCOUNT_SESSION_REMEMBER = False
# Known and unknown addresses are counted alike. What counts per key is the address, or the person of a code. All ways
# to guess one person's password are fewer than 100 tries an hour together.
LOCKED_MINUTES = 5  # an address with too many failed log-ins
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": f"10/m/ip,5/{LOCKED_MINUTES}m/key",
    "second_factor": "30/d/key",
    "provider": "30/m/ip",
    "reauthenticate": "10/m/user,20/h/user",
    "change_password": "5/m/user,10/h/user",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "confirm_email": "1/3m/key",
}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES

MFA_ADAPTER = "fini_admin.web.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_RECOVERY_CODE_COUNT = 10
MFA_TOTP_ISSUER = "Fini Admin"
# One step of 30 s before and after, for clocks that differ; each code counts once (web/accounts/forms.py).
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "fini_admin.web.accounts.forms.CodeForm",
    "reauthenticate": "fini_admin.web.accounts.forms.AgainForm",
    "activate_totp": "fini_admin.web.accounts.forms.ActivateForm",
}
SECOND_FACTOR_REQUIRED = flag("SECOND_FACTOR_REQUIRED")

OIDC_SERVER_URL = https_url("OIDC_SERVER_URL")
OIDC_CLIENT_ID = text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = secret("OIDC_CLIENT_SECRET")
with_provider = all_or_none(
    OIDC_SERVER_URL=OIDC_SERVER_URL, OIDC_CLIENT_ID=OIDC_CLIENT_ID, OIDC_CLIENT_SECRET=OIDC_CLIENT_SECRET
)
OIDC_NAME = text("OIDC_NAME", "the company log-in") if with_provider else ""
OIDC_ORIGINS = (
    [origin(OIDC_SERVER_URL), *origins("OIDC_ORIGINS", words("OIDC_ORIGINS"))] if with_provider else []
)
# Another provider is another name, so that nobody is known by an identifier that somebody else has there.
OIDC_ID = slug_of_url(OIDC_SERVER_URL)
SOCIALACCOUNT_ADAPTER = "fini_admin.web.accounts.adapters.ProviderAdapter"
# people/linking.py links: only the first identifier that proves an address.
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = False

LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
EMAIL_CONFIG = mail_server("EMAIL_URL")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = text("DEFAULT_FROM_EMAIL", "fini-admin@localhost")
# The log-in limits live here: every process must see one count. Past MAX_ENTRIES a part is thrown away,
# counts too: the default of 300 would let somebody clear them by trying 300 addresses.
CACHES = {
    "default": {
        "BACKEND": "fini_admin.lib.cache.Cache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 13 * 1024 * 1024
# A tree may have 10,000 boxes ticked one by one.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 12_000

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "fini_admin.web.static_bundles.BundledStorage"},
}
if DEBUG:
    WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        # A browser follows a form's redirect only to what stands here.
        "form-action": [SELF, *OIDC_ORIGINS],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SESSION_ENGINE = "fini_admin.web.accounts.session_store"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = number("SESSION_HOURS", 12) * 60 * 60
SESSION_IDLE_SECONDS = number("SESSION_IDLE_MINUTES", 30) * 60
# `make run` serves 127.0.0.1 over plain HTTP and says so; everywhere else DEBUG off means TLS.
PLAIN_HTTP = DEBUG or flag("PLAIN_HTTP_ON_LOOPBACK")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not PLAIN_HTTP
if not PLAIN_HTTP:  # a browser takes such a cookie only from this very host, over TLS, for all of its paths
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
# The probes: asked over plain HTTP, and by the machine's address (web.middleware.Common).
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if PLAIN_HTTP else 365 * 24 * 60 * 60
# Subdomains and preload bind hosts that are not ours: the operator's decision (docs/security.md).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Wake-ups only: truth stands in our tables. Never in Django's own SQLite file. They are pickled:
# signed, so that who can write into their table or file runs nothing in the worker.
HUEY: dict[str, Any] = {
    "name": "fini_admin",
    "serializer": SignedSerializer(secret=SECRET_KEY),
    "immediate": False,
    "results": False,
    # Made by `migrate` and by the worker (ingestion/apps.py, run_worker): at import they would stop every process that
    # starts while the database is away.
    "create_tables": False,
    "utc": True,
    "consumer": {"workers": 4, "worker_type": "thread", "max_delay": 0.2, "periodic": False},
}
if POSTGRES:
    # django-environ takes psql:// and pgsql:// as well, PostgreSQL's own library does not.
    dsn = "postgresql://" + text("DATABASE_URL").partition("://")[2]
    HUEY |= {"huey_class": "huey.PostgresHuey", "dsn": dsn}
else:
    HUEY |= {
        "huey_class": "huey.SqliteHuey",
        "filename": str(VAR_DIR / "huey.sqlite3"),
        "fsync": False,
        "timeout": 5,
    }

logging.captureWarnings(capture=True)  # so that they are searched for keys as well
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "fini_admin.lib.redaction.LogFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "filters": {"outages": {"()": "fini_admin.lib.redaction.DropOutages"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # These bring handlers of their own, whose lines nobody searches for keys.
    "loggers": {
        "django": {"level": "INFO"},
        "django.server": {"level": "INFO"},
        "gunicorn.error": {"handlers": ["stderr"], "propagate": False},
        # Several threads ask several times a second; the worker's clock says an outage once.
        "huey": {"filters": ["outages"]},
        "huey.consumer.Worker": {"filters": ["outages"]},
        "huey.consumer.Scheduler": {"filters": ["outages"]},
    },
}
