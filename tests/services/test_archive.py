"""What an archive has in it, under which names, and what it costs."""

import io
import itertools
import re
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objects_app.blobs.backend import backend
from objects_app.errors import (
    BytesMissing,
    NoSuchKey,
    NotVersioned,
    StorageUnavailable,
)
from objects_app.models import Bucket, Segment, StoredObject
from objects_app.queries.rows import ContentRow
from objects_app.services import buckets
from objects_app.services.archive import Archive, archive, rows_of
from objects_app.services.archive_entries import Entries, file_name
from tests.blobs.bodies import digest, open_descriptors, random_body
from tests.histories import LONG_AGO, passed_moment
from tests.races.threads import race
from tests.services.store import Store
from tests.stored import lose

pytestmark = pytest.mark.django_db

MIB = 1024 * 1024
NOW = datetime(2026, 11, 26, 12, 0, 0, 500_000, tzinfo=UTC)
EMPTY = digest(b"")

ODD_TEXT = st.text("ab/.\\\x01:( 2)\x7f\x85\ufffd", min_size=1, max_size=8)


def row(
    key: str, size: int = 0, digests: Iterable[str] = (EMPTY,), mtime: str | None = None
) -> ContentRow:
    return ContentRow(key, size, NOW, mtime, tuple(digests))


def names(keys: Iterable[str], *, prefix: str = "", size: int = 1) -> list[str]:
    """Return what objects of these keys are called in an archive."""
    entries = Entries((row(key, size) for key in sorted(keys)), prefix=prefix)
    try:
        return [entry.name for entry in entries]
    finally:
        entries.close()


def opened(made: Archive) -> zipfile.ZipFile:
    """Return the archive, read whole, checked and closed."""
    content = b"".join(made)
    made.close()
    assert len(content) == made.length
    read = zipfile.ZipFile(io.BytesIO(content))
    assert read.testzip() is None
    return read


# Names


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("plain.txt", "plain.txt"),
        ("a/b/c", "a/b/c"),
        ("grüße/日本", "grüße/日本"),
        ("...", "..."),
        ("a/..b", "a/..b"),
        ("100%", "100%"),
        ("/etc/passwd", "etc/passwd"),
        ("../../etc/passwd", "etc/passwd"),
        ("a/../../b", "a/b"),
        ("a//b", "a/b"),
        ("./a/./b", "a/b"),
        ("a/..", "a"),
        ("..\\..\\evil", ".._.._evil"),
        ("C:/Windows/evil", "C_/Windows/evil"),
        ("/c:evil", "c_evil"),
        ("at 12:30", "at 12:30"),
        ("a\nb\x7f\x9b", "a_b__"),
        ("//", ""),
        ("a/" + "x" * 300 + ".tar", "a/" + "x" * 236 + ".tar"),
        ("ü" * 200, "ü" * 120),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_name_is_the_key_as_far_as_a_file_can_have_it(key: str, name: str) -> None:
    assert file_name(key) == name


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["x", "/x"], ["x (2)", "x"]),
        (["a", "a/b"], ["a (2)", "a/b"]),
        (["a.tar.gz", "./a.tar.gz"], ["a.tar (2).gz", "a.tar.gz"]),
        (["f/.env", "f//.env"], ["f/.env", "f/.env (2)"]),
        (["//a", "/a", "a", "a (2)"], ["a (3)", "a (4)", "a", "a (2)"]),
        (["a", "a/b", "a (2)/c"], ["a (3)", "a (2)/c", "a/b"]),
        (["/a", "a/b"], ["a (2)", "a/b"]),
        (["a\x01", "a\x02", "a_"], ["a_ (2)", "a_ (3)", "a_"]),
        ([".."], ["_"]),
        (["..", "/"], ["_", "_ (2)"]),
    ],
)
def test_a_name_that_is_taken_gets_a_number(
    keys: list[str], expected: list[str]
) -> None:
    assert names(keys) == expected


@pytest.mark.parametrize(
    ("prefix", "keys", "expected"),
    [
        ("photos/", ["photos/a", "photos/in/b"], ["a", "in/b"]),
        ("photos", ["photos/a", "photos2/b"], ["photos/a", "photos2/b"]),
        ("in/ph", ["in/photo", "in/phone/a"], ["phone/a", "photo"]),
        ("a/b.txt", ["a/b.txt"], ["b.txt"]),
    ],
)
def test_names_begin_below_the_last_folder_of_the_prefix(
    prefix: str, keys: list[str], expected: list[str]
) -> None:
    assert names(keys, prefix=prefix) == expected


