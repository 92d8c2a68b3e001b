"""One upload whose parts come through several nodes, one of which dies meanwhile."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.blobs.bodies import random_body
from tests.e2e.cluster import Cluster, Told, ask, cluster, wait_for
from tests.servers.s3 import find_weed
from tests.servers.store import Server

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.tooling,
    pytest.mark.skipif(find_weed() is None, reason="there is no SeaweedFS for this OS"),
]

PART_BYTES = 5 * 1024 * 1024
OBJECT = "/buckets/large/objects/file"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster"), nodes=2) as running:
        yield running


def tell(node: Server, target: str, **members: Any) -> Told:
    answer = ask(node, "POST", target, json.dumps(members).encode())
    assert answer.status < 300, answer.body
    return answer


def listed_digest(node: Server) -> str | None:
    listed = ask(node, "GET", "/objects?bucket=large").json()["objects"]
    found: str | None = listed[0]["sha256"]
    return found


def test_parts_of_many_nodes_are_one_object_though_a_node_dies(two: Cluster) -> None:
    first, second = two.nodes
    sizes = [PART_BYTES] * 5 + [123]
    bodies = [random_body(size, seed=place) for place, size in enumerate(sizes)]
    path = tell(first, "/multipart/", bucket="large", key="file").headers["Location"]

    def put(number: int) -> None:
        """Send a part by turns to one of the two, and to the other if that is dead."""
        turns = [first, second] if number % 2 else [second, first]
        for node in turns:
            with contextlib.suppress(OSError):
                sent = ask(node, "PUT", f"{path}/{number}", bodies[number - 1])
                if sent.status == 200:
                    return
        raise AssertionError(f"part {number} was not stored")

    with ThreadPoolExecutor(3) as pool:
        sending = [pool.submit(put, number) for number in range(1, len(bodies) + 1)]
        sending[0].result()
        first.kill()
        for each in sending:
            each.result()

    parts = ask(second, "GET", path).json()["parts"]
    assert [part["number"] for part in parts] == [1, 2, 3, 4, 5, 6]
    chosen = [{"number": part["number"], "etag": part["etag"]} for part in parts]
    etag = tell(second, f"{path}/complete", parts=chosen).headers["ETag"]
    first.start()
    two.wait_until_well()

    whole = b"".join(bodies)
    for node in two.nodes:
        answer = ask(node, "GET", OBJECT)
        assert answer.headers["ETag"] == etag
        assert answer.body == whole
    wait_for(lambda: listed_digest(first) is not None, seconds=30)
    assert listed_digest(first) == hashlib.sha256(whole).hexdigest()
    assert ask(first, "HEAD", OBJECT).headers["ETag"] == etag
