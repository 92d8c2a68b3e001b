"""What tests of the bytes share: nothing left open, no thread left running."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blobs.bodies import open_descriptors

pytest.register_assert_rewrite("tests.blobs.backend_contract")


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def nothing_left(spool_dir: Path) -> Iterator[None]:
    """Fail the test that leaves a descriptor, a thread or a spool behind."""
    threads, descriptors = threading.active_count(), open_descriptors()
    yield
    assert list(spool_dir.iterdir()) == []
    assert threading.active_count() == threads
    assert open_descriptors() == descriptors
