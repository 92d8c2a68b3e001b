"""Keys, tokens and presigned URLs as curl uses them, on two nodes of one store."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.servers.store import Server, store

pytestmark = [pytest.mark.e2e, pytest.mark.once]

CACHE_SECONDS = 1
PATIENCE_SECONDS = 15.0
PASSWORD = "correct-horse-battery"


class Nodes(NamedTuple):
    """Two nodes of one store, and the administrator's key."""

    one: Server
    two: Server
    key: str


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    variables = {
        "ANONYMOUS_ACCESS": "none",
        "ACCESS_CACHE_SECONDS": str(CACHE_SECONDS),
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "HEARTBEAT_SECONDS": "0.5",
    }
    with store(tmp_path_factory.mktemp("store"), **variables) as one:
        made = one.manage(
            *("createsuperuser", "--no-input"),
            *("--username=chief", "--email=chief@example.com"),
        )
        assert made.returncode == 0, made.stderr
        two = one.twin("node-two")
        two.start()
        yield Nodes(one, two, new_key(one))
        two.kill()


def new_key(server: Server, *options: str) -> str:
    """Return KEY_ID:SECRET as the command prints it."""
    made = server.manage("create_access_key", "chief", *options)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def curl(*arguments: str) -> tuple[int, str]:
    """Return status and body of what curl got."""
    done = subprocess.run(
        ["curl", "-sS", "-m", "20", "-w", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def asked(*arguments: str) -> Any:
    """Return the JSON that curl got with a 2xx."""
    status, body = curl(*arguments)
    assert status // 100 == 2, body
    return json.loads(body)


@pytest.mark.alone
def test_a_key_works_on_every_node_until_it_is_revoked_on_one(nodes: Nodes) -> None:
    key = new_key(nodes.one)
    me = f"{nodes.two.url}/auth/me"
    assert curl("-u", key, me)[0] == 200

    revoked = nodes.one.manage("revoke_access_key", key.partition(":")[0])
    begun = time.monotonic()
    assert revoked.returncode == 0, revoked.stderr
    while curl("-u", key, me)[0] == 200:
        assert time.monotonic() < begun + PATIENCE_SECONDS
    assert time.monotonic() - begun < CACHE_SECONDS + PATIENCE_SECONDS / 5
    assert curl("-u", key, me)[0] == 401


def test_a_presigned_url_of_one_node_uploads_and_downloads_at_another(
    nodes: Nodes, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"shared")
    wanted = {"bucket": "shared", "key": "odd/../ä b.txt"}

    def presign(method: str, **constraints: Any) -> str:
        body = json.dumps({**wanted, "method": method, **constraints})
        answer = asked("-u", nodes.key, f"{nodes.one.url}/presign", "-d", body)
        url = str(answer["url"])
        return url.replace(nodes.one.url, nodes.two.url)

    put = presign("PUT", max_bytes=6, content_type="text/plain")
    plain = ("-H", "Content-Type: text/plain")
    assert curl("-T", str(file), "-H", "Content-Type: text/html", put)[0] == 403
    assert curl("-T", str(file), *plain, put)[0] == 201
    file.write_bytes(b"shared!")
    assert curl("-T", str(file), *plain, put)[0] == 413
    assert curl(presign("GET")) == (200, "shared")
    assert curl(presign("GET").replace("shared", "others"))[0] == 403


def test_a_token_for_a_password_makes_a_key_that_notes_its_last_use(
    nodes: Nodes,
) -> None:
    login = json.dumps({"username": "chief", "password": PASSWORD})
    token = asked(f"{nodes.one.url}/auth/token", "-d", login)["access_token"]
    bearer = ("-H", f"Authorization: Bearer {token}")
    made = asked(*bearer, f"{nodes.two.url}/auth/keys", "-d", '{"label": "laptop"}')
    key = f"{made['key_id']}:{made['secret']}"
    assert asked("-u", key, f"{nodes.one.url}/auth/me")["user"] == "chief"

    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        listed = asked(*bearer, f"{nodes.two.url}/auth/keys")["keys"]
        [row] = [row for row in listed if row["key_id"] == made["key_id"]]
        if row["last_used_at"] is not None:
            break
    assert row["last_used_at"] is not None
    assert "secret" not in row


def test_secrets_are_in_no_log(nodes: Nodes) -> None:
    login = json.dumps({"username": "chief", "password": "wrong-" + PASSWORD})
    assert curl(f"{nodes.one.url}/auth/token", "-d", login)[0] == 401
    assert curl("-u", f"{nodes.key}x", f"{nodes.one.url}/objects")[0] == 401
    log = nodes.one.log.read_text()
    assert "invalid_credentials" in log
    assert PASSWORD not in log
    assert nodes.key.partition(":")[2] not in log
    assert "Signature" not in log
