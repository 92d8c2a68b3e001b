"""Importing from another S3 store: key, bytes, type, headers and metadata."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop

from objects_app.blobs.ingest import Expected
from objects_app.blobs.s3_client import S3Server
from objects_app.blobs.s3_source import (
    Listed,
    S3Source,
    SourceError,
    SourceFailed,
    SourceGone,
)
from objects_app.errors import (
    DigestMismatch,
    InvalidArgument,
    InvalidKey,
    StorageUnavailable,
    StoreError,
)
from objects_app.models import ImportedObject, StoredObject
from objects_app.names import decode_key
from objects_app.queries.rows import Actor, BucketRow, Scope
from objects_app.services import objects, transfer
from objects_app.services.transfer import Kind, Moved, Outcome, Place, Watch, shown

_TRIES = 4
_PAUSE_SECONDS = 1.0

Describe = Callable[[Mapping[str, str], str], objects.Description]
"""Gives an object's description from the source's response headers and its key."""


class SourceAddress(NamedTuple):
    """Where a source is: its server, a bucket there, and a folder in it or ""."""

    server: S3Server
    bucket: str
    prefix: str

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        endpoint_url: str | None,
        access_key_id: str | None,
        secret_access_key: str | None,
    ) -> "SourceAddress":
        """Read s3://bucket[/prefix]. Raises InvalidArgument."""
        scheme, _, rest = url.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise InvalidArgument(
                gettext_noop("%(url)s is not of the form s3://bucket/prefix."), url=url
            )
        if endpoint_url is not None and not _is_http(endpoint_url):
            raise InvalidArgument(
                gettext_noop(
                    "--endpoint-url %(endpoint_url)s is not of the form "
                    "https://minio.example.com."
                ),
                endpoint_url=endpoint_url,
            )
        if (access_key_id is None) != (secret_access_key is None):
            raise InvalidArgument(
                gettext_noop(
                    "--access-key-id and the variable IMPORT_SECRET_ACCESS_KEY "
                    "belong together: give both, or neither."
                )
            )
        server = S3Server(
            endpoint_url=endpoint_url,
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
        )
        return cls(server, bucket, transfer.folder_prefix(prefix))


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.port != 0
        )
    except ValueError:
        return False


def import_s3(
    *,
    source: SourceAddress,
    place: Place,
    owner_id: int | None,
    describe: Describe,
    threads: int,
    watch: Watch,
) -> Moved:
    """Put every object of another store's bucket, or a folder in it, into a bucket.

    Lengths are checked, and digests where the source has them; its ETag is never taken
    for one. What was imported once is skipped, by its key, ETag and size there, as long
    as the object is still here. What cannot be imported is an outcome. Raises
    SourceError when the source cannot be listed; StorageUnavailable, BucketTaken,
    DatabaseError: the rest would fail, too.
    """
    by = transfer.operator("import_s3")
    bucket = transfer.target_bucket(name=place.bucket, owner_id=owner_id, by=by)
    store = S3Source(source.server, source.bucket)
    task = _Import(store, source.prefix, place, bucket, describe, by, watch)
    return transfer.together(
        transfer.each(task.items(), task.run, threads=threads), watch
    )


class _Item(NamedTuple):
    """A listed object, its key here, and what became of it if that is clear."""

    listed: Listed
    key: str
    known: Outcome | None = None


class _Import(NamedTuple):
    """What all threads of one import need."""

    source: S3Source
    prefix: str
    place: Place
    bucket: BucketRow
    describe: Describe
    by: Actor
    watch: Watch

    def items(self) -> Iterator[_Item]:
        """Yield all that is listed, with what earlier runs say of it."""
        for page in self.source.pages(self.prefix):
            items = [self._item(listed) for listed in page]
            imported = self._imported(items)
            for item in items:
                if item.known is None and item.listed in imported.get(item.key, ()):
                    known = Outcome(
                        Kind.SKIPPED, shown(item.listed.key), item.listed.size
                    )
                    yield item._replace(known=known)
                else:
                    yield item

    def run(self, item: _Item, stop: threading.Event) -> Outcome:
        """Import one object; a source that breaks off is read again."""
        if item.known is not None:
            return item.known
        name = shown(item.listed.key)
        for tried in range(1, _TRIES + 1):
            try:
                return self._copy(item, stop)
            except SourceGone:
                return Outcome(Kind.PASSED_BY, name)
            except (SourceFailed, DigestMismatch) as error:
                if tried == _TRIES:
                    return Outcome(Kind.FAILED, name, reason=str(error))
                stop.wait(_PAUSE_SECONDS * tried)
            except StorageUnavailable:
                raise
            except (StoreError, SourceError) as error:
                return Outcome(Kind.FAILED, name, reason=str(error))
        raise AssertionError("the last try returns or raises")

    def _item(self, listed: Listed) -> _Item:
        name, below = shown(listed.key), listed.key.removeprefix(self.prefix)
        if not below:  # the object that consoles make for the folder itself
            return _Item(listed, "", Outcome(Kind.PASSED_BY, name))
        key = self.place.prefix + below
        try:
            return _Item(listed, decode_key(key.encode("utf-8", "surrogatepass")))
        except InvalidKey as error:
            return _Item(listed, "", Outcome(Kind.FAILED, name, reason=str(error)))

    def _imported(self, items: list[_Item]) -> dict[str, set[Listed]]:
        """Return what was imported under which of the keys that are still here."""
        keys = [item.key for item in items if item.known is None]
        here = set(
            StoredObject.objects.filter(
                bucket_id=self.bucket.id,
                key__in=keys,
                is_latest=True,
                is_delete_marker=False,
            ).values_list("key", flat=True)
        )
        found: dict[str, set[Listed]] = {}
        for key, source_key, etag, size in ImportedObject.objects.filter(
            bucket_id=self.bucket.id, key__in=here, source=self.source.address
        ).values_list("key", "source_key", "source_etag", "source_size"):
            found.setdefault(key, set()).add(Listed(source_key, etag, size))
        return found

    def _copy(self, item: _Item, stop: threading.Event) -> Outcome:
        listed = item.listed
        with self.source.open(listed) as found:
            stored = objects.put_object(
                bucket=self.bucket,
                key=item.key,
                stream=transfer.Counted(found, tell=self.watch.bytes, stop=stop),
                length=found.length,
                expected=Expected(sha256=found.sha256),
                description=self.describe(found.headers, item.key),
                readable=Scope.of_owner(self.bucket.owner_id),
                by=self.by,
            )
        self._remember(item)
        saved = stored.size if stored.deduplicated else 0
        return Outcome(Kind.MOVED, shown(listed.key), stored.size, saved)

    def _remember(self, item: _Item) -> None:
        """Write down what was brought here, after its commit: else it might not be."""
        ImportedObject.objects.bulk_create(
            [
                ImportedObject(
                    source=self.source.address,
                    source_key=item.listed.key,
                    source_etag=item.listed.etag,
                    source_size=item.listed.size,
                    bucket_id=self.bucket.id,
                    key=item.key,
                )
            ],
            update_conflicts=True,
            unique_fields=["bucket_id", "key", "source", "source_key"],
            update_fields=["source_etag", "source_size", "imported_at"],
        )
