"""A job of real workers: it outlives the one that does it."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_workers import two_workers, wait_for
from tests.e2e.wire import Wire
from tests.servers.store import Server, store

pytestmark = pytest.mark.e2e

BATCHES = 4
KEYS = BATCHES * 1000

# Requests make a job of more than 10,000 keys; so many would take long to put.
MAKE = """
from objects_app.queries import reads
from objects_app.queries.rows import Actor
from objects_app.services import jobs
from objects_app.services.prefixes import Work
bucket = reads.find_bucket("big")
work = Work(bucket, "in/", bucket, "out/")
by = Actor("nobody", "node", "request")
print(jobs.create(kind="move", work=work, keys_total=4000, user_id=None, by=by).job_id)
"""


def ask(server: Server, method: str, path: str, **members: Any) -> Any:
    body = json.dumps(members).encode() if members else None
    with Wire(server.port) as wire:
        heard = wire.ask(method, path, body=body).hear()
    assert heard.status in {200, 201, 202}, heard.body
    return json.loads(heard.body)


def place(key: str) -> dict[str, str]:
    return {"bucket": "big", "key": key}


def fill(server: Server) -> None:
    ask(server, "PUT", "/buckets/big/objects/seed", a="body")
    for number in range(BATCHES):
        names = [f"in/{number}/{n:03}" for n in range(1000)]
        copies = [
            {"op": "copy", "from": place("seed"), "to": place(name)} for name in names
        ]
        ask(server, "POST", "/batch", operations=copies)


def test_a_job_goes_on_where_it_was_when_its_worker_is_killed(tmp_path: Path) -> None:
    with store(tmp_path) as server, two_workers(server, tmp_path) as (first, second):
        fill(server)
        made = server.manage("shell", "-v0", "-c", MAKE).stdout.split()
        path = f"/jobs/{made[-1]}"
        wait_for(lambda: ask(server, "GET", path)["keys_done"] > 0)

        first.end(signal.SIGKILL)

        assert ask(server, "GET", path)["state"] == "running"
        wait_for(lambda: ask(server, "GET", path)["state"] != "running")
        told = ask(server, "GET", path)
        assert (told["state"], told["keys_done"]) == ("done", KEYS)
        assert second.terms
        assert ask(server, "GET", "/buckets/big")["objects"] == KEYS + 1
        left = ask(server, "GET", "/objects?bucket=big&prefix=in/")
        assert left["objects"] == []
