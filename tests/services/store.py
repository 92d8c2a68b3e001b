"""The services as the doors call them, with what every call needs filled in."""

import io

from django.contrib.auth.models import User

from objects_app.blobs.backend import BlobBackend, BlobReader, backend
from objects_app.blobs.ingest import Expected
from objects_app.models import Blob
from objects_app.queries import reads
from objects_app.queries.rows import ANYTHING, Actor, BucketRow, Preconditions, Scope
from objects_app.services import buckets, objects
from objects_app.services.buckets import NewBucket
from tests.blobs.bodies import digest

ACTOR = Actor(label="tester", node_id="node-7", request_id="request-9")


class Store:
    """Puts, reads and deletes as one owner, nobody unless told."""

    @property
    def backend(self) -> BlobBackend:
        return backend()

    def bucket(self, name: str = "test", *, owner: User | None = None) -> BucketRow:
        new = NewBucket(name=name, owner_id=owner.pk if owner else None)
        return buckets.create_bucket(new=new, by=ACTOR).row

    def put(
        self,
        key: str = "a",
        body: bytes = b"content",
        *,
        bucket: BucketRow | NewBucket | None = None,
        conditions: Preconditions = ANYTHING,
        by: Actor = ACTOR,
    ) -> objects.StoredResult:
        target = bucket or self.bucket()
        return objects.put_object(
            bucket=target,
            key=key,
            stream=io.BytesIO(body),
            length=len(body),
            expected=Expected(),
            description=objects.Description("text/plain", {}, {}),
            conditions=conditions,
            readable=Scope.of_owner(target.owner_id),
            by=by,
        )

    def open(self, key: str = "a", *, bucket: str = "test") -> BlobReader:
        found = reads.find_object(bucket, key)
        assert found is not None
        assert found[1] is not None
        return objects.open_bytes(row=found[1])

    def read(self, key: str = "a", *, bucket: str = "test") -> bytes:
        with self.open(key, bucket=bucket) as file:
            return file.read()

    def delete(
        self,
        key: str = "a",
        *,
        bucket: BucketRow | None = None,
        conditions: Preconditions = ANYTHING,
        by: Actor = ACTOR,
    ) -> None:
        objects.delete_object(
            bucket=bucket or self.bucket(), key=key, conditions=conditions, by=by
        )

    def blob(self, body: bytes = b"content") -> Blob:
        return Blob.objects.get(sha256=digest(body))
