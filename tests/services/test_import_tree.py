"""A folder becomes objects; a second run is quick; nothing odd is fatal."""

import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from objects_app.errors import BucketTaken, StorageUnavailable
from objects_app.http.media_types import guess
from objects_app.models import Bucket, StoredObject
from objects_app.queries import reads
from objects_app.services import import_tree, objects, transfer
from objects_app.services.transfer import Kind, Moved, Outcome, Place, Watch
from tests.services.store import Store

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    return made


def run(tree: Path, place: str = "test", **options: Any) -> tuple[Moved, list[Outcome]]:
    told: list[Outcome] = []
    moved = import_tree.import_tree(
        folder=tree,
        place=Place.parse(place),
        owner_id=options.pop("owner_id", None),
        guess=guess,
        threads=4,
        watch=Watch(done=told.append, bytes=options.pop("count", lambda _: None)),
        **options,
    )
    return moved, [outcome for outcome in told if outcome.kind is Kind.FAILED]


def write(tree: Path, files: dict[str, bytes]) -> None:
    for name, body in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(body)


FILES = {
    "a.txt": b"alpha",
    "folder/b.jpg": b"beta",
    "folder/deep/er/c": b"",
    "ünï cödé/%41\n?": b"odd",
}


def test_every_file_is_an_object_with_its_path_as_key(store: Store, tree: Path) -> None:
    write(tree, FILES)

    moved, failed = run(tree)

    assert (moved.objects, moved.bytes, failed) == (4, 12, [])
    assert {key: store.read(key) for key in FILES} == FILES
    assert StoredObject.objects.count() == 4


def test_keys_go_below_the_prefix(store: Store, tree: Path) -> None:
    write(tree, {"a.txt": b"alpha"})

    run(tree, "test/photos/2026/")
    run(tree, "test/photos")

    keys = StoredObject.objects.order_by("key").values_list("key", flat=True)
    assert list(keys) == ["photos/2026/a.txt", "photos/a.txt"]


def test_type_and_time_are_kept(store: Store, tree: Path) -> None:
    write(tree, {"a.jpg": b"alpha"})
    os.utime(tree / "a.jpg", ns=(0, 1_354_040_105_123_456_789))

    run(tree)

    row = StoredObject.objects.get()
    assert row.content_type == "image/jpeg"
    assert row.metadata == {"mtime": "1354040105.123456789"}


def test_a_second_run_reads_nothing(store: Store, tree: Path) -> None:
    write(tree, FILES)
    run(tree)
    counted: list[int] = []

    moved, _ = run(tree, count=counted.append)

    assert moved == Moved(skipped=4)
    assert counted == []


def test_a_file_that_changed_is_imported_again(store: Store, tree: Path) -> None:
    write(tree, FILES)
    run(tree)
    (tree / "a.txt").write_bytes(b"ALPHA")
    os.utime(tree / "a.txt", ns=(0, 5))

    moved, _ = run(tree)

    assert (moved.objects, moved.skipped) == (1, 3)
    assert store.read("a.txt") == b"ALPHA"


def test_an_object_deleted_since_is_imported_again(store: Store, tree: Path) -> None:
    write(tree, FILES)
    run(tree)
    store.delete("a.txt")

    moved, _ = run(tree)

    assert (moved.objects, moved.skipped) == (1, 3)
    assert store.read("a.txt") == b"alpha"


def test_deduplication_is_counted(store: Store, tree: Path) -> None:
    store.put("known", b"x" * 1000)
    write(tree, {"again": b"x" * 1000, "new": b"y"})

    moved, _ = run(tree)

    assert (moved.objects, moved.bytes, moved.saved) == (2, 1001, 1000)


def test_a_dry_run_changes_nothing(tree: Path) -> None:
    write(tree, FILES)

    moved, _ = run(tree, dry_run=True)

    assert (moved.objects, moved.bytes) == (4, 12)
    assert not Bucket.objects.exists()


def test_a_dry_run_knows_what_is_there(store: Store, tree: Path) -> None:
    write(tree, FILES)
    run(tree)
    write(tree, {"new": b"new"})

    moved, _ = run(tree, dry_run=True)

    assert (moved.objects, moved.skipped) == (1, 4)
    assert StoredObject.objects.count() == 4


def test_links_and_special_files_are_passed_by(store: Store, tree: Path) -> None:
    write(tree, {"real/a": b"alpha"})
    (tree / "link").symlink_to(tree / "real" / "a")
    (tree / "folder").symlink_to(tree / "real")
    (tree / "dangling").symlink_to("nowhere")
    os.mkfifo(tree / "pipe")
    os.mknod(tree / "socket", stat.S_IFSOCK | 0o600)

    moved, failed = run(tree)

    assert (moved.objects, moved.passed_by, failed) == (1, 5, [])


