"""A bucket `shelf` of alice's, with what she puts there, seen through the console."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from django.contrib.auth.models import User
from django.test import Client

from objects_app.models import Bucket, Grant, Role, StoredObject
from tests.access.people import make_key, with_key
from tests.client import DataPlane

BUCKET = "shelf"


class Shelf:
    """Puts objects as alice, and opens pages as whoever is asked for."""

    def __init__(self, alice: User) -> None:
        self.alice = alice
        self._key = with_key(make_key(alice))
        Bucket.objects.create(name=BUCKET, owner=alice)

    def put(
        self,
        key: str = "docs/a.txt",
        body: bytes = b"content",
        *,
        bucket: str = BUCKET,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Put an object and return its version's id."""
        answer = self._key.ask(
            DataPlane(),
            "PUT",
            f"/buckets/{bucket}/objects/{quote(key)}",
            body=body,
            headers=headers,
        )
        assert answer.status in {200, 201}, answer.body
        return str(answer.json()["version_id"])

    def read(self, key: str = "docs/a.txt", *, bucket: str = BUCKET) -> bytes | None:
        """Return the object's bytes, None if there is none."""
        path = f"/buckets/{bucket}/objects/{quote(key)}"
        answer = self._key.ask(DataPlane(), "GET", path)
        return answer.body if answer.status == 200 else None

    def delete(self, key: str = "docs/a.txt") -> None:
        """Delete an object."""
        path = f"/buckets/{BUCKET}/objects/{quote(key)}"
        assert self._key.ask(DataPlane(), "DELETE", path).status == 200

    def keep_versions(self) -> None:
        """Let the bucket keep versions from now on."""
        changed = self._key.tell(
            DataPlane(), "PATCH", f"/buckets/{BUCKET}", versioning="enabled"
        )
        assert changed.status == 200

    def make_public(self) -> None:
        """Let everybody read its objects."""
        Bucket.objects.filter(name=BUCKET).update(visibility="public-read")

    def let_in(self, user: User, role: Role, prefix: str = "") -> None:
        """Give somebody a role in the bucket, for keys that begin so."""
        bucket = Bucket.objects.get(name=BUCKET)
        Grant.objects.create(bucket=bucket, user=user, role=role, prefix=prefix)

    def row(self, key: str = "docs/a.txt") -> StoredObject:
        """Return the latest version's row."""
        return StoredObject.objects.get(key=key, is_latest=True)


def client_of(user: User | None) -> Client:
    """Return the browser of somebody who comes from elsewhere, None: of a stranger."""
    client = Client(REMOTE_ADDR="192.0.2.1")
    if user is not None:
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def at(page: str = "object", key: str = "docs/a.txt", **parameters: str) -> str:
    """Return a page's address about a key of the shelf."""
    return f"/ui/buckets/{BUCKET}/{page}?{urlencode({'key': key, **parameters})}"
