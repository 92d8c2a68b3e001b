"""Looking at a filesystem backend's files from outside, and making its calls fail."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from objects_app.blobs.layout import storage_key
from tests.blobs.bodies import MIB, digest

SIZES = pytest.mark.parametrize("size", [700, 2 * MIB], ids=["in memory", "in a file"])


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


def chain(root: Path, sha256: str) -> list[Path]:
    """The folders whose entries lead to a file, the leaf first, the root last."""
    leaf = (root / storage_key(sha256)).parent
    return [leaf, leaf.parent, leaf.parent.parent, root]
