"""The files that hosts start the store by: no container engine runs them here, so what
can be held against the project is."""

import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from objectstore.config import BASE_DIR, Config
from tests.e2e.cluster import wait_for
from tests.e2e.store import environment
from tests.e2e.wire import Wire
from tests.servers.ports import free_port

pytestmark = pytest.mark.tooling

DOCKERFILE = (BASE_DIR / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTINGS = {name.upper() for name in Config.model_fields}

_COPIED = re.findall(r"^COPY ((?!--from)[^\n]+) \S+$", DOCKERFILE, re.MULTILINE)
COPIED = [source for line in _COPIED for source in line.split()]


def _instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)


def test_the_image_is_made_of_files_that_are_there_and_reach_the_builder() -> None:
    ignored = (BASE_DIR / ".dockerignore").read_text().splitlines()

    assert COPIED
    for source in COPIED:
        assert (BASE_DIR / source).exists()
        assert f"!{source}" in ignored
    assert "*" in ignored


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert _instructions("USER") == ["10001:10001"]


def test_the_image_declares_no_volume_which_railway_would_refuse() -> None:
    assert not _instructions("VOLUME")


def test_the_image_is_asked_whether_it_is_ready() -> None:
    [command] = re.findall(r"^HEALTHCHECK .*\\\n\s+CMD (.+)$", DOCKERFILE, re.MULTILINE)

    executable, option, program = json.loads(command)
    assert (executable, option) == ("python", "-c")
    assert "/readyz" in program
    compile(program, "HEALTHCHECK", "exec")


def test_the_image_installs_only_what_has_the_hash_that_was_reviewed() -> None:
    installs = re.findall(r"pip install ([^\n\\]+)", DOCKERFILE)

    assert installs
    assert all("--require-hashes" in install for install in installs)


def test_signals_reach_gunicorn_itself() -> None:
    [command] = _instructions("CMD")[-1:]

    assert command == '["gunicorn", "--config", "objectstore/gunicorn.py"]'


def test_every_setting_of_the_image_is_one() -> None:
    block = DOCKERFILE.partition("ENV ")[2].partition("\nUSER")[0]
    named = set(re.findall(r"^\s*([A-Z_]+)=", block, re.MULTILINE))

    assert named - SETTINGS == {
        *("PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "ENV_FILE")
    }


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_of_somebody_else_has_a_version(name: str) -> None:
    image = SERVICES[name]["image"]

    assert image == "objectstore:latest" or re.search(r":\d[\w.-]*$", image)


@pytest.mark.parametrize(
    "name", [n for n, s in SERVICES.items() if s["image"].startswith("objectstore")]
)
def test_a_service_of_the_store_has_settings_and_commands_that_exist(name: str) -> None:
    service = SERVICES[name]

    assert set(service["environment"]) <= SETTINGS
    assert service["read_only"]
    if command := service.get("command"):
        assert command[:2] == ["python", "manage.py"]
        assert command[2] in get_commands()


def test_no_password_is_the_same_everywhere() -> None:
    text = (BASE_DIR / "compose.yaml").read_text()

    for secret in ("POSTGRES_PASSWORD", "SECRET_KEY", "AWS_SECRET_ACCESS_KEY"):
        used = re.findall(rf"\${{{secret}([^}}]*)}}", text)
        assert used
        assert all(default.startswith(":?") for default in used)


def test_every_node_behind_nginx_is_a_service() -> None:
    configuration = (BASE_DIR / "deploy" / "nginx.conf").read_text()
    upstream = re.findall(r"server (node-\d+):8080", configuration)

    assert upstream == [name for name in SERVICES if name.startswith("node-")]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """What the image holds, which its user may read and nothing more."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    root = tmp_path / "app"
    root.mkdir()
    for source in COPIED:
        copy = shutil.copytree if (BASE_DIR / source).is_dir() else shutil.copy
        copy(BASE_DIR / source, root / source)
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"],
        cwd=root,
        env=environment(ENV_FILE=os.devnull, DATA_DIR=str(tmp_path / "build")),
        check=True,
    )
    for path in root.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o222 | stat.S_IROTH)
        if path.is_dir():
            path.chmod(0o555)
    return root


def _as_an_ordinary_user() -> dict[str, Any]:
    """Become nobody; as we are where that cannot be, or cannot run this Python."""
    nobody = pwd.getpwnam("nobody")
    options: dict[str, Any] = {
        "user": nobody.pw_uid,
        "group": nobody.pw_gid,
        "extra_groups": [],
    }
    try:
        subprocess.run([sys.executable, "-c", ""], check=True, **options)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return options


@pytest.mark.e2e
def test_what_the_image_holds_is_enough_for_an_ordinary_user(
    image: Path, tmp_path: Path
) -> None:
    user = _as_an_ordinary_user()
    data = tmp_path / "data"
    data.mkdir()
    if user:
        os.chown(data, user["user"], user["group"])
    port = free_port()
    options: dict[str, Any] = {
        "cwd": image,
        "env": environment(
            ENV_FILE=os.devnull,
            DATA_DIR=str(data),
            PORT=str(port),
            PYTHONDONTWRITEBYTECODE="1",
            HOME="/nonexistent",
        ),
        **user,
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"], check=True, **options
    )
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "objectstore/gunicorn.py"], **options
    )
    try:
        wait_for(lambda: _is_ready(port))
        with Wire(port) as wire:
            path = "/buckets/test/objects/a"
            assert wire.ask("PUT", path, body=b"Hello").hear().status == 201
            assert wire.ask("GET", "/ui/").hear().status == 200
    finally:
        server.terminate()
        assert server.wait(30) == 0


def _is_ready(port: int) -> bool:
    try:
        with Wire(port) as wire:
            return wire.ask("GET", "/readyz").hear().status == 200
    except OSError:
        return False
