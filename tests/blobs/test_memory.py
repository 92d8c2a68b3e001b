"""The in-memory backend keeps the same promises, and can go back in time."""

from pathlib import Path

import pytest

from objects_app.blobs.backend import BlobBackend
from tests.blobs.backend_contract import BackendContract, get, put
from tests.blobs.memory import MemoryBackend


class TestMemoryBackend(BackendContract):
    """The contract, in a dict."""

    @pytest.fixture
    def backend(self, spool_dir: Path) -> BlobBackend:
        return MemoryBackend(spool_dir)


def test_a_restored_snapshot_has_the_bytes_of_then(spool_dir: Path) -> None:
    backend = MemoryBackend(spool_dir)
    kept = put(backend, b"kept")
    then = backend.snapshot()
    backend.delete(kept)
    later = put(backend, b"later")

    backend.restore(then)

    assert get(backend, kept) == b"kept"
    assert backend.stat(later) is None
    assert backend.snapshot() == then
