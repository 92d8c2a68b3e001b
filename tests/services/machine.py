"""The calls of the stateful test that change one key, and what they need."""

import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
)

from objects_app.blobs.ingest import Expected
from objects_app.errors import (
    NoSuchKey,
    PreconditionFailed,
    StoreError,
    VersioningStays,
)
from objects_app.queries import reads, sql
from objects_app.queries.changes import Rewrite
from objects_app.queries.rows import ANYTHING, BucketRow, Preconditions, Scope
from objects_app.services import (
    buckets,
    descriptions,
    multipart,
    objects,
    uploads,
    versions,
)
from tests.blobs.bodies import digest
from tests.services.model import Model, Version
from tests.services.store import ACTOR

CLOCK_RESOLUTION = timedelta(milliseconds=1)  # SQLite's
EVERYTHING = Scope(everything=True)

KEYS = ("a", "b", "c/d", "c/e", "d/d", "d/e")
key_names = st.sampled_from(KEYS)
bodies = st.sampled_from([b"", b"one", b"two two", b"three"])
described = st.sampled_from([{}, {"colour": "red"}, {"colour": "blue", "is": "a"}])
kinds = st.sampled_from(["none"] * 5 + ["match", "mismatch", "new", "changed"])
choices = st.integers(min_value=0, max_value=1000)


