"""What the data plane's SQL takes and gives."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, NamedTuple, Self

# A time as the database gave it, for handing back only: SQLite's is text.
Moment = datetime | str

Whose = Literal["bucket", "owner"]
Unit = Literal["bytes", "objects"]

_NEVER = datetime.min.replace(tzinfo=UTC)


class Actor(NamedTuple):
    """Who did it, with which key, from where and in which request, for the journal."""

    label: str
    node_id: str
    request_id: str
    key_id: str = ""
    address: str = ""

    def columns(self) -> dict[str, str]:
        """Return the journal's columns that say so."""
        return {
            "actor": self.label,
            "node_id": self.node_id,
            "request_id": self.request_id,
            "key_id": self.key_id,
            "address": self.address,
        }


class BucketRow(NamedTuple):
    """A bucket with all that deciding about access needs.

    `versioning` is models.Bucket.Versioning; there is no past from before
    `versioned_since`, when it was first enabled. `has_quota`: it or its owner is
    limited, so that each upload has to look.
    `granted` is the highest role (models.Role, 0: none) that the asker has there, as
    its owner or by grants, for the key or prefix that was asked about.
    """

    id: int
    name: str
    owner_id: int | None
    visibility: str
    versioning: str
    versioned_since: datetime | None
    created_at: datetime
    has_quota: bool = False
    granted: int = 0


class ObjectRow(NamedTuple):
    """A version of a key, complete: GET of one that is one blob needs nothing else.

    Without `blob_id` its bytes are its segments', or it is a delete marker, which has
    none; `sha256` is "" while not computed.
    """

    id: int
    bucket_id: int
    key: str
    version_id: str
    blob_id: int | None
    sha256: str
    size: int
    etag: str
    content_type: str
    headers: dict[str, str]
    metadata: dict[str, str]
    tags: dict[str, str]
    node_id: str
    created_at: datetime
    is_delete_marker: bool = False


class ListedEntry(NamedTuple):
    """One line of a listing: an object, or a common prefix (then `key` is it)."""

    is_prefix: bool
    bucket: str
    key: str
    size: int
    etag: str
    sha256: str
    content_type: str
    version_id: str
    created_at: datetime
    node_id: str

    @classmethod
    def common_prefix(cls, bucket: str, prefix: str) -> Self:
        """Return the line that stands for all keys under `prefix`."""
        return cls(True, bucket, prefix, 0, "", "", "", "", _NEVER, "")


class ListedVersion(NamedTuple):
    """One line of a listing of versions: a version, or a common prefix."""

    entry: ListedEntry
    is_latest: bool = False
    is_delete_marker: bool = False


class ContentRow(NamedTuple):
    """What a file made of an object needs: its bytes are those of `digests`, in order.

    `mtime` is the metadata of that name, None where there is none.
    """

    key: str
    size: int
    created_at: datetime
    mtime: str | None
    digests: tuple[str, ...]


class BlobState(StrEnum):
    """Where a blob is in its life (the drawing is in services/objects.py)."""

    CLAIMED = "claimed"
    LIVE = "live"
    UNTRUSTED = "untrusted"
    CONDEMNED = "condemned"
    DELETING = "deleting"


class Claim(NamedTuple):
    """A blob's row as the claim saw it; commit finds it by all three identities."""

    id: int
    sha256: str
    created_at: Moment
    state: BlobState
    once_verified: bool


class Preconditions(NamedTuple):
    """RFC 9110 13.1 as a write carries it, decided in the commit.

    `if_match` and `if_none_match` are None when not sent, `("*",)` for any, else bare
    ETags (for if_match strong ones only: a weak one never matches).
    """

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None
    if_unmodified_since: datetime | None = None

    def hold(self, *, etag: str | None, modified: datetime | None) -> bool:
        """Whether they hold for the present object, or for none (both None).

        The order is RFC 9110 13.2.2's; an absent object has no modification date.
        """
        if self.if_match is not None:
            if etag is None or not _names(self.if_match, etag):
                return False
        elif (
            self.if_unmodified_since is not None
            and modified is not None
            and modified.replace(microsecond=0) > self.if_unmodified_since
        ):
            return False
        return (
            self.if_none_match is None
            or etag is None
            or not _names(self.if_none_match, etag)
        )


