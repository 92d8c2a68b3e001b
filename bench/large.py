"""One large body: PUT to the disk, GET from the page cache."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench.children import children
from bench.client import download, upload
from bench.limits import hash_and_write, hash_beside_write
from bench.nginx import nginx
from bench.report import Limit, Row, Target
from bench.scale import MIB, Bench, in_words
from bench.servers import Store, store
from cluster.nginx import program
from objects_app.blobs.layout import storage_key
from tests.servers.s3 import BUCKET

NAMES = ("put-large", "get-large")


@contextmanager
def rows(bench: Bench) -> Iterator[list[Row]]:
    """Yield the rows while their store runs."""
    with ExitStack() as stack:
        target = stack.enter_context(store(bench.setup))
        scratch = target.folder / "bench"
        scratch.mkdir()
        s3 = bench.setup.s3
        yield [
            _put(target, scratch, bench.scale.upload_bytes, s3.port if s3 else None),
            _get(target, stack, bench.scale.download_bytes, s3.port if s3 else None),
        ]


def _put(target: Store, scratch: Path, size: int, s3_port: int | None) -> Row:
    put = partial(upload, target.port, "/buckets/bench/objects/up", size)
    if s3_port:
        direct = partial(upload, s3_port, f"/{BUCKET}/direct/up", size)
        straight = "the same PUT straight to the S3 server"
        limits: tuple[Limit, ...] = (Limit(straight, _rate(direct, size)),)
    else:
        limits = _files(scratch, size)
    return Row(
        name="put-large",
        title=f"PUT {in_words(size)}",
        unit="MiB/s",
        measure=_rate(put, size),
        limits=limits,
        prepare=put,
    )


def _files(scratch: Path, size: int) -> tuple[Limit, ...]:
    return (
        Limit(
            "sha256 + write + fsync",
            lambda: size / MIB / hash_and_write(folder=scratch, size=size),
            Target("times or more", 0.85),
        ),
        Limit(
            "the same, hashing beside the writing",
            lambda: size / MIB / hash_beside_write(folder=scratch, size=size),
        ),
    )


def _get(target: Store, stack: ExitStack, size: int, s3_port: int | None) -> Row:
    path = "/buckets/bench/objects/down"
    elsewhere = f"/{BUCKET}/direct/down"
    get = partial(download, target.port, path)
    ports: dict[str, int] = {}
    names: list[str] = []

    def prepare() -> None:
        stored = json.loads(upload(target.port, path, size))
        if s3_port:
            upload(s3_port, elsewhere, size)
        else:
            names.append(storage_key(stored["sha256"]))
            file = str(target.folder / names[0])
            [sender] = stack.enter_context(children("bench.limits"))
            ports["sendfile"] = sender.ask("serve_file", path=file)
            if program():
                ports["nginx"] = stack.enter_context(nginx(target.folder))
        get()

    limits: list[Limit] = []
    if s3_port:
        direct = partial(download, s3_port, elsewhere)
        limits.append(
            Limit("the same GET straight from the S3 server", _rate(direct, size))
        )
    elif program():
        limits.append(
            Limit(
                "nginx serving the same file",
                _rate(lambda: download(ports["nginx"], f"/{names[0]}"), size),
                Target("times or more", 0.95),
            )
        )
    if not s3_port:
        limits.append(
            Limit(
                "bare sendfile of the same file",
                _rate(lambda: download(ports["sendfile"], "/"), size),
                Target("times or more", 0.75),
            )
        )
    return Row(
        name="get-large",
        title=f"GET {in_words(size)}, in the page cache",
        unit="MiB/s",
        measure=_rate(get, size),
        limits=tuple(limits),
        prepare=prepare,
    )


def _rate(work: Callable[[], object], size: int) -> Callable[[], float]:
    """Return what measures the MiB a second of moving so many bytes."""
    return lambda: size / MIB / _seconds(work)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
