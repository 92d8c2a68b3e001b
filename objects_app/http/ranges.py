"""Which bytes a GET asks for (RFC 9110 section 14)."""

import re
from typing import NamedTuple

from objects_app.errors import StoreError

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_MOST_DIGITS = 18
_OUT_OF_REACH = 10**18


class Unsatisfiable(StoreError):
    """No byte of the object is in the range; a 416 says `bytes */size`."""

    def __init__(self, size: int) -> None:
        super().__init__(
            f"The object has {size} bytes and none of them is in this range: "
            "ask for one that begins before its end."
        )
        self.size = size


class Range(NamedTuple):
    """At least one byte of an object: the offset of the first, and how many."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """Return the Content-Range of a 206 for an object of `size` bytes."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def parse_range(header: str | None, size: int) -> Range | None:
    """Return the part of an object of `size` bytes that a Range header asks for.

    None means the whole object: no header, a malformed one, another unit or several
    ranges. Raises Unsatisfiable. The caller calls this for GET only, and only where
    If-Range allows it.
    """
    if header is None:
        return None
    spec = _only_spec(header)
    matched = _SPEC.fullmatch(spec) if spec else None
    if matched is None:
        return None
    first, last = matched.groups()
    if first:
        return _from_first(first, last, size)
    return _suffix(last, size) if last else None


def _only_spec(header: str) -> str | None:
    """Return the only range of the set; empty elements do not count (5.6.1)."""
    unit, _, ranges = header.partition("=")
    if unit.lower() != "bytes" or ranges[:1] in (" ", "\t"):
        return None
    if "," not in ranges:
        return ranges
    specs = [spec for part in ranges.split(",") if (spec := part.strip(" \t"))]
    return specs[0] if len(specs) == 1 else None


def _from_first(first: str, last: str, size: int) -> Range | None:
    start = _number(first)
    end = _number(last) if last else size - 1
    if last and end < start:
        return None
    if start >= size:
        raise Unsatisfiable(size)
    return Range(start, min(end, size - 1) - start + 1)


def _suffix(last: str, size: int) -> Range | None:
    """The last bytes. An empty object satisfies any of them, and 206 cannot say so."""
    length = min(_number(last), size)
    if length:
        return Range(size - length, length)
    if size == 0 and _number(last):
        return None
    raise Unsatisfiable(size)


def _number(digits: str) -> int:
    """Read a number of any length: all that no object can reach are equal."""
    significant = digits.lstrip("0")
    if len(significant) > _MOST_DIGITS:
        return _OUT_OF_REACH
    return int(significant or "0")
