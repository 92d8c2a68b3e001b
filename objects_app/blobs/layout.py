"""Where the bytes of a digest lie: digest <-> storage key.

    DATA_DIR/                        or the S3 bucket, with the same keys
      objects/
        9a/                          first two letters of the SHA-256
          61/                        next two
            9a61081e586fae...        the bytes; the name is their whole SHA-256
      tmp/                           filesystem only: bodies being received; drafts
        5f0c1e...                    random names; `clear_spool` removes old ones

A file below `objects/` appears there whole or not at all, is never changed, and is
replaced only by the same bytes. The folders are never removed: a writer that has just
found its folder may count on it.
"""

import re
from datetime import datetime
from typing import NamedTuple

FOLDER = "objects"

_DIGEST = re.compile(r"[0-9a-f]{64}")


class StoredBlob(NamedTuple):
    """What a backend holds under one digest; `modified` is by the backend's clock."""

    sha256: str
    size: int
    modified: datetime


def storage_key(sha256: str) -> str:
    """Return the key, with slashes, under which a backend keeps this digest's bytes.

    Raises ValueError unless `sha256` is 64 lowercase hexadecimal digits, so that no
    text from outside can ever name another place.
    """
    if not _DIGEST.fullmatch(sha256):
        raise ValueError(f"not a SHA-256 in lowercase hexadecimal: {sha256!r}")
    return f"{FOLDER}/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def digest_of(key: str) -> str | None:
    """Return the digest whose bytes lie at `key`; None when the key is not of ours."""
    sha256 = key.rpartition("/")[2]
    if _DIGEST.fullmatch(sha256) and storage_key(sha256) == key:
        return sha256
    return None
