"""What can go wrong, in the store's own terms. None of these knows HTTP.

Each message says what the caller can do about it. The doors map the classes to their
own status and code (`rest/problems.py`).
"""


class StoreError(Exception):
    """Base of everything the store refuses; `str()` is meant for the caller."""


def first_line(error: BaseException) -> str:
    """Return what a database's driver says went wrong, without its hints."""
    return str(error).strip().partition("\n")[0]


class InvalidBucketName(StoreError):
    """The name breaks S3's rules."""


class InvalidKey(StoreError):
    """The key is empty, too long, not UTF-8, or holds NUL."""


class InvalidArgument(StoreError):
    """A parameter or header cannot be understood."""


class BucketRequired(StoreError):
    """This only makes sense within one bucket."""


class InvalidMetadata(StoreError):
    """User metadata is too large or not representable."""


class NoSuchBucket(StoreError):
    """There is no such bucket, or the caller may not know of it."""


class NoSuchKey(StoreError):
    """There is no such object, or the caller may not know of it."""


class BucketTaken(StoreError):
    """The name belongs to somebody else."""


class BucketNotEmpty(StoreError):
    """A bucket with objects in it cannot be deleted."""


class CredentialsRequired(StoreError):
    """Nobody in particular is asking, and that is not enough."""


class AccessDenied(StoreError):
    """The caller is known and may not do this."""


class PreconditionFailed(StoreError):
    """If-Match, If-None-Match or If-Unmodified-Since did not hold."""


class DigestMismatch(StoreError):
    """The body is not what the client said it would be; nothing was stored."""


class IncompleteBody(StoreError):
    """The body ended before its declared length, or its framing broke."""


class BodyStalled(StoreError):
    """The client sent nothing for too long in the middle of a body."""


class TooManyUploads(StoreError):
    """Enough others are being waited for; this body was not."""


class BodyTooLarge(StoreError):
    """The body is larger than the store accepts."""


class BytesMissing(StoreError):
    """The bytes of a digest are not in the backend, or not all: to be repaired."""

    def __init__(self, sha256: str) -> None:
        super().__init__(
            f"The bytes of {sha256} are missing or damaged: upload the object again, "
            "or tell the operator to run verify."
        )


class StorageUnavailable(StoreError):
    """The backend cannot read or write just now; nothing was changed."""


class StorageBusy(StoreError):
    """The content is being removed at this moment; ask again."""
