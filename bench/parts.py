"""Objects made of parts: completing as many as there may be, and reading them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.children import Child, children
from bench.client import download, upload
from bench.report import Limit, Row, Target
from bench.scale import MIB, Bench, in_words
from bench.servers import Store, store

NAMES = ("complete", "get-parts")
PARTS = 10_000
PART_BYTES = 16 * MIB


@contextmanager
def rows(bench: Bench) -> Iterator[list[Row]]:
    """Yield the rows while their store runs."""
    with (
        store(bench.setup) as target,
        children("bench.inside", 1, target.environment) as [insider],
    ):
        yield [_complete(target, insider), _get(target, bench.scale.download_bytes)]


def _complete(target: Store, insider: Child) -> Row:
    def measure() -> float:
        begun = insider.ask("begin_upload", bucket="bench", parts=PARTS)
        body = json.dumps({"parts": begun["parts"]}).encode()
        seconds = _seconds(
            lambda: target.request("POST", f"{begun['path']}/complete", body)
        )
        return seconds * 1000

    return Row(
        name="complete",
        title=f"Complete an upload of {PARTS:,} parts",
        unit="ms",
        measure=measure,
        limits=(Limit("one second", lambda: 1000.0, Target("times or less", 1.0)),),
        prepare=measure,
    )


def _get(target: Store, size: int) -> Row:
    in_parts, whole = ("/buckets/bench/objects/parts", "/buckets/bench/objects/whole")

    def prepare() -> None:
        wanted = json.dumps({"bucket": "bench", "key": "parts"}).encode()
        begun = json.loads(target.request("POST", "/multipart/", wanted))
        path = f"/multipart/{begun['upload_id']}"
        numbers = range(1, size // PART_BYTES + 1)
        sent = [
            json.loads(upload(target.port, f"{path}/{number}", PART_BYTES))
            for number in numbers
        ]
        parts = [{"number": p["number"], "etag": p["etag"]} for p in sent]
        body = json.dumps({"parts": parts}).encode()
        target.request("POST", f"{path}/complete", body)
        upload(target.port, whole, size)

    def rate(path: str) -> Callable[[], float]:
        return lambda: size / MIB / _seconds(lambda: download(target.port, path))

    return Row(
        name="get-parts",
        title=f"GET {in_words(size)} in parts of {in_words(PART_BYTES)}",
        unit="MiB/s",
        measure=rate(in_parts),
        limits=(Limit("GET of as much in one blob", rate(whole)),),
        prepare=prepare,
    )


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
