"""Each test of the services has a folder of its own for the bytes."""

from pathlib import Path

import pytest

from tests.services.store import Store


@pytest.fixture(autouse=True)
def own_folder(data_dir: Path) -> Path:
    """Use it."""
    return data_dir


@pytest.fixture
def store() -> Store:
    """The services, called as the doors call them."""
    return Store()
