"""Bytes in an S3 bucket, under the keys that layout.py draws, behind S3_PREFIX."""

import base64
import hashlib
import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from django.conf import settings
from django.utils.translation import gettext_noop

from objects_app.blobs import ingest, s3_multipart
from objects_app.blobs.breaker import Breaker, CircuitOpen
from objects_app.blobs.cache import MAX_BLOB_BYTES, BlobCache
from objects_app.blobs.ingest import Spool, storage_failures
from objects_app.blobs.layout import FOLDER, StoredBlob, digest_of, storage_key
from objects_app.blobs.s3_client import (
    NO_ANSWER,
    code,
    connect,
    is_unavailable,
    own_encryption,
    own_server,
    s3_failures,
    told,
)
from objects_app.blobs.s3_clock import parse_date
from objects_app.blobs.s3_urls import DownloadUrls
from objects_app.errors import BytesMissing, StorageUnavailable

_NOT_FOUND = ("NoSuchKey", "404")
_BEYOND_END = "InvalidRange"
_DRAINED_BYTES = 256 * 1024
_FAILURES = 3
_RESET_SECONDS = 5.0
_LEASE_SHARE = 8


class S3Reader:
    """A part of an object as it arrives, read to its end and no further."""

    def __init__(self, body: StreamingBody, length: int) -> None:
        self._body = body
        self._left = length

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        if not wanted:
            return b""
        with s3_failures():
            data = self._body.read(wanted)
        if len(data) < wanted:  # only at the end, which came early
            raise StorageUnavailable(NO_ANSWER)
        self._left -= wanted
        return data

    def close(self) -> None:
        """Give the connection back: as it is after the last bytes, else closed."""
        response: Any = self._body.__dict__["_raw_stream"]  # no other way to the pool
        if 0 < self._left <= _DRAINED_BYTES:
            response.drain_conn()
        response.close()
        response.release_conn()


