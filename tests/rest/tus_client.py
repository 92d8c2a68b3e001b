"""tus' requests, spelled out, for the tests of its door."""

import base64
import hashlib
from typing import Any

from objects_app.models import Upload
from tests.client import Answer, DataPlane

BYTES = "application/offset+octet-stream"
VERSION = {"Tus-Resumable": "1.0.0"}


def pairs(**values: str) -> str:
    """Return them as Upload-Metadata."""
    return ",".join(
        f"{name} {base64.b64encode(value.encode()).decode()}"
        for name, value in values.items()
    )


def create(
    data_plane: DataPlane,
    length: int | None,
    body: bytes | None = None,
    /,
    **headers: str,
) -> Answer:
    """Begin an upload of test/a; headers in the way of `Upload_Checksum="..."`."""
    sent = {
        **VERSION,
        "Upload-Metadata": pairs(bucket="test", key="a", filetype="text/plain"),
        **({} if length is None else {"Upload-Length": str(length)}),
        **({} if body is None else {"Content-Type": BYTES}),
        **_named(headers),
    }
    return data_plane.request("POST", "/tus/", body=body, headers=sent)


def begin(data_plane: DataPlane, length: int | None, **headers: str) -> str:
    """Begin an upload and return its path."""
    answer = create(data_plane, length, **headers)
    assert answer.status == 201, answer.body
    return answer.headers["Location"]


def patch(
    data_plane: DataPlane,
    path: str,
    offset: int,
    body: Any,
    /,
    *,
    method: str = "PATCH",
    chunked: bool = False,
    **headers: str,
) -> Answer:
    """Send bytes that belong at an offset."""
    sent = {**VERSION, "Content-Type": BYTES, "Upload-Offset": str(offset)}
    return data_plane.request(
        method, path, body=body, headers={**sent, **_named(headers)}, chunked=chunked
    )


def head(data_plane: DataPlane, path: str) -> Answer:
    """Ask how far the upload is."""
    return data_plane.head(path, headers=VERSION)


def offset(data_plane: DataPlane, path: str) -> int:
    """Return how far the upload is."""
    return int(head(data_plane, path).headers["Upload-Offset"])


def pieces(path: str) -> list[int]:
    """Return the sizes of the pieces that an unfinished upload has."""
    upload = Upload.objects.get(upload_id=path.removeprefix("/tus/"))
    return list(upload.parts.order_by("number").values_list("size", flat=True))


def checksum(algorithm: str, body: bytes) -> str:
    """Return the Upload-Checksum of a body."""
    digest = hashlib.new(algorithm, body).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
