"""A production node that lacks what all nodes must share says so and does not start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.store import ROOT, environment
from tests.servers.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.tooling]

KEY = "k" * 50
STARTS = {
    "gunicorn": ["-m", "gunicorn", "-c", "objectstore/gunicorn.py"],
    "both processes": ["-m", "objectstore.processes"],
    "worker": ["manage.py", "worker"],
    "migrate": ["manage.py", "migrate"],
    "serve": ["manage.py", "serve"],
}
SHARED = {
    "DATABASE_URL": "postgres://store@127.0.0.1:1/store",
    "S3_BUCKET_NAME": "store-bytes",
}


def start(how: str, data_dir: Path, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *STARTS[how]],
        cwd=ROOT,
        env=environment(ENV_FILE=os.devnull, DATA_DIR=str(data_dir), **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def refusal(how: str, data_dir: Path, **variables: str) -> str:
    process = start(how, data_dir, **variables)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    return said


@pytest.mark.parametrize("how", STARTS)
@pytest.mark.parametrize("shared", SHARED)
def test_it_asks_for_a_secret_key_in_one_line_with_a_command(
    tmp_path: Path, how: str, shared: str
) -> None:
    said = refusal(how, tmp_path / "data", **{shared: SHARED[shared]})
    [line] = said.splitlines()
    assert line.startswith("objectstore: DATABASE_URL or S3_BUCKET_NAME needs")
    assert "SECRET_KEY=$(openssl rand -base64 48)" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("how", STARTS)
def test_it_asks_for_its_host_names_in_one_line_with_an_example(
    tmp_path: Path, how: str
) -> None:
    said = refusal(how, tmp_path / "data", SECRET_KEY=KEY, **SHARED)
    [line] = said.splitlines()
    assert "ALLOWED_HOSTS=store.example.com" in line
    assert not (tmp_path / "data").exists()


def test_the_command_that_it_names_mends_it(tmp_path: Path) -> None:
    said = refusal("migrate", tmp_path / "data", DATABASE_URL=SHARED["DATABASE_URL"])
    [command] = re.findall(r"\$\((openssl .*)\)", said)
    key = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True
    ).stdout.strip()
    said = refusal(
        "migrate",
        tmp_path / "data",
        DATABASE_URL=SHARED["DATABASE_URL"],
        SECRET_KEY=key,
    )
    assert "SECRET_KEY" not in said


def test_with_both_it_listens_for_other_machines(tmp_path: Path) -> None:
    """Before it has asked the database for anything."""
    port = free_port()
    process = start(
        "gunicorn",
        tmp_path / "data",
        DATABASE_URL=SHARED["DATABASE_URL"],
        SECRET_KEY=KEY,
        ALLOWED_HOSTS="store.example.com",
        PORT=str(port),
    )
    try:
        assert process.stdout is not None
        listens = f"gunicorn listens on http://0.0.0.0:{port} "
        assert any(line.startswith(listens) for line in process.stdout)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_settings_that_exclude_each_other_do_not_start(tmp_path: Path) -> None:
    said = refusal(
        "gunicorn",
        tmp_path / "data",
        S3_BUCKET_NAME="store-bytes",
        CLOUDFRONT_DOMAIN="d111.cloudfront.net",
        SECRET_KEY=KEY,
        ALLOWED_HOSTS="localhost",
        PORT=str(free_port()),
    )

    [line] = [line for line in said.splitlines() if line.startswith("objectstore: ")]
    assert "CLOUDFRONT_DOMAIN, CLOUDFRONT_KEY_ID and CLOUDFRONT_KEY go together" in line
    assert "Traceback" not in said