class OneKey(RuleBasedStateMachine):
    """Calls the services and the model alike, a key at a time."""

    numbers = 0

    @initialize()
    def begin(self) -> None:
        OneKey.numbers += 1
        self.name = f"stateful-{OneKey.numbers}"
        buckets.create_bucket(new=buckets.NewBucket(self.name, None), by=ACTOR)
        self.model = Model()
        self.moments: list[datetime] = [sql.clock()]

    def bucket(self) -> BucketRow:
        found = reads.find_bucket(self.name)
        assert found is not None
        return found

    def conditions(self, kind: str, key: str) -> Preconditions:
        """Return conditions of a kind: on what is there, or on something else."""
        present = self.model.visible(key)
        etag = present.etag if present else "absent"
        return {
            "none": ANYTHING,
            "match": Preconditions(if_match=(etag,)),
            "mismatch": Preconditions(if_match=("of something else",)),
            "new": Preconditions(if_none_match=("*",)),
            "changed": Preconditions(if_none_match=(etag,)),
        }[kind]

    def told(self, key: str, began: datetime) -> None:
        """Let the model know the new version's id and time, if they may be so."""
        new = self.model.latest(key)
        if new is None:
            return
        before = self.model.keys[key][:-1]
        page = versions.list_versions(bucket=self.bucket(), prefix=key)
        entry = page.entries[0].entry
        if new.version_id is None:
            assert entry.version_id not in {"null", *(v.version_id for v in before)}
            new.version_id = entry.version_id
        if new.created_at is None:
            newest = max((v.created_at for v in before if v.created_at), default=began)
            assert entry.created_at >= began - CLOCK_RESOLUTION
            assert not before or entry.created_at > newest
            assert entry.created_at <= max(sql.clock(), newest + timedelta(seconds=1))
            new.created_at = entry.created_at

    @rule(key=key_names, body=bodies, metadata=described, kind=kinds)
    def put(self, key: str, body: bytes, metadata: dict[str, str], kind: str) -> None:
        asked, began = self.conditions(kind, key), sql.clock()
        description = objects.Description("text/plain", {}, metadata, {"tag": key})

        def call() -> objects.StoredResult:
            return objects.put_object(
                bucket=self.bucket(),
                key=key,
                stream=io.BytesIO(body),
                length=len(body),
                expected=Expected(),
                description=description,
                conditions=asked,
                readable=EVERYTHING,
                by=ACTOR,
            )

        if not self.model.allows(key, asked):
            refused(PreconditionFailed, call)
            return
        replaced = self.model.visible(key) is not None
        done = call()
        new = Version(body, digest(body), "text/plain", metadata, {"tag": key})
        self.model.add(key, new)
        self.told(key, began)
        assert (done.version_id, done.created_at) == (new.version_id, new.created_at)
        assert done.replaced == replaced

    @rule(key=key_names, kind=kinds)
    def delete(self, key: str, kind: str) -> None:
        asked, began = self.conditions(kind, key), sql.clock()

        def call() -> objects.Deletion:
            return objects.delete_object(
                bucket=self.bucket(), key=key, conditions=asked, by=ACTOR
            )

        if self.model.visible(key) is None:
            refused(NoSuchKey, call)
        elif not self.model.allows(key, asked):
            refused(PreconditionFailed, call)
        else:
            done = call()
            self.model.delete(key)
            self.told(key, began)
            marker = self.model.latest(key)
            assert done.is_delete_marker == (marker is not None)
            assert done.version_id == (marker.version_id if marker else "null")

    @rule(key=key_names, choice=choices)
    def remove_version(self, key: str, choice: int) -> None:
        present = self.model.keys.get(key, [])
        chosen = present[choice % len(present)] if present else None
        version_id = chosen.version_id if chosen else "no such version"
        assert version_id is not None

        def call() -> objects.Deletion:
            return objects.delete_version(
                bucket=self.bucket(), key=key, version_id=version_id, by=ACTOR
            )

        if chosen is None:
            refused(StoreError, call)
            return
        assert call().is_delete_marker == chosen.is_marker
        self.model.remove(key, version_id)

    @rule(versioning=st.sampled_from(["enabled", "enabled", "suspended", "off"]))
    def switch(self, versioning: str) -> None:
        def call() -> BucketRow:
            changes = {"versioning": versioning}
            return buckets.change_bucket(
                bucket=self.bucket(), changes=changes, by=ACTOR
            )

        if versioning == "off" and self.model.versioning != "off":
            refused(VersioningStays, call)
            return
        self.model.since = call().versioned_since
        self.model.versioning = versioning

    @rule(key=key_names, parts=st.lists(bodies, min_size=1, max_size=3), kind=kinds)
    def upload(self, key: str, parts: list[bytes], kind: str) -> None:
        asked, bucket = self.conditions(kind, key), self.bucket()
        upload = multipart.create_upload(
            bucket=bucket,
            key=key,
            description=objects.Description("text/parts", {}, {"made": "of parts"}),
            by=ACTOR,
        )
        numbered = list(enumerate(parts, 1))
        for number, body in [(1, b"replaced"), (15, b"not listed"), *numbered]:
            multipart.put_part(
                bucket=bucket,
                upload=upload,
                number=number,
                stream=io.BytesIO(body),
                length=len(body),
                expected=Expected(),
            )
        listed = [multipart.Listed(number, digest(body)) for number, body in numbered]
        began = sql.clock()

        def call() -> multipart.CompletedUpload:
            return multipart.complete_upload(
                bucket=bucket, upload=upload, listed=listed, conditions=asked, by=ACTOR
            )

        if not self.model.allows(key, asked):
            refused(PreconditionFailed, call)
            uploads.abort_upload(upload=upload)
            return
        done = call()
        etag = uploads.composite_etag([digest(body) for body in parts])
        new = Version(b"".join(parts), etag, "text/parts", {"made": "of parts"})
        self.model.add(key, new)
        self.told(key, began)
        assert (done.etag, done.done.version_id) == (etag, new.version_id)
        upload.refresh_from_db()
        refused(StoreError, call)

    @rule(key=key_names, choice=choices, metadata=described)
    def describe_version(self, key: str, choice: int, metadata: dict[str, str]) -> None:
        """In place: neither id, time nor ETag changes."""
        present = [one for one in self.model.keys.get(key, []) if not one.is_marker]
        if not present:
            return
        chosen = present[choice % len(present)]
        descriptions.change_object(
            bucket=self.bucket(),
            key=key,
            version=chosen.version_id,
            rewrite=lambda row: Rewrite(metadata=metadata),
            by=ACTOR,
        )
        chosen.metadata = dict(metadata)


def refused(error: type[Any], call: Any) -> Any:
    """See that a call is refused; return the error."""
    with pytest.raises(error) as caught:
        call()
    return caught.value
