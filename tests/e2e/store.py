"""`make run` in a copy of the project, as a person would start it."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from objectstore.config import Config

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = Path(sys.prefix)
START_SECONDS = 60
STOP_SECONDS = 60

_NOT_COPIED = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".env",
    "data",
    "staticfiles",
    "__pycache__",
    ".*_cache",
    ".coverage*",
)


def copy_project(folder: Path, user: pwd.struct_passwd | None = None) -> Path:
    """Copy what a clone would hold into `folder`, for `user` to own."""
    shutil.copytree(ROOT, folder, ignore=_NOT_COPIED)
    if user is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)
    return folder


def environment(**variables: str) -> dict[str, str]:
    """Return an environment without the settings of these tests and of make."""
    ours = {name.upper() for name in Config.model_fields} | {
        *("ENV_FILE", "DJANGO_SETTINGS_MODULE", "VENV", "PYTHON"),
        *("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "COVERAGE_FILE"),
    }
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and name.removeprefix("TEST_") not in ours
    }
    return inherited | variables


def make_run(
    project: Path,
    *,
    user: pwd.struct_passwd | None = None,
    venv: Path = ENVIRONMENT,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run `make run` where it is expected to refuse, and return what it said."""
    return subprocess.run(
        ["make", "run", f"VENV={venv}"],
        cwd=project,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
        **_as(user),
    )


def sentence(refusal: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence of a refusal; fails when there is more."""
    assert refusal.returncode != 0
    assert refusal.stdout == ""
    first, *rest = refusal.stderr.splitlines()
    # make adds a line of its own about the recipe that failed.
    assert all(line.startswith("make") for line in rest), refusal.stderr
    return first


def _as(user: pwd.struct_passwd | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class RunningStore:
    """A started store: `output` so far, `url`, stopped at the end of the block."""

    def __init__(
        self,
        project: Path,
        *,
        port: int,
        user: pwd.struct_passwd | None = None,
        **variables: str,
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log = project / "output.log"
        with self._log.open("wb") as log:
            self._make = subprocess.Popen(
                ["make", "run", f"VENV={ENVIRONMENT}"],
                cwd=project,
                env=environment(**variables),
                stdout=log,
                stderr=log,
                **_as(user),
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_SECONDS
        while not (self._healthy() and "Worker of " in self.output):
            if self._make.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"the store did not start:\n{self.output}")
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    @property
    def output(self) -> str:
        """Everything printed so far."""
        return self._log.read_text()

    def stop(self) -> int:
        """Send SIGTERM to make, as a service manager does, and return its status."""
        if self._make.poll() is None:
            self._make.send_signal(signal.SIGTERM)
        return self._make.wait(STOP_SECONDS)
