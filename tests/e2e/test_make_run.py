"""`make run` as a new user meets it, from a copy of the project elsewhere."""

import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.store import (
    ENVIRONMENT,
    RunningStore,
    copy_project,
    environment,
    free_port,
    make_run,
    sentence,
)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.tooling,
    pytest.mark.skipif(
        not (ENVIRONMENT / "made-from").exists(), reason="not in make's environment"
    ),
]

User = pwd.struct_passwd | None


@pytest.fixture(params=["the current user", "nobody"])
def user(request: pytest.FixtureRequest) -> User:
    """Who starts the store; None is whoever runs the tests."""
    if request.param == "the current user":
        return None
    if os.geteuid() != 0:
        pytest.skip("only root can start it as somebody else")
    nobody = pwd.getpwnam("nobody")
    try:
        subprocess.run(
            [ENVIRONMENT / "bin" / "python", "-c", ""], user=nobody.pw_uid, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nobody may not enter the folder of this environment's Python")
    return nobody


@pytest.fixture
def folder(user: User) -> Iterator[Path]:
    """A folder that `user` owns and can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="objectstore-run-"))
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def project(folder: Path, user: User) -> Path:
    """A copy of the project for `user`."""
    return copy_project(folder / "objectstore", user)


def manage(project: Path, *arguments: str, **variables: str) -> str:
    return subprocess.run(
        [ENVIRONMENT / "bin" / "python", "manage.py", *arguments],
        cwd=project,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_first_start_shows_the_password_and_the_second_how_to_reset_it(
    project: Path, user: User
) -> None:
    port = free_port()
    with RunningStore(project, port=port, user=user, PORT=str(port)) as first:
        assert f"http://localhost:{port}" in first.output
        assert "Traceback" not in first.output
        password = first.password
    with RunningStore(project, port=port, user=user, PORT=str(port)) as second:
        assert f"http://localhost:{port}" in second.output

    signed_in = manage(
        project,
        "shell",
        "--no-imports",
        "-c",
        "from django.contrib.auth import authenticate\n"
        f"print(authenticate(username='admin', password='{password}'))",
    )
    assert signed_in.strip() == "admin"
    assert second.password is None
    assert "manage.py changepassword admin" in second.output
    assert "Traceback" not in second.output


def test_the_data_is_for_the_owner_alone(project: Path, user: User) -> None:
    port = free_port()
    with RunningStore(project, port=port, user=user, PORT=str(port)):
        pass

    data = project / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "secret_key").stat().st_mode) == 0o600


def test_a_sigterm_stops_every_process(project: Path, user: User) -> None:
    port = free_port()
    with RunningStore(project, port=port, user=user, PORT=str(port)) as store:
        store.stop()

        assert "web stopped (rc=0)" in store.output
        assert "worker stopped (rc=0)" in store.output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_port_may_stand_in_the_env_file(project: Path, user: User) -> None:
    port = free_port()
    (project / ".env").write_text(f"PORT={port}\nNODE_ID=from-the-file\n")

    with RunningStore(project, port=port, user=user) as store:
        assert "from-the-file" in store.output


def test_the_environment_wins_over_the_env_file(project: Path, user: User) -> None:
    port = free_port()
    (project / ".env").write_text("PORT=1\nNODE_ID=from-the-file\n")

    with RunningStore(
        project, port=port, user=user, PORT=str(port), NODE_ID="from-outside"
    ) as store:
        assert "from-outside" in store.output
        assert "from-the-file" not in store.output


def test_the_last_port_there_is_works_too(project: Path, user: User) -> None:
    """The worker would refuse a PORT counted on from the web process's."""
    with RunningStore(project, port=65535, user=user, PORT="65535") as store:
        assert "http://localhost:65535" in store.output


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
