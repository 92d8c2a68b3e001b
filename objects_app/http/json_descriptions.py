"""What an object is described with, as JSON says it; a PUT says it in headers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

from django.utils.translation import gettext_noop
from pydantic import AfterValidator

from objects_app.errors import InvalidArgument
from objects_app.http.headers import check_stored_headers
from objects_app.http.json_bodies import Body
from objects_app.http.media_types import MAX_LENGTH, is_media_type
from objects_app.http.metadata import check_metadata
from objects_app.http.tags import check_tags
from objects_app.names import is_storable
from objects_app.queries.changes import Rewrite

if TYPE_CHECKING:
    from objects_app.queries.rows import ObjectRow

V = TypeVar("V")


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("it holds NUL: leave that out")
    return text


def _lower(members: dict[str, V]) -> dict[str, V]:
    lower = {name.lower(): value for name, value in members.items()}
    if len(lower) < len(members):
        raise ValueError("a name is given twice, as names of headers are alike")
    return lower


Text = Annotated[str, AfterValidator(_storable)]
Fields = Annotated[dict[Text, Text], AfterValidator(_lower)]
MergedFields = Annotated[dict[Text, Text | None], AfterValidator(_lower)]


class Description(Body):
    """A description, or as much of one as is given.

    `headers` are those that are stored: cache-control, content-disposition,
    content-encoding, content-language and expires, in lower case or not.
    """

    content_type: Text | None = None
    headers: Fields | None = None
    metadata: Fields | None = None
    tags: dict[Text, Text] | None = None

    def rewrite(self) -> Rewrite:
        """Return what is given; the rest is kept.

        Raises InvalidArgument, InvalidMetadata, InvalidTags.
        """
        return Rewrite(
            content_type=_if_given(_content_type, self.content_type),
            headers=_if_given(check_stored_headers, self.headers),
            metadata=_if_given(check_metadata, self.metadata),
            tags=_if_given(check_tags, self.tags),
        )


class DescriptionPatch(Body):
    """What is to change; a member that is left out stays as it is.

    RFC 7396 within each map: null removes an entry, and in the place of a map all.
    """

    content_type: Text = ""
    headers: MergedFields | None = None
    metadata: MergedFields | None = None
    tags: dict[Text, Text | None] | None = None

    def applied_to(self, row: "ObjectRow") -> Rewrite:
        """Return the object's new description, checked as that of a PUT is.

        Raises InvalidArgument, InvalidMetadata, InvalidTags.
        """
        sent = self.model_fields_set
        content_type = headers = metadata = tags = None
        if "content_type" in sent:
            content_type = _content_type(self.content_type)
        if "headers" in sent:
            headers = check_stored_headers(_merged(row.headers, self.headers))
        if "metadata" in sent:
            metadata = check_metadata(_merged(row.metadata, self.metadata))
        if "tags" in sent:
            tags = check_tags(_merged(row.tags, self.tags))
        return Rewrite(content_type, headers, metadata, tags)


def _if_given(check: Callable[[V], V], sent: V | None) -> V | None:
    return None if sent is None else check(sent)


def _content_type(sent: str) -> str:
    if not is_media_type(sent):
        raise InvalidArgument(
            gettext_noop(
                "content_type must be a media type such as text/plain; "
                "charset=utf-8, of at most %(most)s characters."
            ),
            most=MAX_LENGTH,
        )
    return sent


def _merged(
    present: dict[str, str], patch: dict[str, str | None] | None
) -> dict[str, str]:
    if patch is None:
        return {}
    both = {**present, **patch}
    return {name: value for name, value in both.items() if value is not None}
