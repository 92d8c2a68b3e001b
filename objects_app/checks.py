"""System checks: settings and databases under which the store would lose or leak.

Each has an id and a hint. Those about production run with `check --deploy` only, those
that ask the database with `check --database default` and before every `migrate`.
"""

import shutil
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

MAX_OBJECT_BYTES = 2**63 - 1  # sizes are bigint columns
LONGEST_SILENCE_SECONDS = 600
_SQLITE_FULL = 2

Apps = Sequence[AppConfig] | None


def register_all() -> None:
    """Register every check with Django."""
    register(check_s3)
    register(check_cloudfront)
    register(check_limits)
    register(check_sweep)
    register(check_anonymous_access, Tags.security, deploy=True)
    register(check_allowed_hosts, Tags.security, deploy=True)
    register(check_grace, deploy=True)
    register(check_databases, Tags.database)


def check_s3(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """E001, E006, E007: settings of S3 that would be left unused or unanswered."""
    found: list[CheckMessage] = []
    if bool(settings.AWS_ACCESS_KEY_ID) != bool(settings.AWS_SECRET_ACCESS_KEY):
        found.append(
            Error(
                "Only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set.",
                hint="Set both; or neither, for what boto3 finds (role, profile).",
                id="objects_app.E001",
            )
        )
    if settings.S3_SSE_KMS_KEY_ID and not (settings.S3_SSE or "").startswith("aws:kms"):
        found.append(
            Error(
                "S3_SSE_KMS_KEY_ID is the key of an encryption that is not asked for.",
                hint="Set S3_SSE=aws:kms, or unset the key.",
                id="objects_app.E006",
            )
        )
    if not settings.S3_BUCKET_NAME and (
        settings.S3_ENDPOINT_URL or settings.DOWNLOAD_MODE == "redirect"
    ):
        found.append(
            Error(
                "S3_ENDPOINT_URL or DOWNLOAD_MODE=redirect is set without a bucket: "
                "the bytes would go to files.",
                hint="Set S3_BUCKET_NAME, or unset both.",
                id="objects_app.E007",
            )
        )
    return found


def check_cloudfront(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """E008: a CloudFront that could sign no URL."""
    parts = (
        settings.CLOUDFRONT_DOMAIN,
        settings.CLOUDFRONT_KEY_ID,
        settings.CLOUDFRONT_KEY,
    )
    if not any(parts) or (all(parts) and _is_private_key(settings.CLOUDFRONT_KEY)):
        return []
    return [
        Error(
            "CLOUDFRONT_DOMAIN, CLOUDFRONT_KEY_ID and CLOUDFRONT_KEY go together, and "
            "the last must be an RSA private key in PEM.",
            hint="Set all three, or none for URLs of S3 itself.",
            id="objects_app.E008",
        )
    ]


def _is_private_key(pem: str | None) -> bool:
    try:
        key = load_pem_private_key((pem or "").replace("\\n", "\n").encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return isinstance(key, RSAPrivateKey)


def check_limits(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """E002, W001, W002: limits on bodies that are none."""
    if settings.MAX_UPLOAD_BYTES > MAX_OBJECT_BYTES:
        return [
            Error(
                "MAX_UPLOAD_BYTES is more than the database can count.",
                hint="Choose at most 8 EiB less one byte, 9223372036854775807.",
                id="objects_app.E002",
            )
        ]
    found: list[CheckMessage] = []
    if settings.DATA_DIR.exists():
        disk = shutil.disk_usage(settings.DATA_DIR).total
        if disk < settings.MAX_UPLOAD_BYTES:
            found.append(
                checks.Warning(
                    f"MAX_UPLOAD_BYTES is more than DATA_DIR's disk holds, {disk}.",
                    hint="Lower it, so that a body that cannot fit is refused at once.",
                    id="objects_app.W001",
                )
            )
    if settings.BODY_TIMEOUT_SECONDS > LONGEST_SILENCE_SECONDS:
        found.append(
            checks.Warning(
                "BODY_TIMEOUT_SECONDS lets a silent client hold a thread for over ten "
                "minutes.",
                hint="Lower it; 30 seconds is long for a client that still sends.",
                id="objects_app.W002",
            )
        )
    return found


def check_sweep(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """W003: what a crashed sweeper left waits longer than from sweep to sweep."""
    if settings.SWEEP_LEASE_SECONDS <= settings.SWEEP_INTERVAL_SECONDS:
        return []
    return [
        checks.Warning(
            "SWEEP_LEASE_SECONDS is longer than SWEEP_INTERVAL_SECONDS: after a crash "
            "several sweeps pass before the content can be stored again.",
            hint="Keep the lease at or below the interval.",
            id="objects_app.W003",
        )
    ]


def check_anonymous_access(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """W004: anybody who reaches the server may write."""
    if settings.ANONYMOUS_ACCESS != "write" or settings.LOCAL_MODE:
        return []
    return [
        checks.Warning(
            "ANONYMOUS_ACCESS=write lets everybody who reaches this server store, "
            "replace and delete.",
            hint="Set it to read or none, or unset it.",
            id="objects_app.W004",
        )
    ]


def check_allowed_hosts(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """W005: any Host header is accepted."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        checks.Warning(
            "ALLOWED_HOSTS is *: a web page anywhere can point its own host name here "
            "(DNS rebinding).",
            hint="List the names that clients use for this server.",
            id="objects_app.W005",
        )
    ]


def check_grace(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """W006: bytes go as soon as nothing refers to them."""
    if settings.SWEEP_GRACE_SECONDS > 0:
        return []
    return [
        checks.Warning(
            "SWEEP_GRACE_SECONDS=0 cuts off downloads of what was just deleted, and "
            "leaves a restored backup of the database without bytes.",
            hint="Let it exceed the age of any backup you might restore.",
            id="objects_app.W006",
        )
    ]


def check_databases(
    app_configs: Apps, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """E003 to E005, W007, W008: a database that forgets commits, or sees them too
    late; one whose search index is not what the setting says."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor == "postgresql":
            found += _check_postgresql(connection)
        elif connection.vendor == "sqlite":
            found += _check_sqlite(connection)
    return found


def _check_postgresql(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if _ask(connection, "SHOW synchronous_commit") == "off":
        found.append(
            Error(
                "synchronous_commit is off: PostgreSQL may forget a commit after the "
                "bytes it guards were removed.",
                hint="Run ALTER ROLE name SET synchronous_commit = on for this user.",
                id="objects_app.E003",
            )
        )
    alone = _ask(connection, "SHOW transaction_isolation")
    with transaction.atomic(connection.alias):
        together = _ask(connection, "SHOW transaction_isolation")
    if {alone, together} != {"read committed"}:
        found.append(
            Error(
                f"Transactions run at {together}, single statements at {alone}: the "
                "sweep's second look at references needs READ COMMITTED.",
                hint="Unset isolation_level in DATABASE_URL and "
                "default_transaction_isolation on the server.",
                id="objects_app.E004",
            )
        )
    return found + _check_search_index()


def _check_search_index() -> list[CheckMessage]:
    """W007, W008: searches and their index do not agree."""
    from objects_app.queries import search_index  # noqa: PLC0415 wants Django set up

    states = search_index.states()
    if settings.SEARCH_INDEX and not all(map(states.get, search_index.NAMES)):
        return [
            checks.Warning(
                "SEARCH_INDEX is on and the index is not there, or not whole: searches "
                "take long.",
                hint="Run manage.py build_search_index, or set SEARCH_INDEX=off.",
                id="objects_app.W007",
            )
        ]
    if states and not settings.SEARCH_INDEX:
        return [
            checks.Warning(
                "There is a search index, which uploads pay for and searches do not "
                "use.",
                hint="Set SEARCH_INDEX=on, or run manage.py build_search_index --drop.",
                id="objects_app.W008",
            )
        ]
    return []


def _check_sqlite(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    if int(_ask(connection, "PRAGMA synchronous")) >= _SQLITE_FULL:
        return []
    return [
        Error(
            "SQLite's synchronous is below FULL: a power cut may undo a commit after "
            "the bytes it guards were removed.",
            hint="Keep PRAGMA synchronous=FULL in the database's init_command.",
            id="objects_app.E005",
        )
    ]


def _ask(connection: BaseDatabaseWrapper, question: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]
