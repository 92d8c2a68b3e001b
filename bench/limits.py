"""What the machine can do without the store: files, hashing, sendfile.

As a child process it answers `serve_file`, a server that does nothing but sendfile.
"""

import hashlib
import os
import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from bench.children import answer
from bench.client import chunks
from objects_app.blobs.ingest import WRITE_BACK_BYTES, start_write_back


def small_files(*, folder: Path, size: int, writers: int, seconds: float) -> float:
    """Return how many new files a second get written and fsynced, and no more."""
    end = time.perf_counter() + seconds

    def write() -> int:
        count = 0
        while time.perf_counter() < end:
            with (folder / secrets.token_hex(16)).open("xb", buffering=0) as file:
                file.write(os.urandom(size))
                os.fsync(file.fileno())
            count += 1
        return count

    with ThreadPoolExecutor(writers) as pool:
        written = [pool.submit(write) for _ in range(writers)]
        total = sum(future.result() for future in written)
    for path in folder.iterdir():
        path.unlink()
    return total / seconds


def hash_and_write(*, folder: Path, size: int) -> float:
    """Return the seconds for SHA-256, write and fsync of one body, step by step."""
    begun = time.perf_counter()
    digest = hashlib.sha256()
    with (folder / secrets.token_hex(16)).open("xb", buffering=0) as file:
        for chunk in chunks(size):
            digest.update(chunk)
            file.write(chunk)
        os.fsync(file.fileno())
    took = time.perf_counter() - begun
    Path(file.name).unlink()
    return took


def hash_beside_write(*, folder: Path, size: int) -> float:
    """Return the same with the hashing in a second thread and early write-back."""
    begun = time.perf_counter()
    digest = hashlib.sha256()
    with (
        ThreadPoolExecutor(1) as helper,
        (folder / secrets.token_hex(16)).open("xb", buffering=0) as file,
    ):
        for chunk in chunks(size):
            hashed = helper.submit(digest.update, chunk)
            file.write(chunk)
            if file.tell() % WRITE_BACK_BYTES == 0:
                start_write_back(
                    file.fileno(), file.tell() - WRITE_BACK_BYTES, WRITE_BACK_BYTES
                )
            hashed.result()
        os.fsync(file.fileno())
    took = time.perf_counter() - begun
    Path(file.name).unlink()
    return took


def serve_file(path: str) -> int:
    """Answer every connection with this file, by sendfile; return the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(listener, Path(path)), daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


def _serve(listener: socket.socket, path: Path) -> None:
    answer_head = f"HTTP/1.1 200 OK\r\nContent-Length: {path.stat().st_size}\r\n\r\n"
    while True:
        connection, _ = listener.accept()
        with closing(connection), path.open("rb") as file:
            connection.recv(65536)
            connection.sendall(answer_head.encode())
            connection.sendfile(file)


if __name__ == "__main__":
    answer(serve_file)
