"""Small JSON bodies of requests, read with a limit and held against a model."""

from typing import Any, TypeVar

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, ValidationError

from objects_app.errors import BodyTooLarge, IncompleteBody, InvalidArgument
from objects_app.http.bodies import body_stream, declared_length

MOST_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024
_MOST_CHARACTERS = 100  # of a member's name, sent back


class Body(BaseModel):
    """Base of what a request may say: these members, of these types, and no other."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


M = TypeVar("M", bound=Body)


def read_json(
    environ: dict[str, Any], model: type[M], *, most_bytes: int = MOST_BYTES
) -> M:
    """Return the body, whatever its Content-Type says; an empty one is `{}`.

    Raises BodyTooLarge above `most_bytes`, InvalidArgument with the first member that
    is not as it must be, IncompleteBody, and what `BodyStream.read` raises.
    """
    try:
        return model.model_validate_json(_read(environ, most_bytes) or b"{}")
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:_MOST_CHARACTERS]
        told = first["msg"].removeprefix("Value error, ")
        raise InvalidArgument(
            f"{place or 'The body'}: {told[:1].lower()}{told[1:]}."
        ) from None


def _read(environ: dict[str, Any], most_bytes: int) -> bytes:
    """Return the body, whole: what was cut short may be JSON that says less."""
    length = declared_length(environ)
    if (length or 0) > most_bytes:
        raise _too_large(most_bytes)
    stream = body_stream(environ)
    chunks: list[bytes] = []
    room = most_bytes + 1
    while room and (chunk := stream.read(min(room, _CHUNK_BYTES))):
        chunks.append(chunk)
        room -= len(chunk)
    if not room:
        raise _too_large(most_bytes)
    data = b"".join(chunks)
    if length is not None and len(data) < length:
        raise IncompleteBody(
            gettext_noop("The body ended before its Content-Length: send it again.")
        )
    return data


def _too_large(most_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        gettext_noop("Send at most %(most_bytes)s bytes of JSON."),
        most_bytes=most_bytes,
    )
