"""`python -m tests.with_servers` leaves nothing behind, however it ends."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.e2e.store import environment

pytestmark = [pytest.mark.e2e, pytest.mark.tooling]

WITH_SERVERS = [sys.executable, "-m", "tests.with_servers"]
SECONDS = 60
ASK_FOR_BUCKET = """
import os, urllib.error, urllib.request
url = os.environ["TEST_S3_ENDPOINT_URL"] + "/" + os.environ["TEST_S3_BUCKET_NAME"]
try:
    urllib.request.urlopen(url)
except urllib.error.HTTPError as answer:
    print(answer.status, url)
"""


def test_the_command_finds_a_server_and_its_exit_status_is_returned() -> None:
    script = 'test -z "$DATABASE_URL" && echo "$TEST_DATABASE_URL" && exit 7'

    ended = subprocess.run(
        [*WITH_SERVERS, "sh", "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert ended.returncode == 7
    assert ended.stdout.startswith("postgres://")
    assert not _answers(ended.stdout.strip())


def test_a_server_that_is_given_is_used_as_it_is() -> None:
    ended = subprocess.run(
        [*WITH_SERVERS, "sh", "-c", 'echo "$TEST_DATABASE_URL"'],
        env=environment(TEST_DATABASE_URL="postgres://given"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )

    assert ended.stdout == "postgres://given\n"


def test_a_bucket_is_there_when_it_is_asked_for() -> None:
    ended = subprocess.run(
        [*WITH_SERVERS, "--s3", sys.executable, "-c", ASK_FOR_BUCKET],
        env=environment(TEST_DATABASE_URL="postgres://given"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )

    status, url = ended.stdout.split()
    assert status == "403"  # it is there, and knows nobody who does not sign
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)


@pytest.mark.parametrize("arguments", [[], ["--s3"], ["--fast", "true"]])
def test_what_it_does_not_understand_it_does_not_run(arguments: list[str]) -> None:
    refused = subprocess.run(
        [*WITH_SERVERS, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert refused.returncode == 1
    assert "COMMAND" in refused.stderr


@pytest.mark.parametrize(
    ("durable", "fsync"), [([], "off"), (["--durable"], "on")], ids=["fast", "durable"]
)
def test_only_a_durable_server_waits_for_the_disk(
    durable: list[str], fsync: str
) -> None:
    script = (
        "import os, psycopg\n"
        "c = psycopg.connect(os.environ['TEST_DATABASE_URL'])\n"
        "print(c.execute('show fsync').fetchone()[0])"
    )

    ended = subprocess.run(
        [*WITH_SERVERS, *durable, sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )

    assert ended.stdout.strip() == fsync


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        signal.SIGTERM,
        pytest.param(
            signal.SIGKILL,
            marks=pytest.mark.skipif(
                sys.platform != "linux", reason="only Linux tells a child of its parent"
            ),
        ),
    ],
)
def test_the_server_ends_with_the_command_that_started_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    url_file = tmp_path / "url"
    script = f'echo "$TEST_DATABASE_URL" > {url_file}.new; mv {url_file}.new {url_file}'
    process = subprocess.Popen(
        [*WITH_SERVERS, "sh", "-c", f"{script}; exec sleep 600"],
        env=environment(),
        start_new_session=True,
    )
    try:
        _wait_for(url_file.exists)
        url = url_file.read_text().strip()
        with psycopg.connect(url) as connection:
            [data] = connection.execute("SHOW data_directory").fetchone() or [""]
        process.send_signal(number)
        assert process.wait(SECONDS) != 0
        _wait_for(lambda: not (Path(data) / "postmaster.pid").exists())
        assert not _answers(url)
        if number == signal.SIGKILL:  # nobody is left to remove it
            shutil.rmtree(Path(data).parent)
        assert not Path(data).exists()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