def test_names_that_are_no_keys_are_told_and_not_fatal(
    store: Store, tree: Path
) -> None:
    write(tree, {"good": b"good"})
    deep = tree
    for _ in range(5):
        deep = deep / ("d" * 250)
    deep.mkdir(parents=True)
    (deep / "long").write_bytes(b"")
    (tree / os.fsdecode(b"not-utf8-\xff")).write_bytes(b"")

    moved, failed = run(tree)

    assert (moved.objects, moved.failed) == (1, 2)
    told = {outcome.name: outcome.reason for outcome in failed}
    assert "not UTF-8" in told["not-utf8-\\\\xff"]
    assert any("at most 1024" in reason for reason in told.values())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(store: Store, tree: Path) -> None:
    write(tree, FILES)
    (tree / "a.txt").chmod(0)

    moved, [failed] = run(tree)

    assert (moved.objects, failed.name) == (3, "a.txt")


def test_a_file_that_changes_while_it_is_read_is_not_stored(
    store: Store, tree: Path
) -> None:
    write(tree, {"log": b"one line\n"})

    def append(_: int) -> None:
        with (tree / "log").open("ab") as file:
            file.write(b"another\n")

    reader = import_tree._Unchanging((tree / "log").open("rb", buffering=0))
    with reader._file:
        append(0)
        with pytest.raises(import_tree.FileChanged):
            reader.read(100)


def test_what_changed_leaves_no_object(
    store: Store, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(self: Any, size: int) -> bytes:
        raise import_tree.FileChanged("It changed while it was read: run again.")

    write(tree, {"log": b"one line\n"})
    monkeypatch.setattr(import_tree._Unchanging, "read", changed)

    moved, [failed] = run(tree)

    assert (moved.failed, failed.reason[:10]) == (1, "It changed")
    assert not StoredObject.objects.exists()


def test_the_bucket_is_made_for_its_owner(tree: Path, alice: User) -> None:
    run(tree, owner_id=alice.pk)

    assert Bucket.objects.get().owner == alice


def test_somebody_elses_bucket_is_refused(
    store: Store, tree: Path, alice: User, bob: User
) -> None:
    store.bucket("test", owner=alice)

    with pytest.raises(BucketTaken):
        run(tree, owner_id=bob.pk)


def test_an_owned_bucket_needs_no_owner_named(
    store: Store, tree: Path, alice: User
) -> None:
    store.bucket("test", owner=alice)
    write(tree, FILES)

    moved, _ = run(tree)

    assert moved.objects == 4


def test_storage_that_fails_ends_the_run(
    store: Store, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise StorageUnavailable("The storage is full.")

    write(tree, {f"f{i}": b"x" for i in range(100)})
    monkeypatch.setattr(objects, "put_object", fail)

    threads = threading.active_count()

    with pytest.raises(StorageUnavailable):
        run(tree)

    assert threading.active_count() == threads


def test_an_interrupted_run_goes_on_where_it_stopped(store: Store, tree: Path) -> None:
    write(tree, {f"f{i:03}": str(i).encode() for i in range(100)})

    def interrupt(outcome: Outcome) -> None:
        if outcome.name and StoredObject.objects.count() >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_tree.import_tree(
            folder=tree,
            place=Place("test", ""),
            owner_id=None,
            guess=guess,
            threads=4,
            watch=Watch(done=interrupt),
        )
    there = StoredObject.objects.count()
    assert 20 <= there < 100

    moved, _ = run(tree)

    assert (moved.objects, moved.skipped) == (100 - there, there)
    assert store.read("f042") == b"42"


@pytest.mark.postgresql_only
def test_every_thread_closes_its_connection(store: Store, tree: Path) -> None:
    write(tree, FILES)

    def connected() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return int(cursor.fetchone()[0])

    run(tree)

    deadline = time.monotonic() + 5
    while connected() and time.monotonic() < deadline:
        time.sleep(0.02)  # the server notices a closed connection a moment later
    assert connected() == 0


def test_totals_are_exact_afterwards(store: Store, tree: Path) -> None:
    write(tree, FILES)
    run(tree)

    assert reads.bucket_totals(Bucket.objects.get().pk) == (4, 12)


@pytest.mark.parametrize(
    "nanoseconds", [0, 1, -1_500_000_000, 1_354_040_105_123_456_789]
)
def test_times_survive_as_metadata(nanoseconds: int) -> None:
    assert transfer.mtime_of(transfer.mtime_text(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    "text", [None, "", "yesterday", "NaN", "Infinity", "1e999999999"]
)
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert transfer.mtime_of(text) is None
