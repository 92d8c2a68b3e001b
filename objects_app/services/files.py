"""Files outside the store that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from objects_app.blobs.filesystem import sync_folder
from objects_app.blobs.ingest import random_name

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@contextmanager
def draft(path: Path, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Yield a new file that becomes `path` when the block ends.

    It replaces what is there. When the block raises, nothing is left of it. `mode` is
    less the process's umask.
    """
    name = path.parent / f".{random_name()}.part"
    try:
        with os.fdopen(os.open(name, _NEW, mode), "wb") as file:
            yield file
        name.replace(path)
    finally:
        name.unlink(missing_ok=True)


@contextmanager
def durable_draft(path: Path) -> Iterator[BinaryIO]:
    """As `draft`, and the file and its name survive a power cut once it ends.

    It replaces nothing: raises FileExistsError when the name was taken meanwhile.
    """
    taken = False
    try:
        with draft(path) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            path.touch(exist_ok=False)
            taken = True
        sync_folder(path.parent)
    except BaseException:
        if taken:
            path.unlink(missing_ok=True)
        raise
