"""Files: the contract, and every way the system can fail or surprise."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from objects_app.blobs.backend import BlobBackend
from objects_app.blobs.backend import backend as chosen_backend
from objects_app.blobs.filesystem import FilesystemBackend
from objects_app.blobs.layout import storage_key
from objects_app.errors import BytesMissing, StorageUnavailable
from tests.blobs.backend_contract import BackendContract, get, put
from tests.blobs.bodies import MIB, open_descriptors, random_body, received
from tests.blobs.files import SIZES, assert_all_whole, files_below, raises


class TestFilesystemBackend(BackendContract):
    """The contract, in files."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> BlobBackend:
        return FilesystemBackend(tmp_path)


class TestFilesystemBackendWithoutHardLinks(BackendContract):
    """The contract, where links are refused as FAT and some network folders do."""

    @pytest.fixture
    def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlobBackend:
        monkeypatch.setattr(os, "link", raises(errno.EPERM))
        return FilesystemBackend(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> FilesystemBackend:
    return FilesystemBackend(tmp_path / "root")


def test_a_filesystem_that_cannot_sync_folders_is_usable(
    store: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    assert get(store, put(store, b"body")) == b"body"


@pytest.mark.parametrize("call", ["fsync", "replace", "mkdir", "open"])
@SIZES
def test_a_write_that_fails_shows_nothing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, call: str
) -> None:
    backend = FilesystemBackend(tmp_path)
    descriptors = open_descriptors()
    with (
        received(random_body(size), backend.spool_dir) as whole,
        monkeypatch.context() as patched,
    ):
        patched.setattr(os, call, raises(errno.ENOSPC))
        with pytest.raises(StorageUnavailable, match="storage is full"):
            backend.write(whole.sha256, whole.spool)
    if (call, size) != ("open", 2 * MIB):  # there it was the folder that was not opened
        assert backend.stat(whole.sha256) is None
    assert_all_whole(tmp_path)
    assert list(backend.spool_dir.iterdir()) == []
    assert open_descriptors() == descriptors


def test_a_link_that_fails_for_another_reason_is_not_worked_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", raises(errno.EIO))
    backend = FilesystemBackend(tmp_path)

    with pytest.raises(StorageUnavailable):
        put(backend, random_body(2 * MIB))

    assert files_below(tmp_path) == []


@SIZES
def test_a_body_written_twice_is_one_file_with_one_name(
    tmp_path: Path, size: int
) -> None:
    backend = FilesystemBackend(tmp_path)
    with received(random_body(size), backend.spool_dir) as whole:
        backend.write(whole.sha256, whole.spool)
        backend.write(whole.sha256, whole.spool)

    (path,) = files_below(tmp_path)
    assert path.stat().st_nlink == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.fixture
def strangers(store: FilesystemBackend, tmp_path: Path) -> str:
    """One blob of ours among things that are not."""
    ours = put(store, b"ours")
    leaf = (tmp_path / "root" / storage_key(ours)).parent
    (leaf / ".DS_Store").write_bytes(b"")
    (leaf / f"{ours}.tmp").write_bytes(b"half")
    (leaf / ("0" * 64)).write_bytes(b"in the wrong folder")
    (leaf / (ours[:63] + ("0" if ours[63] != "0" else "1"))).symlink_to("/etc/passwd")
    (leaf / (ours[:62] + "zz")).mkdir()
    (leaf.parent / "lost+found").mkdir()
    (leaf.parent / ("ab" if ours[2:4] != "ab" else "cd")).write_bytes(b"no folder")
    (leaf.parent.parent / "README").write_bytes(b"")
    return ours


def test_a_walk_passes_strangers_by(store: FilesystemBackend, strangers: str) -> None:
    assert [(found.sha256, found.size) for found in store.walk()] == [(strangers, 4)]


def test_a_walk_goes_on_when_a_file_of_the_folder_it_is_in_is_deleted(
    store: FilesystemBackend, tmp_path: Path
) -> None:
    first, second, third = ("9a61" + letter * 60 for letter in "abc")
    with received(b"body", tmp_path) as whole:
        for sha256 in (first, second, third):
            store.write(sha256, whole.spool)
    walk = store.walk()
    assert next(walk).sha256 == first
    store.delete(second)
    assert [found.sha256 for found in walk] == [third]


def test_a_walk_that_cannot_read_on_says_so(
    store: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, b"body")
    walk = store.walk()
    monkeypatch.setattr(os, "scandir", raises(errno.EIO))
    with pytest.raises(StorageUnavailable):
        list(walk)


def test_a_walk_of_a_new_store_is_empty(store: FilesystemBackend) -> None:
    assert list(store.walk()) == []


def test_a_volume_that_is_gone_is_not_a_store_without_bytes(
    store: FilesystemBackend, tmp_path: Path
) -> None:
    sha256 = put(store, b"body")
    (tmp_path / "root").rename(tmp_path / "unmounted")
    (tmp_path / "root").mkdir()

    with received(b"body", tmp_path) as whole:
        calls: list[Callable[[], object]] = [
            lambda: store.write(sha256, whole.spool),
            lambda: store.open(sha256),
            lambda: store.stat(sha256),
            lambda: store.delete(sha256),
            lambda: list(store.walk()),
            store.clock,
            store.check,
            lambda: store.clear_spool(0),
        ]
        for call in calls:
            with pytest.raises(StorageUnavailable):
                call()
    assert list((tmp_path / "root").iterdir()) == []


def test_bytes_missing_from_a_healthy_volume_are_missing(
    store: FilesystemBackend, tmp_path: Path
) -> None:
    sha256 = put(store, b"body")
    (tmp_path / "root" / storage_key(sha256)).unlink()
    with pytest.raises(BytesMissing, match="upload the object again"):
        store.open(sha256)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES])
def test_no_error_of_the_system_reaches_the_client_as_it_is(
    store: FilesystemBackend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    sha256 = put(store, b"body")
    with monkeypatch.context() as patched:
        for name in ("stat", "unlink", "open"):
            patched.setattr(os, name, raises(number))
        patched.setattr("io.open", raises(number))
        calls: list[Callable[[], object]] = [
            lambda: store.open(sha256),
            lambda: store.stat(sha256),
            lambda: store.delete(sha256),
            store.check,
        ]
        for call in calls:
            with pytest.raises(StorageUnavailable) as caught:
                call()
            assert str(tmp_path) not in str(caught.value)
            assert "try again" in str(caught.value)
    assert get(store, sha256) == b"body"


def test_a_check_notices_a_disk_that_gives_back_something_else(
    store: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"something else")
    with pytest.raises(StorageUnavailable, match="does not give back"):
        store.check()


def test_a_folder_that_cannot_be_made_is_unavailable_storage(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        FilesystemBackend(tmp_path / "file" / "root")


@pytest.mark.files_only
def test_the_settings_choose_one_backend_for_the_process() -> None:
    chosen = chosen_backend()
    assert chosen is chosen_backend()
    assert chosen.name == "filesystem"
    assert chosen.spool_dir == Path(settings.DATA_DIR) / "tmp"
