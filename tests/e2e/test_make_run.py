"""`make run` as a new user meets it, from a copy of the project elsewhere."""

import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.store import (
    ENVIRONMENT,
    RunningStore,
    copy_project,
    environment,
    make_run,
    sentence,
)
from tests.servers.ports import free_port

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.tooling,
    pytest.mark.skipif(
        not (ENVIRONMENT / "made-from").exists(), reason="not in make's environment"
    ),
]

User = pwd.struct_passwd | None


def _users() -> list[User]:
    """Whoever runs the tests (None); and nobody, where one may become it."""
    if os.geteuid() != 0:
        return [None]
    nobody = pwd.getpwnam("nobody")
    try:
        subprocess.run(
            [ENVIRONMENT / "bin" / "python", "-c", ""], user=nobody.pw_uid, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return [None]  # this environment's Python lies in a folder that is root's alone
    return [None, nobody]


@pytest.fixture(
    scope="module",
    params=_users(),
    ids=lambda user: "nobody" if user else "current user",
)
def user(request: pytest.FixtureRequest) -> User:
    """Who starts the store."""
    chosen: User = request.param
    return chosen


@pytest.fixture(scope="module")
def folder(user: User) -> Iterator[Path]:
    """A folder that `user` owns and can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="objectstore-run-"))
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    yield folder
    shutil.rmtree(folder)


@dataclass(frozen=True)
class TwoStarts:
    """What a store printed that was started, stopped, and started once more."""

    project: Path
    first: str
    second: str

    @property
    def passwords(self) -> list[str]:
        """Every password that was printed."""
        pattern = r"password (\S+) \(shown only now\)"
        return re.findall(pattern, self.first + self.second)


@pytest.fixture(scope="module")
def started(folder: Path, user: User) -> TwoStarts:
    """Two starts: the port is given from outside at first, by `.env` then."""
    project = copy_project(folder / "started", user)
    port = free_port()
    with RunningStore(project, port=port, user=user, PORT=str(port)) as store:
        pass
    first = store.output
    (project / ".env").write_text("PORT=65535\nNODE_ID=from-the-file\n")
    with RunningStore(project, port=65535, user=user, NODE_ID="from-outside") as store:
        pass
    return TwoStarts(project, first, store.output)


@pytest.fixture(scope="module")
def project(folder: Path, user: User) -> Path:
    """A copy of the project in which nothing has been started."""
    return copy_project(folder / "fresh", user)


def test_it_says_where_the_store_is_and_what_is_its_node(started: TwoStarts) -> None:
    assert "http://localhost:" in started.first
    assert f"data in {started.project / 'data'}" in started.first


def test_the_password_is_printed_once_and_signs_in(started: TwoStarts) -> None:
    [password] = started.passwords
    assert password in started.first

    script = (
        "from django.contrib.auth.models import User\n"
        f"print(User.objects.get(username='admin').check_password('{password}'))"
    )
    asked = subprocess.run(
        [str(ENVIRONMENT / "bin/python"), "manage.py", "shell", "--no-imports"],
        cwd=started.project,
        env=environment(),
        input=script,
        capture_output=True,
        text=True,
        check=True,
    )

    assert asked.stdout.strip() == "True"


def test_the_second_start_says_how_to_reset_the_password(started: TwoStarts) -> None:
    assert "manage.py changepassword admin" in started.second


def test_nothing_goes_wrong_on_the_way(started: TwoStarts) -> None:
    for output in (started.first, started.second):
        assert "Traceback" not in output
        assert "rror" not in output


def test_a_sigterm_lets_every_process_finish(started: TwoStarts) -> None:
    for output in (started.first, started.second):
        assert "web stopped (rc=0)" in output
        assert "worker stopped (rc=0)" in output


def test_the_port_may_stand_in_the_env_file_even_the_last_there_is(
    started: TwoStarts,
) -> None:
    """honcho's command would count on from it for the worker, which then refuses."""
    assert "http://localhost:65535" in started.second


def test_the_environment_wins_over_the_env_file(started: TwoStarts) -> None:
    assert "from-outside" in started.second
    assert "from-the-file" not in started.second


def test_the_data_is_for_the_owner_alone(started: TwoStarts) -> None:
    data = started.project / "data"

    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "secret_key").stat().st_mode) == 0o600


def test_a_busy_port_is_one_sentence_and_changes_nothing(
    project: Path, user: User
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refusal = make_run(project, user=user, PORT=str(port))

    assert f"cannot listen on 127.0.0.1 port {port}" in sentence(refusal)
    assert "PORT=8081 make run" in refusal.stderr
    assert not list((project / "data").glob("*.sqlite3"))
    assert not (project / "staticfiles").exists()


def test_a_data_folder_that_cannot_be_made_is_one_sentence(
    project: Path, user: User
) -> None:
    (project / "a-file").write_text("")

    refusal = make_run(project, user=user, DATA_DIR=str(project / "a-file" / "data"))

    assert "Cannot use the data folder" in sentence(refusal)
    assert "set DATA_DIR" in refusal.stderr


def test_nonsense_in_a_setting_is_one_sentence(project: Path, user: User) -> None:
    refusal = make_run(project, user=user, PORT="http")

    assert sentence(refusal).startswith("objectstore: PORT is not usable")


def test_a_database_that_does_not_answer_is_one_sentence(
    project: Path, user: User
) -> None:
    refusal = make_run(
        project,
        user=user,
        PORT=str(free_port()),
        DATABASE_URL=f"postgres://store@127.0.0.1:{free_port()}/store",
        SECRET_KEY="k" * 50,
        ALLOWED_HOSTS="localhost",
    )

    assert "The database cannot be used" in sentence(refusal)
    assert "DATABASE_URL" in refusal.stderr
