"""Where the bytes of an object made of segments are; the same on both databases."""

from typing import NamedTuple, Protocol

from objects_app.queries import run

# The ETag tells whether the row is still what was looked up: an overwrite in place
# keeps its id. Segments without bytes are part of the object and of no reading.
_WITHIN = """
SELECT b.sha256, s."offset", s.size
FROM stored_object o
JOIN segment s ON s.object_id = o.id
JOIN blob b ON b.id = s.blob_id
WHERE o.id = %(id)s AND o.etag = %(etag)s AND s.size > 0
  AND s."offset" < %(end)s AND s."offset" + s.size > %(start)s
ORDER BY s.number
"""


class Version(Protocol):
    """What reading has to know of an object: ObjectRow and StoredObject are such."""

    @property
    def id(self) -> int: ...
    @property
    def etag(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def blob_id(self) -> int | None: ...


class Piece(NamedTuple):
    """A blob, or a part of one: `length` of its bytes from `start` on."""

    sha256: str
    start: int
    length: int


def pieces(*, row: Version, start: int, length: int) -> list[Piece] | None:
    """Return what makes up `length` bytes from `start` on, in order.

    None: the version is made of other segments now, or of none.
    """
    end = start + length
    found = run.rows(
        _WITHIN, {"id": row.id, "etag": row.etag, "start": start, "end": end}
    )
    listed = [
        _piece(sha256, offset, size, start, end) for sha256, offset, size in found
    ]
    complete = sum(piece.length for piece in listed) == length
    return listed if complete else None


def _piece(sha256: str, offset: int, size: int, start: int, end: int) -> Piece:
    first = max(start - offset, 0)
    return Piece(sha256, first, min(end - offset, size) - first)
