"""Writers that die of SIGKILL, for test_durability.py to look at what they leave.

    python -m tests.blobs.killed_writer steps ROOT SIZE     prints one JSON list
    python -m tests.blobs.killed_writer forever ROOT SEED   prints a digest per write

`steps` stores the same body in ROOT/1, ROOT/2, ... by one process each, which kills
itself before (or, for a write, in the middle of) its n-th call that changes the disk,
until one comes to the end; the list says how each ended (-9, and at last 0). `forever`
writes from three threads and prints what was acknowledged, until somebody kills it.
"""

import json
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from objects_app.blobs.filesystem import FilesystemBackend
from tests.blobs.bodies import MIB, random_body, received

CHANGES = ("open", "mkdir", "link", "replace", "fsync", "close", "unlink")


class Executioner:
    """Counts the calls that change the disk and kills the process at the n-th."""

    def __init__(self, step: int) -> None:
        self._left = step

    def count(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        for name in CHANGES:
            setattr(os, name, self._counted(getattr(os, name)))
        os.write = self._halved(os.write)

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count()
            return call(*args, **kwargs)

        return counted

    def _halved(self, write: Callable[..., int]) -> Callable[..., int]:
        def halved(descriptor: int, data: memoryview) -> int:
            self.count()
            half = write(descriptor, data[: len(data) // 2])
            self.count()
            return half + write(descriptor, data[half:])

        return halved


def store(root: Path, body: bytes) -> str:
    backend = FilesystemBackend(root)
    with received(body, backend.spool_dir) as whole:
        backend.write(whole.sha256, whole.spool)
        return whole.sha256


def run_steps(root: Path, size: int) -> None:
    body = random_body(size)
    ends: list[int] = []
    while not ends or ends[-1] != 0:
        step = len(ends) + 1
        child = os.fork()
        if child == 0:
            Executioner(step).watch()
            store(root / str(step), body)
            os._exit(0)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    sys.stdout.write(json.dumps(ends))


def run_forever(root: Path, seed: int) -> None:
    def write(thread: int) -> None:
        dice = random.Random(f"{seed} {thread}")  # noqa: S311
        while True:
            size = dice.choice([dice.randrange(5000), dice.randrange(4 * MIB)])
            sha256 = store(root, dice.randbytes(size))
            os.write(1, f"{sha256}\n".encode())

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    run = {"steps": run_steps, "forever": run_forever}[sys.argv[1]]
    run(Path(sys.argv[2]), int(sys.argv[3]))
