"""Copy, move, delete and describe: rows only, all or none."""

from datetime import UTC, datetime, timedelta

import pytest

from objects_app.errors import (
    BatchRefused,
    KeyNamedTwice,
    NoSuchBucket,
    NoSuchKey,
    NoSuchVersion,
    PreconditionFailed,
    QuotaExceeded,
    SourceIsTarget,
)
from objects_app.models import Blob, Bucket, JournalEntry, Segment, StoredObject
from objects_app.queries import reads
from objects_app.queries.changes import Rewrite
from objects_app.queries.rows import BucketRow, ObjectRow, Preconditions
from objects_app.services import operations
from objects_app.services.operations import (
    Copy,
    Delete,
    Describe,
    Done,
    Move,
    Operation,
    Source,
    SourceConditions,
    Target,
)
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db

CREATE_ONLY = Preconditions(if_none_match=("*",))
PRESENT_ONLY = Preconditions(if_match=("*",))


def do(*wanted: Operation) -> list[Done]:
    return operations.perform(operations=wanted, by=ACTOR)


def one(wanted: Operation) -> Done:
    return operations.perform_one(operation=wanted, by=ACTOR)


def row(key: str, bucket: str = "test") -> ObjectRow:
    found = reads.find_object(bucket, key)
    assert found is not None
    assert found[1] is not None
    return found[1]


def keys(bucket: str = "test") -> list[str]:
    rows = StoredObject.objects.filter(
        bucket__name=bucket, is_latest=True, is_delete_marker=False
    )
    return list(rows.order_by("key").values_list("key", flat=True))


@pytest.fixture
def bucket(store: Store) -> BucketRow:
    return store.bucket()


@pytest.fixture
def versioned(store: Store) -> BucketRow:
    made = store.bucket("versioned")
    Bucket.objects.filter(pk=made.id).update(versioning="enabled")
    return made._replace(versioning="enabled")


def copy(bucket: BucketRow, source: str, target: str) -> Copy:
    return Copy(Source(bucket, source), Target(bucket, target))


def move(bucket: BucketRow, source: str, target: str) -> Move:
    return Move(Source(bucket, source), Target(bucket, target))


# Copy


def test_a_copy_has_the_same_bytes_etag_and_description_and_no_new_blob(
    store: Store, bucket: BucketRow
) -> None:
    put = store.put("a", b"content")
    StoredObject.objects.update(metadata={"by": "Ada"}, tags={"team": "red"})

    done = one(copy(bucket, "a", "b"))

    made = row("b")
    assert store.read("b") == b"content"
    assert (made.etag, made.sha256) == (put.etag, put.sha256)
    assert (made.metadata, made.tags) == ({"by": "Ada"}, {"team": "red"})
    assert made.content_type == "text/plain"
    assert Blob.objects.count() == 1
    assert done.changed.created_at == made.created_at > put.created_at
    assert not done.changed.replaced


