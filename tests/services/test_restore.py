"""A prefix as it was: what comes back, what goes, and when nothing is done."""

from datetime import datetime, timedelta

import pytest

from objects_app.errors import FutureMoment, NotVersioned, QuotaExceeded
from objects_app.models import Bucket, JournalEntry, Segment, StoredObject
from objects_app.queries import reads, sql, upkeep
from objects_app.queries.rows import BucketRow, Totals
from objects_app.services import buckets, listing, restore
from tests.histories import LONG_AGO, passed_moment
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db


@pytest.fixture
def bucket(store: Store) -> BucketRow:
    return in_mode(store, "enabled")


def in_mode(store: Store, versioning: str) -> BucketRow:
    row = store.bucket()
    Bucket.objects.filter(pk=row.id).update(
        versioning=versioning, versioned_since=LONG_AGO
    )
    return store.bucket()


def contents(store: Store, bucket: BucketRow) -> dict[str, bytes]:
    page = listing.list_bucket(bucket=bucket)
    return {entry.key: store.read(entry.key) for entry in page.entries}


def go_back(
    bucket: BucketRow, moment: datetime, *, prefix: str = ""
) -> restore.Outcome:
    return restore.restore(bucket=bucket, prefix=prefix, moment=moment, by=ACTOR)


def test_changed_removed_and_added_keys_are_as_they_were(
    store: Store, bucket: BucketRow
) -> None:
    for key in ("changed", "kept", "removed"):
        store.put(key, key.encode(), bucket=bucket)
    moment = passed_moment()
    store.put("changed", b"other", bucket=bucket)
    store.put("added", b"new", bucket=bucket)
    store.delete("removed", bucket=bucket)

    done = go_back(bucket, moment)

    assert done == restore.Outcome(2, 1, 1, ["added", "changed", "removed"])
    assert contents(store, bucket) == {
        "changed": b"changed",
        "kept": b"kept",
        "removed": b"removed",
    }


def test_it_adds_versions_and_takes_none_away(store: Store, bucket: BucketRow) -> None:
    first = store.put("a", b"1", bucket=bucket)
    moment = passed_moment()
    store.put("a", b"2", bucket=bucket)
    store.put("b", b"3", bucket=bucket)
    before = set(StoredObject.objects.values_list("pk", flat=True))
    go_back(bucket, moment)
    assert before < set(StoredObject.objects.values_list("pk", flat=True))
    new = StoredObject.objects.exclude(pk__in=before).order_by("key")
    assert [(row.key, row.is_delete_marker, row.is_latest) for row in new] == [
        ("a", False, True),
        ("b", True, True),
    ]
    assert new[0].etag == first.etag
    assert new[0].version_id != first.version_id


def test_a_restore_can_be_undone_by_another(store: Store, bucket: BucketRow) -> None:
    store.put("a", b"1", bucket=bucket)
    moment = passed_moment()
    store.put("a", b"2", bucket=bucket)
    store.put("b", b"3", bucket=bucket)
    later = passed_moment()
    go_back(bucket, moment)
    assert contents(store, bucket) == {"a": b"1"}
    go_back(bucket, later)
    assert contents(store, bucket) == {"a": b"2", "b": b"3"}


def test_keys_without_the_prefix_stay(store: Store, bucket: BucketRow) -> None:
    store.put("in/a", b"1", bucket=bucket)
    moment = passed_moment()
    store.put("in/a", b"2", bucket=bucket)
    store.put("out/b", b"3", bucket=bucket)
    go_back(bucket, moment, prefix="in/")
    assert contents(store, bucket) == {"in/a": b"1", "out/b": b"3"}


