"""A backup holds everything and keeps its bytes; a restore gives all of it back."""

import gzip
import json
import stat
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from objects_app.models import (
    Blob,
    Bucket,
    ImportedObject,
    JournalEntry,
    Segment,
    StoredObject,
    SweepHold,
    Upload,
    UploadPart,
)
from objects_app.queries import reads, upkeep
from objects_app.services import backup, dumps, journal, sweep, usage, verify
from objects_app.services.sweep import Swept
from tests.blobs.bodies import digest
from tests.races.threads import race, wait_until_somebody_waits_for_a_lock
from tests.services.store import Store

pytestmark = pytest.mark.django_db(transaction=True)

ODD_KEY = "ünïcode/\n\t\"'\\ 🗄/\U0010ffff"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup.gz"


def wipe() -> None:
    """Leave what a new, migrated database has."""
    call_command("flush", interactive=False, verbosity=0)


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables, without what a restore changes on purpose."""
    found = {}
    for model in backup.tables():
        rows = list(model._base_manager.order_by("pk").values())
        for row in rows:
            row.pop("verified_at", None)
            row.pop("permission_id", None)
        found[model._meta.db_table] = rows
    return found


def fill(store: Store, alice: User) -> None:
    """Put a row, at least, into every table."""
    group = Group.objects.create(name="readers")
    group.permissions.add(Permission.objects.get(codename="view_bucket"))
    alice.groups.add(group)
    alice.user_permissions.add(Permission.objects.get(codename="view_blob"))
    owned = store.bucket("owned", owner=alice)
    store.put("a", b"content", bucket=owned)
    store.put(ODD_KEY, b"odd", bucket=owned)
    store.put("empty", b"")
    store.put("gone", b"gone")
    store.delete("gone")
    StoredObject.objects.filter(key="a").update(
        metadata={"author": "Ada Ü"}, headers={"cache-control": "no-store"}
    )
    blob = store.blob(b"odd")
    upload = Upload.objects.create(
        bucket_id=owned.id, upload_id="u", key="k", content_type="text/plain"
    )
    UploadPart.objects.create(upload=upload, number=1, size=3, blob=blob)
    Segment.objects.create(
        object=StoredObject.objects.get(key="a"), number=1, offset=0, size=3, blob=blob
    )
    ImportedObject.objects.create(
        source="s3://there",
        source_key="k",
        source_etag="e",
        source_size=3,
        bucket_id=owned.id,
        key="k",
    )


def test_a_restored_store_has_every_row_of_every_table(
    store: Store, alice: User, file: Path
) -> None:
    fill(store, alice)
    before = everything()
    assert all(before.values()), "a table without a row proves nothing"
    done = backup.backup(path=file)
    wipe()

    header = backup.restore(path=file)

    assert everything() == before
    assert header.rows == done.rows == sum(map(len, before.values()))
    assert store.read(ODD_KEY, bucket="owned") == b"odd"


def test_every_table_of_the_app_is_in_a_backup_or_left_out_on_purpose() -> None:
    left_out = {"bucket_totals", "journal_watermark", "node", "lease", "sweep_hold"}
    names = {model._meta.db_table for model in backup.tables()}
    ours = {
        table
        for table in connection.introspection.django_table_names()
        if not table.startswith("django_") and not table.startswith("axes_")
    }
    assert ours - names == left_out | {"auth_permission"}


def test_after_a_restore_no_bytes_are_trusted_and_totals_are_exact(
    store: Store, alice: User, file: Path
) -> None:
    fill(store, alice)
    journal.fold()
    bucket = Bucket.objects.get(name="owned")
    totals = reads.bucket_totals(bucket.pk)
    backup.backup(path=file)
    wipe()

    backup.restore(path=file)

    assert reads.bucket_totals(bucket.pk) == totals == (2, 10)
    assert not Blob.objects.filter(verified_at__gt=Now() - timedelta(days=9)).exists()
    assert journal.fold() == 0
    store.put("b", b"new", bucket=reads.find_bucket("owned"))
    assert reads.bucket_totals(bucket.pk) == (3, 13)


def test_new_rows_after_a_restore_get_new_numbers(
    store: Store, alice: User, file: Path
) -> None:
    fill(store, alice)
    backup.backup(path=file)
    highest = JournalEntry.objects.latest("id").pk, Blob.objects.latest("id").pk
    wipe()
    backup.restore(path=file)

    store.put("b", b"new")

    assert JournalEntry.objects.latest("id").pk > highest[0]
    assert store.blob(b"new").pk > highest[1]


def test_permissions_are_found_by_name_where_they_have_other_numbers(
    alice: User, file: Path
) -> None:
    before = Permission.objects.get(codename="view_blob")
    alice.user_permissions.add(before)
    backup.backup(path=file)
    wipe()
    after = Permission.objects.get(codename="view_blob")
    after.delete()
    after.pk = before.pk + 1000
    after.save()

    backup.restore(path=file)

    assert User.objects.get().user_permissions.get() == after


# The hold


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


def interrupt(_: int) -> None:
    raise KeyboardInterrupt


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


# The file


def test_a_backup_is_its_owners_alone_and_replaces_nothing(
    store: Store, file: Path
) -> None:
    backup.backup(path=file)
    before = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    with pytest.raises(dumps.Unusable, match="choose another name"):
        backup.backup(path=file)

    assert file.read_bytes() == before


def lines_of(file: Path) -> list[Any]:
    return [
        json.loads(line)
        for line in gzip.decompress(file.read_bytes()).split(b"\n")[:-1]
    ]


def rewrite(file: Path, lines: list[Any]) -> None:
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    file.write_bytes(gzip.compress(text.encode()))


def test_its_first_line_says_what_it_is(store: Store, file: Path) -> None:
    store.put("a", b"content")
    backup.backup(path=file)

    header = lines_of(file)[0]

    assert (header["format"], header["version"]) == ("objectstore backup", 1)
    assert header["database"] == connection.vendor
    assert header["counts"]["stored_object"] == 1
    assert "objects_app.0001_initial" in header["migrations"]
    assert header["since"].endswith("+00:00")


def without_last_row(file: Path) -> None:
    lines = lines_of(file)
    rewrite(file, [*lines[:-2], lines[-1]])


def with_a_changed_value(file: Path) -> None:
    lines = lines_of(file)
    lines[-2][-1] = "changed"
    rewrite(file, lines)


def with_more_behind_it(file: Path) -> None:
    rewrite(file, [*lines_of(file), {"table": "blob", "columns": ["id"]}])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:-40]),
    "without a trailer": lambda file: rewrite(file, lines_of(file)[:-1]),
    "without a row": without_last_row,
    "a value changed": with_a_changed_value,
    "more behind it": with_more_behind_it,
    "no gzip": lambda file: file.write_bytes(b"PGDMP"),
    "empty": lambda file: file.write_bytes(b""),
    "other JSON": lambda file: rewrite(file, [{"format": "another"}]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_backup_is_refused_before_anything_is_changed(
    store: Store, file: Path, damage: str
) -> None:
    store.put("a", b"content")
    backup.backup(path=file)
    wipe()
    DAMAGE[damage](file)

    with pytest.raises(dumps.Unusable, match="no backup"):
        backup.restore(path=file)

    assert not any(everything().values())
    assert not SweepHold.objects.exists()


def test_a_backup_of_another_version_of_the_format_is_refused(
    store: Store, file: Path
) -> None:
    backup.backup(path=file)
    header, *rest = lines_of(file)
    rewrite(file, [{**header, "version": 2}, *rest])

    with pytest.raises(dumps.Unusable, match="this program reads 1"):
        backup.restore(path=file)


def test_a_backup_of_another_schema_is_refused(store: Store, file: Path) -> None:
    backup.backup(path=file)
    header, *rest = lines_of(file)
    rewrite(file, [{**header, "migrations": ["objects_app.0001_initial"]}, *rest])

    with pytest.raises(dumps.Unusable, match="`migrate objects_app 0001_initial`"):
        backup.restore(path=file)


def test_a_store_with_rows_is_never_restored_into(store: Store, file: Path) -> None:
    store.put("a", b"content")
    backup.backup(path=file)
    before = everything()

    with pytest.raises(dumps.Unusable, match="has rows"):
        backup.restore(path=file)

    assert everything() == before


def test_a_restore_that_fails_half_way_changes_nothing(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", b"content")
    backup.backup(path=file)
    wipe()
    monkeypatch.setattr(backup, "distrust", lambda: interrupt(0))

    with pytest.raises(KeyboardInterrupt):
        backup.restore(path=file)

    assert not any(everything().values())


def test_everything_backed_up_verifies_after_deletes_sweeps_and_a_restore(
    store: Store, file: Path
) -> None:
    bodies = {f"k{i}": bytes([i]) * i for i in range(50)}
    for key, body in bodies.items():
        store.put(key, body)
    backup.backup(path=file)
    for key in bodies:
        store.delete(key)
        sweep.sweep(grace_seconds=0)
    store.put("k1", b"another")
    wipe()
    backup.restore(path=file)

    assert {key: store.read(key) for key in bodies} == bodies
    seen = verify.verify()
    assert (seen.missing, seen.damaged) == ([], [])
