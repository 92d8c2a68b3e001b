"""Django's settings, made from objectstore.config; each variable is described there."""

from datetime import timedelta
from typing import Any

import dj_database_url

from objectstore import __version__, secret_key
from objectstore.config import BASE_DIR, Config

config = Config.load()

VERSION = __version__
NODE_ID = config.node_id
PORT = config.port
BIND = config.host
URL = config.url
DATA_DIR = (BASE_DIR / config.data_dir.expanduser()).resolve()
LOCAL_MODE = config.local_mode
S3_BUCKET_NAME = config.s3_bucket_name
S3_ENDPOINT_URL = config.s3_endpoint_url
S3_PUBLIC_ENDPOINT_URL = config.s3_public_endpoint_url
S3_PREFIX = config.s3_prefix
S3_SSE = config.s3_sse
S3_SSE_KMS_KEY_ID = config.s3_sse_kms_key_id
S3_TIMEOUT_SECONDS = config.s3_timeout_seconds
AWS_ACCESS_KEY_ID = config.aws_access_key_id
AWS_SECRET_ACCESS_KEY = config.aws_secret_access_key
AWS_SESSION_TOKEN = config.aws_session_token
AWS_REGION = config.aws_region
DOWNLOAD_MODE = config.download_mode
REDIRECT_MIN_BYTES = int(config.redirect_min_bytes)
REDIRECT_URL_SECONDS = config.redirect_url_seconds
CLOUDFRONT_DOMAIN = config.cloudfront_domain
CLOUDFRONT_KEY_ID = config.cloudfront_key_id
CLOUDFRONT_KEY = config.cloudfront_key
BLOB_CACHE_BYTES = int(config.blob_cache_bytes)
REDIS_URL = config.redis_url
WEB_THREADS = config.web_threads
ANONYMOUS_ACCESS = config.anonymous_access
TRUSTED_PROXIES = config.trusted_proxies
TLS_FILES = config.tls_files
ACCESS_CACHE_SECONDS = config.access_cache_seconds
TOKEN_SECONDS = config.token_seconds
LOGIN_FAILURES = config.login_failures
LOGIN_LOCK_SECONDS = config.login_lock_seconds
RATE_LIMITS = {
    "read": config.rate_limit_read,
    "write": config.rate_limit_write,
    "list": config.rate_limit_list,
    "auth": config.rate_limit_auth,
}
OIDC_ISSUER = config.oidc_issuer
OIDC_CLIENT_ID = config.oidc_client_id
OIDC_CLIENT_SECRET = config.oidc_client_secret
OIDC_AUDIENCE = config.oidc_audience or config.oidc_client_id
OIDC_SCOPES = config.oidc_scopes
OIDC_USERNAME_CLAIM = config.oidc_username_claim
OIDC_GROUPS_CLAIM = config.oidc_groups_claim
OIDC_GROUPS = config.oidc_groups
OIDC_ADMIN_GROUP = config.oidc_admin_group
MAX_UPLOAD_BYTES = int(config.max_upload_bytes)
MAX_OBJECT_BYTES = int(config.max_object_bytes)
MULTIPART_MIN_PART_BYTES = int(config.multipart_min_part_bytes)
UPLOAD_EXPIRY_SECONDS = config.upload_expiry_seconds
BODY_TIMEOUT_SECONDS = config.body_timeout_seconds
BODY_MIN_BYTES_PER_SECOND = config.body_min_bytes_per_second
MAX_BODIES = config.bodies
SEARCH_INDEX = config.search_index
BLOB_TRUST_SECONDS = config.blob_trust_seconds
SWEEP_GRACE_SECONDS = config.sweep_grace_seconds
SWEEP_LEASE_SECONDS = config.sweep_lease_seconds
SWEEP_INTERVAL_SECONDS = config.sweep_interval_seconds
FOLD_INTERVAL_SECONDS = config.fold_interval_seconds
HEARTBEAT_SECONDS = config.heartbeat_seconds
LEADER_LEASE_SECONDS = config.leader_lease_seconds

SECRET_KEY = config.secret_key or secret_key.read_or_create(DATA_DIR)
SECRET_KEY_FALLBACKS = list(config.secret_key_fallbacks)
DEBUG = config.debug
ALLOWED_HOSTS = list(config.allowed_hosts)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "axes",
    "objects_app",
]

# The console (/ui/, /admin/, /static/) gets Django's usual stack; the data plane a
# short one of its own, because the usual one costs more than the request itself.
MIDDLEWARE = [
    "objects_app.middleware.identity",
    "objects_app.middleware.head_without_body",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "objects_app.middleware.unreadable_bodies",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "objects_app.middleware.password_first",
]
DATA_PLANE_MIDDLEWARE = [
    "objects_app.middleware.identity",
    "objects_app.middleware.counted",
    "objects_app.middleware.head_without_body",
    "objects_app.middleware.strict_transport",
    "objects_app.middleware.cors",
    "objects_app.middleware.problem_responses",
    "objects_app.middleware.method_override",
    "objects_app.middleware.allowed_host",
    "objects_app.middleware.principal",
    "objects_app.middleware.rates",
]
ROOT_URLCONF = "objectstore.urls.console"
DATA_PLANE_URLCONF = "objectstore.urls.data_plane"
WSGI_APPLICATION = "objectstore.wsgi.application"
APPEND_SLASH = True

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
                "objects_app.web.pages.context",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]]