class NewObject(NamedTuple):
    """What a commit writes into the object's row and the journal.

    `versioning` is the bucket's, as the gate saw it.
    """

    bucket_id: int
    bucket_name: str
    versioning: str
    key: str
    sha256: str
    size: int
    etag: str
    content_type: str
    headers: dict[str, str]
    metadata: dict[str, str]
    tags: dict[str, str]


class Exceeded(NamedTuple):
    """The limit that an upload would exceed, and by what: `used` of `quota` and what
    the upload `adds`, in bytes or objects, of a bucket or of all its owner's."""

    whose: Whose
    unit: Unit
    used: int
    adds: int
    quota: int


class Totals(NamedTuple):
    """Objects and bytes: those of a bucket, exact, or what changes add."""

    objects: int
    bytes: int


class Room(NamedTuple):
    """What a bucket and its owner use and may (None: any amount), at one moment.

    `present_size` is that of the version which an upload would replace, None if none.
    """

    used_bytes: int
    used_objects: int
    owner_bytes: int
    owner_objects: int
    quota_bytes: int | None
    quota_objects: int | None
    owner_quota_bytes: int | None
    owner_quota_objects: int | None
    present_size: int | None = None

    def exceeded(self, *, size: int) -> Exceeded | None:
        """Return the first limit that an upload of that size would exceed."""
        adds = Totals(
            objects=1 if self.present_size is None else 0,
            bytes=size - (self.present_size or 0),
        )
        return self.exceeded_by(adds=adds, owner_adds=adds)

    def exceeded_by(self, *, adds: Totals, owner_adds: Totals) -> Exceeded | None:
        """Return the first limit that changes would exceed: what they add to this
        bucket, and to all its owner's.

        What shrinks or keeps the usage exceeds none, even where too much is used.
        """
        limits: tuple[tuple[Whose, Unit, int, int, int | None], ...] = (
            ("bucket", "bytes", self.used_bytes, adds.bytes, self.quota_bytes),
            ("bucket", "objects", self.used_objects, adds.objects, self.quota_objects),
            (
                "owner",
                "bytes",
                self.owner_bytes,
                owner_adds.bytes,
                self.owner_quota_bytes,
            ),
            (
                "owner",
                "objects",
                self.owner_objects,
                owner_adds.objects,
                self.owner_quota_objects,
            ),
        )
        for whose, unit, used, added, quota in limits:
            if quota is not None and 0 < added > quota - used:
                return Exceeded(whose, unit, used, added, quota)
        return None


class Owned(NamedTuple):
    """What a user owns and may own (None: any number), over all buckets."""

    buckets: int
    bytes: int
    objects: int
    quota_buckets: int | None
    quota_bytes: int | None
    quota_objects: int | None

    @property
    def room(self) -> Room:
        """What is left for an object in a bucket that is not there yet."""
        quotas = (None, None, self.quota_bytes, self.quota_objects)
        return Room(0, 0, self.bytes, self.objects, *quotas)


class Committed(NamedTuple):
    """What a commit did. `created_at` is None when a precondition failed, or when a
    quota is `exceeded`. `replaced`: the key had an object."""

    version_id: str | None
    created_at: datetime | None
    replaced: bool
    exceeded: Exceeded | None = None


class Deleted(NamedTuple):
    """What a delete found. `removed` is False when a precondition failed."""

    removed: bool


class Marked(NamedTuple):
    """A blob that this sweeper, and no other until the lease ends, may remove."""

    id: int
    sha256: str
    size: int
    deleting_since: Moment


class Scope(NamedTuple):
    """The buckets a caller may list whole: all, or those owned, granted, or nobody's.

    `only_bucket` and `only_prefix` narrow that down to what an access key is for.
    """

    user_id: int | None = None
    everything: bool = False
    ownerless: bool = False
    only_bucket: str = ""
    only_prefix: str = ""

    @classmethod
    def of_owner(cls, owner_id: int | None) -> Self:
        """Return what the owner of a bucket may list; None: who owns none."""
        return cls(user_id=owner_id, ownerless=owner_id is None)


class Span(NamedTuple):
    """Keys after `after` (or from it on), below `end` (None: to the last)."""

    after: str
    inclusive: bool
    end: str | None


ANYTHING = Preconditions()


def _names(tags: tuple[str, ...], etag: str) -> bool:
    return tags == ("*",) or etag in tags
