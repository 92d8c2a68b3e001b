"""A backup keeps the bytes of its objects from the sweep until the next one."""

import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from objects_app.models import (
    Blob,
    SweepHold,
)
from objects_app.queries import holds, upkeep
from objects_app.services import backup, dumps, sweep, usage
from objects_app.services.sweep import Swept
from tests.blobs.bodies import digest
from tests.races.threads import race, wait_until_somebody_waits_for_a_lock
from tests.services.databases import everything, interrupt, wipe
from tests.services.store import Store

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup.gz"


def test_a_sweep_keeps_the_bytes_of_what_is_deleted_after_a_backup(
    store: Store, file: Path
) -> None:
    store.put("a", b"content")
    backup.backup(path=file)
    store.delete("a")

    swept = sweep.sweep(grace_seconds=0)

    assert swept == Swept(condemned=1, held=1, held_bytes=7)
    assert store.backend.stat(digest(b"content")) == 7
    assert sweep.sweep(grace_seconds=0) == Swept(held=1, held_bytes=7)


def test_a_sweep_removes_what_was_condemned_before_the_backup(
    store: Store, file: Path
) -> None:
    store.put("a", b"content")
    store.delete("a")
    sweep.sweep(grace_seconds=1000)
    backup.backup(path=file)

    assert sweep.sweep(grace_seconds=0) == Swept(removed=1, bytes=7)


def test_a_dry_sweep_foresees_what_is_held_back(store: Store, file: Path) -> None:
    store.put("a", b"content")
    store.put("b", b"other")
    store.delete("b")
    sweep.sweep(grace_seconds=1000)
    backup.backup(path=file)
    store.delete("a")

    foreseen = sweep.sweep(grace_seconds=0, dry_run=True)

    assert foreseen == Swept(condemned=1, removed=1, bytes=5)
    done = sweep.sweep(grace_seconds=0)
    assert (done.condemned, done.removed, done.bytes) == (1, 1, 5)
    assert sweep.sweep(grace_seconds=0, dry_run=True) == Swept(held=1, held_bytes=7)


def test_what_was_being_removed_when_the_backup_began_is_removed(
    store: Store, file: Path
) -> None:
    store.put("a", b"content")
    store.delete("a")
    past = Now() - timedelta(hours=1)
    Blob.objects.update(condemned_at=past, deleting_since=past)
    backup.backup(path=file)
    Blob.objects.update(condemned_at=Now())

    assert sweep.sweep(grace_seconds=0, dry_run=True) == Swept(removed=1, bytes=7)
    assert sweep.sweep(grace_seconds=0) == Swept(removed=1, bytes=7)


def test_the_next_backup_lets_go_what_only_the_one_before_it_needs(
    store: Store, tmp_path: Path
) -> None:
    store.put("a", b"content")
    backup.backup(path=tmp_path / "first")
    store.delete("a")
    sweep.sweep(grace_seconds=0)

    backup.backup(path=tmp_path / "second")

    assert sweep.sweep(grace_seconds=0) == Swept(removed=1, bytes=7)
    assert SweepHold.objects.get().backup == "second"


def test_a_blob_condemned_by_a_stale_look_is_kept_from_the_backup_on(
    store: Store, file: Path
) -> None:
    store.put("a", b"content")
    Blob.objects.update(condemned_at=Now() - timedelta(hours=1))

    backup.backup(path=file)

    assert store.blob(b"content").condemned_at is None
    store.delete("a")
    assert sweep.sweep(grace_seconds=0).held == 1


def test_a_released_hold_lets_the_sweep_go_on(store: Store, file: Path) -> None:
    store.put("a", b"content")
    backup.backup(path=file)
    store.delete("a")
    sweep.sweep(grace_seconds=0)

    assert backup.release() is True
    assert backup.release() is False
    assert sweep.sweep(grace_seconds=0) == Swept(removed=1, bytes=7)


def test_a_restored_store_goes_on_holding_the_bytes_of_its_backup(
    store: Store, file: Path
) -> None:
    store.put("a", b"content")
    store.put("b", b"other")
    store.delete("b")
    sweep.sweep(grace_seconds=1000)
    backup.backup(path=file)
    since = SweepHold.objects.get().since
    wipe()
    backup.restore(path=file)

    hold = SweepHold.objects.get()
    assert (hold.pk, hold.since, hold.backup) == (1, since, file.name)
    store.delete("a")
    done = sweep.sweep(grace_seconds=0)
    assert (done.removed, done.bytes, done.held) == (1, 5, 1)


def test_usage_says_what_a_backup_holds_back(store: Store, file: Path) -> None:
    store.put("a", b"content")
    backup.backup(path=file)
    store.delete("a")
    sweep.sweep(grace_seconds=0)

    now = usage.usage()

    assert (now.condemned, now.held, now.held_bytes) == (1, 1, 7)


def test_a_backup_that_fails_leaves_no_file_and_no_hold(
    store: Store, file: Path
) -> None:
    store.put("a", b"content")

    with pytest.raises(KeyboardInterrupt):
        backup.backup(path=file, progress=interrupt)

    assert list(file.parent.iterdir()) == [file.parent / "data"]
    assert not SweepHold.objects.exists()


def test_a_backup_that_fails_leaves_the_hold_of_the_one_before(
    store: Store, tmp_path: Path
) -> None:
    store.put("a", b"content")
    backup.backup(path=tmp_path / "first")
    hold = SweepHold.objects.values().get()

    with pytest.raises(KeyboardInterrupt):
        backup.backup(path=tmp_path / "second", progress=interrupt)

    assert SweepHold.objects.values().get() == hold