def test_an_empty_object_whose_key_ends_with_a_slash_is_a_folder() -> None:
    keys = ["in/", "in/a/", "in/a//", "in/b/c"]
    assert names(keys, prefix="in/", size=0) == ["a/", "b/c"]


def test_what_has_bytes_is_a_file_however_its_key_ends() -> None:
    keys = ["in/", "in/a/", "in/a/b"]
    assert names(keys, prefix="in/", size=1) == ["_", "a (2)", "a/b"]


@given(st.sets(ODD_TEXT, max_size=12))
def test_whatever_the_keys_are_all_can_be_unpacked_below_one_folder(
    keys: set[str],
) -> None:
    made = names(keys)
    assert len(made) == len(keys)
    assert len(set(made)) == len(made)
    folders = {str(folder) for name in made for folder in PurePosixPath(name).parents}
    assert folders.isdisjoint(made)
    for name in made:
        assert not {"", ".", ".."} & set(name.split("/")), name
        assert "\\" not in name
        assert name.isprintable()
        assert not re.match("[A-Za-z]:", name), name


def test_many_keys_of_one_name_are_numbered_without_looking_again(
    data_dir: Path,
) -> None:
    keys = ("".join(k) for k in itertools.product("\x01\x02\x03", repeat=8))
    assert sorted(names(keys), key=len)[-1] == f"{'_' * 8} ({3**8})"


# Content


def test_an_archive_has_the_objects_of_a_prefix(store: Store) -> None:
    bucket = store.bucket()
    for key in ("in/a", "in/b/c", "out"):
        store.put(key, key.encode(), bucket=bucket)
    rows = rows_of(bucket=bucket, prefix="in/")
    read = opened(archive(bucket=bucket, prefix="in/", rows=rows))
    assert {name: read.read(name) for name in read.namelist()} == {
        "a": b"in/a",
        "b/c": b"in/b/c",
    }


def test_nothing_to_put_into_an_archive_is_an_error(store: Store) -> None:
    bucket = store.bucket()
    store.put("a", bucket=bucket)
    rows = rows_of(bucket=bucket, prefix="b")
    with pytest.raises(NoSuchKey):
        archive(bucket=bucket, prefix="b", rows=rows)


def test_an_object_of_several_segments_is_one_file(store: Store) -> None:
    bucket = store.bucket()
    parts = [b"ab" * 9, b"cde" * 9, b"ab" * 9]
    for number, part in enumerate(parts):
        store.put(f"{number}", part, bucket=bucket)
    whole = StoredObject.objects.create(
        bucket_id=bucket.id, key="in/whole", sha256="", size=63, content_type="text/x"
    )
    for number, part in enumerate(parts):
        blob = store.blob(part)
        Segment.objects.create(
            object=whole, number=number, offset=0, size=len(part), blob=blob
        )
    store.put("in/z", b"after it", bucket=bucket)
    read = opened(Archive(rows_of(bucket=bucket, prefix="in/"), prefix="in/"))
    assert read.read("whole") == b"".join(parts)
    assert read.read("z") == b"after it"


def test_what_is_overwritten_or_deleted_meanwhile_is_there_as_it_was(
    store: Store,
) -> None:
    bucket = store.bucket()
    for key in ("a", "b"):
        store.put(key, b"old", bucket=bucket)
    made = Archive(rows_of(bucket=bucket, prefix=""), prefix="")
    store.put("a", b"newer", bucket=bucket)
    store.delete("b", bucket=bucket)
    read = opened(made)
    assert [read.read(name) for name in "ab"] == [b"old", b"old"]


def test_an_archive_of_a_moment_has_what_was_there_then(store: Store) -> None:
    bucket = store.bucket()
    Bucket.objects.filter(pk=bucket.id).update(
        versioning=Bucket.Versioning.ENABLED, versioned_since=LONG_AGO
    )
    bucket = buckets.again(bucket)
    for key, body in (("a", b"old"), ("b", b"gone")):
        store.put(key, body, bucket=bucket)
    then = passed_moment()
    store.put("a", b"newer", bucket=bucket)
    store.delete("b", bucket=bucket)
    store.put("c", bucket=bucket)
    read = opened(Archive(rows_of(bucket=bucket, prefix="", at=then), prefix=""))
    assert {name: read.read(name) for name in read.namelist()} == {
        "a": b"old",
        "b": b"gone",
    }


