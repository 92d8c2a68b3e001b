"""Large blobs go to S3 in parts, several at a time, straight from the spool's file."""

import base64
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from objects_app.blobs.cores import use_every_core
from objects_app.blobs.ingest import Spool, storage_failures
from objects_app.blobs.layout import digest_of
from objects_app.blobs.s3_client import PART_THREADS, code, told
from objects_app.errors import StorageUnavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

logger = logging.getLogger(__name__)

Call = Callable[[], AbstractContextManager[None]]
_T = TypeVar("_T")

_MIB = 1024 * 1024
_LEAST_PART_BYTES = 64 * _MIB
_MOST_PARTS = 10_000


def part_bytes(largest: int) -> int:
    """Return the size of parts by which a body of `largest` bytes needs few enough."""
    needed = -(-largest // _MOST_PARTS)
    return max(_LEAST_PART_BYTES, -(-needed // _MIB) * _MIB)


class FilePart:
    """A part of an open file as a body of its own, read without moving a position.

    botocore rewinds it to send it again.
    """

    def __init__(self, descriptor: int, start: int, length: int) -> None:
        self._descriptor = descriptor
        self._start = start
        self._length = length
        self._position = 0

    def __len__(self) -> int:
        return self._length

    def read(self, size: int | None = None, /) -> bytes:
        left = self._length - self._position
        wanted = left if size is None or size < 0 else min(size, left)
        data = os.pread(self._descriptor, wanted, self._start + self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: len(self)}
        self._position = max(0, origin[whence] + offset)
        return self._position

    def tell(self) -> int:
        return self._position


@contextmanager
def opened(spool: Spool) -> Iterator[int]:
    """Open a spool's file for reading by any number of threads."""
    assert spool.path is not None  # noqa: S101 - what is in memory needs no file
    with storage_failures():
        descriptor = os.open(spool.path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def upload(
    *,
    client: "S3Client",
    call: Call,
    target: dict[str, Any],
    options: dict[str, Any],
    spool: Spool,
    part_bytes: int,
) -> None:
    """Store a spool's bytes under `target` (Bucket and Key), or leave nothing of them.

    `call` guards each request; `options` go with the first. S3 compares each part with
    its digest, which `receive` took on the way (`spool.part_digests`).
    """
    with call():
        begun = client.create_multipart_upload(
            **target, ChecksumAlgorithm="SHA256", **options
        )
    whole: dict[str, Any] = {**target, "UploadId": told(begun, "UploadId")}

    def send(
        number: int, start: int, digest: bytes, descriptor: int
    ) -> "CompletedPartTypeDef":
        length = min(part_bytes, spool.size - start)
        body: Any = FilePart(descriptor, start, length)
        checksum = base64.b64encode(digest).decode()
        with call():
            sent = client.upload_part(
                **whole,
                PartNumber=number,
                Body=body,
                ContentLength=length,
                ChecksumSHA256=checksum,
            )
        etag = told(sent, "ETag")
        return {"PartNumber": number, "ETag": etag, "ChecksumSHA256": checksum}

    try:
        with opened(spool) as descriptor:
            starts = range(0, spool.size, part_bytes)
            jobs = [
                (number, start, digest, descriptor)
                for number, (start, digest) in enumerate(
                    zip(starts, spool.part_digests, strict=True), start=1
                )
            ]
            parts = _in_parallel(send, jobs)
        with call():
            _complete(client, whole, parts, spool.size)
    except BaseException:
        _abort(client, call, whole)
        raise


def _complete(
    client: "S3Client",
    whole: dict[str, Any],
    parts: "list[CompletedPartTypeDef]",
    size: int,
) -> None:
    """Join the parts. A repeated request finds the upload gone if the first came
    through and only its answer was lost."""
    try:
        joined = client.complete_multipart_upload(
            **whole, MultipartUpload={"Parts": parts}
        )
        told(joined, "ETag")
    except ClientError as error:
        if code(error) != "NoSuchUpload":
            raise
        found = client.head_object(Bucket=whole["Bucket"], Key=whole["Key"])
        if found.get("ContentLength") != size:
            raise


def _abort(client: "S3Client", call: Call, whole: dict[str, Any]) -> None:
    """Remove the parts that were sent; what cannot be is left to `clear`."""
    try:
        with call():
            client.abort_multipart_upload(**whole)
    except StorageUnavailable:
        logger.warning("Could not abort an upload to S3; left for later")


def clear(
    *, client: "S3Client", call: Call, bucket: str, prefix: str, before: float
) -> None:
    """Abort our uploads begun before this POSIX time: their processes were killed."""
    more: dict[str, Any] = {}
    while True:
        with call():
            page = client.list_multipart_uploads(Bucket=bucket, Prefix=prefix, **more)
        for begun in page.get("Uploads", []):
            ours = digest_of(begun["Key"].removeprefix(prefix)) is not None
            if ours and begun["Initiated"].timestamp() < before:
                target = {"Bucket": bucket, "Key": begun["Key"]}
                _abort(client, call, {**target, "UploadId": begun["UploadId"]})
        if not page.get("IsTruncated"):
            return
        more = {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page["NextUploadIdMarker"],
        }


@cache
def _pool() -> ThreadPoolExecutor:
    """Return this process's threads for parts; all uploads share them."""
    return ThreadPoolExecutor(
        PART_THREADS, thread_name_prefix="s3-part", initializer=use_every_core
    )


def _in_parallel(job: Callable[..., _T], arguments: list[tuple[Any, ...]]) -> list[_T]:
    """Run a job for each, and return the results in order; the first failure raises
    once nothing runs any more.

    Few of them wait at a time, so that uploads take turns.
    """
    results: list[_T] = []
    running: deque[Future[_T]] = deque()
    try:
        for values in arguments:
            if len(running) == PART_THREADS:
                results.append(running.popleft().result())
            running.append(_submit(job, values))
        while running:
            results.append(running.popleft().result())
    finally:
        for future in running:
            future.cancel()
        wait(running)
    return results


def _submit(job: Callable[..., _T], values: tuple[Any, ...]) -> "Future[_T]":
    """Run it here where no thread is to be had: this process is shutting down."""
    try:
        return _pool().submit(job, *values)
    except RuntimeError:
        done: Future[_T] = Future()
        done.set_result(job(*values))
        return done
