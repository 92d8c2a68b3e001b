"""What a crash leaves: nothing half, nothing lost; what is synced, in which order."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from objects_app.blobs.filesystem import FilesystemBackend
from objects_app.blobs.layout import storage_key
from objects_app.errors import StorageUnavailable
from tests.blobs.backend_contract import get, put
from tests.blobs.bodies import MIB, digest, random_body
from tests.blobs.files import SIZES, assert_all_whole, chain, raises

REPOSITORY = Path(__file__).parents[2]


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