def test_a_file_that_cannot_be_made_leaves_no_hold(store: Store, file: Path) -> None:
    file.write_bytes(b"not a folder")

    with pytest.raises(NotADirectoryError):
        backup.backup(path=file / "backup.gz")

    assert not SweepHold.objects.exists()


def test_of_two_backups_at_once_into_one_file_the_later_fails_and_the_first_stays(
    store: Store, file: Path
) -> None:
    store.put("a", b"content")

    def other(_: int) -> None:
        [made] = race(lambda: backup.backup(path=file))
        assert isinstance(made, backup.BackedUp)

    with pytest.raises(FileExistsError):
        backup.backup(path=file, expect=other)

    assert [path.name for path in file.parent.glob("*backup*")] == [file.name]
    wipe()
    backup.restore(path=file)
    assert store.read("a") == b"content"


def test_a_backup_that_fails_leaves_the_file_of_another_one(
    store: Store, file: Path
) -> None:
    store.put("a", b"content")

    def other_then_interrupt(_: int) -> None:
        race(lambda: backup.backup(path=file))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup.backup(path=file, expect=other_then_interrupt)

    assert file.exists()
    assert SweepHold.objects.get().backup == file.name


@pytest.mark.parametrize("name", [b"b\xff.gz", b"n" * 250 + b"\xff.gz"])
def test_a_file_may_have_a_name_that_is_not_utf8(
    store: Store, tmp_path: Path, name: bytes
) -> None:
    file = tmp_path / os.fsdecode(name)
    backup.backup(path=file)
    assert SweepHold.objects.get().backup.isascii()

    wipe()
    backup.restore(path=file)
    assert SweepHold.objects.get().backup.isascii()


def test_a_database_that_goes_at_the_last_step_leaves_a_whole_file_and_its_hold(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(**_: Any) -> None:
        raise OperationalError("the connection is lost")

    store.put("a", b"content")
    monkeypatch.setattr(holds, "move", gone)

    with pytest.raises(OperationalError):
        backup.backup(path=file)

    store.delete("a")
    assert sweep.sweep(grace_seconds=0).held == 1
    wipe()
    backup.restore(path=file)
    assert store.read("a") == b"content"


def test_a_hold_that_is_released_meanwhile_makes_the_backup_fail(
    store: Store, file: Path
) -> None:
    store.put("a", b"content")

    def elsewhere(_: int) -> None:
        SweepHold.objects.all().delete()

    with pytest.raises(dumps.Unusable, match="released"):
        backup.backup(path=file, expect=lambda _: race(lambda: elsewhere(0)))

    assert not file.exists()


def test_of_two_backups_at_once_the_one_overtaken_by_the_later_fails(
    store: Store, tmp_path: Path
) -> None:
    store.put("a", b"content")

    def later(_: int) -> None:
        [made] = race(lambda: backup.backup(path=tmp_path / "later"))
        assert isinstance(made, backup.BackedUp)

    with pytest.raises(dumps.Unusable, match="another backup became complete"):
        backup.backup(path=tmp_path / "first", expect=later)

    assert not (tmp_path / "first").exists()
    assert SweepHold.objects.get().backup == "later"


def test_what_happens_while_it_is_written_is_not_in_it_and_is_not_hindered(
    store: Store, file: Path
) -> None:
    store.put("a", b"content")
    store.put("b", b"other")
    before = everything()

    def meanwhile() -> None:
        store.put("c", b"later")
        store.delete("a")
        assert sweep.sweep(grace_seconds=0).held == 1

    def expect(_: int) -> None:
        assert race(meanwhile) == [None]

    backup.backup(path=file, expect=expect)
    wipe()
    backup.restore(path=file)

    assert everything() == before
    assert store.read("a") == b"content"


@pytest.mark.race
@pytest.mark.postgresql_only
def test_a_backup_waits_for_the_commits_under_way(store: Store, file: Path) -> None:
    store.put("a", b"content")
    held = threading.Event()
    done = threading.Event()

    def stale_condemn() -> None:
        with transaction.atomic():
            Blob.objects.update(condemned_at=Now())
            held.set()
            wait_until_somebody_waits_for_a_lock()
            assert not done.is_set()

    def take() -> None:
        held.wait(10)
        backup.backup(path=file)
        done.set()

    assert race(stale_condemn, take) == [None, None]
    assert store.blob(b"content").condemned_at is None


@pytest.mark.race
@pytest.mark.postgresql_only
def test_a_mark_that_waited_for_the_backup_knows_of_its_hold(store: Store) -> None:
    store.put("a", b"content")
    store.delete("a")
    locked = threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE blob IN EXCLUSIVE MODE")
            locked.set()
            wait_until_somebody_waits_for_a_lock()
            upkeep.hold_sweep(backup="b")
            cursor.execute("UPDATE blob SET condemned_at = clock_timestamp()")

    def mark() -> Any:
        locked.wait(10)
        return upkeep.mark(grace_seconds=0, lease_seconds=30, limit=10)

    assert race(hold, mark) == [None, ([], 0)]


@pytest.mark.race
@pytest.mark.postgresql_only
def test_a_backup_gives_up_when_the_table_stays_locked(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from objects_app.queries import postgresql_upkeep  # noqa: PLC0415

    monkeypatch.setattr(postgresql_upkeep, "_HOLD_LOCK_MS", 50)
    store.put("a", b"content")
    with transaction.atomic():
        Blob.objects.update(condemned_at=None)
        [refused] = race(lambda: backup.backup(path=file))
    assert isinstance(refused, dumps.Unusable)
    assert "locked by another program" in str(refused)
    assert isinstance(refused.__cause__, OperationalError)
