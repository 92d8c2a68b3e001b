"""What goes into an archive, under which names: a list on the disk, not in memory.

A key may be what no file can be called, or what leads out of the folder that an archive
is unpacked into. Names are made of the key below the prefix's last slash: parts that
are empty, `.` or `..` are left out, and control characters, backslashes and the colon
of a drive become `_`. A file whose name is another's by then, or a folder others are
in, gets ` (2)`, ` (3)` and so on before its extension; keys that are names as they are
come first. A part that is too long for a file is cut, before its extension, too.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from django.utils.translation import gettext_noop

from objects_app.blobs import ingest
from objects_app.blobs.backend import backend
from objects_app.errors import StorageUnavailable
from objects_app.queries.rows import ContentRow
from objects_app.services.transfer import mtime_of

_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_DRIVE = re.compile(r"^([A-Za-z]):")
_ODD = re.compile(rf"{_NOT_IN_NAMES.pattern}|{_DRIVE.pattern}|(?:^|/)\.{{0,2}}(?:/|\Z)")
_LEFT_OUT = frozenset({"", ".", ".."})
_MOST_BYTES = 255  # of a part, on the file systems there are
_KEPT_BYTES = 240  # of one that is too long: a number may follow
_MOST_OF_EXTENSION = 20
_DIGEST_BYTES = 32
_NANOSECONDS = 10**9

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
CREATE TABLE entry (
  number INTEGER PRIMARY KEY,
  name TEXT, is_odd INTEGER, size INTEGER, modified INTEGER, digests BLOB);
CREATE INDEX entry_name ON entry (name, is_odd, number);
CREATE TABLE directory (number INTEGER PRIMARY KEY, record BLOB);
"""

# The index has every order that is asked for: SQLite would sort in files elsewhere.
# A name is taken as another entry's, or as a folder of others ('0' comes after '/').
_CLASHES = (
    """DELETE FROM entry WHERE name LIKE '%/' AND EXISTS (
  SELECT 1 FROM entry o WHERE o.name = entry.name AND o.number < entry.number)""",
    """CREATE TABLE clash AS SELECT number, name FROM entry e WHERE name NOT LIKE '%/'
AND (EXISTS (SELECT 1 FROM entry o WHERE o.name = e.name
    AND (o.is_odd, o.number) < (e.is_odd, e.number))
  OR EXISTS (SELECT 1 FROM entry o
    WHERE o.name >= e.name || '/' AND o.name < e.name || '0'))
ORDER BY name, is_odd, number""",
)
_IS_TAKEN = """SELECT EXISTS (SELECT 1 FROM entry WHERE name = :name)
  OR EXISTS (SELECT 1 FROM entry WHERE name >= :name || '/' AND name < :name || '0')"""


class Entry(NamedTuple):
    """A file or, with a slash at the end of its name, a folder.

    `size` in bytes, `modified` in seconds since 1970.
    """

    name: str
    size: int
    modified: int
    digests: tuple[str, ...]


class Entries:
    """The list, in the order of the rows it was made of, until it is closed.

    A database of its own without a name, in the folder for spools: a row takes about
    its key and 150 bytes there, and some megabytes of memory serve any number of them.
    Raises StorageUnavailable where the disk fails.
    """

    def __init__(self, rows: Iterable[ContentRow], *, prefix: str) -> None:
        path = backend().spool_dir / ingest.random_name()
        with _storage_failures():
            # The server may close an answer in another thread than it was made in.
            self._database = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None
            )
            try:
                self._fill(path, rows, prefix)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Forget it all."""
        self._database.close()

    def __iter__(self) -> Iterator[Entry]:
        with _storage_failures():
            for name, size, modified, digests in self._database.execute(
                "SELECT name, size, modified, digests FROM entry ORDER BY number"
            ):
                yield Entry(name, size, modified, tuple(_digests(digests)))

    def keep_record(self, record: bytes) -> None:
        """Keep what the archive's directory will say of the next entry."""
        with _storage_failures():
            self._database.execute(
                "INSERT INTO directory (record) VALUES (?)", [record]
            )

    def records(self) -> Iterator[bytes]:
        """Yield what was kept, in order."""
        with _storage_failures():
            yield from (
                record
                for (record,) in self._database.execute(
                    "SELECT record FROM directory ORDER BY number"
                )
            )

    def _fill(self, path: Path, rows: Iterable[ContentRow], prefix: str) -> None:
        try:
            self._database.executescript(_TABLES)
        finally:
            path.unlink(missing_ok=True)
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO entry (name, is_odd, size, modified, digests)"
            " VALUES (?, ?, ?, ?, ?)",
            _columns(rows, prefix),
        )
        self._rename_clashes()

    def _rename_clashes(self) -> None:
        for statement in _CLASHES:
            self._database.execute(statement)
        last, numbers = "", count(2)
        clashes = self._database.execute(
            "SELECT number, name FROM clash ORDER BY rowid"
        )
        for number, name in clashes:
            if name != last:
                last, numbers = name, count(2)
            free = next(n for n in _numbered(name, numbers) if not self._is_taken(n))
            self._database.execute(
                "UPDATE entry SET name = ? WHERE number = ?", [free, number]
            )

    def _is_taken(self, name: str) -> bool:
        [taken] = self._database.execute(_IS_TAKEN, {"name": name}).fetchone()
        return bool(taken)


def file_name(key: str) -> str:
    """Return a path that stays below the folder it is unpacked into; "" for none."""
    if not _ODD.search(key) and len(key.encode()) <= _MOST_BYTES:
        return key
    parts = (part for part in key.split("/") if part not in _LEFT_OUT)
    name = "/".join(_shortened(_NOT_IN_NAMES.sub("_", part)) for part in parts)
    return _DRIVE.sub(r"\1_", name)


def _shortened(part: str) -> str:
    if len(part.encode()) <= _MOST_BYTES:
        return part
    extension = PurePosixPath(part).suffix
    if len(extension.encode()) > _MOST_OF_EXTENSION:
        extension = ""
    kept = part.removesuffix(extension).encode()[
        : _KEPT_BYTES - len(extension.encode())
    ]
    return kept.decode(errors="ignore") + extension


def _columns(
    rows: Iterable[ContentRow], prefix: str
) -> Iterator[tuple[str, bool, int, int, bytes]]:
    start = prefix.rfind("/") + 1
    for row in rows:
        below = row.key[start:]
        name = file_name(below)
        if below.endswith("/") and row.size == 0:  # how S3 consoles make a folder
            name += "/"
        if name == "/" or not (name or row.size):
            continue
        digests = b"".join(map(bytes.fromhex, row.digests))
        modified = _modified(row.created_at, row.mtime)
        yield name or "_", name != below, row.size, modified, digests


def _modified(created_at: datetime, mtime: str | None) -> int:
    nanoseconds = mtime_of(mtime)
    if nanoseconds is None:
        return int(created_at.timestamp())
    return nanoseconds // _NANOSECONDS


def _digests(joined: bytes) -> Iterator[str]:
    for start in range(0, len(joined), _DIGEST_BYTES):
        yield joined[start : start + _DIGEST_BYTES].hex()


def _numbered(name: str, numbers: Iterable[int]) -> Iterator[str]:
    path = PurePosixPath(name)
    for number in numbers:
        yield str(path.with_name(f"{path.stem} ({number}){path.suffix}"))


@contextmanager
def _storage_failures() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageUnavailable(
            gettext_noop(
                "The list of the archive's files cannot be kept: the operator has "
                "to make room for temporary files."
            )
        ) from error
