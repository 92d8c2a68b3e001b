"""The services against a simple model: any sequence of calls, versions and time, too.

STATEFUL_EXAMPLES sequences are tried; the few of every run are the same each time, more
are random ones.
"""

import io
import os
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from objects_app.blobs.ingest import Expected
from objects_app.errors import (
    BatchRefused,
    KeyNamedTwice,
    NoSuchKey,
    NotVersioned,
    PreconditionFailed,
    SourceIsTarget,
    StoreError,
    VersioningStays,
)
from objects_app.queries import history, reads, sql
from objects_app.queries.changes import Rewrite
from objects_app.queries.rows import ANYTHING, BucketRow, Preconditions, Scope
from objects_app.services import (
    buckets,
    journal,
    listing,
    multipart,
    objects,
    operations,
    restore,
    sweep,
    uploads,
    versions,
)
from tests.blobs.bodies import digest
from tests.services.model import Model, Version
from tests.services.store import ACTOR

EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "12"))
FEW = "STATEFUL_EXAMPLES" not in os.environ
STEPS = 25
CLOCK_RESOLUTION = timedelta(milliseconds=1)  # SQLite's
EVERYTHING = Scope(everything=True)

KEYS = ("a", "b", "c/d", "c/e")
key_names = st.sampled_from(KEYS)
prefixes = st.sampled_from(["", "c/", "a"])
bodies = st.sampled_from([b"", b"one", b"two two", b"three"])
described = st.sampled_from([{}, {"colour": "red"}, {"colour": "blue", "is": "a"}])
kinds = st.sampled_from(["none"] * 5 + ["match", "mismatch", "new", "changed"])
choices = st.integers(min_value=0, max_value=1000)


