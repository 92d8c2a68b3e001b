"""The real curl: what the first README promised, and what people do with curl."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.servers.store import Server, store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl"),
]

UPLOAD = r"""
curl -X PUT http://localhost:8080/buckets/test/objects/hello.txt \
  --data "Hello World"
"""
DOWNLOAD = "curl http://localhost:8080/buckets/test/objects/hello.txt"
LIST = "curl http://localhost:8080/objects"
LIST_BUCKET = "curl http://localhost:8080/objects?bucket=test"
METADATA = "curl -I http://localhost:8080/buckets/test/objects/hello.txt"
DELETE = "curl -X DELETE http://localhost:8080/buckets/test/objects/hello.txt"
UPLOAD_FILE = r"""
curl -X PUT http://localhost:8080/buckets/test/objects/file.txt \
  --data "test data"
"""
DOWNLOAD_FILE = "curl http://localhost:8080/buckets/test/objects/file.txt"
UPLOAD_TWICE = r"""
curl -X PUT http://localhost:8080/buckets/test/objects/file1.txt \
  --data "same content"

curl -X PUT http://localhost:8080/buckets/test/objects/file2.txt \
  --data "same content"
"""
SHA256 = "a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e"


def shell(server: Server, lines: str) -> str:
    """Run lines as a person would paste them, on this store's port."""
    done = subprocess.run(
        ["sh", "-c", lines.replace("localhost:8080", f"localhost:{server.port}")],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
        timeout=30,
    )
    return done.stdout


def test_every_line_of_the_first_readme_works_word_for_word(tmp_path: Path) -> None:
    with store(tmp_path) as server:
        told = json.loads(shell(server, UPLOAD))
        assert told | {"storage": server.storage} == told
        assert told["message"] == "Upload successful"
        assert told["path"] == "/buckets/test/objects/hello.txt"
        assert told["etag"] == SHA256
        assert shell(server, DOWNLOAD) == "Hello World"
        for lines in (LIST, LIST_BUCKET):
            [listed] = json.loads(shell(server, lines))["objects"]
            assert (listed["bucket"], listed["key"]) == ("test", "hello.txt")
        metadata = shell(server, METADATA)
        assert metadata.startswith("HTTP/1.1 200 OK")
        assert f'ETag: "{SHA256}"' in metadata
        assert "Content-Length: 11" in metadata
        assert "Content-Type: text/plain" in metadata
        assert json.loads(shell(server, DELETE)) == {
            "message": "Delete successful",
            "path": "/buckets/test/objects/hello.txt",
        }
        assert json.loads(shell(server, DOWNLOAD))["code"] == "no_such_key"
        shell(server, UPLOAD_FILE)
        assert shell(server, DOWNLOAD_FILE) == "test data"
        shell(server, UPLOAD_TWICE)
        if server.storage == "filesystem":
            name = hashlib.sha256(b"same content").hexdigest()
            files = [path.name for path in server.data_dir.rglob(f"*{name}*")]
            assert files == [name], "both keys share one file"
        _select_from_objects(server)


def _select_from_objects(server: Server) -> None:
    database = server.data_dir / "objectstore.sqlite3"
    if database.exists():
        rows = sqlite3.connect(database).execute("SELECT * FROM objects").fetchall()
        assert [row[:2] for row in rows] == [
            ("test", "file.txt"),
            ("test", "file1.txt"),
            ("test", "file2.txt"),
        ]


def test_curl_uploads_a_file_and_gets_it_back(server: Server, tmp_path: Path) -> None:
    body = bytes(range(256)) * 20_000
    (tmp_path / "up").write_bytes(body)
    shell(
        server,
        f"curl -sf -T {tmp_path}/up http://localhost:8080/buckets/curl/objects/up",
    )
    shell(
        server,
        f"curl -sf -o {tmp_path}/down http://localhost:8080/buckets/curl/objects/up",
    )
    assert (tmp_path / "down").read_bytes() == body


def test_curl_uploads_what_it_reads_from_a_pipe_in_chunks(server: Server) -> None:
    line = "http://localhost:8080/buckets/curl/objects/piped"
    shell(server, f"printf 'from a pipe' | curl -sf -T - {line}")
    assert shell(server, f"curl -sf {line}") == "from a pipe"


def test_curl_resumes_a_download(server: Server, tmp_path: Path) -> None:
    body = bytes(range(256)) * 4000
    (tmp_path / "up").write_bytes(body)
    line = "http://localhost:8080/buckets/curl/objects/resumed"
    shell(server, f"curl -sf -T {tmp_path}/up {line}")
    (tmp_path / "down").write_bytes(body[:300_000])
    shell(server, f"curl -sf -C - -o {tmp_path}/down {line}")
    assert (tmp_path / "down").read_bytes() == body


def test_curl_downloads_only_what_is_new(server: Server, tmp_path: Path) -> None:
    line = "http://localhost:8080/buckets/curl/objects/cached"
    shell(server, f"curl -sf {line} -X PUT --data-binary cached")
    kept = f"--etag-save {tmp_path}/etag --etag-compare {tmp_path}/etag"
    code = "-o /dev/null -w '%{http_code}'"
    assert shell(server, f"curl -s {kept} {code} {line}") == "200"
    assert shell(server, f"curl -s {kept} {code} {line}") == "304"


def test_curl_reaches_a_key_of_dots_by_the_parameter(server: Server) -> None:
    base = "http://localhost:8080/buckets/curl/objects"
    shell(server, f"curl -sf '{base}?key=../up' -X PUT --data-binary dots")
    assert shell(server, f"curl -sf '{base}?key=../up'") == "dots"
    assert shell(server, f"curl -sf --path-as-is {base}/../up") == "dots"


def test_curl_may_ask_before_it_sends(server: Server) -> None:
    line = "http://localhost:8080/buckets/curl/objects/expected"
    put = f"curl -sv -H 'Expect: 100-continue' -T - {line} 2>&1"
    told = shell(server, f"printf 'after the leave' | {put}")
    assert "100 Continue" in told
    assert shell(server, f"curl -sf {line}") == "after the leave"
