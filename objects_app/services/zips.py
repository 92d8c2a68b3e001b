"""zipstream-ng's archives, with what they keep of each entry out of memory.

ZipStream has a record of 600 bytes for each file until the end, and no way to say when
a file was modified. So this uses its records and its arithmetic, and keeps the records
elsewhere.
"""

import struct
import time
from collections.abc import Iterable, Iterator
from stat import S_IFDIR, S_IFREG
from typing import NamedTuple, Protocol
from zipfile import ZIP64_LIMIT, ZIP_FILECOUNT_LIMIT

from zipstream.ng import MAX_DATE, MIN_DATE, ZipStream, ZipStreamInfo

from objects_app.services.archive_entries import Entry

# Info-ZIP's extended timestamp: seconds since 1970, where DOS has no zone.
_TIMESTAMP = struct.Struct("<HHBi")
_TIMESTAMP_ID = 0x5455
_LATEST = 2**31 - 1
_FOLDER = (S_IFDIR | 0o755) << 16 | 0x10  # the last is DOS's
_FILE = (S_IFREG | 0o644) << 16
_END_64_BYTES = 76  # both records of Zip64's end


class Records(Protocol):
    """Where the records of the archive's directory wait for its end."""

    def keep_record(self, record: bytes) -> None: ...

    def records(self) -> Iterator[bytes]: ...


class _Record(NamedTuple):
    """A record as ZipStream asks for it."""

    record: bytes

    def _central_directory_header_data(self) -> bytes:
        return self.record


class _Directory:
    """Stands where ZipStream has its list of files."""

    def __init__(self, kept: Records) -> None:
        self._kept = kept
        self._length = 0

    def append(self, info: ZipStreamInfo) -> None:
        self._kept.keep_record(info._central_directory_header_data())  # noqa: SLF001
        self._length += 1

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[_Record]:
        return map(_Record, self._kept.records())


class Zip(ZipStream):  # type: ignore[misc] # it has no types
    """One archive of stored (not compressed) entries."""

    _size_prog: tuple[int, int, int]  # entries, their bytes, the directory's

    def __init__(self, kept: Records) -> None:
        super().__init__(sized=True)
        self._filelist = _Directory(kept)

    def expect(self, entry: Entry) -> None:
        """Take an entry into the length, in the order in which they will be written."""
        self._add_size_from_file(entry.name, entry.size)
        entries, size, directory_size = self._size_prog
        extra = len(_timestamp(entry.modified))
        self._size_prog = entries, size + extra, directory_size + extra

    def __len__(self) -> int:
        """The length in bytes of an archive of what was expected.

        zipstream-ng writes Zip64's end from 65,535 entries on, and counts it from
        65,536 on.
        """
        entries, *sizes = self._size_prog
        uncounted = entries == ZIP_FILECOUNT_LIMIT and max(sizes) <= ZIP64_LIMIT
        return int(super().__len__()) + (_END_64_BYTES if uncounted else 0)

    def entry(self, entry: Entry, content: Iterable[bytes]) -> Iterator[bytes]:
        """Yield an entry. `content` raises if it is not `entry.size` bytes long."""
        moment = time.gmtime(entry.modified)[:6]
        info = ZipStreamInfo(entry.name, max(MIN_DATE, min(MAX_DATE, moment)))
        info.extra = _timestamp(entry.modified)
        info.external_attr = _FOLDER if info.is_dir() else _FILE
        info.file_size = entry.size
        info.header_offset = self._pos
        for block in info._file_data(content):  # noqa: SLF001
            yield self._track(block)
        self._filelist.append(info)


def _timestamp(modified: int) -> bytes:
    if not 0 <= modified <= _LATEST:
        return b""
    return _TIMESTAMP.pack(_TIMESTAMP_ID, _TIMESTAMP.size - 4, 1, modified)
