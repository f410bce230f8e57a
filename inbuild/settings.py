"""Every setting; all that differs between machines is read from the environment, once, in the first block."""

from __future__ import annotations

from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from inbuild import environment
from inbuild.environment import env

BASE_DIR = Path(__file__).resolve().parent.parent

# --- the environment ---------------------------------------------------------------------------------------------
INBUILD_ENV = environment.one_of("INBUILD_ENV", ("production", "demo", "test"), "production")
PRODUCTION = INBUILD_ENV == "production"
SECRET_KEY = environment.text("SECRET_KEY")
FIELD_KEYS = environment.fernet_keys("FIELD_KEYS")
PUBLIC_URL = environment.url("PUBLIC_URL")
DATABASE: dict[str, Any] = environment.parsed("DATABASE_URL", env.db_url, None, "a PostgreSQL address")
REDIS_URL = environment.text("REDIS_URL")
ALLOWED_HOSTS = [host for host in environment.text("ALLOWED_HOSTS", "").split(",") if host] or [
    str(urlsplit(PUBLIC_URL).hostname)
]
SERVER_TIMING = environment.one_of("SERVER_TIMING", ("", "1"), "")
LOG_LEVEL = environment.one_of("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
MEDIA_ROOT = Path(environment.text("MEDIA_ROOT", str(BASE_DIR / "media")))
# How many proxies in front add to X-Forwarded-For; what a client writes into it itself is not believed.
TRUSTED_PROXIES = int(environment.number("TRUSTED_PROXIES", 1 if PRODUCTION else 0))
EMAIL: dict[str, Any] = environment.parsed("EMAIL_URL", lambda name: env.email_url(name, "consolemail://"), "", "mail")
DEFAULT_FROM_EMAIL = environment.text("DEFAULT_FROM_EMAIL", "inBuild <no-reply@localhost>")
QBO_CLIENT_ID = environment.text("QBO_CLIENT_ID", "")
QBO_CLIENT_SECRET = environment.text("QBO_CLIENT_SECRET", "")
QBO_ENVIRONMENT = environment.one_of("QBO_ENVIRONMENT", ("production", "sandbox"), "production")
# Only for an emulator of Intuit: its discovery document, API base and web pages.
QBO_DISCOVERY_URL = environment.url("QBO_DISCOVERY_URL", "")
QBO_API_URL = environment.url("QBO_API_URL", "")
QBO_UI_URL = environment.url("QBO_UI_URL", "")
# Intuit cuts a request after 120 s; a doubtful bill is only looked up when that time has certainly passed.
QBO_QUARANTINE_SECONDS = environment.number("QBO_QUARANTINE_SECONDS", 150)
QBO_LEASE_SECONDS = environment.number("QBO_LEASE_SECONDS", 180)
QBO_TIMEOUT_SECONDS = environment.number("QBO_TIMEOUT_SECONDS", 60)
# Intuit: limits and throttles, wait 60 s after a 429.
QBO_PAUSE_SECONDS = environment.number("QBO_PAUSE_SECONDS", 60)
# The key Intuit signs its webhooks with; without it no webhook is believed.
QBO_WEBHOOK_VERIFIER_TOKEN = environment.text("QBO_WEBHOOK_VERIFIER_TOKEN", "")
# How long a change that a session handed over may be out before another session takes over.
QBD_BUSY_SECONDS = environment.number("QBD_BUSY_SECONDS", 180)
# How much a session of the Web Connector writes before a person gets their QuickBooks back; its largest call, in bytes.
QBD_WRITES_PER_SESSION = environment.number("QBD_WRITES_PER_SESSION", 100)
QBD_MAX_BODY = int(environment.number("QBD_MAX_BODY", 20_000_000))
# How often the books are asked for what no webhook told, and how long one look may take.
FOLLOW_SECONDS = environment.number("FOLLOW_SECONDS", 900)
FOLLOW_LEASE_SECONDS = environment.number("FOLLOW_LEASE_SECONDS", 600)
# How long a crashed worker keeps others from a company's work, and from one import.
TURN_LEASE_SECONDS = environment.number("TURN_LEASE_SECONDS", 90)
IMPORT_LEASE_SECONDS = environment.number("IMPORT_LEASE_SECONDS", 120)
# How long an invoice sent to Procore without an answer may still turn up there, and how long one sending may take.
PROCORE_QUARANTINE_SECONDS = environment.number("PROCORE_QUARANTINE_SECONDS", 120)
PROCORE_LEASE_SECONDS = environment.number("PROCORE_LEASE_SECONDS", 180)
SWEEP_SECONDS = environment.number("SWEEP_SECONDS", 5)
# How often each company is looked at for what needs somebody: how late a mail about a lost connection may be.
NOTICE_SECONDS = environment.number("NOTICE_SECONDS", 60)
# How often Procore is asked, project by project, for what no webhook told us.
SWEEP_PROJECT_SECONDS = environment.number("SWEEP_PROJECT_SECONDS", 900)

if PRODUCTION and not PUBLIC_URL.startswith("https://"):
    environment.refuse("PUBLIC_URL", "must start with https:// in production")
if DATABASE.get("ENGINE") != "django.db.backends.postgresql":
    environment.refuse("DATABASE_URL", "must be a PostgreSQL address (postgres://…)")
if urlsplit(REDIS_URL).scheme not in ("redis", "rediss"):
    environment.refuse("REDIS_URL", "must be a Redis or Valkey address (redis://…)")
if PRODUCTION and not (EMAIL["EMAIL_BACKEND"].endswith(".smtp.EmailBackend") and EMAIL.get("EMAIL_HOST")):
    # Mail about a lost connection that nobody gets would be a silent failure.
    environment.refuse("EMAIL_URL", "must be a mail server in production (smtp+tls://user:password@host:587)")
if "@" not in parseaddr(DEFAULT_FROM_EMAIL)[1]:
    environment.refuse("DEFAULT_FROM_EMAIL", "must be an e-mail address, as in inBuild <inbuild@example.com>")

# --- Procore's hosts. Procore: platform_concepts/development_environments.md. No user ever types an address. -------
PROCORE_ENVIRONMENTS: dict[str, dict[str, str]] = {
    "production": {
        "label": "Production",
        "login": "https://login.procore.com",
        "api": "https://api.procore.com",
        "ui": "https://app.procore.com",
    },
    "sandbox": {
        "label": "Developer sandbox",
        "login": "https://login-sandbox.procore.com",
        "api": "https://sandbox.procore.com",
        "ui": "https://sandbox.procore.com",
    },
}
if custom_api := environment.url("PROCORE_CUSTOM_API_URL", ""):
    PROCORE_ENVIRONMENTS["custom"] = {
        "label": environment.text("PROCORE_CUSTOM_LABEL", "Custom address"),
        "login": environment.url("PROCORE_CUSTOM_LOGIN_URL", custom_api),
        "api": custom_api,
        "ui": environment.url("PROCORE_CUSTOM_UI_URL", custom_api),
    }

# Our own app at Procore, for companies that connect with a Procore user instead of a service account.
PROCORE_CLIENT_ID = environment.text("PROCORE_CLIENT_ID", "")
PROCORE_CLIENT_SECRET = environment.text("PROCORE_CLIENT_SECRET", "")
PROCORE_CLIENT_ENVIRONMENT = environment.one_of("PROCORE_CLIENT_ENVIRONMENT", tuple(PROCORE_ENVIRONMENTS), "production")
if bool(PROCORE_CLIENT_ID) != bool(PROCORE_CLIENT_SECRET):
    environment.refuse("PROCORE_CLIENT_SECRET" if PROCORE_CLIENT_ID else "PROCORE_CLIENT_ID", "is not set")

# --- Django ------------------------------------------------------------------------------------------------------
DEBUG = False
ROOT_URLCONF = "inbuild.urls"
WSGI_APPLICATION = "inbuild.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "companies.User"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_THOUSAND_SEPARATOR = False

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.admin",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "inbuild",
    "companies",
    "invoices",
    "procore_sync",
    "accounting",
    "qbo",
    "qbd",
]

