"""What a reader holds is what the client gets, and the reader is closed."""

import io
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.wsgi import FileWrapper, Response

from objects_app.blobs.backend import BlobReader
from objects_app.blobs.filesystem import FileReader
from objects_app.http.streaming import IN_MEMORY_BYTES, reader_response

# Closing a response ends the request, and with it what the request did in a database.
pytestmark = pytest.mark.django_db

CONTENT = b"".join(number.to_bytes(4, "big") for number in range(250_001))
HEADERS = {"Content-Type": "text/plain", "ETag": '"x"'}
Opener = Callable[[int, int], BlobReader]

PARTS = [
    (0, len(CONTENT)),
    (0, IN_MEMORY_BYTES),
    (0, IN_MEMORY_BYTES + 1),
    (123_457, 700_000),
    (len(CONTENT) - 70_000, 70_000),
    (len(CONTENT) - 1, 1),
    (17, 0),
]


@pytest.fixture(params=["file", "memory"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Readers with a descriptor and without."""
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)

    def open_reader(start: int, length: int) -> BlobReader:
        if request.param == "memory":
            return _Memory(CONTENT[start : start + length])
        return FileReader(path.open("rb", buffering=0), start, length)

    return open_reader


class _Memory(io.BytesIO):
    fileno = property()  # there is none


def is_closed(reader: Any) -> bool:
    return bool(getattr(reader, "_file", reader).closed)


def sent_by_gunicorn(response: object, length: int, *, sendfile: bool) -> bytes:
    """Send what Django gives to `wsgi.file_wrapper` and return what the client gets."""
    config = Config()
    if not sendfile:  # gunicorn takes any value at all, even True, for off
        config.set("sendfile", False)
    part = response.file_to_stream  # type: ignore[attr-defined]
    part.close = response.close  # type: ignore[attr-defined]
    client, server = socket.socketpair()
    received: list[bytes] = []

    def receive() -> None:
        with client:
            while data := client.recv(1024 * 1024):
                received.append(data)

    reader = threading.Thread(target=receive)
    reader.start()
    request = SimpleNamespace(method="GET", version=(1, 1), should_close=lambda: False)
    with server:
        answer = Response(request, server, config)
        answer.start_response("200 OK", [("Content-Length", str(length))])
        wrapper = FileWrapper(part, 64 * 1024)
        assert config.sendfile is sendfile
        answer.write_file(wrapper)
        answer.close()
        wrapper.close()
    reader.join(10)
    return b"".join(received).partition(b"\r\n\r\n")[2]


def body_of(response: object) -> bytes:
    assert isinstance(response, Iterable)
    return b"".join(response)


@pytest.mark.parametrize(("start", "length"), PARTS)
def test_exactly_the_part_is_answered(opener: Opener, start: int, length: int) -> None:
    reader = opener(start, length)
    response = reader_response(reader, length=length, status=206, headers=HEADERS)
    assert response.status_code == 206
    assert response["Content-Length"] == str(length)
    assert response["Content-Type"] == "text/plain"
    assert response["ETag"] == '"x"'
    assert body_of(response) == CONTENT[start : start + length]
    response.close()
    assert is_closed(reader)


@pytest.mark.parametrize("sendfile", [True, False])
@pytest.mark.parametrize(
    ("start", "length"), [part for part in PARTS if part[1] > IN_MEMORY_BYTES]
)
def test_gunicorn_sends_exactly_the_part_and_closes_the_file(
    tmp_path: Path, start: int, length: int, sendfile: bool
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)
    reader = FileReader(path.open("rb", buffering=0), start, length)
    response = reader_response(reader, length=length, status=200, headers=HEADERS)
    body = sent_by_gunicorn(response, length, sendfile=sendfile)
    assert body == CONTENT[start : start + length]
    assert is_closed(reader)


def test_a_small_answer_leaves_no_reader_open(opener: Opener) -> None:
    reader = opener(0, 5)
    reader_response(reader, length=5, status=200, headers=HEADERS)
    assert is_closed(reader)


def test_a_file_is_sent_by_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)
    monkeypatch.setattr(FileReader, "read", None)
    reader = FileReader(path.open("rb", buffering=0), 9, 500_000)
    response = reader_response(reader, length=500_000, status=200, headers=HEADERS)
    body = sent_by_gunicorn(response, 500_000, sendfile=True)
    assert body == CONTENT[9:500_009]


def test_without_a_descriptor_nothing_is_offered_for_sendfile() -> None:
    reader = _Memory(CONTENT)
    response = reader_response(reader, length=len(CONTENT), status=200, headers=HEADERS)
    assert not hasattr(response, "file_to_stream")
    response.close()
    assert reader.closed
