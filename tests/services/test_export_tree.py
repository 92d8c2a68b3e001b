"""Objects become files, whole and checked; nothing is overwritten or escapes."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from objects_app.errors import NoSuchBucket, StorageUnavailable
from objects_app.http.media_types import guess
from objects_app.models import StoredObject
from objects_app.queries import reads
from objects_app.services import digests, export_tree, segments, sweep
from objects_app.services import files as files_service
from objects_app.services.import_tree import import_tree
from objects_app.services.transfer import Kind, Moved, Outcome, Place, Watch
from tests.blobs.bodies import digest
from tests.services.store import Store
from tests.services.uploading import upload_whole
from tests.stored import replace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def run(out: Path, place: str = "test", **options: Any) -> tuple[Moved, dict[str, str]]:
    told: list[Outcome] = []
    moved = export_tree.export_tree(
        place=Place.parse(place),
        folder=out,
        threads=4,
        watch=Watch(done=told.append),
        **options,
    )
    return moved, {o.name: o.reason for o in told if o.kind is Kind.FAILED}


def files(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


OBJECTS = {
    "a.txt": b"alpha",
    "folder/b": b"beta",
    "folder/ü\n": b"",
    "large": b"l" * 3_000_000,
}


def fill(store: Store, objects: dict[str, bytes]) -> None:
    for key, body in objects.items():
        store.put(key, body)


def test_every_object_is_a_file(store: Store, out: Path) -> None:
    fill(store, OBJECTS)

    moved, failed = run(out)

    assert (moved.objects, moved.bytes, failed) == (4, 3_000_009, {})
    assert files(out) == OBJECTS


def test_only_the_folder_asked_for_and_its_name_is_left_out(
    store: Store, out: Path
) -> None:
    fill(store, {**OBJECTS, "folders/no": b"no", "folder": b"a file, too"})

    run(out, "test/folder/")

    assert files(out) == {"b": b"beta", "ü\n": b""}


def test_more_keys_than_a_page_are_all_there(
    store: Store, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_tree, "_PAGE", 3)
    fill(store, {f"k{i}": b"x" for i in range(10)})

    run(out)

    assert len(files(out)) == 10


def test_a_second_run_skips_what_is_equal(store: Store, out: Path) -> None:
    fill(store, OBJECTS)
    run(out)

    assert run(out) == (Moved(skipped=4), {})


def test_what_was_imported_comes_out_the_same_with_its_times(
    tmp_path: Path, out: Path
) -> None:
    tree = tmp_path / "tree"
    for key, body in OBJECTS.items():
        (tree / key).parent.mkdir(parents=True, exist_ok=True)
        (tree / key).write_bytes(body)
        os.utime(tree / key, ns=(0, 1_354_040_105_123_456_789))
    import_tree(
        folder=tree,
        place=Place("test", ""),
        owner_id=None,
        guess=guess,
        threads=2,
        watch=Watch(),
    )

    run(out)

    assert files(out) == OBJECTS
    times = {path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert times == {1_354_040_105_123_456_789}


def test_a_different_file_stays_unless_told(store: Store, out: Path) -> None:
    fill(store, {"a": b"object", "b": b"object, too"})
    out.mkdir()
    (out / "a").write_bytes(b"file, mine")

    moved, failed = run(out)

    assert (moved.objects, set(failed)) == (1, {"a"})
    assert "--overwrite" in failed["a"]
    assert (out / "a").read_bytes() == b"file, mine"

    moved, failed = run(out, overwrite=True)

    assert (moved.objects, moved.skipped, failed) == (1, 1, {})
    assert (out / "a").read_bytes() == b"object"


@pytest.mark.parametrize(
    "key",
    ["../up", "a/../../up", "/etc/absolute", "a//b", "./a", "a/.", "..", "x/", "//"],
)
def test_a_key_that_is_no_path_within_is_refused(
    store: Store, out: Path, key: str
) -> None:
    fill(store, {key: b"not a marker", "good": b"good"})

    moved, failed = run(out)

    assert (moved.objects, set(failed)) == (1, {key})
    assert files(out.parent / "out") == {"good": b"good"}
    assert not (out.parent / "up").exists()


def test_a_key_that_is_also_a_folder_is_refused_and_what_is_in_it_written(
    store: Store, out: Path
) -> None:
    fill(store, {"a": b"file", "a-b": b"between", "a/b": b"inside", "a/c/d": b"deeper"})

    _, failed = run(out)

    assert list(failed) == ["a"]
    assert "folder" in failed["a"]
    assert files(out) == {"a-b": b"between", "a/b": b"inside", "a/c/d": b"deeper"}


def test_a_file_where_a_folder_has_to_be_is_told(store: Store, out: Path) -> None:
    fill(store, {"a/b": b"inside"})
    out.mkdir()
    (out / "a").write_bytes(b"mine")

    _, failed = run(out, overwrite=True)

    assert list(failed) == ["a/b"]
    assert files(out) == {"a": b"mine"}


def test_the_empty_objects_that_consoles_make_are_folders(
    store: Store, out: Path
) -> None:
    fill(store, {"photos/": b"", "photos/2026/": b"", "photos/2026/a": b"a"})

    assert run(out)[1] == {}
    assert run(out, "test/photos")[1] == {}
    assert (out / "photos/2026/a").read_bytes() == b"a"


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_link_leads_out_of_the_folder(
    store: Store, out: Path, overwrite: bool
) -> None:
    fill(store, {"link/a": b"escaped", "file": b"object"})
    outside = out.parent / "outside"
    outside.mkdir()
    out.mkdir()
    (out / "link").symlink_to(outside)
    (outside / "file").write_bytes(b"theirs")
    (out / "file").symlink_to(outside / "file")

    _, failed = run(out, overwrite=overwrite)

    assert "link/a" in failed
    assert files(outside) == {"file": b"theirs"}
    assert (out / "file").is_symlink() is not overwrite


def test_damaged_bytes_never_become_a_file(store: Store, out: Path) -> None:
    fill(store, {"a": b"content", "b": b"fine"})
    replace(digest(b"content"), b"c0ntent")

    moved, failed = run(out)

    assert (moved.objects, list(failed)) == (1, ["a"])
    assert "missing or damaged" in failed["a"]
    assert files(out) == {"b": b"fine"}


def test_an_object_deleted_meanwhile_is_no_failure(
    store: Store, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, {"a": b"content"})
    look_up = reads.find_object

    def then_deleted(bucket: str, key: str) -> Any:
        found = look_up(bucket, key)
        monkeypatch.setattr(reads, "find_object", look_up)
        store.delete("a")
        sweep.sweep(grace_seconds=0)
        return found

    monkeypatch.setattr(reads, "find_object", then_deleted)

    assert run(out) == (Moved(passed_by=1), {})
    assert files(out) == {}


def test_storage_that_does_not_answer_ends_the_run(
    store: Store, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: Any) -> None:
        raise StorageUnavailable("The storage does not answer.")

    fill(store, {f"f{i}": str(i).encode() for i in range(100)})
    monkeypatch.setattr(segments, "checked_chunks", away)

    with pytest.raises(StorageUnavailable):
        run(out)


def test_a_disk_that_is_full_ends_the_run_and_the_next_goes_on(
    store: Store, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    fill(store, {f"f{i:02}": str(i).encode() for i in range(100)})
    with monkeypatch.context() as patched:
        patched.setattr(files_service, "draft", full)
        with pytest.raises(OSError, match="No space left") as raised:
            run(out)

    assert raised.value.filename == str(out)
    assert run(out)[0].objects == 100


def test_a_name_too_long_for_a_file_is_told(store: Store, out: Path) -> None:
    key = "n" * 300
    fill(store, {key: b"x"})

    assert "too long" in run(out)[1][key]


def test_files_have_the_usual_permissions(store: Store, out: Path) -> None:
    fill(store, {"a": b"content"})
    before = os.umask(0o027)
    try:
        run(out)
    finally:
        os.umask(before)

    assert stat.S_IMODE((out / "a").stat().st_mode) == 0o640


def test_a_time_that_is_none_is_left_out(store: Store, out: Path) -> None:
    fill(store, {"a": b"content"})
    StoredObject.objects.update(metadata={"mtime": "yesterday"})

    assert run(out)[0].objects == 1


def test_there_has_to_be_such_a_bucket(out: Path) -> None:
    with pytest.raises(NoSuchBucket):
        run(out, "nothing")
    assert not out.exists()


def test_objects_made_of_parts_become_whole_files(store: Store, out: Path) -> None:
    upload_whole(store, "a", b"only one part")
    with_parts(store, "b", b"first ", b"", b"last")

    moved, failed = run(out)

    assert (moved.objects, failed) == (2, {})
    assert files(out) == {"a": b"only one part", "b": b"first last"}


def test_each_part_is_held_against_its_digest(store: Store, out: Path) -> None:
    with_parts(store, "a", b"first ", b"last")
    replace(digest(b"last"), b"1ast")

    _, failed = run(out)

    assert set(failed) == {"a"}
    assert digest(b"last") in failed["a"]
    assert files(out) == {}


def test_a_file_with_the_content_of_the_parts_is_skipped_and_another_is_not(
    store: Store, out: Path
) -> None:
    with_parts(store, "a", b"first ", b"last")
    run(out)
    assert run(out)[0].skipped == 1

    (out / "a").write_bytes(b"first 1ast")
    assert set(run(out)[1]) == {"a"}

    digests.compute_digests()
    assert set(run(out)[1]) == {"a"}
    (out / "a").write_bytes(b"first last")
    assert run(out)[0].skipped == 1


def with_parts(store: Store, key: str, *bodies: bytes) -> None:
    with override_settings(MULTIPART_MIN_PART_BYTES=0):
        upload_whole(store, key, *bodies)
