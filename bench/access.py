"""What knowing the caller costs: 4 KiB GETs with credentials beside anonymous ones."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.children import children
from bench.report import Limit, Row, Target
from bench.scale import Bench
from bench.servers import store
from bench.small import CLIENTS, KEYS, Load, Metered, put_keys

NAMES = ("get-4k-key", "get-4k-token")
_TITLES = {
    "get-4k-key": "GET 4 KiB with an access key, granted through a group, CPU",
    "get-4k-token": "the same with a token, CPU",
}
_TARGET = Target("times or less", 1.15)


class _Cost:
    """What each answer costs the workers, in microseconds of a processor."""

    def __init__(self, requests: Metered) -> None:
        self._requests = requests

    def __call__(self) -> float:
        self._requests()
        return self._requests.cpu()


@contextmanager
def rows(bench: Bench) -> Iterator[list[Row]]:
    """Yield the rows while their store runs."""
    with ExitStack() as stack:
        target = stack.enter_context(store(bench.setup))
        clients = stack.enter_context(children("bench.client", CLIENTS))
        [insider] = stack.enter_context(children("bench.inside", 1, target.environment))
        load = Load(clients, bench.scale.seconds)
        for bucket in ("bench", "private"):
            put_keys(target.port, f"/buckets/{bucket}/objects/read")
        shown: dict[str, str] = insider.ask("credentials", bucket="private")

        def get(bucket: str, headers: str = "") -> _Cost:
            path = f"/buckets/{bucket}/objects/read/%d"
            asked = {"method": "GET", "target": path, "keys": KEYS, "headers": headers}
            return _Cost(Metered(load, target, **asked))

        made = []
        for name in NAMES:
            known = get("private", f"Authorization: {shown[name]}\r\n")
            nobody = get("bench")
            made.append(
                Row(
                    name=name,
                    title=_TITLES[name],
                    unit="us CPU",
                    measure=known,
                    limits=(Limit("the same without credentials", nobody, _TARGET),),
                    prepare=lambda a=known, b=nobody: (a(), b()),  # type: ignore[misc]
                )
            )
        yield made
