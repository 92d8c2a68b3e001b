"""Answering with the bytes of a file, or with a part of them."""

import os
from collections.abc import Mapping
from typing import BinaryIO, Self

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from objects_app.errors import BytesMissing

IN_MEMORY_BYTES = 64 * 1024
BLOCK_BYTES = 256 * 1024


class _Slice:
    """A part of a file, read to its end and no further.

    gunicorn's sendfile takes the file's position and Content-Length; its loop without
    sendfile reads on to the end, which is why the end is kept here.
    """

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._end = start + length
        self._position = file.seek(start)

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, position: int) -> int:
        self._position = self._file.seek(position)
        return self._position

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._end - self._position))
        self._position += len(data)
        return data

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        data = self.read(BLOCK_BYTES)
        if not data:
            raise StopIteration
        return data

    def close(self) -> None:
        self._file.close()


class _FileResponse(StreamingHttpResponse):
    """Django gives `file_to_stream` to `wsgi.file_wrapper`, or iterates without one."""

    block_size = BLOCK_BYTES

    def __init__(
        self, part: _Slice, *, status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(part, status=status, headers=dict(headers))
        self.file_to_stream = part


def file_response(
    file: BinaryIO, *, start: int, length: int, status: int, headers: Mapping[str, str]
) -> HttpResponseBase:
    """Answer with `length` bytes from `start`, and Content-Length; takes over the file.

    Small answers are read at once; larger ones leave by sendfile, or in blocks, and the
    file is closed with the response. Raises BytesMissing when the file is too short:
    found out later, the client would wait for the rest.
    """
    try:
        if file.seek(0, os.SEEK_END) < start + length:
            raise BytesMissing(
                "The stored bytes of this object are damaged: tell the operator to run "
                "verify, or upload the object again."
            )
        complete = {**headers, "Content-Length": str(length)}
        if length > IN_MEMORY_BYTES:
            return _FileResponse(
                _Slice(file, start, length), status=status, headers=complete
            )
        file.seek(start)
        content = file.read(length)
    except BaseException:
        file.close()
        raise
    file.close()
    return HttpResponse(content, status=status, headers=complete)
