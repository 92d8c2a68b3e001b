"""The store and a PostgreSQL that restarts, crashes, hangs, or is shared by a pool."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.e2e.load import Load
from tests.e2e.wire import Wire
from tests.servers.postgresql import PostgreSQL, own_postgresql
from tests.servers.store import (
    PRODUCTION,
    Server,
    migrate,
    new_database,
    store_on_migrated,
)

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]

CLIENTS = 4
THREADS = 8
POOL = "2"
MIGRATION_SECONDS = 120
OBJECT = "/buckets/load/objects/key"


@pytest.fixture(scope="module")
def database() -> Iterator[PostgreSQL]:
    with own_postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def migrated(
    database: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a database that each test gets a copy of."""
    with new_database(database.url) as url:
        folder = tmp_path_factory.mktemp("migrated")
        migrate(Server(folder, {"DATABASE_URL": url, **PRODUCTION}))
        yield url


@pytest.fixture(params=["0", POOL], ids=["a connection a thread", "pool"])
def server(
    request: pytest.FixtureRequest, database: PostgreSQL, migrated: str, tmp_path: Path
) -> Iterator[Server]:
    variables = {"WEB_THREADS": str(THREADS), "DATABASE_POOL_SIZE": request.param}
    with (
        new_database(database.url, like=migrated) as url,
        store_on_migrated(url, tmp_path, **variables) as new,
    ):
        yield new


def test_nodes_that_start_together_migrate_in_turn(
    database: PostgreSQL, tmp_path: Path
) -> None:
    log = tmp_path / "migrations"
    with new_database(database.url) as url:
        node = Server(tmp_path, {"DATABASE_URL": url, **PRODUCTION})
        migrations = [node.begin("migrate", log=log) for _ in range(3)]
        ends = [migration.wait(MIGRATION_SECONDS) for migration in migrations]

    assert ends == [0, 0, 0], log.read_text()


only_the_pool = pytest.mark.parametrize("server", [POOL], indirect=True)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_only_requests_in_flight_fail_when_postgresql_restarts(
    database: PostgreSQL, server: Server, end: str
) -> None:
    with Load(server.port, clients=CLIENTS) as load:
        load.wait_for(100)
        down = time.monotonic()
        getattr(database, end)()
        database.start()
        up = time.monotonic()
        load.wait_for(200)

    failed = [one for one in load.answers if one.status not in {200, 201}]
    assert {one.status for one in failed} <= {503}
    assert all(one.answered > down and one.sent < up for one in failed)


def test_idle_connections_that_a_restart_cut_fail_nobody(
    database: PostgreSQL, server: Server
) -> None:
    with Load(server.port, clients=THREADS, pause=0) as load:
        load.wait_for(20 * THREADS)
    assert {one.status for one in load.answers} <= {200, 201}
    database.stop()
    database.start()
    with Load(server.port, clients=THREADS, pause=0) as load:
        load.wait_for(20 * THREADS)
    assert {one.status for one in load.answers} <= {200, 201}


def test_a_postgresql_that_hangs_is_503_in_time_and_forgotten_when_it_goes_on(
    database: PostgreSQL, server: Server
) -> None:
    with Wire(server.port) as wire:
        assert wire.ask("PUT", OBJECT, body=b"before").hear().status in {200, 201}
        with _hanging(database):
            for _ in range(2):  # on its old connection, then on none
                started = time.monotonic()
                assert wire.ask("GET", OBJECT).hear().status == 503
                assert time.monotonic() - started < 10
        assert wire.ask("GET", OBJECT).hear().body == b"before"


@contextlib.contextmanager
def _hanging(database: PostgreSQL) -> Iterator[None]:
    """Stop the server's every process, the one that accepts connections too."""
    with psycopg.connect(database.url) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        ).fetchall()
    pids = [database.process.pid, *(pid for (pid,) in rows)]
    _send(signal.SIGSTOP, pids)
    try:
        yield
    finally:
        _send(signal.SIGCONT, pids)


def _send(number: signal.Signals, pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@only_the_pool
def test_more_threads_than_connections_share_the_pool(server: Server) -> None:
    assert server.database_url is not None
    most = 0
    with (
        Load(server.port, clients=THREADS, pause=0) as load,
        psycopg.connect(server.database_url, autocommit=True) as watcher,
    ):
        for _ in range(20):
            load.wait_for(10)
            most = max(most, _connections(watcher))
    assert {one.status for one in load.answers} <= {200, 201}
    assert 0 < most <= int(POOL)


def _connections(watcher: "psycopg.Connection[tuple[int]]") -> int:
    row = watcher.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.alone
@only_the_pool
def test_slow_clients_do_not_hold_the_pools_connections(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(Wire(server.port)) for _ in range(int(POOL) + 1)]
        for client in slow:
            client.ask("PUT", OBJECT, "Content-Length: 10").say(b"half ")
        with Wire(server.port) as quick:
            started = time.monotonic()
            assert quick.ask("PUT", OBJECT, body=b"quick").hear().status == 201
            assert time.monotonic() - started < 3
        for client in slow:
            assert client.say(b"other").hear().status in {200, 201}


@pytest.mark.alone
@only_the_pool
def test_no_connection_in_time_is_503(server: Server) -> None:
    assert server.database_url is not None
    with contextlib.ExitStack() as stack:
        with Wire(server.port) as wire:
            assert wire.ask("PUT", OBJECT, body=b"before").hear().status == 201
        locked = stack.enter_context(psycopg.connect(server.database_url))
        locked.execute("LOCK TABLE bucket IN ACCESS EXCLUSIVE MODE")
        waiting = [stack.enter_context(Wire(server.port)) for _ in range(int(POOL) + 1)]
        for client in waiting:
            client.ask("GET", OBJECT)
        started = time.monotonic()
        [refused] = _answered_first(waiting)
        heard = refused.hear()
        assert (heard.status, heard.headers["Retry-After"]) == (503, "2")
        assert time.monotonic() - started < 7  # the pool's limit, not the statement's
        locked.rollback()
        for client in waiting:
            assert client is refused or client.hear().status == 200


def _answered_first(clients: list[Wire]) -> list[Wire]:
    ready, _, _ = select.select(clients, [], [], 15)
    return ready
