"""Reading another S3 store: its listing, and its objects one after another."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
)

from objects_app.blobs.s3_client import S3Server, code, connect

_GONE = ("NoSuchKey", "404")
_CHANGED = ("PreconditionFailed", "412")
_ATTEMPTS = 5
_SILENT_SECONDS = 30


class SourceError(Exception):
    """The source did not give what it was asked for; `str()` is for people."""


class SourceFailed(SourceError):
    """It broke off, or does not answer: another try may do."""


class SourceRefused(SourceError):
    """It answers, and another try would be answered alike."""


class SourceGone(SourceError):
    """There is no such object any more."""


class Listed(NamedTuple):
    """An object as the listing has it; `etag` without quotes, and no digest."""

    key: str
    etag: str
    size: int


class S3Source:
    """One bucket of another store, for all threads."""

    def __init__(self, server: S3Server, bucket: str) -> None:
        self._client = connect(
            server, timeout_seconds=_SILENT_SECONDS, attempts=_ATTEMPTS
        ).client
        self._bucket = bucket
        self.address = f"{(server.endpoint_url or 's3:/').rstrip('/')}/{bucket}"

    def pages(self, prefix: str) -> Iterator[list[Listed]]:
        """Yield what is listed under a prefix, some at a time. Raises SourceError."""
        paginator = self._client.get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=self._bucket, Prefix=prefix))
        while True:
            try:
                page = next(pages, None)
            except (BotoCoreError, ClientError) as error:
                raise _told(error) from error
            if page is None:
                return
            yield [
                Listed(found["Key"], found["ETag"].strip('"'), found["Size"])
                for found in page.get("Contents", [])
            ]

    def open(self, listed: Listed) -> "SourceObject":
        """Return the object if it is still the one listed. Raises SourceError."""
        try:
            response: Any = self._client.get_object(
                Bucket=self._bucket,
                Key=listed.key,
                IfMatch=f'"{listed.etag}"',
                ChecksumMode="ENABLED",
            )
        except (BotoCoreError, ClientError) as error:
            raise _told(error) from error
        return SourceObject(response, listed)


class SourceObject:
    """An object as it arrives; closed by its context.

    `sha256` is hexadecimal, where the source has a digest of the whole object. Other
    checksums that it has are compared by boto3, at the last byte.
    """

    def __init__(self, response: Any, listed: Listed) -> None:
        self.headers: Mapping[str, str] = response["ResponseMetadata"]["HTTPHeaders"]
        self.length: int = response.get("ContentLength", listed.size)
        self.sha256 = _whole_sha256(response, listed)
        self._body = response["Body"]
        self._left = self.length

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.close()

    def read(self, size: int, /) -> bytes:
        """Raises SourceFailed when it breaks off, or is not what was once stored."""
        try:
            chunk: bytes = self._body.read(min(size, self._left)) if self._left else b""
            self._left -= len(chunk)
            if not self._left:
                self._body.read(1)  # at the end boto3 compares lengths and checksums
        except BotoCoreError as error:
            raise _told(error) from error
        return chunk


def _whole_sha256(response: Any, listed: Listed) -> str | None:
    """Of a multipart object the checksum may be one of its parts' checksums."""
    checksum = response.get("ChecksumSHA256", "")
    kind = response.get("ChecksumType")
    whole = kind == "FULL_OBJECT" or (kind is None and "-" not in listed.etag)
    if not whole or not checksum or "-" in checksum:
        return None
    try:
        return base64.b64decode(checksum, validate=True).hex()
    except binascii.Error:
        return None


def _told(error: BotoCoreError | ClientError) -> SourceError:
    """Return the error without a URL, which may carry a signature."""
    if isinstance(error, NoCredentialsError):
        return SourceRefused(
            "There are no credentials for the source: give --access-key-id, and its "
            "secret in the variable IMPORT_SECRET_ACCESS_KEY."
        )
    if isinstance(error, ParamValidationError):
        return SourceRefused("The source cannot have a bucket or key of that name.")
    if not isinstance(error, ClientError):
        return SourceFailed(f"The source does not answer ({type(error).__name__}).")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code(error) in _GONE:
        return SourceGone("It is no longer there.")
    if code(error) in _CHANGED:
        return SourceRefused("It changed since it was listed: run again.")
    if status < 500:
        return SourceRefused(
            f"The source refuses it ({code(error)}): see that bucket, key and secret "
            "are right, and what the key may do there."
        )
    return SourceFailed(f"The source failed ({code(error)}).")
