"""A limit is one for all of a node's processes."""

import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.store import store

pytestmark = [pytest.mark.e2e, pytest.mark.once]

QUOTA = 25
REQUESTS = 100


def status(url: str) -> int:
    """Return the status of a GET on a connection of its own."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_processes_of_a_node_share_their_counters(fresh: Path) -> None:
    limits = {"WEB_CONCURRENCY": "3", "RATE_LIMIT_LIST": f"{QUOTA}/hour"}
    with store(fresh, **limits) as server, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(status, [f"{server.url}/buckets"] * REQUESTS))
    assert found.count(200) == QUOTA
    assert found.count(429) == REQUESTS - QUOTA
