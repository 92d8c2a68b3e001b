"""Each test of the services has a folder of its own for the bytes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.source import Source
from tests.services.store import Store


@pytest.fixture(autouse=True)
def own_folder(data_dir: Path) -> Path:
    """Use it."""
    return data_dir


@pytest.fixture
def store() -> Store:
    """The services, called as the doors call them."""
    return Store()


@pytest.fixture
def source(s3_server: dict[str, str]) -> Iterator[Source]:
    """A bucket of its own on a real S3 server."""
    made = Source(s3_server)
    yield made
    made.client.close()
