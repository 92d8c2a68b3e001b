"""How a tus upload becomes an object: its last piece and the object, in one
transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from objects_app.blobs.backend import BlobBackend
from objects_app.blobs.ingest import Received
from objects_app.errors import OffsetMismatch, PreconditionFailed
from objects_app.models import Upload, UploadPart
from objects_app.queries import sql
from objects_app.queries.changes import Change, Content, Mark
from objects_app.queries.plans import Again
from objects_app.queries.rows import Actor, BucketRow, Preconditions
from objects_app.services import changes, objects, uploads


class LastPiece:
    """The last piece of an upload, on its way into the object that it completes.

    `digests` are those of all pieces, its own the last. One that is alone becomes the
    object's only blob; one without bytes adds nothing to those that are there.
    """

    def __init__(
        self,
        *,
        store: BlobBackend,
        received: Received,
        upload: Upload,
        bucket: BucketRow,
        offset: int,
        digests: list[str],
    ) -> None:
        self._store, self._received = store, received
        self._upload, self._bucket = upload, bucket
        self._offset, self._digests = offset, digests
        self._alone = offset == 0
        self._mark: Mark | None = None

    def commit(self, *, by: Actor) -> None:
        """Make the object. Raises PreconditionFailed, and then the upload is gone."""
        try:
            [made] = changes.commit(prepare=self._prepare, by=by, first=self._first)
        except changes.ChangesRefused as refused:
            uploads.abort_upload(upload=self._upload)
            raise PreconditionFailed(
                gettext_noop(
                    "The object is not in the state that the upload's conditions "
                    "ask for: read it again and decide anew. The upload has ended."
                )
            ) from refused
        if self._alone:
            done = Upload.objects.filter(pk=self._upload.pk)
            done.update(version_id=made.version_id)

    def _prepare(self) -> tuple[list[Change], list[Mark]]:
        """Secure the bytes; no transaction is open. Called again after a lost race."""
        if self._received.size or self._alone:
            claim = objects.claim_blob(
                sha256=self._received.sha256, size=self._received.size
            )
            wrote = objects.secure_bytes(
                store=self._store, claim=claim, received=self._received
            )
            self._mark = Mark(
                claim.id,
                claim.sha256,
                self._received.size,
                claim.created_at,
                seen=wrote,
            )
        return [self._change()], [self._mark] if self._mark else []

    def _change(self) -> Change:
        sha256 = self._received.sha256
        change = uploads.completion(
            bucket=self._bucket,
            upload=self._upload,
            etag=sha256 if self._alone else uploads.composite_etag(self._digests),
            size=self._offset + self._received.size,
            conditions=_restored(self._upload.conditions),
        )
        if self._mark and self._alone and isinstance(change.what, Content):
            blob = change.what._replace(
                blob_id=self._mark.id, sha256=sha256, parts_of=None
            )
            return change._replace(what=blob)
        return change

    def _first(self) -> None:
        """Add the piece to its upload, in the transaction that makes the object."""
        held = uploads.hold_upload(upload=self._upload)
        if held.received != self._offset:
            raise OffsetMismatch(held.received)
        length = self._offset + self._received.size
        Upload.objects.filter(pk=held.pk).update(
            received=length,
            length=length,
            expires_at=uploads.expiry(),
            completed_at=Now() if self._alone else None,
        )
        if self._alone or self._mark is None:
            return
        # The guard refuses a row that refers to a blob which nobody holds. Parts are
        # held after it, so this is not by id: a deadlock would be one more lost race.
        if sql.mark([self._mark]):
            raise Again
        UploadPart.objects.create(
            upload=held,
            number=len(self._digests),
            size=self._mark.size,
            sha256=self._mark.sha256,
            blob_id=self._mark.id,
        )


def stored_conditions(conditions: Preconditions) -> dict[str, Any]:
    """Return conditions as JSON can hold them."""
    since = conditions.if_unmodified_since
    sent = {**conditions._asdict(), "if_unmodified_since": since and since.isoformat()}
    return {name: value for name, value in sent.items() if value is not None}


def _restored(stored: Mapping[str, Any]) -> Preconditions:
    since = stored.get("if_unmodified_since")
    tags = {n: tuple(stored[n]) for n in ("if_match", "if_none_match") if n in stored}
    return Preconditions(
        **tags, if_unmodified_since=datetime.fromisoformat(since) if since else None
    )
