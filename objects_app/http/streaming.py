"""Answering with the bytes of a blob, or with a part of them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Self

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

if TYPE_CHECKING:
    from objects_app.blobs.backend import BlobReader

IN_MEMORY_BYTES = 64 * 1024
BLOCK_BYTES = 256 * 1024


class _Blocks(Iterator[bytes]):
    """A reader as blocks; closing it closes the reader.

    Django replaces the `close` of what it gives to `wsgi.file_wrapper` by one that
    comes here: the reader's own is kept from before.
    """

    def __init__(self, reader: "BlobReader") -> None:
        self._reader = reader
        self.close = reader.close

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if block := self._reader.read(BLOCK_BYTES):
            return block
        raise StopIteration


class _FileResponse(StreamingHttpResponse):
    """Django gives `file_to_stream` to `wsgi.file_wrapper`, or iterates without one."""

    block_size = BLOCK_BYTES

    def __init__(
        self, reader: "BlobReader", *, status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(_Blocks(reader), status=status, headers=dict(headers))
        self.file_to_stream = reader


def reader_response(
    reader: "BlobReader", *, length: int, status: int, headers: Mapping[str, str]
) -> HttpResponseBase:
    """Answer with a reader's `length` bytes, and Content-Length; takes the reader over.

    Small answers are read at once; larger ones leave by sendfile where they are in
    files, else in blocks, and the reader is closed with the response.
    """
    complete = {**headers, "Content-Length": str(length)}
    if length <= IN_MEMORY_BYTES:
        with reader:
            return HttpResponse(reader.read(), status=status, headers=complete)
    if hasattr(reader, "fileno") or hasattr(reader, "files"):
        return _FileResponse(reader, status=status, headers=complete)
    return StreamingHttpResponse(_Blocks(reader), status=status, headers=complete)
