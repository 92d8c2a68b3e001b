"""What a transaction over many keys takes and gives (`Dialect.apply`)."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from objects_app.queries.rows import ANYTHING, Exceeded, Moment, Preconditions


class Source(NamedTuple):
    """A version made of segments, whose segments another one gets, too."""

    id: int
    bucket_id: int
    key: str
    created_at: datetime


class Content(NamedTuple):
    """What a version is made of, and how it is described.

    It is one blob; or, where `blob_id` is None, the segments of another version, or
    the parts of the upload whose row is `parts_of`. `sha256` is "" while nobody has
    computed it.
    """

    blob_id: int | None
    sha256: str
    size: int
    etag: str
    content_type: str
    headers: dict[str, str]
    metadata: dict[str, str]
    tags: dict[str, str]
    segments_of: Source | None = None
    parts_of: int | None = None


class Rewrite(NamedTuple):
    """A new description for the version that is there, bytes and ETag kept; None keeps
    what it has."""

    content_type: str | None = None
    headers: dict[str, str] | None = None
    metadata: dict[str, str] | None = None
    tags: dict[str, str] | None = None


class Removal(NamedTuple):
    """The version of that id goes for good, and the one before it takes its place.

    `created_at`, where it is given, is when it began: what was written over the "null"
    version since stays.
    """

    version_id: str
    created_at: datetime | None = None


class Change(NamedTuple):
    """What happens to one key: new content, a new description, the end of one of its
    versions, or (None) its deletion.

    `versioning` is what the bucket's was when it was looked up; should it have changed,
    nothing is written. `limited`: the bucket or its owner has a quota. `operation` is
    the journal's. `only` is the version (row and time) that has to be the latest.
    `keeps_null`: where versioning is suspended it makes a version with an id of its
    own all the same, and the "null" one stays.
    """

    bucket_id: int
    bucket_name: str
    versioning: str
    limited: bool
    key: str
    operation: str
    what: Content | Rewrite | Removal | None
    conditions: Preconditions = ANYTHING
    only: tuple[int, datetime] | None = None
    keeps_null: bool = False
    detail: str = ""

    @property
    def place(self) -> tuple[int, str, str]:
        """What it changes: a key, or ("" else) one version of it."""
        what = self.what
        version_id = what.version_id if isinstance(what, Removal) else ""
        return self.bucket_id, self.key, version_id


class Mark(NamedTuple):
    """A blob that will be referred to, to be held against the sweep.

    With bytes in hand it carries its claim's `created_at`, and `seen` says that this
    request wrote or saw them. Others leave both: if the blob is not trusted enough, it
    comes back as `Refused.unseen`, to be looked at in the backend and sent as seen.
    """

    id: int
    sha256: str
    size: int
    created_at: Moment | None = None
    seen: bool = False


class Failure(StrEnum):
    """Why one change cannot be made, and so none was."""

    PRECONDITION = "precondition_failed"
    NO_SUCH_KEY = "no_such_key"
    NO_SUCH_VERSION = "no_such_version"


class Changed(NamedTuple):
    """What one change did: the version that is the latest now (or, of a removal, and of
    a deletion from a bucket without versions, the one that is gone). `replaced`: there
    was an object.
    """

    version_id: str
    created_at: datetime
    replaced: bool
    is_delete_marker: bool = False


class Refused(NamedTuple):
    """Why nothing at all was written: each change that failed, by its place; the bucket
    and the limit it would exceed; or blobs to be looked at first."""

    failures: dict[int, Failure] = {}
    exceeded: tuple[str, Exceeded] | None = None
    unseen: tuple[Mark, ...] = ()
