"""The steps of a start, one by one; tests/e2e/test_make_run.py has them together."""

import errno
import os
import socket
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import IntegrityError
from pytest_django import Settings

from objects_app.ops import startup
from tests.servers.ports import free_port


@pytest.fixture(autouse=True)
def _surroundings(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "data"
    settings.STATIC_ROOT = tmp_path / "static"
    settings.BIND = "127.0.0.1"
    settings.PORT = free_port()


def test_looking_around_changes_nothing(tmp_path: Path) -> None:
    startup.check_surroundings()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "advice"),
    [("DATA_DIR", "set DATA_DIR to a folder"), ("STATIC_ROOT", "copy the project")],
)
def test_a_folder_that_cannot_be_written_is_named_with_a_way_out(
    settings: Settings, tmp_path: Path, setting: str, advice: str
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    setattr(settings, setting, in_the_way / "folder")

    with pytest.raises(
        startup.CannotStart, match=f"Cannot write to {in_the_way} .*{advice}"
    ):
        startup.check_surroundings()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_database_of_another_user_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / f"store.sqlite3{suffix}"
    file.write_text("")
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != file)

    with pytest.raises(startup.CannotStart, match=f"Cannot write to {file}: "):
        startup.check_surroundings()


def test_a_busy_port_is_named_with_a_way_out(settings: Settings) -> None:
    expected = rf"port {settings.PORT} .*PORT=8081 make run\.$"
    with (
        socket.create_server(("127.0.0.1", settings.PORT)),
        pytest.raises(startup.CannotStart, match=expected),
    ):
        startup.check_surroundings()


def test_a_port_of_root_is_named_with_a_way_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_socket: socket.socket, _address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(startup.CannotStart, match=r"below 1024 are root's\.$"):
        startup.check_surroundings()


def test_an_address_of_another_machine_is_named_with_a_way_out(
    settings: Settings,
) -> None:
    settings.BIND = "192.0.2.1"

    with pytest.raises(
        startup.CannotStart, match=r"192\.0\.2\.1 .*set BIND to an address"
    ):
        startup.check_surroundings()


@pytest.mark.parametrize("bind", ["::1", "[::1]"])
def test_an_ipv6_address_is_tried_as_one(settings: Settings, bind: str) -> None:
    settings.BIND = bind
    with (
        socket.create_server(("::1", settings.PORT), family=socket.AF_INET6),
        pytest.raises(startup.CannotStart, match="in use"),
    ):
        startup.check_surroundings()


@pytest.mark.django_db
def test_preparing_makes_the_folder_and_collects_the_static_files(
    settings: Settings,
) -> None:
    startup.prepare()

    assert settings.DATA_DIR.is_dir()
    assert (settings.STATIC_ROOT / "admin").is_dir()


@pytest.mark.django_db
def test_the_first_start_makes_an_administrator_who_can_sign_in() -> None:
    password = startup.create_administrator()

    assert password is not None
    assert len(password) >= 16
    user = User.objects.get(username="admin")
    assert user.check_password(password)
    assert user.is_superuser


def test_a_store_with_users_gets_no_other_administrator(alice: User) -> None:
    assert startup.create_administrator() is None
    assert list(User.objects.all()) == [alice]


@pytest.mark.django_db
def test_of_two_nodes_that_start_together_one_makes_the_administrator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_late(*_args: object, **_options: object) -> None:
        raise IntegrityError

    monkeypatch.setattr(User.objects, "create_superuser", too_late)

    assert startup.create_administrator() is None


def test_the_processes_find_the_port_and_the_programs_of_this_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/somewhere")

    startup.run_processes()

    [(program, arguments, environment)] = calls
    assert program == sys.executable
    assert arguments[1:] == ["-m", "objectstore.processes"]
    assert environment["PORT"] == str(settings.PORT)
    assert environment["PATH"] == f"{Path(sys.executable).parent}:/somewhere"
    assert Path.cwd() == django_settings.BASE_DIR
