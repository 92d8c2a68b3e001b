"""What tests of races share: a store whose steps do not crash."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.races.soak_world import World, world

pytest.register_assert_rewrite("tests.races.threads")


@pytest.fixture
def store(tmp_path: Path, transactional_db: None) -> Iterator[World]:
    with world(tmp_path, seed="races") as made:
        yield made
