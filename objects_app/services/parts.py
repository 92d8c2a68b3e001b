"""Parts of uploads: each a stored blob, and a row that says where it belongs."""

from typing import NamedTuple

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from objects_app import metrics
from objects_app.blobs.backend import BlobBackend
from objects_app.blobs.ingest import Received
from objects_app.errors import OffsetMismatch, StorageBusy
from objects_app.models import Upload, UploadPart
from objects_app.queries import sql
from objects_app.queries.changes import Mark
from objects_app.queries.rows import Claim
from objects_app.services import objects, uploads

_ATTEMPTS = 20


class StoredPart(NamedTuple):
    """A part as it is stored now; `size` in bytes."""

    number: int
    size: int
    sha256: str


def store_received(
    *,
    store: BlobBackend,
    received: Received,
    upload: Upload,
    number: int,
    offset: int | None = None,
) -> StoredPart:
    """Store a part, in place of an earlier one of that number.

    With `offset` it is what follows the bytes that have `received` so far: these must
    be so many, and are then more by its size. The upload gets its full time again.
    Raises NoSuchUpload, UploadCompleted, OffsetMismatch, StorageUnavailable,
    StorageBusy; then no row was written.
    """
    part = StoredPart(number, received.size, received.sha256)
    for _ in range(_ATTEMPTS):
        claim = objects.claim_blob(sha256=received.sha256, size=received.size)
        wrote = objects.secure_bytes(store=store, claim=claim, received=received)
        if _commit(upload=upload, part=part, claim=claim, wrote=wrote, offset=offset):
            if not wrote:
                metrics.DEDUP_HITS.inc()
            return part
        metrics.LOST_RACES.labels("commit").inc()
    raise StorageBusy(
        gettext_noop("This content kept changing under the upload: send it again.")
    )


def _commit(
    *, upload: Upload, part: StoredPart, claim: Claim, wrote: bool, offset: int | None
) -> bool:
    """Write the part's row, its blob held against the sweep; False: claim again.

    The upload's row is locked first, so that no part is added to one that is being
    completed, aborted or removed, and two cannot follow the same byte.
    """
    mark = Mark(claim.id, claim.sha256, part.size, claim.created_at, seen=wrote)
    with transaction.atomic():
        held = uploads.hold_upload(upload=upload)
        if offset is not None and held.received != offset:
            raise OffsetMismatch(held.received)
        if sql.mark([mark]):
            return False
        row = UploadPart(
            upload_id=held.pk,
            blob_id=claim.id,
            created_at=Now(),
            **part._asdict(),
        )
        UploadPart.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["upload", "number"],
            update_fields=["blob", "created_at", "sha256", "size"],
        )
        changes = {} if offset is None else {"received": offset + part.size}
        Upload.objects.filter(pk=held.pk).update(expires_at=uploads.expiry(), **changes)
    return True