def test_what_has_no_versions_has_no_past(store: Store) -> None:
    with pytest.raises(NotVersioned):
        rows_of(bucket=store.bucket(), prefix="", at=NOW)


@pytest.mark.django_db(transaction=True)
def test_the_rows_are_of_one_moment(store: Store) -> None:
    """The last key gets another name while rows are read, a thousand at a time."""
    bucket = store.bucket()
    store.put("a", b"", bucket=bucket)
    blob = store.blob(b"")
    StoredObject.objects.bulk_create(
        StoredObject(
            bucket_id=bucket.id, key=f"{n:04d}", blob=blob, sha256=blob.sha256, size=0
        )
        for n in range(1500)
    )
    rows = rows_of(bucket=bucket, prefix="")
    keys = {next(rows).key}
    last = StoredObject.objects.filter(key="1499")
    assert race(lambda: last.update(key="0999a")) == [1]
    keys |= {row.key for row in rows}
    assert ("1499" in keys, "0999a" in keys) == (True, False)


def test_a_file_has_the_time_that_its_metadata_has_else_that_of_its_object(
    store: Store,
) -> None:
    rows = [row("a"), row("b", mtime="1000000001.75"), row("c", mtime="soon")]
    store.put("empty", b"")
    read = opened(Archive(rows, prefix=""))
    assert [info.date_time for info in read.infolist()] == [
        (2026, 11, 26, 12, 0, 0),
        (2001, 9, 9, 1, 46, 40),
        (2026, 11, 26, 12, 0, 0),
    ]


# What goes wrong


def test_bytes_that_are_gone_end_the_archive(store: Store) -> None:
    sha256 = store.put("a", b"content").sha256
    made = Archive([row("a", 7, [sha256]), row("b", 7, [sha256])], prefix="")
    lose(sha256)
    with pytest.raises(BytesMissing):
        list(made)


@pytest.mark.parametrize("size", [6, 8])
def test_another_number_of_bytes_than_was_announced_ends_the_archive(
    store: Store, size: int
) -> None:
    sha256 = store.put("a", b"content").sha256
    with pytest.raises(BytesMissing):
        list(Archive([row("a", size, [sha256])], prefix=""))


def test_an_archive_leaves_nothing_behind(store: Store) -> None:
    sha256 = store.put("a", random_body(MIB)).sha256
    before = open_descriptors()
    made = Archive([row("a", MIB, [sha256])], prefix="")
    made.begin()
    made.close()
    assert open_descriptors() <= before
    assert list(backend().spool_dir.iterdir()) == []


def test_a_list_that_fails_half_way_leaves_nothing_behind(data_dir: Path) -> None:
    def failing() -> Iterator[ContentRow]:
        yield row("a")
        raise BytesMissing("a")

    backend()
    before = open_descriptors()
    with pytest.raises(BytesMissing):
        Archive(failing(), prefix="")
    assert open_descriptors() <= before


def test_a_disk_that_takes_no_list_is_unavailable_storage(data_dir: Path) -> None:
    backend().spool_dir.rmdir()
    with pytest.raises(StorageUnavailable):
        Archive([row("a")], prefix="")


# Cost


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _most_memory(made: Callable[[], Archive]) -> int:
    """Return by how many bytes this process grew while an archive was read."""
    before = _resident()
    archive = made()
    most = _resident()
    for number, _ in enumerate(archive):
        if number % 16 == 0:
            most = max(most, _resident())
    archive.close()
    return most - before


@pytest.mark.files_only  # S3 takes some milliseconds for each of the many
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat_with_many_files_and_a_large_one(store: Store) -> None:
    small = store.put("small", b"x").sha256
    part = store.put("part", random_body(MIB)).sha256

    def rows(count: int) -> Iterator[ContentRow]:
        yield row("large", 64 * MIB, [part] * 64)
        for number in range(count):
            yield row(f"{number:0200d}", 1, [small])

    _most_memory(lambda: Archive(rows(100), prefix=""))  # what is imported and cached
    grown = _most_memory(lambda: Archive(rows(8_000), prefix=""))
    assert grown < 6 * MIB