MIDDLEWARE = [
    "inbuild.doors.Doors",
    "inbuild.logs.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "companies.access.PrivatePages",
    "companies.sessions.LastSeen",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
if SERVER_TIMING:
    MIDDLEWARE.insert(0, "inbuild.timing.ServerTiming")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "inbuild.health.standstill",
                "companies.context.company",
                "accounting.context.connection",
                "qbd.context.web_connector",
            ],
            "builtins": ["django_htmx.templatetags.django_htmx", "companies.templatetags.plain"],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
        },
    }
]

DATABASES = {
    "default": {
        **DATABASE,
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **DATABASE.get("OPTIONS", {}),
            "connect_timeout": 3,
            # A webhook must be answered in seconds even when the database is in trouble.
            "options": "-c statement_timeout=15000 -c lock_timeout=5000",
        },
    }
}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "inbuild",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}

# --- sign-in -----------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
if INBUILD_ENV == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "companies.access.ClosedSignUp"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
# Limits of sign-in go by address: with a proxy in front, by the one that it saw.
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
MFA_ADAPTER = "companies.access.SealedSecrets"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "inBuild"

# --- browser side ------------------------------------------------------------------------------------------------
SESSION_COOKIE_NAME = "__Host-inbuild" if PRODUCTION else "inbuild"
CSRF_COOKIE_NAME = "__Host-csrf" if PRODUCTION else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
# Lax, not Strict: Intuit's or Procore's OAuth answer comes back from another site and must find the session.
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "companies.views.csrf_failure"
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^progressz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "object-src": [NONE],
        # The Connect forms post to us and we send the browser on to sign in, which browsers count as a form action.
        "form-action": [
            SELF,
            QBO_UI_URL or "https://appcenter.intuit.com",
            *([PROCORE_ENVIRONMENTS[PROCORE_CLIENT_ENVIRONMENT]["login"]] if PROCORE_CLIENT_ID else []),
        ],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_PERMISSIONS = 0o640
UPLOAD_MAX_BYTES = 25_000_000

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else None
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION

vars().update(EMAIL)
# Of each step of a sending.
EMAIL_TIMEOUT = 10

# --- work: PostgreSQL is the queue, Celery only rings --------------------------------------------------------------
# Early acknowledgement on purpose: a lost message costs a sweep's delay, a repeated one finds the rows leased.
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "socket_keepalive": True, "health_check_interval": 25}
CELERY_BEAT_SCHEDULE = {
    "imports": {"task": "procore_sync.sweep", "schedule": SWEEP_SECONDS},
    "bills": {"task": "accounting.sweep", "schedule": SWEEP_SECONDS},
    "inbox": {"task": "invoices.sweep", "schedule": SWEEP_SECONDS},
    "mails": {"task": "companies.sweep", "schedule": SWEEP_SECONDS},
    "notices": {"task": "companies.look_around", "schedule": NOTICE_SECONDS},
    # More often than daily, because beat counts anew whenever it is restarted.
    "tidying": {"task": "companies.tidy", "schedule": 6 * 3600},
}
INTEGRATION_BACKENDS = {"qbo": "qbo.backend.Online", "qbd": "qbd.backend.Desktop"}
NOTICE_PROVIDERS = [
    "procore_sync.noticing.found",
    "accounting.noticing.found",
    "qbd.noticing.found",
    "invoices.noticing.found",
]

LOGGING_CONFIG = None