class Services(RuleBasedStateMachine):
    """Calls the services and the model alike."""

    numbers = 0

    @initialize()
    def begin(self) -> None:
        Services.numbers += 1
        self.name = f"stateful-{Services.numbers}"
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

    # What changes something

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
        call()
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
        numbered = [(10 * number, body) for number, body in enumerate(parts, 1)]
        for number, body in [(10, b"replaced"), (15, b"not listed"), *numbered]:
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

    @rule(
        wanted=st.lists(
            st.tuples(
                st.sampled_from(
                    ["copy", "copy a version", "move", "delete", "describe"]
                ),
                *(key_names, key_names, kinds, choices),
                st.none() | described,
            ),
            min_size=1,
            max_size=3,
        )
    )
    def perform(self, wanted: list[tuple[Any, ...]]) -> None:
        asked = [self.operation(*one) for one in wanted]
        began = sql.clock()

        def call() -> list[operations.Done]:
            return operations.perform(operations=asked, by=ACTOR)

        if names_twice(asked):
            refused(KeyNamedTwice, call)
            return
        expected = self.unfit_sources(asked) or self.unfit_targets(asked)
        if expected:
            failures = refused(BatchRefused, call).failures
            assert {n: type(error) for n, error in failures.items()} == expected
            return
        done = call()
        before = self.model.snapshot()
        for one in asked:
            self.follow(one, before)
        for one, outcome in zip(asked, done, strict=True):
            for key in changed_by(one):
                self.told(key, began)
            latest = self.model.latest(one.target.key)
            if latest is not None:
                assert outcome.changed.version_id == latest.version_id
                assert outcome.changed.created_at == latest.created_at

    def operation(
        self,
        verb: str,
        source: str,
        target: str,
        kind: str,
        choice: int,
        metadata: dict[str, str] | None,
    ) -> operations.Operation:
        bucket = self.bucket()
        to = operations.Target(bucket, target, self.conditions(kind, target))
        rewrite = None if metadata is None else Rewrite(metadata=metadata)
        if verb == "delete":
            return operations.Delete(to)
        if verb == "describe":
            return operations.Describe(to, rewrite or Rewrite(metadata={"new": "yes"}))
        present = self.model.keys.get(source, [])
        version_id = None
        if verb == "copy a version":
            version_id = "no such version"
            if present:
                version_id = present[choice % len(present)].version_id
        out_of = operations.Source(bucket, source, version_id)
        named = operations.Move if verb == "move" else operations.Copy
        return named(out_of, to, rewrite)

    def source_of(
        self, model: Model, one: operations.Copy | operations.Move
    ) -> Version | None:
        source = one.source
        if source.version_id is None:
            return model.visible(source.key)
        found = model.find(source.key, source.version_id)
        return None if found is None or found.is_marker else found

    def unfit_sources(
        self, asked: list[operations.Operation]
    ) -> dict[int, type[StoreError]]:
        unfit: dict[int, type[StoreError]] = {}
        for number, one in enumerate(asked):
            if not isinstance(one, operations.Copy | operations.Move):
                continue
            found = self.source_of(self.model, one)
            same_key = one.source.key == one.target.key
            changes_nothing = one.rewrite is None and (
                found is self.model.visible(one.source.key)
            )
            if found is None:
                unfit[number] = NoSuchKey
            elif same_key and (isinstance(one, operations.Move) or changes_nothing):
                unfit[number] = SourceIsTarget
        return unfit

    def unfit_targets(
        self, asked: list[operations.Operation]
    ) -> dict[int, type[StoreError]]:
        unfit: dict[int, type[StoreError]] = {}
        for number, one in enumerate(asked):
            needs_one = isinstance(one, operations.Delete | operations.Describe)
            if needs_one and self.model.visible(one.target.key) is None:
                unfit[number] = NoSuchKey
            elif not self.model.allows(one.target.key, one.target.conditions):
                unfit[number] = PreconditionFailed
        return unfit

    def follow(self, one: operations.Operation, before: Model) -> None:
        """Let the model do what was done; sources are as they were before."""
        key = one.target.key
        if isinstance(one, operations.Delete):
            self.model.delete(key)
        elif isinstance(one, operations.Describe):
            latest = self.model.latest(key)
            assert latest is not None
            latest.metadata = one.rewrite.metadata or {}
        else:
            found = self.source_of(before, one)
            assert found is not None
            self.model.add(
                key, found.copied(one.rewrite.metadata if one.rewrite else None)
            )
            if isinstance(one, operations.Move):
                self.model.delete(one.source.key)

    @rule(prefix=prefixes, choice=choices)
    def restore(self, prefix: str, choice: int) -> None:
        moment = self.moments[choice % len(self.moments)]
        began = sql.clock()

        def call() -> restore.Outcome:
            return restore.restore(
                bucket=self.bucket(), prefix=prefix, moment=moment, by=ACTOR
            )

        if self.model.versioning == "off":
            refused(NotVersioned, call)
            return
        outcome = call()
        assert self.model.restore(prefix, moment) == outcome.restored + outcome.removed
        for key in list(self.model.keys):
            self.told(key, began)
        for key in KEYS:
            if key.startswith(prefix):
                now = self.model.visible(key)
                then = self.model.visible_at(key, moment)
                assert (now and now.body) == (then and then.body)

    @rule()
    def tidy_up(self) -> None:
        """Sweep without grace, and fold the journal: nobody may notice."""
        sweep.sweep(grace_seconds=0)
        journal.fold()

    @rule()
    def remember_the_time(self) -> None:
        self.moments.append(sql.clock())

    # What must be so

    @rule(choice=choices)
    def look_back(self, choice: int) -> None:
        moment = self.moments[choice % len(self.moments)]
        bucket = self.bucket()
        if self.model.versioning == "off":
            refused(NotVersioned, lambda: listing.list_bucket(bucket=bucket, at=moment))
            return
        page = listing.list_bucket(bucket=bucket, at=moment)
        then = {key: self.model.visible_at(key, moment) for key in KEYS}
        assert [(one.key, one.version_id, one.etag) for one in page.entries] == [
            (key, version.version_id, version.etag)
            for key, version in then.items()
            if version is not None
        ]
        for key, version in then.items():
            found = history.find_at(self.name, key, moment)
            row = found[1] if found else None
            if row is not None and row.is_delete_marker:
                row = None
            assert (row and row.version_id) == (version and version.version_id)

    @rule(key=key_names)
    def read(self, key: str) -> None:
        for version in self.model.keys.get(key, []):
            assert version.version_id is not None
            found = history.find_version(self.name, key, version.version_id)
            assert found is not None
            row = found[1]
            assert row is not None
            assert row.is_delete_marker == version.is_marker
            assert row.created_at == version.created_at
            if version.is_marker:
                continue
            assert (row.etag, row.content_type, row.metadata, row.tags) == (
                version.etag,
                version.content_type,
                version.metadata,
                version.tags,
            )
            with objects.open_bytes(row=row) as file:
                assert file.read() == version.body

    @invariant()
    def everything_is_listed_as_the_model_has_it(self) -> None:
        page = versions.list_versions(bucket=self.bucket())
        assert [
            (
                one.entry.key,
                one.entry.version_id,
                one.entry.created_at,
                one.entry.etag,
                one.is_latest,
                one.is_delete_marker,
            )
            for one in page.entries
        ] == [
            (
                key,
                one.version_id,
                one.created_at,
                one.etag,
                place == 0,
                one.is_marker,
            )
            for key in sorted(self.model.keys)
            for place, one in enumerate(reversed(self.model.keys[key]))
        ]

    @invariant()
    def objects_are_listed_and_counted_as_the_model_has_them(self) -> None:
        bucket = self.bucket()
        page = listing.list_bucket(bucket=bucket)
        present = [(key, self.model.visible(key)) for key in KEYS]
        assert [(one.key, one.etag, one.size) for one in page.entries] == [
            (key, one.etag, len(one.body or b""))
            for key, one in present
            if one is not None
        ]
        assert reads.bucket_totals(bucket.id) == self.model.totals()


def names_twice(asked: list[operations.Operation]) -> bool:
    """Whether one operation names what another one changes."""
    for number, one in enumerate(asked):
        others = [other for place, other in enumerate(asked) if place != number]
        named = set(changed_by(one))
        if isinstance(one, operations.Copy):
            named.add(one.source.key)
        if any(named & set(changed_by(other)) for other in others):
            return True
    return False


def changed_by(one: operations.Operation) -> list[str]:
    """Return the keys that an operation changes."""
    if isinstance(one, operations.Move):
        return [one.target.key, one.source.key]
    return [one.target.key]


def refused(error: type[Any], call: Any) -> Any:
    """See that a call is refused; return the error."""
    with pytest.raises(error) as caught:
        call()
    return caught.value


@pytest.mark.django_db
def test_any_sequence_of_calls_does_what_the_model_says(settings: Settings) -> None:
    settings.MULTIPART_MIN_PART_BYTES = 0
    run_state_machine_as_test(Services, settings=CALLS)


CALLS = hypothesis(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    derandomize=FEW,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
