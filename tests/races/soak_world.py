"""The soak's store: a few contents that many actors put, overwrite, delete and read."""

import hashlib
import io
import random
import secrets
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.db import DatabaseError, connection
from django.test import override_settings

from objects_app import metrics
from objects_app.blobs.backend import backend
from objects_app.blobs.ingest import Expected
from objects_app.errors import BytesMissing, NoSuchKey, PreconditionFailed, StorageBusy
from objects_app.models import Blob, StoredObject, Upload
from objects_app.queries import reads, sql, upkeep
from objects_app.queries.rows import (
    ANYTHING,
    Actor,
    BucketRow,
    ObjectRow,
    Preconditions,
    Scope,
)
from objects_app.services import (
    backup,
    buckets,
    changes,
    digests,
    journal,
    multipart,
    objects,
    parts,
    sweep,
    uploads,
    verify,
)
from tests.races.checks import Checks
from tests.races.crashing import (
    Crash,
    Crashes,
    Crashing,
    forget_connection,
    look_slowly,
)

MIB = 1024 * 1024
SMALL_SIZES = (0, 1, 30, 700, 2000, 4096, 5000, 9000, 70_000)
LARGE_SIZE = MIB + 4097
LEASE_SECONDS = 2.0
BY = Actor("soak", "node", "request")
DESCRIPTION = objects.Description("text/plain", {}, {})
READABLE = Scope.of_owner(None)
CREATE_ONLY = Preconditions(if_none_match=("*",))


def make_contents(seed: str) -> dict[str, bytes]:
    """Return a handful of contents by digest; the last one is over 1 MiB."""
    dice = random.Random(seed)  # noqa: S311
    bodies = [dice.randbytes(size) for size in (*SMALL_SIZES, LARGE_SIZE)]
    return {hashlib.sha256(body).hexdigest(): body for body in bodies}


class World(Checks):
    """One store under test, and what was seen of it. Made by `world`."""

    def __init__(self, root: Path, *, seed: str, crash_chance: float) -> None:
        super().__init__()
        self.seed = seed
        self.root = root
        self.contents = make_contents(seed)
        self.keys = [f"shared/{number}" for number in range(4)]
        self.store = backend()
        self.crashes = Crashes(crash_chance)
        self.refusals: tuple[type[Exception], ...] = (NoSuchKey, PreconditionFailed)
        self.stop = threading.Event()
        self.composed: dict[str, list[str]] = {}
        self.failures: list[str] = []
        self.busy: Counter[str] = Counter()
        self.bucket: BucketRow = buckets.create_bucket(
            new=buckets.NewBucket("soak", None), by=BY
        ).row
        self.kept: BucketRow = buckets.change_bucket(
            bucket=buckets.create_bucket(
                new=buckets.NewBucket("soak-kept", None), by=BY
            ).row,
            changes={"versioning": "enabled"},
            by=BY,
        )

    def switch(self, versioning: str) -> None:
        """Change whether the bucket keeps versions, and look it up again."""
        buckets.change_bucket(
            bucket=buckets.again(self.bucket),
            changes={"versioning": versioning},
            by=BY,
        )
        self.bucket = buckets.again(self.bucket)

    def put(
        self,
        key: str,
        content: bytes,
        conditions: Preconditions = ANYTHING,
        *,
        bucket: BucketRow | None = None,
    ) -> objects.StoredResult:
        """Put a body as a door does."""
        stored = objects.put_object(
            bucket=bucket or self.bucket,
            key=key,
            stream=io.BytesIO(content),
            length=len(content),
            expected=Expected(),
            description=DESCRIPTION,
            conditions=conditions,
            readable=READABLE,
            by=BY,
        )
        self.count("commits")
        return stored

    def delete(
        self,
        key: str,
        conditions: Preconditions = ANYTHING,
        *,
        bucket: BucketRow | None = None,
    ) -> None:
        """Delete a key as a door does."""
        bucket = bucket or self.bucket
        objects.delete_object(bucket=bucket, key=key, conditions=conditions, by=BY)
        self.count("deletes")

    def begin(self, key: str, *, bucket: BucketRow | None = None) -> Upload:
        """Begin a multipart upload."""
        bucket = bucket or self.bucket
        return multipart.create_upload(
            bucket=bucket, key=key, description=DESCRIPTION, by=BY
        )

    def put_part(self, upload: Upload, number: int, content: bytes) -> multipart.Listed:
        """Put a part; return it as the completion lists it."""
        part = multipart.put_part(
            bucket=self._bucket_of(upload),
            upload=upload,
            number=number,
            stream=io.BytesIO(content),
            length=len(content),
            expected=Expected(),
        )
        self.count("parts")
        return multipart.Listed(part.number, part.sha256)

    def complete(self, upload: Upload, listed: list[multipart.Listed]) -> None:
        """Make the parts an object."""
        digests = [part.sha256 for part in listed]
        self.composed[uploads.composite_etag(digests)] = digests
        multipart.complete_upload(
            bucket=self._bucket_of(upload), upload=upload, listed=listed, by=BY
        )
        self.count("completions")

    def _bucket_of(self, upload: Upload) -> BucketRow:
        return self.kept if upload.bucket_id == self.kept.id else self.bucket

    def look_up(self, key: str, *, bucket: BucketRow | None = None) -> ObjectRow | None:
        """Return the key's row."""
        found = reads.find_object((bucket or self.bucket).name, key)
        return found[1] if found else None

    def read(
        self, key: str, *, pause: float = 0, bucket: BucketRow | None = None
    ) -> bytes | None:
        """Read a key and compare every byte; None if there is no such object.

        `pause` lies between look-up and open. With no grace, bytes may go between them
        as often as the row does; a row that is what it was and has no bytes is a loss.
        """
        missed = None
        while (row := self.look_up(key, bucket=bucket)) is not None:
            version = (row.id, row.created_at, row.blob_id)
            if version == missed:
                self.lose(f"{key}: {row.sha256} is committed, its bytes are not there")
                return None
            self.stop.wait(pause)
            try:
                with objects.open_bytes(row=row) as file:
                    found = file.read()
            except BytesMissing:
                self.count("reads that looked again")
                missed = version
                continue
            except StorageBusy:  # overwritten by something not of the same segments
                continue
            self.count("reads")
            if not self.is_sound(row, found):
                self.lose(f"{key}: wrong bytes under {row.sha256 or row.etag}")
            return found
        return None

    def is_sound(self, row: ObjectRow | StoredObject, found: bytes) -> bool:
        """Whether these are the bytes that the row says."""
        if len(found) != row.size:
            return False
        if row.blob_id is not None:
            return self._is(found, row.sha256)
        pieces = [self.contents[sha256] for sha256 in self.composed[row.etag]]
        digest = row.sha256 or hashlib.sha256(found).hexdigest()
        return found == b"".join(pieces) and self._is(found, digest)

    def read_version(self, version: StoredObject) -> None:
        """Read a version and compare every byte, if it is still there.

        One made of segments may come to have the blob of its digest instead.
        """
        missed = None
        while row := StoredObject.objects.filter(
            pk=version.pk, created_at=version.created_at, is_delete_marker=False
        ).first():
            if missed == (row.blob_id,):
                self.lose(f"{row.key}: the bytes of {row.version_id} are not there")
                return
            try:
                with objects.open_bytes(row=row) as file:  # type: ignore[arg-type]
                    found = file.read()
            except (BytesMissing, StorageBusy):
                missed = (row.blob_id,)
                continue
            self.count("versions read")
            if not self.is_sound(row, found):
                self.lose(f"{row.key}: wrong bytes in {row.version_id}")
            return

    def _is(self, found: bytes, sha256: str) -> bool:
        known = self.contents.get(sha256)
        if known is None:
            return hashlib.sha256(found).hexdigest() == sha256
        return found == known

    def run(self, name: str, act: Callable[[random.Random], None]) -> None:
        """Act until told to stop, in a thread of its own; crash and begin again."""
        dice = random.Random(f"{self.seed} {name}")  # noqa: S311
        self.crashes.seed(f"{self.seed} {name} crashes")
        with (
            connection.execute_wrapper(self.crashes.around_statement),
            connection.execute_wrapper(look_slowly),
        ):
            while not self.stop.is_set():
                try:
                    act(dice)
                except Crash:
                    self.count("crashes")
                    forget_connection()
                except self.refusals as refusal:
                    self.count(type(refusal).__name__)
                except (StorageBusy, DatabaseError) as busy:
                    self._note_busy(busy)
                except Exception:  # noqa: BLE001 - the final check reports it
                    self.failures.append(f"{name}: {traceback.format_exc()}")
                    break
        connection.close()

    def _note_busy(self, busy: Exception) -> None:
        """What a door answers with 503; anything the database finds wrong is not."""
        text = str(busy).partition("\n")[0]
        if isinstance(busy, StorageBusy) or "locked" in text:
            self.count("503s")
            with self._lock:
                self.busy[text[:60]] += 1
        else:
            self.failures.append(traceback.format_exc())


