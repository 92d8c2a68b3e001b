"""The Procfile's processes, run through honcho."""

from pathlib import Path
from typing import Any

import honcho.manager
import pytest

from objectstore import processes


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> type[Any]:
    """Stand in for honcho's manager, which would start the processes."""

    class Manager:
        returncode = 143
        added: dict[str, str]

        def __init__(self) -> None:
            Manager.added = {}

        def add_process(self, name: str, command: str, cwd: str) -> None:
            assert (Path(cwd) / "manage.py").exists()
            Manager.added[name] = command

        def loop(self) -> None:
            pass

    monkeypatch.setattr(honcho.manager, "Manager", Manager)
    return Manager


def test_everything_in_the_procfile_is_started(manager: Any) -> None:
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


@pytest.mark.parametrize(
    ("ended", "status"), [(130, 0), (143, 0), (0, 0), (1, 1), (-9, -9)]
)
def test_only_a_signal_from_outside_is_a_good_end_of_a_failed_process(
    manager: Any, monkeypatch: pytest.MonkeyPatch, ended: int, status: int
) -> None:
    monkeypatch.setattr(manager, "returncode", ended)

    assert processes.main() == status
