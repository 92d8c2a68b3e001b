"""Changes of an object's description as JSON: RFC 7396, for each map in it."""

from typing import TYPE_CHECKING, Annotated

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


def _characters(text: str) -> str:
    if not is_storable(text):
        raise ValueError("it holds NUL: leave that out")
    return text


def _lower(members: dict[str, str | None] | None) -> dict[str, str | None] | None:
    if members is None:
        return None
    lower = {name.lower(): value for name, value in members.items()}
    if len(lower) < len(members):
        raise ValueError("a name is given twice, as names of headers are alike")
    return lower


Text = Annotated[str, AfterValidator(_characters)]
Merged = dict[Text, Text | None] | None
Fields = Annotated[Merged, AfterValidator(_lower)]


class DescriptionPatch(Body):
    """What is to change; a member that is left out stays as it is.

    In a map null removes an entry; in the place of a map it removes all of them.
    """

    content_type: Text = ""
    headers: Fields = None
    metadata: Fields = None
    tags: Merged = None

    def applied_to(self, row: "ObjectRow") -> Rewrite:
        """Return the object's new description, checked as that of a PUT is.

        Raises InvalidArgument, InvalidMetadata, InvalidTags.
        """
        sent = self.model_fields_set
        content_type = headers = metadata = tags = None
        if "content_type" in sent:
            content_type = _media_type(self.content_type)
        if "headers" in sent:
            headers = check_stored_headers(_merged(row.headers, self.headers))
        if "metadata" in sent:
            metadata = check_metadata(_merged(row.metadata, self.metadata))
        if "tags" in sent:
            tags = check_tags(_merged(row.tags, self.tags))
        return Rewrite(content_type, headers, metadata, tags)


def _media_type(text: str) -> str:
    if not is_media_type(text):
        raise InvalidArgument(
            "content_type must be a media type such as text/plain; charset=utf-8, of "
            f"at most {MAX_LENGTH} characters."
        )
    return text


def _merged(present: dict[str, str], patch: Merged) -> dict[str, str]:
    if patch is None:
        return {}
    both = {**present, **patch}
    return {name: value for name, value in both.items() if value is not None}
