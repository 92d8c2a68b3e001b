"""Preconditions in JSON: the headers' names in lower case, the same meaning."""

from datetime import datetime

from django.utils.translation import gettext_noop
from pydantic import AwareDatetime

from objects_app.errors import InvalidArgument
from objects_app.http.conditions import write_preconditions
from objects_app.http.json_bodies import Body
from objects_app.queries.rows import ANYTHING, Preconditions

_NEW_ONLY = Preconditions(if_none_match=("*",))


class Conditions(Body):
    """What a target has to be like. An ETag may come with or without its quotes, a
    time as RFC 3339; it is compared in whole seconds, as the header is."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_unmodified_since: AwareDatetime | None = None

    def preconditions(self) -> Preconditions:
        """Return them. Raises InvalidArgument for what is no ETag."""
        return _preconditions(
            self.if_match, self.if_none_match, self.if_unmodified_since
        )

    def new_only(self) -> bool:
        """Whether the target has to be new: all that can be asked of many at once.

        Raises InvalidArgument for any other condition.
        """
        asked = self.preconditions()
        if asked not in {ANYTHING, _NEW_ONLY}:
            raise InvalidArgument(
                gettext_noop(
                    'Of the conditions, a prefix knows "if_none_match": "*" alone.'
                )
            )
        return asked == _NEW_ONLY


class SourceConditions(Body):
    """The same of a source, and one that only reads have: S3's x-amz-copy-source-if-*
    are called so here."""

    source_if_match: str | None = None
    source_if_none_match: str | None = None
    source_if_unmodified_since: AwareDatetime | None = None
    source_if_modified_since: AwareDatetime | None = None

    def source_preconditions(self) -> Preconditions:
        """Return all but `source_if_modified_since`. Raises InvalidArgument."""
        return _preconditions(
            self.source_if_match,
            self.source_if_none_match,
            self.source_if_unmodified_since,
        )


def _preconditions(
    if_match: str | None, if_none_match: str | None, since: datetime | None
) -> Preconditions:
    given = {"If-Match": if_match, "If-None-Match": if_none_match}
    tags = {name: _quoted(tag) for name, tag in given.items() if tag is not None}
    return write_preconditions(tags)._replace(if_unmodified_since=since)


def _quoted(tag: str) -> str:
    return tag if tag == "*" or '"' in tag else f'"{tag}"'
