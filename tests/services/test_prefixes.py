"""Copy, move and delete of all keys of a prefix, in one transaction."""

import pytest

from objects_app.errors import (
    InvalidKey,
    PreconditionFailed,
    PrefixesOverlap,
    QuotaExceeded,
)
from objects_app.models import Bucket, Job, StoredObject
from objects_app.queries import reads
from objects_app.queries.changes import Rewrite
from objects_app.queries.rows import BucketRow
from objects_app.services import jobs, prefixes
from objects_app.services.prefixes import Work
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db

ODD = ["p/", "p/%", "p/\n", "p/_", "p/a", "p/a/b", "p/ü", "p/\U0010ffff"]
OTHERS = ["o", "p", "p-", "p0", "q"]


def keys(bucket: str = "test") -> list[str]:
    rows = StoredObject.objects.filter(
        bucket__name=bucket, is_latest=True, is_delete_marker=False
    )
    return sorted(rows.values_list("key", flat=True))


def do(kind: str, work: Work) -> int | jobs.JobRow:
    return jobs.perform(kind=kind, work=work, user_id=None, by=ACTOR)


@pytest.fixture
def bucket(store: Store) -> BucketRow:
    made = store.bucket()
    for key in ODD + OTHERS:
        store.put(key, key.encode())
    return made


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(prefixes, "MOST_KEYS", len(ODD))
    return len(ODD)


def test_a_prefix_is_copied_whole_and_nothing_beside_it(
    store: Store, bucket: BucketRow
) -> None:
    done = do("copy", Work(bucket, "p/", bucket, "new/"))
    assert done == len(ODD)
    copies = [f"new/{key.removeprefix('p/')}" for key in ODD]
    assert keys() == sorted(ODD + OTHERS + copies)
    assert store.read("new/a") == b"p/a"


def test_a_prefix_is_moved_and_what_is_counted_stays(
    store: Store, bucket: BucketRow
) -> None:
    before = reads.bucket_totals(bucket.id)
    assert do("move", Work(bucket, "p/", bucket, "q/")) == len(ODD)
    moved = [f"q/{key.removeprefix('p/')}" for key in ODD]
    assert keys() == sorted(OTHERS + moved)
    assert reads.bucket_totals(bucket.id) == before
    assert store.read("q/ü") == "p/ü".encode()


def test_a_prefix_is_deleted(bucket: BucketRow) -> None:
    assert do("delete", Work(bucket, "p/")) == len(ODD)
    assert keys() == OTHERS


def test_the_prefix_of_everything_is_the_empty_one(
    store: Store, bucket: BucketRow
) -> None:
    other = store.bucket("other")
    assert do("copy", Work(bucket, "", other, "")) == len(ODD + OTHERS)
    assert keys("other") == keys()
    assert do("delete", Work(bucket, "")) == len(ODD + OTHERS)
    assert keys() == []


def test_a_prefix_without_keys_is_done_at_once(bucket: BucketRow) -> None:
    assert do("move", Work(bucket, "none/", bucket, "new/")) == 0
    assert do("delete", Work(bucket, "none/")) == 0


def test_a_delete_in_a_versioned_bucket_leaves_markers(
    store: Store, bucket: BucketRow
) -> None:
    Bucket.objects.update(versioning="enabled")
    do("delete", Work(bucket, "p/"))
    assert StoredObject.objects.filter(is_delete_marker=True).count() == len(ODD)
    assert keys() == OTHERS


@pytest.mark.parametrize(
    ("prefix", "to"),
    [("p/", "p/"), ("p/", "p/a/"), ("p/a/", "p/"), ("", "p/"), ("p/", "")],
)
def test_prefixes_that_overlap_in_one_bucket_are_refused(
    bucket: BucketRow, prefix: str, to: str
) -> None:
    for kind in ("copy", "move"):
        with pytest.raises(PrefixesOverlap):
            do(kind, Work(bucket, prefix, bucket, to))
    assert keys() == sorted(ODD + OTHERS)


def test_the_same_prefix_in_another_bucket_is_no_overlap(
    store: Store, bucket: BucketRow
) -> None:
    assert do("copy", Work(bucket, "p/", store.bucket("other"), "p/")) == len(ODD)
    assert keys("other") == sorted(ODD)


def test_a_key_that_would_be_too_long_keeps_all_as_it_is(bucket: BucketRow) -> None:
    for kind in ("copy", "move"):
        with pytest.raises(InvalidKey):
            do(kind, Work(bucket, "p/", bucket, "n" * 1022))
    assert keys() == sorted(ODD + OTHERS)


def test_no_key_becomes_empty(store: Store, bucket: BucketRow) -> None:
    with pytest.raises(InvalidKey):
        do("move", Work(bucket, "p/", store.bucket("other"), ""))
    assert keys("other") == []


def test_only_new_keys_are_written_when_that_is_asked_for(
    store: Store, bucket: BucketRow
) -> None:
    store.put("q/a", b"present")
    with pytest.raises(PreconditionFailed):
        do("copy", Work(bucket, "p/", bucket, "q/", new_only=True))
    assert store.read("q/a") == b"present"
    assert "q/ü" not in keys()


def test_all_copies_are_described_anew(bucket: BucketRow) -> None:
    rewrite = Rewrite(content_type="image/png", metadata={"by": "Bob"})
    do("copy", Work(bucket, "p/", bucket, "q/", rewrite))
    made = StoredObject.objects.filter(key__startswith="q/")
    assert {row.content_type for row in made} == {"image/png"}
    assert all(row.metadata == {"by": "Bob"} for row in made)


def test_what_does_not_fit_the_quota_is_not_begun(bucket: BucketRow) -> None:
    Bucket.objects.update(quota_objects=len(ODD + OTHERS) + 3)
    with pytest.raises(QuotaExceeded):
        do("copy", Work(bucket, "p/", bucket, "q/"))
    assert keys() == sorted(ODD + OTHERS)


def test_more_keys_than_a_transaction_takes_are_a_job(
    store: Store, bucket: BucketRow, few_at_once: int
) -> None:
    assert do("copy", Work(bucket, "p/", bucket, "q/")) == few_at_once
    store.put("p/one-more")
    made = do("copy", Work(bucket, "p/", bucket, "r/"))
    assert isinstance(made, jobs.JobRow)
    assert (made.state, made.keys_total, made.keys_done) == ("queued", 9, 0)
    assert not [key for key in keys() if key.startswith("r/")]
    assert Job.objects.count() == 1


@pytest.mark.usefixtures("few_at_once")
@pytest.mark.parametrize("to", ["n" * 1000, ""])
def test_no_job_is_made_that_could_not_end(
    store: Store, bucket: BucketRow, to: str
) -> None:
    store.put("p/" + "x" * 30)
    with pytest.raises(InvalidKey):
        do("copy", Work(bucket, "p/", store.bucket("other"), to))
    assert not Job.objects.exists()
