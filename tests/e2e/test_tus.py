"""Resumable uploads by the clients that people use, over lines and nodes that break."""

import io
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tusclient.client import TusClient
from tusclient.uploader.uploader import Uploader

from tests.blobs.bodies import digest, random_body
from tests.e2e.wire import Wire
from tests.servers.cutting import cutting_proxy
from tests.servers.store import Server, store

pytestmark = pytest.mark.e2e

MIB = 1024 * 1024
PIECE = 16 * MIB
TUS = "Tus-Resumable: 1.0.0"
BYTES = "Content-Type: application/offset+octet-stream"
SECONDS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with store(tmp_path_factory.mktemp("store")) as running:
        yield running


def uploader(url: str, key: str, body: bytes, **options: object) -> Uploader:
    """Return tuspy's uploader of a body; it tries again at once."""
    return TusClient(f"{url}/tus/").uploader(
        file_stream=io.BytesIO(body),
        metadata={"bucket": "tus", "key": key, "filetype": "video/mp4", "By": "Zoë"},
        retries=9,
        retry_delay=0,
        **options,
    )


def stored(server: Server, key: str) -> str:
    """Return the SHA-256 of what is stored under a key."""
    url = f"{server.url}/buckets/tus/objects/{key}"
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Type"] == "video/mp4"
        assert answer.headers["X-Object-Meta-by"] == "UTF-8''Zo%C3%AB"
        return digest(answer.read())


def offset(server: Server, path: str) -> int:
    """Return how much of an upload has arrived."""
    request = urllib.request.Request(f"{server.url}{path}", method="HEAD")
    request.add_header("Tus-Resumable", "1.0.0")
    with urllib.request.urlopen(request) as answer:
        return int(answer.headers["Upload-Offset"])


def wait_for_offset(server: Server, path: str, least: int) -> int:
    """Return the offset once it is at least this one; fail when that takes too long."""
    deadline = time.monotonic() + SECONDS
    while (now := offset(server, path)) < least:
        assert time.monotonic() < deadline, f"{now} bytes have arrived"
        time.sleep(0.02)
    return now


def test_tuspy_uploads_a_file_in_one_request(server: Server) -> None:
    body = random_body(40 * MIB)

    uploader(server.url, "whole", body).upload()

    assert stored(server, "whole") == digest(body)


def test_tuspy_uploads_a_file_in_many_requests_with_checksums(server: Server) -> None:
    body = random_body(3 * MIB + 1)

    uploader(server.url, "chunks", body, chunk_size=MIB, upload_checksum=True).upload()

    assert stored(server, "chunks") == digest(body)


def test_tuspy_uploads_an_empty_file(server: Server) -> None:
    uploader(server.url, "empty", b"").upload()

    assert stored(server, "empty") == digest(b"")


def test_tuspy_goes_on_where_the_line_broke(server: Server) -> None:
    body = random_body(40 * MIB)

    with cutting_proxy(server.url, of_requests=True) as proxy:
        proxy.after, proxy.cuts = 7 * MIB, 4
        upload = uploader(proxy.url, "cut", body)
        upload.upload()

    assert proxy.cuts < 0  # at 7, 14, 21, and 28 MiB, or it would never get there
    assert stored(server, "cut") == digest(body)


def create(server: Server, key: str, length: int) -> str:
    """Begin an upload and return its path."""
    names = "bucket dHVz,filetype dmlkZW8vbXA0,By Wm/Dqw==,key "
    with Wire(server.port) as wire:
        said = f"Upload-Metadata: {names}{key}"
        size = f"Upload-Length: {length}"
        begun = wire.ask("POST", "/tus/", TUS, said, size, body=b"").hear()
    assert begun.status == 201, begun.body
    return str(begun.headers["Location"])


def begin_to_send(wire: Wire, path: str, body: bytes, length: int) -> None:
    """Send so much of a body that shall begin the upload, and be so long."""
    declared = f"Content-Length: {length}"
    wire.ask("PATCH", path, TUS, BYTES, "Upload-Offset: 0", declared).say(body)


def test_what_arrived_of_a_piece_is_kept_when_the_client_goes(server: Server) -> None:
    body = random_body(20 * MIB + 12345)
    path = create(server, "YQ==", len(body))
    with Wire(server.port) as wire:
        begin_to_send(wire, path, body[: 17 * MIB + 1], len(body))

    assert wait_for_offset(server, path, 17 * MIB + 1) == 17 * MIB + 1
    finish(server, path, body)
    assert stored(server, "a") == digest(body)


def test_what_arrived_of_a_piece_is_kept_when_the_client_falls_silent(
    tmp_path: Path,
) -> None:
    body = random_body(20 * MIB + 12345)
    with store(tmp_path, BODY_TIMEOUT_SECONDS="1") as impatient:
        path = create(impatient, "YQ==", len(body))
        with Wire(impatient.port) as wire:
            begin_to_send(wire, path, body[: 17 * MIB + 1], len(body))
            answer = wire.hear()
        kept = offset(impatient, path)
        finish(impatient, path, body)
        whole = stored(impatient, "a")

    assert answer.status == 408
    assert (kept, whole) == (17 * MIB + 1, digest(body))


def finish(server: Server, path: str, body: bytes) -> None:
    """Send the rest of a body in one request."""
    start = offset(server, path)
    with Wire(server.port, seconds=SECONDS) as wire:
        wire.ask(
            "PATCH", path, TUS, BYTES, f"Upload-Offset: {start}", body=body[start:]
        )
        assert wire.hear().status == 204


def test_another_node_goes_on_when_one_is_killed(tmp_path: Path) -> None:
    body = random_body(50 * MIB)
    with store(tmp_path) as one:
        two = one.twin("node-two")
        two.start()
        try:
            path = create(one, "a2lsbGVk", len(body))
            with Wire(one.port) as wire:
                begin_to_send(wire, path, body[: 40 * MIB], len(body))
                wait_for_offset(two, path, 2 * PIECE)
                one.kill()
            assert offset(two, path) == 2 * PIECE
            finish(two, path, body)
            assert stored(two, "killed") == digest(body)
        finally:
            two.kill()


def test_of_two_requests_at_once_one_wins_and_no_bytes_are_mixed(
    server: Server,
) -> None:
    bodies = [random_body(2 * PIECE, seed=seed) for seed in (1, 2)]
    path = create(server, "dHdv", 2 * PIECE)
    with Wire(server.port) as first, Wire(server.port) as second:
        for wire, body in zip((first, second), bodies, strict=True):
            begin_to_send(wire, path, body[: PIECE - 1], 2 * PIECE)
        assert offset(server, path) == 0
        second.say(bodies[1][PIECE - 1 :])
        assert second.hear().status == 204
        first.say(bodies[0][PIECE - 1 : PIECE])
        lost = first.hear()

    assert lost.status == 409
    assert stored(server, "two") == digest(bodies[1])