if config.database_url:
    DATABASES = {"default": dict(dj_database_url.parse(config.database_url))}
    DATABASES["default"]["ENGINE"] = "objectstore.postgresql"
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = not config.database_prepare
    DATABASES["default"]["OPTIONS"] = {
        "server_side_binding": True,
        "prepare_threshold": 2 if config.database_prepare else None,
        "connect_timeout": 4,
        "tcp_user_timeout": 8000,
        "keepalives_idle": 10,
    } | DATABASES["default"].get("OPTIONS", {})
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "objectstore.sqlite3",
            "OPTIONS": {
                "timeout": 8,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    }
DATABASES["default"]["CONN_MAX_AGE"] = None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASE_PREPARE = config.database_prepare
DATABASE_POOL_SIZE = config.database_pool_size

# Applied by wsgi.py to requests only: a migration or a recount may take hours. The
# second is for a server that does not keep the first, or may not be told it.
STATEMENT_TIMEOUT_MS = 8000
ANSWER_SECONDS = 8.5
POOL_TIMEOUT_SECONDS = 4

# Passwords are asked for at the login page and POST /auth/token (access/logins.py).
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [  # the first makes new ones; the others still check old ones
    f"django.contrib.auth.hashers.{name}"
    for name in (
        "Argon2PasswordHasher",
        "PBKDF2PasswordHasher",
        "PBKDF2SHA1PasswordHasher",
        "BCryptSHA256PasswordHasher",
        "ScryptPasswordHasher",
    )
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
CSRF_FAILURE_VIEW = "objects_app.web.refusals.csrf_failure"

AXES_HANDLER = "objects_app.access.lockout.Handler"
AXES_FAILURE_LIMIT = LOGIN_FAILURES
AXES_COOLOFF_TIME = timedelta(seconds=LOGIN_LOCK_SECONDS)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "objects_app.access.addresses.client_network"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # a lock ends, tried or not
AXES_DISABLE_ACCESS_LOG = True  # the journal has them
AXES_ENABLE_ADMIN = False  # objects_app.admin shows what there is, read-only
AXES_VERBOSE = False

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]  # others follow when there are translations

# A form's files are thrown away unless its view takes them.
FILE_UPLOAD_HANDLERS = ["objects_app.http.form_files.NoFiles"]
DATA_UPLOAD_MAX_NUMBER_FILES = 1000

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "objectstore.static_files.StaticFiles"},
}

CORS_ALLOW_ALL_ORIGINS = "*" in config.cors_allowed_origins
CORS_ALLOWED_ORIGINS = [o for o in config.cors_allowed_origins if o != "*"]
CORS_URLS_REGEX = r"^/"  # the default's dot matches no newline, which keys may hold
# `*` does not stand for Authorization (Fetch standard); credentials are never allowed.
CORS_ALLOW_HEADERS = ["*", "Authorization"]
CORS_ALLOW_METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]
CORS_EXPOSE_HEADERS = [
    "*",  # X-Object-Meta-*; older browsers do not know it, hence the rest
    "ETag",
    "Content-Length",
    "Content-Range",
    "Content-Disposition",
    "Accept-Ranges",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "X-Version-Id",
    "X-Delete-Marker",
    "Repr-Digest",
    "Retry-After",
    "Tus-Checksum-Algorithm",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Defer-Length",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "X-Node-Id",
    "X-Request-Id",
]

# Rows of the database, cleared away by the worker. Nothing prolongs a session.
SESSION_ENGINE = "objects_app.access.console_sessions"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = (
    bool(config.production or config.tls_files)
    if config.secure_cookies is None
    else config.secure_cookies
)
SECURE_HSTS_SECONDS = config.hsts
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    # Names below this one may be other servers, and preloading cannot be taken back.
    "security.W005",  # SECURE_HSTS_INCLUDE_SUBDOMAINS
    "security.W021",  # SECURE_HSTS_PRELOAD
    # Clients of the data plane follow no redirect, and have sent their credentials by
    # then; health checks come over plain HTTP. Who ends TLS may redirect browsers.
    "security.W008",  # SECURE_SSL_REDIRECT
    "axes.W002",  # its middleware: the doors answer a lock themselves
]

# Of the console's pages; what users stored is sandboxed where it is sent.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # pictures within the admin's style sheets
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "media-src": ["'self'"],
        "worker-src": ["'self'"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": config.log_level},
    "loggers": {
        "django.request": {"level": "ERROR"},  # what clients do wrong is their answer
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "axes": {"level": "ERROR"},  # the journal tells of logins
        "authlib": {"level": "INFO"},  # below it shows code verifiers
        "botocore": {"level": "WARNING"},  # below it shows signatures
        "urllib3": {"level": "ERROR"},  # and this one URLs
    },
}
