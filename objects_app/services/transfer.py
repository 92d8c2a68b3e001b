"""What moving many objects in or out has in common: threads, counts, targets."""

import queue
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from enum import Enum
from typing import NamedTuple, Self, TypeVar

from django.conf import settings
from django.db import connections
from django.utils.translation import gettext_noop

from objects_app.blobs.hashing import Readable
from objects_app.errors import InvalidArgument, NoSuchBucket
from objects_app.names import check_bucket_name
from objects_app.queries import reads
from objects_app.queries.rows import Actor, BucketRow
from objects_app.services import buckets

MTIME = "mtime"
"""The metadata that a file's time is kept in, as rclone does: seconds since 1970."""

_SECONDS = re.compile(r"-?[0-9]{1,11}(\.[0-9]{1,18})?")
_AHEAD = 4

T = TypeVar("T")


class Kind(Enum):
    """What became of one object."""

    MOVED = "moved"
    SKIPPED = "skipped"
    PASSED_BY = "passed by"
    FAILED = "failed"


class Outcome(NamedTuple):
    """What became of one object, and of how many bytes. `reason` is for people."""

    kind: Kind
    name: str
    size: int = 0
    saved: int = 0
    reason: str = ""


class Moved(NamedTuple):
    """The sum of all: `saved` bytes were stored already, `passed_by` are no files."""

    objects: int = 0
    bytes: int = 0
    skipped: int = 0
    failed: int = 0
    passed_by: int = 0
    saved: int = 0

    def plus(self, one: Outcome) -> "Moved":
        """Return the sum with one more."""
        moved = one.kind is Kind.MOVED
        return Moved(
            self.objects + moved,
            self.bytes + one.size * moved,
            self.skipped + (one.kind is Kind.SKIPPED),
            self.failed + (one.kind is Kind.FAILED),
            self.passed_by + (one.kind is Kind.PASSED_BY),
            self.saved + one.saved * moved,
        )


class Watch(NamedTuple):
    """Who is told while it goes on: of each object, and of bytes from many threads."""

    done: Callable[[Outcome], object] = lambda _: None
    bytes: Callable[[int], object] = lambda _: None


class Place(NamedTuple):
    """Where objects go to or come from: a bucket, and a folder in it or ""."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read BUCKET[/PREFIX]. Raises InvalidBucketName and InvalidArgument."""
        bucket, _, prefix = text.partition("/")
        check_bucket_name(bucket)
        return cls(bucket, folder_prefix(prefix))


def folder_prefix(text: str) -> str:
    """Return what the keys of a folder begin with. Raises InvalidArgument."""
    folder = text.rstrip("/")
    try:
        folder.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            gettext_noop("The prefix %(prefix)s is not UTF-8, as keys are."),
            prefix=shown(folder),
        ) from error
    return f"{folder}/" if folder else ""


class Stopped(Exception):
    """The whole run ends, and this object with it."""


def each(
    items: Iterable[T],
    work: Callable[[T, threading.Event], Outcome],
    *,
    threads: int,
) -> Iterator[Outcome]:
    """Yield what became of every item, in any order; items are taken as needed.

    Each thread has a database connection of its own. What `work` raises ends the run
    and is raised here; the event that `work` gets is then set, and also when the caller
    has enough.
    """
    stop = threading.Event()
    todo: queue.SimpleQueue[T | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()

    def attempt() -> None:
        _work_until_none(todo, lambda item: done.put(_attempt(work, item, stop)), stop)

    workers = [threading.Thread(target=attempt, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    waiting = 0
    try:
        for item in items:
            todo.put(item)
            waiting += 1
            if waiting >= _AHEAD * threads:
                yield _outcome(done.get())
                waiting -= 1
        for _ in range(waiting):
            yield _outcome(done.get())
    except BaseException:
        stop.set()
        raise
    finally:
        for _ in workers:
            todo.put(None)
        for worker in workers:
            worker.join()


def _work_until_none(
    todo: "queue.SimpleQueue[T | None]",
    attempt: Callable[[T], object],
    stop: threading.Event,
) -> None:
    try:
        while (item := todo.get()) is not None:
            if not stop.is_set():
                attempt(item)
    finally:
        connections.close_all()


def _attempt(
    work: Callable[[T, threading.Event], Outcome], item: T, stop: threading.Event
) -> Outcome | BaseException:
    try:
        return work(item, stop)
    except BaseException as error:  # noqa: BLE001 - raised again where it is taken
        return error


def _outcome(taken: Outcome | BaseException) -> Outcome:
    if isinstance(taken, BaseException):
        raise taken
    return taken


class Counted:
    """A stream that tells how much was read, and ends with the run."""

    def __init__(
        self, stream: Readable, *, tell: Callable[[int], object], stop: threading.Event
    ) -> None:
        self._stream = stream
        self._tell = tell
        self._stop = stop

    def read(self, size: int, /) -> bytes:
        """Raises Stopped."""
        if self._stop.is_set():
            raise Stopped
        chunk = self._stream.read(size)
        self._tell(len(chunk))
        return chunk


def together(outcomes: Iterable[Outcome], watch: Watch) -> Moved:
    """Sum up what became of all, and tell of each."""
    moved = Moved()
    for outcome in outcomes:
        moved = moved.plus(outcome)
        watch.done(outcome)
    return moved


def target_bucket(*, name: str, owner_id: int | None, by: Actor) -> BucketRow:
    """Return the bucket, made for that owner if there is none of the name.

    Raises BucketTaken when an owner is asked for and it is somebody else's.
    """
    found = reads.find_bucket(name)
    if found is not None and owner_id is None:
        return found
    new = buckets.NewBucket(name, owner_id)
    return buckets.create_bucket(new=new, by=by).row


def source_bucket(name: str) -> BucketRow:
    """Return the bucket. Raises NoSuchBucket."""
    found = reads.find_bucket(name)
    if found is None:
        raise NoSuchBucket(gettext_noop("There is no bucket %(name)s."), name=name)
    return found


def operator(command: str) -> Actor:
    """Return who the journal names for a command."""
    return Actor(label=command, node_id=settings.NODE_ID, request_id="")


def mtime_text(nanoseconds: int) -> str:
    """Return a file's time as metadata has it."""
    return f"{Decimal(nanoseconds).scaleb(-9):f}"


def mtime_of(text: str | None) -> int | None:
    """Return the time in nanoseconds, None where metadata has none that can be read."""
    if text is None or not _SECONDS.fullmatch(text):
        return None
    return int(Decimal(text).scaleb(9))


def shown(name: str) -> str:
    """Return a name for people, on one line whatever it holds."""
    return repr(name)[1:-1]
