"""The store through a real PgBouncer in transaction mode."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.e2e.load import Load
from tests.e2e.store import ROOT, environment
from tests.e2e.wire import Wire
from tests.servers.pgbouncer import MISSING, pgbouncer, program
from tests.servers.postgresql import PostgreSQL, own_postgresql
from tests.servers.store import new_database, store_on

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.postgresql_only,
    pytest.mark.skipif(program() is None, reason=MISSING),
]

CLIENTS = 8
OBJECT = "/buckets/load/objects/a"
SECONDS = 600


@pytest.fixture(scope="module")
def database() -> Iterator[PostgreSQL]:
    with own_postgresql() as server:
        yield server


def _version() -> tuple[int, ...]:
    said = subprocess.run(
        [program() or "", "--version"], capture_output=True, text=True, check=True
    )
    return tuple(int(part) for part in said.stdout.split()[1].split("."))


def test_the_data_plane_and_its_races_pass_their_own_tests_through_it() -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.with_servers", "--pgbouncer"),
            *(sys.executable, "-m", "pytest", "--reuse-db", "-q", "--no-header"),
            *("-p", "no:cacheprovider", "-m", "not slow and not once"),
            *("tests/rest", "tests/races/test_races.py"),
        ],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]


def test_many_threads_share_few_sessions_with_prepare_off(
    database: PostgreSQL, tmp_path: Path
) -> None:
    with (
        new_database(database.url) as url,
        pgbouncer(url, server_connections=2) as through,
        store_on(
            through, tmp_path, DATABASE_PREPARE="false", WEB_THREADS=str(CLIENTS)
        ) as server,
    ):
        with Load(server.port, clients=CLIENTS, pause=0) as load:
            load.wait_for(40 * CLIENTS)
        assert {one.status for one in load.answers} <= {200, 201}
        for command in ("sweep", "verify", "fold_journal", "recount", "stats"):
            done = server.manage(command)
            assert done.returncode == 0, done.stderr


def test_only_requests_in_flight_fail_when_the_server_behind_it_restarts(
    database: PostgreSQL, tmp_path: Path
) -> None:
    with (
        new_database(database.url) as url,
        pgbouncer(url) as through,
        store_on(through, tmp_path, DATABASE_PREPARE="false") as server,
        Wire(server.port) as wire,
    ):
        assert wire.ask("PUT", OBJECT, body=b"a").hear().status == 201
        database.stop()
        database.start()
        with Load(server.port, clients=1) as load:
            load.wait_for(40)
        assert {one.status for one in load.answers} <= {200, 201}


@pytest.mark.skipif(
    program() is not None and _version() >= (1, 20),
    reason="it knows the parameter",
)
def test_a_store_that_was_not_told_of_it_is_not_ready(
    database: PostgreSQL, tmp_path: Path
) -> None:
    with (
        new_database(database.url) as url,
        pgbouncer(url) as through,
        store_on(through, tmp_path) as server,
        Wire(server.port) as wire,
    ):
        assert wire.ask("GET", "/readyz").hear().status == 503
        assert "unsupported startup parameter" in server.log.read_text()


@pytest.mark.skipif(
    program() is not None and _version() >= (1, 21), reason="it follows them since 1.21"
)
def test_prepared_statements_of_two_clients_meet_in_one_session(
    database: PostgreSQL,
) -> None:
    """Why DATABASE_PREPARE=false is there."""
    with (
        pgbouncer(database.url, server_connections=1) as through,
        psycopg.connect(through, autocommit=True, prepare_threshold=0) as one,
        psycopg.connect(through, autocommit=True, prepare_threshold=0) as other,
    ):
        one.execute("SELECT 1")
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
            other.execute("SELECT 2")
