"""Tests side by side, in the workers of pytest-xdist, and those that run alone."""

import fcntl
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest


class Turns:
    """Whoever runs a test holds `room`, together with others or alone.

    Everybody comes through `door`, where one who waits to be alone stays until the
    others have left: else they could take turns for ever and never leave together.
    """

    def __init__(self, run: str) -> None:
        places = Path(tempfile.gettempdir())
        self._paths = [
            places / f"objectstore-tests-{run}-{n}" for n in ("door", "room")
        ]
        self._door, self._room = [path.open("w") for path in self._paths]
        self._stays = False

    def take(self, *, alone: bool) -> None:
        """Wait for a turn."""
        fcntl.flock(self._door, fcntl.LOCK_EX)
        fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._door, fcntl.LOCK_UN)

    def give_back(self) -> None:
        """End the turn."""
        fcntl.flock(self._room, fcntl.LOCK_UN)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Let its fixtures begin and end within its turn, too.

        Those that run alone one after the other have one turn: the others leave once.
        """
        if not self._stays:
            self.take(alone=_alone(item))
        try:
            return (yield)
        finally:
            self._stays = _alone(item) and nextitem is not None and _alone(nextitem)
            if not self._stays:
                self.give_back()

    def pytest_unconfigure(self) -> None:
        """Leave nothing; the other workers have opened the files already."""
        for file, path in zip((self._door, self._room), self._paths, strict=True):
            file.close()
            path.unlink(missing_ok=True)


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def register(config: pytest.Config) -> None:
    """Let a worker's tests take turns with those of the others."""
    if (worker := getattr(config, "workerinput", None)) is not None:
        config.pluginmanager.register(Turns(worker["testrunuid"]))
