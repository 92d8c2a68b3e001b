"""What tests of races share: a store whose steps do not crash."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.races.laboratory import Laboratory, laboratory
from tests.races.soak_world import World, world

pytest.register_assert_rewrite("tests.races.threads", "tests.races.versions")


@pytest.fixture
def store(tmp_path: Path, transactional_db: None) -> Iterator[World]:
    with world(tmp_path, seed="races") as made:
        yield made


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    """A laboratory for steps, in memory."""
    with laboratory(tmp_path) as made:
        yield made


@pytest.fixture
def unguarded(lab: Laboratory) -> Laboratory:
    """Without any of the database's own refusals."""
    triggers = lab.raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for (trigger,) in triggers.fetchall():
        lab.raw.execute(f"DROP TRIGGER {trigger}")
    lab.raw.execute("PRAGMA foreign_keys = OFF")
    return lab


@pytest.fixture
def versioned(store: World) -> World:
    """A bucket that keeps versions."""
    store.switch("enabled")
    return store
