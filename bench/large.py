"""One large body: PUT to the disk, GET from the page cache."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from bench.children import children
from bench.client import download, upload
from bench.limits import hash_and_write, hash_beside_write
from bench.report import Limit, Row, Target
from bench.scale import MIB, Bench, in_words
from bench.servers import store
from objects_app.blobs.layout import storage_key

NAMES = ("put-large", "get-large")


@contextmanager
def rows(bench: Bench) -> Iterator[list[Row]]:
    """Yield the rows while their store runs."""
    with ExitStack() as stack:
        target = stack.enter_context(store(bench.database))
        [sender] = stack.enter_context(children("bench.limits"))
        size, length = bench.scale.upload_bytes, bench.scale.download_bytes
        scratch = target.folder / "bench"
        scratch.mkdir()
        put = partial(upload, target.port, "/buckets/bench/objects/up", size)
        ports: list[int] = []

        def prepare_get() -> None:
            path = "/buckets/bench/objects/down"
            stored = json.loads(upload(target.port, path, length))
            file = target.folder / storage_key(stored["sha256"])
            ports.append(sender.ask("serve_file", path=str(file)))
            download(target.port, path)

        def get() -> int:
            return download(target.port, "/buckets/bench/objects/down")

        yield [
            Row(
                name="put-large",
                title=f"PUT {in_words(size)}",
                unit="MiB/s",
                measure=lambda: size / MIB / _seconds(put),
                limits=(
                    Limit(
                        "sha256 + write + fsync",
                        lambda: size / MIB / hash_and_write(folder=scratch, size=size),
                        Target("times or more", 0.70),
                    ),
                    Limit(
                        "the same, hashing beside the writing",
                        lambda: (
                            size / MIB / hash_beside_write(folder=scratch, size=size)
                        ),
                    ),
                ),
                prepare=put,
            ),
            Row(
                name="get-large",
                title=f"GET {in_words(length)}, in the page cache",
                unit="MiB/s",
                measure=lambda: length / MIB / _seconds(get),
                limits=(
                    Limit(
                        "bare sendfile of the same file",
                        lambda: (
                            length / MIB / _seconds(lambda: download(ports[0], "/"))
                        ),
                        Target("times or more", 0.75),
                    ),
                ),
                prepare=prepare_get,
            ),
        ]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