def test_a_description_is_restored_even_where_the_bytes_are_the_same(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a", b"1", bucket=bucket)
    StoredObject.objects.update(metadata={"color": "red"})
    moment = passed_moment()
    store.put("a", b"1", bucket=bucket)
    assert go_back(bucket, moment).restored == 1
    assert StoredObject.objects.get(is_latest=True).metadata == {"color": "red"}


def test_the_same_content_put_again_needs_no_restoring(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a", b"1", bucket=bucket)
    moment = passed_moment()
    store.put("a", b"2", bucket=bucket)
    store.put("a", b"1", bucket=bucket)
    assert go_back(bucket, moment) == restore.Outcome(0, 0, 1, [])
    assert StoredObject.objects.count() == 3


def test_a_preview_says_the_same_and_changes_nothing(
    store: Store, bucket: BucketRow
) -> None:
    store.put("a", b"1", bucket=bucket)
    moment = passed_moment()
    store.put("a", b"2", bucket=bucket)
    store.put("b", b"3", bucket=bucket)
    rows = list(StoredObject.objects.order_by("pk").values())
    told = restore.preview(bucket=bucket, prefix="", moment=moment)
    assert list(StoredObject.objects.order_by("pk").values()) == rows
    assert told == go_back(bucket, moment)


def test_totals_count_what_came_back(store: Store, bucket: BucketRow) -> None:
    store.put("a", b"12345", bucket=bucket)
    moment = passed_moment()
    store.delete("a", bucket=bucket)
    go_back(bucket, moment)
    found = reads.bucket_totals(bucket.id)
    assert found == Totals(2, 10)
    upkeep.recount()
    assert reads.bucket_totals(bucket.id) == found


def test_the_journal_names_the_moment(store: Store, bucket: BucketRow) -> None:
    store.put("a", b"1", bucket=bucket)
    moment = passed_moment()
    store.delete("a", bucket=bucket)
    go_back(bucket, moment)
    entry = JournalEntry.objects.get(operation="restore")
    assert (entry.key, entry.objects_delta) == ("a", 1)
    assert entry.detail == f"as of {moment.isoformat()}"


def test_an_object_of_segments_comes_back_with_them(
    store: Store, bucket: BucketRow
) -> None:
    for body in (b"one", b"two"):
        store.put(f"part {body.decode()}", body, bucket=bucket)
    row = StoredObject.objects.create(
        bucket_id=bucket.id,
        key="whole",
        version_id="v1",
        sha256="",
        size=6,
        etag="composite-2",
        content_type="text/plain",
        node_id="node",
        created_at=passed_moment(),
    )
    for number, body in enumerate((b"one", b"two")):
        Segment.objects.create(
            object=row, number=number, offset=number * 3, size=3, blob=store.blob(body)
        )
    moment = passed_moment()
    store.delete("whole", bucket=bucket)
    go_back(bucket, moment, prefix="whole")
    latest = StoredObject.objects.get(key="whole", is_latest=True)
    assert (latest.etag, latest.size) == ("composite-2", 6)
    assert latest.segments.count() == 2


def test_a_restore_is_undone_by_another_while_versions_are_suspended(
    store: Store,
) -> None:
    in_mode(store, "enabled")
    suspended = in_mode(store, "suspended")
    store.put("a", b"1", bucket=suspended)
    before = passed_moment()
    store.put("b", b"2", bucket=suspended)
    after = passed_moment()

    go_back(suspended, before)
    assert contents(store, suspended) == {"a": b"1"}
    go_back(suspended, after)

    assert contents(store, suspended) == {"a": b"1", "b": b"2"}
    assert StoredObject.objects.filter(version_id="null").count() == 2


def test_a_moment_before_everything_leaves_nothing_to_see(
    store: Store, bucket: BucketRow
) -> None:
    moment = passed_moment()
    for key in ("a", "b"):
        store.put(key, bucket=bucket)
    assert go_back(bucket, moment) == restore.Outcome(0, 2, 0, ["a", "b"])
    assert contents(store, bucket) == {}


def test_the_future_is_refused(store: Store, bucket: BucketRow) -> None:
    store.put(bucket=bucket)
    soon = sql.clock() + timedelta(minutes=1)
    with pytest.raises(FutureMoment):
        restore.preview(bucket=bucket, prefix="", moment=soon)
    with pytest.raises(FutureMoment):
        go_back(bucket, soon)


def test_a_bucket_without_versions_is_refused(store: Store) -> None:
    bucket = store.bucket()
    store.put(bucket=bucket)
    moment = passed_moment()
    with pytest.raises(NotVersioned):
        go_back(bucket, moment)


def test_a_moment_before_there_were_versions_is_refused(store: Store) -> None:
    store.put("a", b"1")
    moment = passed_moment()
    store.put("a", b"2")
    changed = buckets.change_bucket(
        bucket=store.bucket(), changes={"versioning": "enabled"}, by=ACTOR
    )

    with pytest.raises(NotVersioned, match="since"):
        go_back(changed, moment)

    assert contents(store, changed) == {"a": b"2"}


def test_too_many_keys_for_one_transaction_change_nothing(
    store: Store, bucket: BucketRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "MOST_KEYS", 2)
    moment = passed_moment()
    for key in "abc":
        store.put(key, bucket=bucket)
    with pytest.raises(restore.TooManyKeys):
        go_back(bucket, moment)
    assert len(contents(store, bucket)) == 3
    told = restore.preview(bucket=bucket, prefix="", moment=moment)
    assert told == restore.Outcome(0, 3, 0, ["a", "b", "c"])


def test_keys_that_do_not_change_do_not_count_against_the_limit(
    store: Store, bucket: BucketRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "MOST_KEYS", 2)
    for key in "abcde":
        store.put(key, bucket=bucket)
    moment = passed_moment()
    store.delete("d", bucket=bucket)
    assert go_back(bucket, moment) == restore.Outcome(1, 0, 4, ["d"])


def test_a_quota_is_heeded(store: Store, bucket: BucketRow) -> None:
    store.put("a", b"12345", bucket=bucket)
    moment = passed_moment()
    store.delete("a", bucket=bucket)
    Bucket.objects.update(quota_bytes=9)
    with pytest.raises(QuotaExceeded):
        go_back(store.bucket(), moment)
    assert contents(store, bucket) == {}
