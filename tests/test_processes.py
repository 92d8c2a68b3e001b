"""The Procfile's processes, run through honcho."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import honcho.manager
import pytest

from objectstore import processes


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Any]]:
    """Stand in for honcho's manager, which would start the processes."""
    before = signal.getsignal(signal.SIGHUP)

    class Stand:
        returncode = 143
        added: dict[str, str]

        def __init__(self) -> None:
            Stand.added = {}

        def add_process(self, name: str, command: str, cwd: str) -> None:
            assert (Path(cwd) / "manage.py").exists()
            Stand.added[name] = command

        def loop(self) -> None:
            pass

    monkeypatch.setattr(processes, "Manager", Stand)
    yield Stand
    signal.signal(signal.SIGHUP, before)


def test_everything_in_the_procfile_is_started_but_its_release(manager: Any) -> None:
    processes.main()

    assert set(manager.added) == {"web", "worker"}
    assert "gunicorn" in manager.added["web"]


def test_requests_in_flight_have_their_grace_before_honcho_kills(
    manager: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(honcho.manager, "KILL_WAIT", 5)
    monkeypatch.setenv("GRACEFUL_TIMEOUT_SECONDS", "120")

    processes.main()

    assert honcho.manager.KILL_WAIT > 120


def test_a_closed_terminal_stops_the_store_like_a_sigterm(manager: Any) -> None:
    processes.main()
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    try:
        signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert told == [signal.SIGTERM]


@pytest.mark.parametrize(
    ("ended", "status"), [(130, 0), (143, 0), (0, 0), (1, 1), (-9, -9)]
)
def test_only_a_signal_from_outside_is_a_good_end_of_a_failed_process(
    manager: Any, monkeypatch: pytest.MonkeyPatch, ended: int, status: int
) -> None:
    monkeypatch.setattr(manager, "returncode", ended)

    assert processes.main() == status


def test_a_sigterm_stops_also_what_is_still_starting() -> None:
    class Hasty(processes.Manager):
        def _start(self) -> None:
            super()._start()
            signal.raise_signal(signal.SIGTERM)

    before = {number: signal.getsignal(number) for number in (15, 2)}
    manager = Hasty()
    manager.add_process("sleeper", "sleep 60")
    try:
        manager.loop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert manager.returncode == 143
    assert manager._all_stopped()
