"""The tables. Rows are written by `services/` and `queries/`; nothing here does IO.

Times are the database's clock (`db_default=Now()`), never a node's.
"""

from objects_app.models.access import (
    AccessKey,
    Allowance,
    ConsoleSession,
    Grant,
    OidcIdentity,
    Role,
    TemporaryPassword,
)
from objects_app.models.buckets import (
    Blob,
    BlobReference,
    Bucket,
    Segment,
    StoredObject,
)
from objects_app.models.fields import KeyField
from objects_app.models.figures import (
    BucketFigures,
    Chore,
    DuplicatedContent,
    RequestCount,
    UsageSample,
)
from objects_app.models.jobs import Job
from objects_app.models.journal import BucketTotals, JournalEntry, JournalWatermark
from objects_app.models.upkeep import ImportedObject, Lease, Node, SweepHold
from objects_app.models.uploads import Upload, UploadPart

__all__ = [
    "AccessKey",
    "Allowance",
    "Blob",
    "BlobReference",
    "Bucket",
    "BucketFigures",
    "BucketTotals",
    "Chore",
    "ConsoleSession",
    "DuplicatedContent",
    "Grant",
    "ImportedObject",
    "Job",
    "JournalEntry",
    "JournalWatermark",
    "KeyField",
    "Lease",
    "Node",
    "OidcIdentity",
    "RequestCount",
    "Role",
    "Segment",
    "StoredObject",
    "SweepHold",
    "TemporaryPassword",
    "Upload",
    "UploadPart",
    "UsageSample",
]
