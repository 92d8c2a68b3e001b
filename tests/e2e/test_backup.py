"""The drill: a database lost, restored from its backup, every object read back."""

import os
import random
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.servers.s3 import given_variables
from tests.servers.store import Server, store

pytestmark = pytest.mark.e2e

KINDS = [
    pytest.param("sqlite", "sqlite", marks=pytest.mark.sqlite_only),
    pytest.param("postgresql", "postgresql", marks=pytest.mark.postgresql_only),
    pytest.param("sqlite", "postgresql", marks=pytest.mark.postgresql_only),
    pytest.param("postgresql", "sqlite", marks=pytest.mark.postgresql_only),
]


def ask(server: Server, method: str, key: str, body: bytes | None = None) -> bytes:
    request = urllib.request.Request(
        f"{server.url}/buckets/drill/objects?{urllib.parse.urlencode({'key': key})}",
        data=body,
        method=method,
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def manage(server: Server, *words: str) -> str:
    done = server.manage(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_objects() -> dict[str, bytes]:
    dice = random.Random("drill")  # noqa: S311
    made = {f"folder/{i}": dice.randbytes(dice.randrange(9000)) for i in range(60)}
    made |= {f"again/{i}": made[f"folder/{i}"] for i in range(10)}
    made |= {"large": dice.randbytes(3 * 1024 * 1024), "empty": b""}
    return made | {"ödd/\n%2F../ 🗄": b"odd"}


def live_on(server: Server, objects: dict[str, bytes]) -> None:
    """Overwrite, delete and sweep until little of what was there is left."""
    for number, key in enumerate(objects):
        if number % 3 == 0:
            ask(server, "PUT", key, f"new {number}".encode())
        else:
            ask(server, "DELETE", key)
        if number % 40 == 0:
            manage(server, "sweep", "--grace", "0")
    ask(server, "PUT", "later", b"later")
    manage(server, "sweep", "--grace", "0")


@pytest.mark.parametrize(("before", "after"), KINDS)
def test_a_lost_database_comes_back_with_every_object_of_its_backup(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    url = os.environ.get("TEST_DATABASE_URL")

    def choose(kind: str) -> None:
        if kind == "sqlite":
            monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
        elif url is not None:
            monkeypatch.setenv("TEST_DATABASE_URL", url)

    objects = make_objects()
    (fresh / "data").mkdir()
    file = fresh / "backup.gz"
    bytes_kept = {"S3_PREFIX": fresh.name} if given_variables() else {}
    choose(before)
    with store(fresh, **bytes_kept) as server:
        for key, body in objects.items():
            ask(server, "PUT", key, body)
        ask(server, "PUT", "gone", b"gone before the backup")
        ask(server, "DELETE", "gone")
        assert "rows in" in manage(server, "backup", str(file))
        live_on(server, objects)
        assert "for the next backup." in manage(server, "stats")
    for lost in server.data_dir.glob("*.sqlite3*"):
        lost.unlink()

    choose(after)
    with store(fresh, **bytes_kept) as server:
        said = manage(server, "restore", str(file))

        assert f"from a {before} backup" in said
        assert "Run verify next" in said
        assert {key: ask(server, "GET", key) for key in objects} == objects
        assert "0 missing, 0 damaged" in manage(server, "verify")
        manage(server, "sweep", "--grace", "0")
        assert "0 missing, 0 damaged" in manage(server, "verify")
        ask(server, "PUT", "folder/0", b"life goes on")
        assert ask(server, "GET", "folder/0") == b"life goes on"
        assert "rows in" in manage(server, "backup", str(fresh / "next.gz"))