def test_a_copy_goes_to_another_bucket_and_counts_there(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a", b"content")
    other = store.bucket("other")
    one(Copy(Source(bucket, "a"), Target(other, "b")))
    assert store.read("b", bucket="other") == b"content"
    assert reads.bucket_totals(other.id) == (1, 7)
    assert reads.bucket_totals(bucket.id) == (1, 7)


def test_a_copy_is_in_the_journal_with_where_it_came_from(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a")
    one(copy(bucket, "a", "b"))
    entry = JournalEntry.objects.latest("id")
    assert (entry.operation, entry.key, entry.detail) == ("copy", "b", "from test/a")


def test_a_copy_replaces_what_is_there(store: Store, bucket: BucketRow) -> None:
    store.put("a", b"content")
    store.put("b", b"longer than that")
    assert one(copy(bucket, "a", "b")).changed.replaced
    assert store.read("b") == b"content"
    assert reads.bucket_totals(bucket.id) == (2, 14)


def test_a_copy_may_be_described_anew(store: Store, bucket: BucketRow) -> None:
    store.put("a")
    StoredObject.objects.update(metadata={"by": "Ada"}, tags={"team": "red"})
    rewrite = Rewrite(None, {"cache-control": "no-store"}, {"by": "Bob"}, {})

    one(copy(bucket, "a", "b")._replace(rewrite=rewrite))

    made = row("b")
    assert made.content_type == "text/plain"
    assert made.headers == {"cache-control": "no-store"}
    assert (made.metadata, made.tags) == ({"by": "Bob"}, {})
    assert row("a").metadata == {"by": "Ada"}


def test_an_older_version_is_copied_by_its_id(
    store: Store, versioned: BucketRow
) -> None:
    first = store.put("a", b"first", bucket=versioned)
    store.put("a", b"second", bucket=versioned)
    source = Source(versioned, "a", first.version_id)
    one(Copy(source, Target(versioned, "b")))
    assert store.read("b", bucket="versioned") == b"first"


def test_an_older_version_copied_onto_its_key_is_the_latest_again(
    store: Store, versioned: BucketRow
) -> None:
    first = store.put("a", b"first", bucket=versioned)
    store.put("a", b"second", bucket=versioned)
    source = Source(versioned, "a", first.version_id)
    one(Copy(source, Target(versioned, "a")))
    assert store.read("a", bucket="versioned") == b"first"
    assert StoredObject.objects.filter(key="a").count() == 3


def test_the_latest_version_is_not_copied_onto_itself(
    store: Store, versioned: BucketRow
) -> None:
    put = store.put("a", bucket=versioned)
    for version in (None, put.version_id):
        source = Source(versioned, "a", version)
        with pytest.raises(SourceIsTarget):
            one(Copy(source, Target(versioned, "a")))


def test_a_copy_onto_itself_with_another_description_is_a_new_version(
    store: Store, bucket: BucketRow
) -> None:
    put = store.put("a", b"content")
    wanted = copy(bucket, "a", "a")._replace(rewrite=Rewrite(metadata={"by": "Bob"}))
    done = one(wanted)
    assert store.read("a") == b"content"
    assert row("a").metadata == {"by": "Bob"}
    assert done.changed.created_at > put.created_at
    assert reads.bucket_totals(bucket.id) == (1, 7)


def test_a_source_that_is_not_there_is_no_such_key(bucket: BucketRow) -> None:
    with pytest.raises(NoSuchKey):
        one(copy(bucket, "none", "b"))


def test_a_version_that_is_not_there_is_no_such_version(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a")
    with pytest.raises(NoSuchVersion):
        one(Copy(Source(bucket, "a", "unknown"), Target(bucket, "b")))


def test_a_delete_marker_is_nothing_to_copy(store: Store, versioned: BucketRow) -> None:
    store.put("a", bucket=versioned)
    store.delete("a", bucket=versioned)
    marker = StoredObject.objects.get(is_delete_marker=True)
    for version, refusal in ((None, NoSuchKey), (marker.version_id, NoSuchVersion)):
        with pytest.raises(refusal):
            one(Copy(Source(versioned, "a", version), Target(versioned, "b")))


def test_an_object_of_segments_is_copied_with_them(
    store: Store, bucket: BucketRow
) -> None:
    made_of_segments(store, "a", b"one", b"two")
    one(copy(bucket, "a", "b"))
    assert segments("b") == segments("a") == [(1, 0, 3), (2, 3, 3)]


def test_a_bucket_that_was_deleted_is_no_such_bucket(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a")
    other = store.bucket("other")
    Bucket.objects.filter(pk=other.id).delete()
    with pytest.raises(NoSuchBucket):
        one(Copy(Source(bucket, "a"), Target(other, "b")))


def test_a_copy_that_does_not_fit_the_quota_is_refused(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a", b"content")
    Bucket.objects.update(quota_bytes=10)
    with pytest.raises(QuotaExceeded):
        one(copy(bucket, "a", "b"))
    assert keys() == ["a"]


# Conditions


def test_the_conditions_of_the_target_are_its_own(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a")
    store.put("b")
    wanted = copy(bucket, "a", "b")
    for conditions in (
        CREATE_ONLY,
        Preconditions(if_match=("other",)),
        Preconditions(if_unmodified_since=datetime(2000, 1, 1, tzinfo=UTC)),
    ):
        with pytest.raises(PreconditionFailed):
            one(wanted._replace(target=Target(bucket, "b", conditions)))
    assert one(wanted._replace(target=Target(bucket, "c", CREATE_ONLY)))


@pytest.mark.parametrize("day", [-1, 1])
def test_the_source_has_to_be_as_its_conditions_say(
    store: Store, bucket: BucketRow, day: int
) -> None:
    etag = store.put("a").etag
    then = row("a").created_at + timedelta(days=day)
    conditions = {
        SourceConditions(Preconditions(if_match=(etag,))): True,
        SourceConditions(Preconditions(if_match=("other",))): False,
        SourceConditions(Preconditions(if_none_match=(etag,))): False,
        SourceConditions(Preconditions(if_none_match=("other",))): True,
        SourceConditions(Preconditions(if_unmodified_since=then)): day > 0,
        SourceConditions(modified_since=then): day < 0,
        SourceConditions(Preconditions(if_none_match=("x",)), then): True,
    }
    for condition, holds in conditions.items():
        wanted = Copy(Source(bucket, "a", None, condition), Target(bucket, "b"))
        if holds:
            assert one(wanted)
            continue
        with pytest.raises(PreconditionFailed):
            one(wanted)


# Move


def test_a_move_leaves_nothing_where_it_was(store: Store, bucket: BucketRow) -> None:
    put = store.put("a", b"content")
    one(move(bucket, "a", "b"))
    assert keys() == ["b"]
    assert store.read("b") == b"content"
    assert row("b").etag == put.etag
    assert reads.bucket_totals(bucket.id) == (1, 7)


def test_a_move_is_in_the_journal_of_both_keys(store: Store, bucket: BucketRow) -> None:
    store.put("a")
    one(move(bucket, "a", "b"))
    entries = JournalEntry.objects.filter(operation="move").order_by("key")
    told = [(e.key, e.detail, e.objects_delta, e.bytes_delta) for e in entries]
    assert told == [("a", "to test/b", -1, -7), ("b", "from test/a", 1, 7)]


def test_a_move_from_a_versioned_bucket_leaves_a_delete_marker(
    store: Store, versioned: BucketRow
) -> None:
    store.put("a", b"content", bucket=versioned)
    done = one(move(versioned, "a", "b"))
    assert keys("versioned") == ["b"]
    latest = StoredObject.objects.get(key="a", is_latest=True)
    assert latest.is_delete_marker
    assert done.changed.version_id == row("b", "versioned").version_id != "null"
    assert reads.bucket_totals(versioned.id) == (2, 14)


def test_a_move_takes_the_segments_along(store: Store, bucket: BucketRow) -> None:
    made_of_segments(store, "a", b"one", b"two")
    one(move(bucket, "a", "b"))
    assert segments("b") == [(1, 0, 3), (2, 3, 3)]
    assert Segment.objects.count() == 2


def test_a_move_onto_itself_is_refused(store: Store, bucket: BucketRow) -> None:
    store.put("a")
    with pytest.raises(SourceIsTarget):
        one(move(bucket, "a", "a")._replace(rewrite=Rewrite(metadata={})))
    assert keys() == ["a"]


def test_a_move_between_buckets_moves_what_is_counted(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a", b"content")
    other = store.bucket("other")
    one(Move(Source(bucket, "a"), Target(other, "b")))
    assert reads.bucket_totals(bucket.id) == (0, 0)
    assert reads.bucket_totals(other.id) == (1, 7)


# Batches


def test_a_batch_does_all_of_it(store: Store, bucket: BucketRow) -> None:
    for key in ("a", "b", "c", "d"):
        store.put(key, key.encode())

    done = do(
        copy(bucket, "a", "copied"),
        move(bucket, "b", "moved"),
        Delete(Target(bucket, "c")),
        Describe(Target(bucket, "d"), Rewrite(tags={"team": "red"})),
    )

    assert keys() == ["a", "copied", "d", "moved"]
    assert store.read("moved") == b"b"
    assert row("d").tags == {"team": "red"}
    assert done[0].changed.created_at == row("copied").created_at
    assert done[1].changed.created_at == row("moved").created_at
    assert done[3].changed.created_at == row("d").created_at


def test_one_that_fails_keeps_all_from_being_done(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a")
    store.put("d")
    before = list(StoredObject.objects.values())
    with pytest.raises(BatchRefused) as refused:
        do(
            copy(bucket, "a", "b"),
            Delete(Target(bucket, "none")),
            move(bucket, "a2", "c"),
        )
    assert list(refused.value.failures) == [2]
    with pytest.raises(BatchRefused) as refused:
        do(
            copy(bucket, "a", "b"),
            Delete(Target(bucket, "none")),
            Describe(Target(bucket, "d", CREATE_ONLY), Rewrite()),
        )
    told = {n: type(why) for n, why in refused.value.failures.items()}
    assert told == {1: NoSuchKey, 2: PreconditionFailed}
    assert list(StoredObject.objects.values()) == before


def test_a_failure_behind_a_move_is_told_by_its_operation(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a")
    with pytest.raises(BatchRefused) as refused:
        do(move(bucket, "a", "b"), Delete(Target(bucket, "none")))
    assert list(refused.value.failures) == [1]


def test_a_key_that_is_changed_is_named_once(store: Store, bucket: BucketRow) -> None:
    for key in ("a", "b", "c"):
        store.put(key)
    for wanted in (
        [copy(bucket, "a", "x"), copy(bucket, "b", "x")],
        [copy(bucket, "a", "x"), Delete(Target(bucket, "x"))],
        [copy(bucket, "a", "x"), copy(bucket, "x", "y")],
        [copy(bucket, "a", "x"), Delete(Target(bucket, "a"))],
        [Delete(Target(bucket, "a")), copy(bucket, "a", "x")],
        [move(bucket, "a", "b"), move(bucket, "b", "a")],
        [move(bucket, "a", "x"), copy(bucket, "a", "y")],
        [Describe(Target(bucket, "a"), Rewrite()), move(bucket, "a", "x")],
    ):
        with pytest.raises(KeyNamedTwice, match="Operations 0 and 1"):
            do(*wanted)
    assert keys() == ["a", "b", "c"]


def test_a_key_is_the_source_of_several_copies(store: Store, bucket: BucketRow) -> None:
    store.put("a")
    other = store.bucket("other")
    do(
        copy(bucket, "a", "b"),
        copy(bucket, "a", "c"),
        Copy(Source(bucket, "a"), Target(other, "a")),
    )
    assert keys() == ["a", "b", "c"]
    assert keys("other") == ["a"]


def test_a_thousand_operations_are_one_batch(store: Store, bucket: BucketRow) -> None:
    store.put("a", b"content")
    many = [copy(bucket, "a", f"{n:04}") for n in range(operations.MOST_OPERATIONS)]
    assert len(do(*many)) == len(many)
    assert reads.bucket_totals(bucket.id) == (len(many) + 1, 7 * (len(many) + 1))


def test_a_description_is_changed_in_place(store: Store, bucket: BucketRow) -> None:
    put = store.put("a")
    rewrite = Rewrite(content_type="image/png", metadata={"by": "Bob"})
    one(Describe(Target(bucket, "a", PRESENT_ONLY), rewrite))
    made = row("a")
    assert (made.content_type, made.metadata) == ("image/png", {"by": "Bob"})
    assert (made.created_at, made.etag) == (put.created_at, put.etag)


def made_of_segments(store: Store, key: str, *parts: bytes) -> None:
    """Make an object of several blobs, as completing an upload does."""
    store.put(key, b"".join(parts))
    made = StoredObject.objects.get(key=key)
    offset = 0
    for number, part in enumerate(parts, 1):
        store.put("part", part)
        Segment.objects.create(
            object=made,
            number=number,
            offset=offset,
            size=len(part),
            blob=store.blob(part),
        )
        offset += len(part)
    store.delete("part")
    StoredObject.objects.filter(pk=made.pk).update(blob=None, sha256="")


def segments(key: str) -> list[tuple[int, int, int]]:
    rows = Segment.objects.filter(object__key=key).order_by("number")
    return [(s.number, s.offset, s.size) for s in rows]
