"""An archive over a real socket: whole with curl and unzip, and cut off."""

import http.client
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from objects_app.blobs.layout import storage_key
from tests.blobs.bodies import digest, random_body
from tests.servers.store import Server

pytestmark = pytest.mark.e2e

MIB = 1024 * 1024


def put(server: Server, key: str, body: bytes) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    target = f"/buckets/archive/objects?key={quote(key)}"
    client.request("PUT", target, body=body)
    assert client.getresponse().status in {200, 201}
    client.close()


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
@pytest.mark.skipif(not shutil.which("unzip"), reason="there is no unzip")
def test_curl_saves_an_archive_under_its_name_and_unzip_unpacks_it(
    server: Server, tmp_path: Path
) -> None:
    bodies = {"a": b"", "b/c d": random_body(3 * MIB), "../../e": b"out?"}
    for key, body in bodies.items():
        put(server, f"whole/{key}", body)
    url = f"{server.url}/archive?bucket=archive&prefix=whole/"
    subprocess.run(["curl", "-fsSOJ", url], cwd=tmp_path, check=True)
    (tmp_path / "x/y").mkdir(parents=True)
    subprocess.run(["unzip", "-q", "whole.zip", "-d", "x/y"], cwd=tmp_path, check=True)
    unpacked = {
        str(path.relative_to(tmp_path / "x/y")): path.read_bytes()
        for path in (tmp_path / "x").rglob("*")
        if path.is_file()
    }
    assert unpacked == {"a": b"", "b/c d": bodies["b/c d"], "e": b"out?"}


@pytest.mark.files_only
def test_bytes_that_are_gone_by_their_turn_end_the_answer_early(server: Server) -> None:
    bodies = [random_body(MIB, seed=seed) for seed in (1, 2)]
    for number, body in enumerate(bodies):
        put(server, f"cut/{number}", body)
    (server.data_dir / storage_key(digest(bodies[1]))).unlink()
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    client.request("GET", "/archive?bucket=archive&prefix=cut/")
    answer = client.getresponse()
    assert answer.status == 200
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert MIB < len(cut.value.partial) < 2 * MIB
    client.close()