@contextmanager
def world(root: Path, *, seed: str, crash_chance: float = 0.0) -> Iterator[World]:
    """Make the services use a store of its own whose steps may crash.

    Without a cache: it would serve what is lost.
    """
    with ExitStack() as stack:
        prefix = secrets.token_hex(8)
        stack.enter_context(override_settings(DATA_DIR=root, S3_PREFIX=prefix))
        stack.enter_context(override_settings(BLOB_CACHE_BYTES=0))
        stack.callback(backend.cache_clear)
        backend.cache_clear()
        made = World(root, seed=seed, crash_chance=crash_chance)
        store = Crashing(made.store, made.crashes)
        for service in (changes, digests, multipart, objects, sweep, verify):
            stack.enter_context(patch.object(service, "backend", lambda: store))
        steps: Any = Crashing(sql, made.crashes)
        for service in (changes, digests, objects, parts):
            stack.enter_context(patch.object(service, "sql", steps))
        stack.enter_context(override_settings(MULTIPART_MIN_PART_BYTES=1))
        chores: Any = Crashing(upkeep, made.crashes)
        for service in (sweep, journal, backup):
            stack.enter_context(patch.object(service, "upkeep", chores))
        stack.enter_context(patch.object(sweep, "CLAIM_AGE_SECONDS", 0.2))
        stack.enter_context(override_settings(SWEEP_LEASE_SECONDS=LEASE_SECONDS))
        yield made


def condemned(store: World, content: bytes) -> str:
    """Put content, delete it and let it be condemned; return its digest."""
    sha256 = store.put("gone", content).sha256
    store.delete("gone")
    blob = Blob.objects.get(sha256=sha256)
    assert sweep.condemn_window(above_id=blob.pk - 1) == 1
    return sha256


def lost_races() -> int:
    """Return how many steps of this process found their row changed."""
    return sum(
        int(sample.value)
        for metric in metrics.LOST_RACES.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


def trust(seconds: int) -> None:
    """Let every request from now on believe what was seen so long ago."""
    settings.BLOB_TRUST_SECONDS = seconds
