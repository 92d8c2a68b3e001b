"""Files: the contract, what a crash leaves, what is synced and in which order."""

import errno
import json
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from objects_app.blobs.backend import BlobBackend
from objects_app.blobs.backend import backend as chosen_backend
from objects_app.blobs.filesystem import FilesystemBackend
from objects_app.blobs.layout import storage_key
from objects_app.errors import BytesMissing, StorageUnavailable
from tests.blobs.backend_contract import BackendContract, get, put
from tests.blobs.bodies import MIB, digest, open_descriptors, random_body, received

REPOSITORY = Path(__file__).parents[2]
SIZES = pytest.mark.parametrize("size", [700, 2 * MIB], ids=["in memory", "in a file"])


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


def raises(number: int) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def assert_all_whole(root: Path) -> None:
    """Every file among the objects is what its name says, and lies where it should."""
    for path in files_below(root / "objects"):
        assert path == root / storage_key(path.name)
        assert digest(path.read_bytes()) == path.name


class Recorder:
    """What was done to the disk, in order, by inode: names change, files do not."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fsync, replace, mkdir, link = os.fsync, os.replace, os.mkdir, os.link

        def recorded_fsync(descriptor: int) -> None:
            fsync(descriptor)
            self.events.append(("fsync", os.fstat(descriptor).st_ino))

        def recorded_replace(source: Path, target: Path) -> None:
            self.events.append(("replace", source.stat().st_ino))
            replace(source, target)

        def recorded_mkdir(path: Path, mode: int = 0o777) -> None:
            mkdir(path, mode)
            self.events.append(("mkdir", Path(path).stat().st_ino))

        def recorded_link(source: Path, target: Path, **_: object) -> None:
            self.events.append(("link", source.stat().st_ino))
            link(source, target)

        monkeypatch.setattr(os, "fsync", recorded_fsync)
        monkeypatch.setattr(os, "replace", recorded_replace)
        monkeypatch.setattr(os, "mkdir", recorded_mkdir)
        monkeypatch.setattr(os, "link", recorded_link)

    def synced(self) -> list[int]:
        return [inode for event, inode in self.events if event == "fsync"]

    def at(self, event: str, path: Path) -> int:
        return self.events.index((event, path.stat().st_ino))


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    recorder.watch(monkeypatch)
    return recorder


@pytest.fixture
def store(tmp_path: Path) -> FilesystemBackend:
    return FilesystemBackend(tmp_path / "root")


def chain(root: Path, sha256: str) -> list[Path]:
    """The folders whose entries lead to a file, the leaf first, the root last."""
    leaf = (root / storage_key(sha256)).parent
    return [leaf, leaf.parent, leaf.parent.parent, root]


@SIZES
def test_the_file_is_synced_before_it_has_its_name_and_the_folders_after(
    tmp_path: Path, recorder: Recorder, size: int
) -> None:
    sha256 = put(FilesystemBackend(tmp_path), random_body(size))

    final = tmp_path / storage_key(sha256)
    assert recorder.at("fsync", final) < recorder.events.index(
        ("replace", final.stat().st_ino)
    )
    if size > MIB:
        assert recorder.at("fsync", final) < recorder.at("link", final)
    leaf, *above = chain(tmp_path, sha256)
    last_replace = max(
        i for i, (event, _) in enumerate(recorder.events) if event == "replace"
    )
    assert recorder.at("fsync", leaf) > last_replace
    for child, parent in zip([leaf, *above], above, strict=False):
        assert recorder.at("fsync", parent) > recorder.at("mkdir", child)


@SIZES
def test_a_copy_is_synced_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorder: Recorder, size: int
) -> None:
    monkeypatch.setattr(os, "link", raises(errno.EOPNOTSUPP))

    sha256 = put(FilesystemBackend(tmp_path), random_body(size))

    final = tmp_path / storage_key(sha256)
    assert recorder.at("fsync", final) < recorder.events.index(
        ("replace", final.stat().st_ino)
    )


def test_folders_another_process_made_are_synced_too(
    tmp_path: Path, recorder: Recorder
) -> None:
    body = random_body(10)
    folders = chain(tmp_path, digest(body))
    folders[0].mkdir(parents=True)

    put(FilesystemBackend(tmp_path), body)

    assert {folder.stat().st_ino for folder in folders} <= set(recorder.synced())


def test_folders_known_to_be_durable_are_not_synced_again(
    tmp_path: Path, recorder: Recorder
) -> None:
    backend = FilesystemBackend(tmp_path)
    sha256 = put(backend, b"body")
    recorder.events.clear()

    put(backend, b"body")

    final = tmp_path / storage_key(sha256)
    assert recorder.synced() == [final.stat().st_ino, final.parent.stat().st_ino]


def test_folders_that_somebody_removed_are_made_and_synced_again(
    tmp_path: Path, recorder: Recorder
) -> None:
    backend = FilesystemBackend(tmp_path)
    sha256 = put(backend, b"body")
    shutil.rmtree(tmp_path / "objects")
    recorder.events.clear()

    put(backend, b"body")

    folders = chain(tmp_path, sha256)
    assert {folder.stat().st_ino for folder in folders} <= set(recorder.synced())
    assert get(backend, sha256) == b"body"


@pytest.mark.parametrize("failing", range(4), ids=["leaf", "9a", "objects", "root"])
def test_a_folder_whose_sync_failed_is_not_taken_for_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorder: Recorder, failing: int
) -> None:
    backend = FilesystemBackend(tmp_path)
    folder = chain(tmp_path, digest(b"body"))[failing]
    recorded = os.fsync

    def fail_for_one_folder(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            raise OSError(errno.EIO, "Input/output error")
        recorded(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail_for_one_folder)
        with pytest.raises(StorageUnavailable):
            put(backend, b"body")
    recorder.events.clear()

    put(backend, b"body")

    assert folder.stat().st_ino in recorder.synced()


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


@SIZES
def test_killed_at_any_step_a_writer_leaves_nothing_that_is_not_whole(
    tmp_path: Path, size: int
) -> None:
    ends = json.loads(
        subprocess.run(
            writer("steps", tmp_path, size),
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        ).stdout
    )
    assert len(ends) > 15
    assert set(ends[:-1]) == {-9}

    body = random_body(size)
    visible = []
    for step in range(1, len(ends) + 1):
        root = tmp_path / str(step)
        if root.exists():
            assert_all_whole(root)
        backend = FilesystemBackend(root)
        visible.append(backend.stat(digest(body)) == size)
        backend.clear_spool(older_than_seconds=-1)
        assert list(backend.spool_dir.iterdir()) == []
        assert get(backend, put(backend, body)) == body
    assert visible == sorted(visible)
    assert visible[-1]


@pytest.mark.parametrize("seed", range(8))
def test_kill_9_loses_nothing_acknowledged_and_shows_nothing_half(
    tmp_path: Path, seed: int
) -> None:
    lines = random.Random(seed).randrange(1, 25)  # noqa: S311
    process = subprocess.Popen(
        writer("forever", tmp_path, seed), cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    with process, process.stdout as pipe:
        acknowledged = [next(pipe) for _ in range(lines)]
        process.kill()
        acknowledged += pipe.readlines()

    assert process.returncode == -9
    assert_all_whole(tmp_path)
    stored = {found.sha256 for found in FilesystemBackend(tmp_path).walk()}
    assert {line.strip().decode() for line in acknowledged} <= stored


def writer(kind: str, root: Path, number: int) -> list[str]:
    module = "tests.blobs.killed_writer"
    return [sys.executable, "-m", module, kind, str(root), str(number)]


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
    with pytest.raises(BytesMissing, match="upload them again"):
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


def test_the_settings_choose_one_backend_for_the_process() -> None:
    chosen = chosen_backend()
    assert chosen is chosen_backend()
    assert chosen.name == "filesystem"
    assert chosen.spool_dir == Path(settings.DATA_DIR) / "tmp"
