"""The stored bytes seen from behind, whichever backend has them, and broken there."""

from typing import Any

from objects_app.blobs.backend import BlobBackend, backend
from objects_app.blobs.layout import storage_key
from objects_app.blobs.s3_client import S3Server, connect
from tests.blobs.memory import Content
from tests.servers.ports import free_port


def stored_digests() -> list[str]:
    """Return the digests of all that is stored, in order."""
    return [stored.sha256 for stored in backend().walk()]


def stored_bytes(sha256: str) -> bytes:
    """Return what lies under a digest, whatever it is."""
    with backend().open(sha256) as reader:
        return reader.read()


def take_storage_away() -> None:
    """Let nothing be found where the bytes were, as after an unmount."""
    kept: Any = backend()
    if kept.name == "s3":
        nobody = S3Server(f"http://127.0.0.1:{free_port()}", "here", "key", "secret")
        kept._client = connect(nobody).client
        return
    folder = kept._root
    folder.rename(folder.with_name("away"))


def lose(sha256: str, *, store: BlobBackend | None = None) -> None:
    """Remove a digest's bytes, as a broken disk would."""
    replace(sha256, None, store=store)


def replace(
    sha256: str, content: bytes | None, *, store: BlobBackend | None = None
) -> None:
    """Put other bytes under a digest, or none, behind the backend's back."""
    kept: Any = store or backend()
    if kept.name == "s3":
        kept._cache.forget(sha256)
        place = {"Bucket": kept._bucket, "Key": kept._key(sha256)}
        if content is None:
            kept._client.delete_object(**place)
        else:
            kept._client.put_object(**place, Body=content)
        return
    if kept.name == "memory":
        moment = kept.clock()
        kept.files[storage_key(sha256)] = Content(content or b"", moment)
        return
    path = kept._root / storage_key(sha256)
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