class BytesReader:
    """Bytes that are in memory already."""

    def __init__(self, content: bytes) -> None:
        content_file = io.BytesIO(content)
        self.read = content_file.read
        self.close = content_file.close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class S3Backend:
    """The backend of the bucket that the settings name; safe to share among threads.

    Bodies are spooled in `DATA_DIR/tmp`. Small blobs that are read whole are compared
    with their digest and kept in a cache; `open` without a length, as `verify` does it,
    always asks S3.
    """

    name = "s3"

    def __init__(self) -> None:
        self.spool_dir = Path(settings.DATA_DIR) / "tmp"
        self.part_bytes = s3_multipart.part_bytes(settings.MAX_UPLOAD_BYTES)
        self._bucket = str(settings.S3_BUCKET_NAME)
        self._prefix = key_prefix(settings.S3_PREFIX)
        main = connect(own_server(), timeout_seconds=settings.S3_TIMEOUT_SECONDS)
        self._client = main.client
        self._urls = DownloadUrls(main)
        self._cache = BlobCache(
            max_bytes=settings.BLOB_CACHE_BYTES, redis_url=settings.REDIS_URL
        )
        self._breaker = Breaker(
            "S3",
            is_failure=is_unavailable,
            failures=_FAILURES,
            reset_seconds=_RESET_SECONDS,
        )
        with storage_failures():
            self.spool_dir.mkdir(parents=True, exist_ok=True)

    def write(self, sha256: str, spool: Spool) -> None:
        """Store the bytes in one request, or above `part_bytes` in parallel ones.

        S3 compares each request's bytes with their digest and refuses damaged ones.
        """
        target: dict[str, Any] = {"Bucket": self._bucket, "Key": self._key(sha256)}
        if spool.content is not None:
            self._put(target, sha256, spool.content, spool.size)
        elif spool.size <= self.part_bytes:
            with s3_multipart.opened(spool) as file:
                body = s3_multipart.FilePart(file, 0, spool.size)
                self._put(target, sha256, body, spool.size)
        else:
            s3_multipart.upload(
                client=self._client,
                call=self._call,
                target=target,
                options=own_encryption(),
                spool=spool,
                part_bytes=self.part_bytes,
            )

    def open(
        self, sha256: str, *, start: int = 0, length: int | None = None
    ) -> S3Reader | BytesReader:
        key = self._key(sha256)
        if length == 0:
            self._require(sha256, start)
            return BytesReader(b"")
        small = start == 0 and length is not None and length <= MAX_BLOB_BYTES
        if not small or not self._cache.enabled:
            return self._reader(key, sha256, start, length)[0]
        if (found := self._cache.get(sha256)) is not None:
            return BytesReader(found[:length])
        reader, whole = self._reader(key, sha256, start, length)
        return self._kept(sha256, reader) if whole else reader

    def url(self, sha256: str, *, size: int, headers: Mapping[str, str]) -> str | None:
        if not self._urls.suits(size=size, headers=headers):
            return None
        self._require(sha256, size)  # a redirect to nothing would be S3's own 404
        return self._urls.sign(self._bucket, self._key(sha256), headers)

    def stat(self, sha256: str) -> int | None:
        with self._call():
            try:
                head = self._client.head_object(
                    Bucket=self._bucket, Key=self._key(sha256)
                )
            except ClientError as error:
                if code(error) not in _NOT_FOUND:
                    raise
                self._client.head_bucket(Bucket=self._bucket)
                return None
        return int(told(head, "ContentLength"))

    def delete(self, sha256: str) -> None:
        key = self._key(sha256)
        self._cache.forget(sha256)
        connected = connect(own_server(), timeout_seconds=_delete_seconds(), attempts=1)
        with self._call():
            connected.client.delete_object(Bucket=self._bucket, Key=key)

    def walk(self) -> Iterator[StoredBlob]:
        more: dict[str, Any] = {}
        while True:
            with self._call():
                page = self._client.list_objects_v2(
                    Bucket=self._bucket, Prefix=f"{self._prefix}{FOLDER}/", **more
                )
            for found in page.get("Contents", []):
                sha256 = digest_of(found["Key"].removeprefix(self._prefix))
                if sha256 is not None:
                    # Whole seconds, as `clock` tells them.
                    modified = found["LastModified"].replace(microsecond=0)
                    yield StoredBlob(sha256, found["Size"], modified)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def clock(self) -> datetime:
        with self._call():
            answer = self._client.head_bucket(Bucket=self._bucket)
        date = parse_date(answer["ResponseMetadata"]["HTTPHeaders"].get("date"))
        if date is None:
            raise StorageUnavailable(
                gettext_noop("The storage does not tell the time.")
            )
        return date

    def clear_spool(self, older_than_seconds: float) -> int:
        """Remove old spools here, and in S3 the parts that crashed uploads left, each
        by its own clock: this machine's may be days off."""
        removed = ingest.clear_spool(
            self.spool_dir, before=time.time() - older_than_seconds
        )
        s3_multipart.clear(
            client=self._client,
            call=self._call,
            bucket=self._bucket,
            prefix=self._prefix,
            before=self.clock().timestamp() - older_than_seconds,
        )
        return removed

    def check(self) -> None:
        """Ask for the bucket: S3 answers, knows us, and has it.

        No write: load balancers ask often, a versioned bucket would keep each, and a
        bucket that takes no more can still be read from.
        """
        with self._call():
            self._client.head_bucket(Bucket=self._bucket)
        with storage_failures():
            self.spool_dir.stat()

    def _key(self, sha256: str) -> str:
        return f"{self._prefix}{storage_key(sha256)}"

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Guard a request: a server that does not answer is not asked by everybody."""
        try:
            with s3_failures(), self._breaker.call():
                yield
        except CircuitOpen as refused:
            raise StorageUnavailable(NO_ANSWER) from refused

    def _put(self, target: dict[str, Any], sha256: str, body: Any, size: int) -> None:
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with self._call():
            stored = self._client.put_object(
                **target,
                Body=body,
                ContentLength=size,
                ChecksumSHA256=checksum,
                **own_encryption(),
            )
        told(stored, "ETag")

    def _require(self, sha256: str, size: int) -> None:
        stored = self.stat(sha256)
        if stored is None or stored < size:
            raise BytesMissing(sha256)

    def _reader(
        self, key: str, sha256: str, start: int, length: int | None
    ) -> tuple[S3Reader, bool]:
        """Return a reader of the part, and whether that is all there is."""
        asked: dict[str, Any] = {"Bucket": self._bucket, "Key": key}
        if length is not None:
            asked["Range"] = f"bytes={start}-{start + length - 1}"
        elif start:
            asked["Range"] = f"bytes={start}-"
        with self._call():
            try:
                answer = self._client.get_object(**asked)
            except ClientError as error:
                if code(error) in (*_NOT_FOUND, _BEYOND_END):
                    raise BytesMissing(sha256) from error
                raise
        try:
            present = int(told(answer, "ContentLength"))
        except StorageUnavailable:
            answer["Body"].close()
            raise
        reader = S3Reader(answer["Body"], present)
        if length is not None and present != length:
            reader.close()
            raise BytesMissing(sha256)
        total = answer.get("ContentRange", "").rpartition("/")[2]
        return reader, start == 0 and total == str(present)

    def _kept(self, sha256: str, reader: S3Reader) -> BytesReader:
        with reader:
            content = reader.read()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BytesMissing(sha256)
        self._cache.put(sha256, content)
        return BytesReader(content)


def key_prefix(prefix: str) -> str:
    """Return what stands before each key: nothing, or a path that ends in a slash."""
    return "".join(f"{name}/" for name in prefix.split("/") if name)


def _delete_seconds() -> float:
    """Connecting and waiting together stay well below the half of the lease after which
    a sweeper begins no more deletes."""
    return min(settings.S3_TIMEOUT_SECONDS, settings.SWEEP_LEASE_SECONDS / _LEASE_SHARE)
