"""A backup holds everything and keeps its bytes; a restore gives all of it back."""

import gzip
import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models.functions import Now

from objects_app.models import (
    AccessKey,
    Allowance,
    Blob,
    Bucket,
    Grant,
    ImportedObject,
    Job,
    JournalEntry,
    OidcIdentity,
    Role,
    Segment,
    StoredObject,
    SweepHold,
    TemporaryPassword,
    Upload,
    UploadPart,
    UsageSample,
)
from objects_app.queries import reads
from objects_app.services import backup, dumps, journal, sweep, verify
from tests.services.databases import everything, interrupt, wipe
from tests.services.store import Store

pytestmark = pytest.mark.django_db(transaction=True)

ODD_KEY = "ünïcode/\n\t\"'\\ 🗄/\U0010ffff"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup.gz"


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
    Bucket.objects.filter(pk=owned.id).update(
        visibility="public-read", quota_bytes=10**12, quota_objects=10**6
    )
    Allowance.objects.create(user=alice, buckets=3, bytes_quota=2**62)
    TemporaryPassword.objects.create(user=alice)
    Grant.objects.create(bucket_id=owned.id, group=group, role=Role.READER, prefix="ü/")
    AccessKey.objects.create(
        key_id="K1",
        user=alice,
        label="Laptop",
        sealed_secret="sealed",
        only_bucket="owned",
        expires_at=datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )
    Job.objects.create(
        job_id="j",
        kind="move",
        state="running",
        user=alice,
        bucket_id=owned.id,
        target_bucket_id=owned.id,
        parameters={"prefix": ODD_KEY},
        actor=["alice", "node", "request", "", ""],
        after=ODD_KEY,
        keys_total=2**40,
        keys_done=7,
        started_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )
    OidcIdentity.objects.create(issuer="https://id", subject="ada", user=alice)
    ImportedObject.objects.create(
        source="s3://there",
        source_key="k",
        source_etag="e",
        source_size=3,
        bucket_id=owned.id,
        key="k",
    )
    UsageSample.objects.create(
        taken_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        bucket_id=owned.id,
        objects_total=2,
        named_bytes=2**41,
        stored_bytes=2**40,
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
    left_out = {
        *("bucket_totals", "journal_watermark", "bucket_figures", "duplicated_content"),
        *("node", "lease", "request_count", "chore", "console_session"),
        "sweep_hold",
    }
    names = {model._meta.db_table for model in backup.tables()}
    ours = {
        table
        for table in connection.introspection.django_table_names()
        if not table.startswith("django_") and not table.startswith("axes_")
    }
    assert ours - names == left_out | {"auth_permission"}


@pytest.mark.alone
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


# The file


def test_a_permission_that_is_not_known_here_is_told_and_nothing_is_changed(
    store: Store, file: Path, alice: User
) -> None:
    kind = ContentType.objects.create(app_label="gone", model="thing")
    gone = Permission.objects.create(content_type=kind, codename="add_thing", name="x")
    alice.user_permissions.add(gone)
    backup.backup(path=file)
    wipe()
    gone.delete()

    with pytest.raises(dumps.Unusable, match=r"thing\.gone\.add_thing"):
        backup.restore(path=file)

    assert not any(everything().values())


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
    "its last bytes gone": lambda file: file.write_bytes(file.read_bytes()[:-8]),
    "bytes added": lambda file: file.write_bytes(file.read_bytes() + b"x"),
    "a short header": lambda file: rewrite(
        file, [{"format": dumps.FORMAT, "version": dumps.VERSION}]
    ),
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
