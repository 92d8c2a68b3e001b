"""One tuned boto3 client per server, and what its errors mean to the store."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from django.conf import settings
from django.utils.translation import gettext_noop
from storages.backends.s3 import S3Storage

from objects_app.blobs.s3_clock import ServerClock
from objects_app.errors import StorageUnavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

ATTEMPTS = 3
PART_THREADS = 4
_CONNECT_SECONDS = 4.0
_SPARE_CONNECTIONS = 32

NO_ANSWER = gettext_noop(
    "The storage does not answer just now: try again. Nothing was changed."
)

_SERVER_ERROR = 500
_DAMAGED = ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch")
_SLOW = ("SlowDown", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests")


@dataclass(frozen=True)
class S3Server:
    """Where a bucket is and who asks; None is what boto3 finds by itself."""

    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)


class Connected(NamedTuple):
    """A client, for all threads, and the clock it signs by."""

    client: "S3Client"
    clock: ServerClock


_connected: dict[tuple[S3Server, float, int, ServerClock | None], Connected] = {}
_connecting = threading.Lock()


def own_server() -> S3Server:
    """Return the server that the settings name."""
    return S3Server(
        endpoint_url=settings.S3_ENDPOINT_URL,
        region=settings.AWS_REGION,
        access_key_id=settings.AWS_ACCESS_KEY_ID,
        secret_access_key=settings.AWS_SECRET_ACCESS_KEY,
        session_token=settings.AWS_SESSION_TOKEN,
    )


def own_encryption() -> dict[str, Any]:
    """Return what S3_SSE and S3_SSE_KMS_KEY_ID add to every write."""
    asked = {
        "ServerSideEncryption": settings.S3_SSE,
        "SSEKMSKeyId": settings.S3_SSE_KMS_KEY_ID,
    }
    return {name: value for name, value in asked.items() if value}


def connect(
    server: S3Server,
    *,
    timeout_seconds: float = 10,
    attempts: int = ATTEMPTS,
    clock: ServerClock | None = None,
) -> Connected:
    """Return this process's client for a server; it connects when first used.

    Safe to share among threads. Failed attempts are repeated after a random, growing
    pause, but not where the server was silent for `timeout_seconds`.
    With `clock` the client signs by the time that another one learns.
    """
    key = (server, timeout_seconds, attempts, clock)
    with _connecting:
        if key not in _connected:
            _connected[key] = _connect(*key)
        return _connected[key]


def _connect(
    server: S3Server, timeout_seconds: float, attempts: int, clock: ServerClock | None
) -> Connected:
    """django-storages makes a client per thread; one for all has one pool."""
    storage = S3Storage(
        endpoint_url=server.endpoint_url,
        region_name=server.region or ("us-east-1" if server.endpoint_url else None),
        access_key=server.access_key_id,
        secret_key=server.secret_access_key,
        security_token=server.session_token,
        client_config=_configuration(timeout_seconds, attempts),
    )
    client: S3Client = storage.connection.meta.client
    events: Any = client.meta.events  # typed as if no handler could answer
    events.register_first("needs-retry.s3", _give_up)
    clock = clock or ServerClock()
    clock.correct(client)
    return Connected(client, clock)


def _configuration(timeout_seconds: float, attempts: int) -> Config:
    """The digests are ours: boto3's own would hash every body once or twice more."""
    return Config(
        connect_timeout=min(timeout_seconds, _CONNECT_SECONDS),
        read_timeout=timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=settings.WEB_THREADS + PART_THREADS + _SPARE_CONNECTIONS,
        tcp_keepalive=True,
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"payload_signing_enabled": False},
    )


def _give_up(caught_exception: object, **_: Any) -> bool | None:
    """Refuse to wait again for a server that is silent: the client waits meanwhile."""
    silent = isinstance(caught_exception, ReadTimeoutError | ConnectTimeoutError)
    return False if silent else None


def code(error: ClientError) -> str:
    """Return S3's error code; the bare status where the response had no body (HEAD)."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_unavailable(error: BaseException) -> bool:
    """Whether S3 did not do its work, in contrast to an answer one may not like."""
    if isinstance(error, ClientError):
        return _status(error) >= _SERVER_ERROR
    return isinstance(error, BotoCoreError)


def told(answer: Mapping[str, Any], name: str) -> Any:
    """Return what S3's answer says; whoever answers without it is not S3.

    A gateway's 200 of its own, or one cut off behind its head, is no success. Raises
    StorageUnavailable.
    """
    if (value := answer.get(name)) is None:
        logger.error("S3 failed: a success without %s is no answer of S3", name)
        raise StorageUnavailable(
            gettext_noop(
                "The storage gave no answer of S3: the operator has to check its "
                "address. Nothing was changed."
            )
        )
    return value


@contextmanager
def s3_failures() -> Iterator[None]:
    """Turn what boto3 raises into StorageUnavailable, and log what it was.

    The caller is told what to do, never a host, a bucket or a key.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        logger.error("S3 failed: %s", _described(error))
        raise StorageUnavailable(_advice(error)) from error


def _described(error: Exception) -> str:
    """A URL in a message may carry a signature."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {_status(error)} {code(error)}"
    return type(error).__name__


def _advice(error: Exception) -> str:
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return gettext_noop(
            "The storage has no credentials: the operator has to set them."
        )
    if not isinstance(error, ClientError):
        return NO_ANSWER
    if code(error) in _DAMAGED:
        return gettext_noop(
            "The bytes were damaged on the way to the storage: send them again."
        )
    if code(error) in _SLOW:
        return gettext_noop(
            "The storage is overloaded: try again more slowly. Nothing was changed."
        )
    if _status(error) < _SERVER_ERROR:
        return gettext_noop(
            "The storage refuses what this server asks: the operator has to check its "
            "bucket, credentials and permissions. Nothing was changed."
        )
    return gettext_noop(
        "The storage does not work just now: try again. Nothing was changed."
    )


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
