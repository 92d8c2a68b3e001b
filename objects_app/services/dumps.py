"""The file of a backup: gzip of JSON lines.

    {"format": "objectstore backup", "version": 1, ...}    the header
    {"table": "blob", "columns": ["id", "sha256", ...]}    for each table
    [1, "9a61081e...", ...]                                 ... and its rows
    {"rows": 12345, "sha256": "..."}                        of all lines before

Times are ISO 8601 in UTC. A permission is named, not numbered: numbers differ from one
database to another.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

FORMAT = "objectstore backup"
VERSION = 1

_BATCH = 2000
_COMPRESSION = 5


class Unusable(Exception):
    """A backup that cannot be taken or restored; `str()` says what to do."""


class Header(NamedTuple):
    """What a backup says of itself; `since` is the moment that its hold begins at."""

    format: str
    version: int
    database: str
    migrations: list[str]
    since: str
    counts: dict[str, int]

    @property
    def rows(self) -> int:
        """How many there are in all tables."""
        return sum(self.counts.values())


class Batch(NamedTuple):
    """Some rows of a table, values as JSON has them."""

    table: str
    columns: list[str]
    rows: list[list[Any]]


class Writer:
    """Writes a backup into an open file, a context manager; `finish` makes it whole."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._gzip = gzip.GzipFile("", "wb", _COMPRESSION, file)
        self._sha256 = hashlib.sha256()
        self._rows = 0
        self._write([header._asdict()])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._gzip.close()

    def table(self, name: str, columns: Sequence[str]) -> None:
        """Say what the rows that follow are."""
        self._write([{"table": name, "columns": list(columns)}])

    def rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write some rows of the table."""
        self._rows += len(rows)
        self._write(rows)

    def finish(self) -> None:
        """Write the trailer, without which it is no backup."""
        self._write([{"rows": self._rows, "sha256": self._sha256.hexdigest()}])

    def _write(self, values: Sequence[Any]) -> None:
        lines = "".join(f"{_encode(value)}\n" for value in values).encode()
        self._sha256.update(lines)
        self._gzip.write(lines)


class Reader:
    """Reads a backup; a context manager. Whatever is wrong with it raises Unusable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sha256 = hashlib.sha256()
        self._gzip = gzip.open(path, "rb")  # noqa: SIM115 - closed by __exit__
        try:
            self.header = self._read_header()
        except BaseException:
            self._gzip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._gzip.close()

    def batches(self) -> Iterator[Batch]:
        """Yield all rows. Only after the last is it known that the backup is whole."""
        batch = Batch("", [], [])
        counts: dict[str, int] = {}
        while True:
            digest = self._sha256.hexdigest()
            value = self._line()
            if isinstance(value, list):
                counts[batch.table] = counts.get(batch.table, 0) + 1
                batch.rows.append(value)
                if len(batch.rows) < _BATCH:
                    continue
            if batch.rows:
                yield batch
                batch = batch._replace(rows=[])
            if isinstance(value, dict) and "table" in value:
                batch = Batch(value["table"], value["columns"], [])
                counts.setdefault(batch.table, 0)
            elif isinstance(value, dict):
                whole = {"rows": self.header.rows, "sha256": digest}
                if value != whole or counts != self.header.counts or self._read(1):
                    raise self._damaged()
                return

    def _read_header(self) -> Header:
        value = self._line()
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise Unusable(f"{self._path} is no backup of this store.")
        if value.get("version") != VERSION:
            raise Unusable(
                f"{self._path} has version {value.get('version')} of the format and "
                f"this program reads {VERSION}: restore it with the program that wrote "
                "it."
            )
        if value.keys() != set(Header._fields):
            raise self._damaged()
        return Header(**value)

    def _line(self) -> Any:
        line = self._read()
        self._sha256.update(line)
        try:
            return json.loads(line)
        except ValueError as error:
            raise self._damaged() from error

    def _read(self, size: int = -1) -> bytes:
        """Read a line, or so much of it."""
        try:
            return self._gzip.readline(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._damaged() from error

    def _damaged(self) -> Unusable:
        return Unusable(
            f"{self._path} is no backup, or damaged or cut short: use another one. "
            "Nothing was changed."
        )


def _encode(value: Any) -> str:
    return json.dumps(value, default=_moment, separators=(",", ":"))


def _moment(value: Any) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"a backup has no form for {type(value)}")
    return value.astimezone(UTC).isoformat(timespec="microseconds")
