"""The environment is made once, remade when it must be, and never left half made.

A stand-in for Python writes down what it is asked for and installs nothing, so these
tests need no network.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.store import ROOT, environment

pytestmark = pytest.mark.tooling

TOOLS = (
    "sh",
    "cat",
    "cmp",
    "cp",
    "dirname",
    "make",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "sed",
)
STAND_IN = r"""#!/bin/sh
[ ! -e "$STATE/old" ] || exit 1
case "$*" in
    *version_info* | *fcntl*) exit 0 ;;
    *ensurepip*) [ ! -e "$STATE/no-venv-module" ]; exit ;;
    "-m venv"*) for new; do :; done; mkdir -p "$new/bin"; cp "$0" "$new/bin/python" ;;
esac
echo "$*" >>"$STATE/asked"
case "$*" in *"-r requirements"*)
    [ ! -e "$STATE/no-network" ] || { echo "no index" >&2; exit 1; }
    [ ! -e "$STATE/slow" ] || exec sleep 60 ;;
esac
"""


class Machine:
    """A machine with nothing on its PATH but a few tools and the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.project, self.state, self.bin = (
            folder / name for name in ("project", "state", "bin")
        )
        for made in (self.project / "tools", self.state, self.bin):
            made.mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "bootstrap.sh", self.project / "tools")
        shutil.copy(ROOT / "Makefile", self.project)
        for kind in ("", "-dev"):
            (self.project / f"requirements{kind}.txt").write_text("django==5.2\n")
        for tool in (*TOOLS, "sleep"):
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self.install("python3", STAND_IN)

    def install(self, name: str, script: str) -> None:
        """Put a program on PATH."""
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def start(self, kind: str) -> subprocess.Popen[str]:
        """Start the bootstrap without waiting for it."""
        return subprocess.Popen(
            ["sh", "tools/bootstrap.sh", kind],
            cwd=self.project,
            env=environment(PATH=str(self.bin), STATE=str(self.state)),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def bootstrap(self, kind: str) -> tuple[int, str]:
        """Run the bootstrap; return its exit status and what it said."""
        process = self.start(kind)
        _, said = process.communicate(timeout=30)
        return process.returncode, said

    def asked(self) -> list[str]:
        """Return what Python was asked for since the last call."""
        log = self.state / "asked"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [" ".join(line.split()[:3]) for line in lines]

    def installed(self) -> list[str]:
        """Return the requirements files installed since the last call."""
        log = self.state / "asked"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line.split()[-1] for line in lines if "pip install" in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_running_needs_only_what_the_store_needs(machine: Machine) -> None:
    assert machine.bootstrap("run")[0] == 0

    assert machine.installed() == ["requirements.txt"]


def test_nothing_is_done_a_second_time(machine: Machine) -> None:
    machine.bootstrap("run")
    machine.asked()

    assert machine.bootstrap("run") == (0, "")
    assert machine.asked() == []


def test_the_tests_packages_are_added_to_a_running_stores_environment(
    machine: Machine,
) -> None:
    machine.bootstrap("run")
    machine.asked()

    assert machine.bootstrap("dev")[0] == 0
    assert not [line for line in machine.asked() if line.startswith("-m venv")]
    assert machine.bootstrap("run") == (0, "")
    assert machine.bootstrap("dev") == (0, "")


@pytest.mark.parametrize("changed", ["requirements.txt", "requirements-dev.txt"])
def test_changed_requirements_are_installed(machine: Machine, changed: str) -> None:
    machine.bootstrap("dev")
    machine.asked()

    (machine.project / changed).write_text("django==5.3\n")

    assert machine.bootstrap("dev")[0] == 0
    assert machine.installed() == ["requirements-dev.txt"]


def test_a_file_that_was_only_touched_changes_nothing(machine: Machine) -> None:
    machine.bootstrap("run")
    machine.asked()

    os.utime(machine.project / "requirements.txt")

    assert machine.bootstrap("run") == (0, "")


def test_a_project_that_was_moved_gets_a_new_environment(
    machine: Machine, tmp_path: Path
) -> None:
    machine.bootstrap("run")
    machine.asked()

    machine.project = machine.project.rename(tmp_path / "moved")

    assert machine.bootstrap("run")[0] == 0
    assert machine.asked()[0] == "-m venv --clear"


def test_a_failed_installation_is_repeated(machine: Machine) -> None:
    (machine.state / "no-network").touch()
    status, said = machine.bootstrap("run")
    assert status != 0
    assert said.splitlines()[-1].endswith("a package index, and run make again")

    (machine.state / "no-network").unlink()
    machine.asked()
    assert machine.bootstrap("run")[0] == 0
    assert machine.installed() == ["requirements.txt"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_installation_is_repeated(
    machine: Machine, number: signal.Signals
) -> None:
    (machine.state / "slow").touch()
    process = machine.start("run")
    deadline = time.monotonic() + 30
    while "pip install" not in _text(machine.state / "asked"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, number)
    process.communicate(timeout=30)

    (machine.state / "slow").unlink()
    machine.asked()
    assert machine.bootstrap("run")[0] == 0
    assert machine.installed() == ["requirements.txt"]


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_uv_is_used_where_it_can_be_had(machine: Machine) -> None:
    machine.install(
        "uv",
        '#!/bin/sh\necho "uv $*" >>"$STATE/asked"\n'
        'case $1 in venv) for last; do :; done; mkdir -p "$last/bin"\n'
        f'cp "{machine.bin}/python3" "$last/bin/python";; esac\n',
    )

    assert machine.bootstrap("run")[0] == 0
    assert [line.split()[0] for line in machine.asked()] == ["uv", "uv"]


@pytest.mark.parametrize("command", ["run", "test-fast"])
def test_an_old_python_is_one_sentence(machine: Machine, command: str) -> None:
    (machine.state / "old").touch()

    refusal = subprocess.run(
        ["make", command],
        cwd=machine.project,
        env=environment(PATH=str(machine.bin), STATE=str(machine.state)),
        capture_output=True,
        text=True,
        check=False,
    )

    first, *rest = refusal.stderr.splitlines()
    assert refusal.returncode != 0
    assert first.startswith("objectstore: Python 3.11 or newer is needed")
    assert "install it" in first
    assert all(line.startswith("make") for line in rest)


def test_no_python_at_all_is_the_same_sentence(machine: Machine) -> None:
    (machine.bin / "python3").unlink()

    status, said = machine.bootstrap("run")

    assert status != 0
    assert said.startswith("objectstore: Python 3.11 or newer is needed")
    assert said.count("\n") == 1


def test_a_python_without_venv_is_one_sentence(machine: Machine) -> None:
    (machine.state / "no-venv-module").touch()

    status, said = machine.bootstrap("run")

    assert status != 0
    assert "apt install python3-venv" in said
    assert said.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_project_folder_that_cannot_be_written_is_one_sentence(
    machine: Machine,
) -> None:
    machine.project.chmod(0o555)

    status, said = machine.bootstrap("run")

    assert status != 0
    assert said.startswith(f"objectstore: cannot write to {machine.project}")
    assert said.count("\n") == 1
