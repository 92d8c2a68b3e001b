"""Helper threads of a worker that is kept on one core."""

import io
import os
import threading

import pytest

from objects_app.blobs import cores
from objects_app.blobs.hashing import HashingReader
from tests.blobs.bodies import MIB, random_body


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and two cores",
)
def test_the_hashing_thread_leaves_the_core_its_worker_is_kept_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved: list[tuple[str, set[int]]] = []

    def note(_: int, chosen: set[int]) -> None:
        moved.append((threading.current_thread().name.split("_")[0], chosen))

    monkeypatch.setattr(os, "sched_setaffinity", note)
    with HashingReader(io.BytesIO(random_body(4 * MIB)), limit=5 * MIB) as reader:
        for _ in reader:
            pass

    assert moved == [("hashing", os.sched_getaffinity(0))]


def test_cores_that_were_taken_away_are_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "sched_setaffinity", refuse, raising=False)
    monkeypatch.setattr(cores, "_CORES", {0})
    cores.use_every_core()
