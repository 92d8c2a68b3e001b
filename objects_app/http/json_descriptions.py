"""What an object is described with, as JSON says it; a PUT says it in headers."""

from objects_app.errors import InvalidArgument, InvalidMetadata
from objects_app.http.headers import STORED_NAMES, read_stored_headers
from objects_app.http.json_bodies import Body
from objects_app.http.media_types import MAX_LENGTH, is_media_type
from objects_app.http.metadata import check_metadata
from objects_app.names import is_storable
from objects_app.queries.changes import Rewrite

MOST_TAGS = 10
_TAG_NAME_CHARACTERS = 128
_TAG_VALUE_CHARACTERS = 256


class Description(Body):
    """A description, or as much of one as is given.

    `headers` are those that are stored: cache-control, content-disposition,
    content-encoding, content-language and expires, in lower case or not.
    """

    content_type: str | None = None
    headers: dict[str, str] | None = None
    metadata: dict[str, str] | None = None
    tags: dict[str, str] | None = None

    def rewrite(self) -> Rewrite:
        """Return what is given; the rest is kept.

        Raises InvalidArgument, InvalidMetadata.
        """
        return Rewrite(
            content_type=_content_type(self.content_type),
            headers=None if self.headers is None else _headers(self.headers),
            metadata=None if self.metadata is None else _metadata(self.metadata),
            tags=None if self.tags is None else check_tags(self.tags),
        )


def check_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return the tags if they are within S3's rules: at most 10, names of 1 to 128 and
    values of up to 256 characters. Raises InvalidMetadata."""
    if len(tags) > MOST_TAGS:
        raise InvalidMetadata(
            f"There are {len(tags)} tags; at most {MOST_TAGS} may be."
        )
    for name, value in tags.items():
        if not 0 < len(name) <= _TAG_NAME_CHARACTERS:
            raise InvalidMetadata(
                f"A tag's name has 1 to {_TAG_NAME_CHARACTERS} characters."
            )
        if len(value) > _TAG_VALUE_CHARACTERS:
            raise InvalidMetadata(
                f"A tag's value has at most {_TAG_VALUE_CHARACTERS} characters."
            )
        if not is_storable(name + value):
            raise InvalidMetadata("A tag holds what no text does (NUL, for instance).")
    return tags


def _content_type(sent: str | None) -> str | None:
    if sent is not None and not is_media_type(sent):
        raise InvalidArgument(
            "content_type must be a media type such as text/plain; charset=utf-8, of "
            f"at most {MAX_LENGTH} characters."
        )
    return sent


def _headers(sent: dict[str, str]) -> dict[str, str]:
    for name in sent:
        if name.lower() not in STORED_NAMES:
            raise InvalidArgument(
                f"headers: only {', '.join(sorted(STORED_NAMES))} are stored."
            )
    return read_stored_headers({name.title(): value for name, value in sent.items()})


def _metadata(sent: dict[str, str]) -> dict[str, str]:
    for value in sent.values():
        if not is_storable(value):
            raise InvalidMetadata("A value is not UTF-8: send whole characters.")
    return check_metadata({name.lower(): value for name, value in sent.items()})
