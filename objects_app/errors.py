"""What can go wrong, in the store's own terms. None of these knows HTTP.

Each message says what the caller can do about it. The doors map the classes to their
own status and code (`rest/problems.py`).
"""

from collections.abc import Mapping

from django.utils.translation import gettext, gettext_noop


class StoreError(Exception):
    """Base of everything the store refuses; `str()` is meant for the caller.

    `message` is English, marked with gettext_noop where it is raised, and has
    %(name)s for each of the `parameters`. REST says `str()`, a screen `translated()`.
    """

    def __init__(self, message: str, /, **parameters: object) -> None:
        super().__init__(message % parameters if parameters else message)
        self.message = message
        self.parameters = parameters

    def translated(self) -> str:
        """Return what `str()` says in the language of whoever reads the screen."""
        text = gettext(self.message)
        if not self.parameters:
            return text
        return text % {
            name: value.translated() if isinstance(value, StoreError) else value
            for name, value in self.parameters.items()
        }


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


class InvalidTags(StoreError):
    """Tags are too many, too long, or hold what S3 allows in none."""


class SearchTooBroad(StoreError):
    """The search would take longer than one may."""


class NoSuchBucket(StoreError):
    """There is no such bucket, or the caller may not know of it."""


class NoSuchKey(StoreError):
    """There is no such object, or the caller may not know of it.

    `marker` is the version id of the delete marker that hides it, if one does.
    """

    def __init__(
        self, message: str, /, *, marker: str | None = None, **parameters: object
    ) -> None:
        super().__init__(message, **parameters)
        self.marker = marker


class NoSuchVersion(StoreError):
    """The key has no version of that id."""


class DeleteMarker(StoreError):
    """The version of that id is a delete marker, which has no content."""

    def __init__(self, version_id: str) -> None:
        super().__init__(
            gettext_noop(
                "This version is a delete marker, with nothing to get: delete it to "
                "bring back the version before it."
            )
        )
        self.version_id = version_id


class NotVersioned(StoreError):
    """The bucket keeps no versions, or kept none at that moment."""


class VersioningStays(StoreError):
    """A bucket that has kept versions does not become one without."""


class FutureMoment(StoreError):
    """What will be is not known yet."""


class NoSuchUpload(StoreError):
    """There is no such upload: it never was, was aborted or has expired, or the caller
    may not know of it."""


class UploadCompleted(StoreError):
    """The upload has become an object: nothing can be added to it or taken away."""


class OffsetMismatch(StoreError):
    """What was sent does not begin where what arrived ends, at byte `offset`."""

    def __init__(self, offset: int) -> None:
        super().__init__(
            gettext_noop("The upload has %(offset)s bytes: go on from there."),
            offset=offset,
        )
        self.offset = offset


class UnsupportedTusVersion(StoreError):
    """The client speaks another version of tus, or does not say which."""


class UnsupportedContentType(StoreError):
    """The body is of a type that is not taken here."""


class ChecksumMismatch(StoreError):
    """The body is not what Upload-Checksum says; nothing of it was kept."""


class ContentUnknown(StoreError):
    """The caller may read no object with this content: whether others have it is not
    told."""


class InvalidPart(StoreError):
    """A part of the list was never uploaded, or is not what the list says."""


class InvalidPartOrder(StoreError):
    """The parts of the list are not in ascending order, each named once."""


class PartTooSmall(StoreError):
    """A part other than the last is below the smallest size."""


class NoSuchAccessKey(StoreError):
    """There is no such access key, or the caller may not know of it."""


class NoSuchJob(StoreError):
    """There is no such job, or the caller may not know of it."""


class NoSuchUser(StoreError):
    """There is no user of that name."""


class NoSuchGroup(StoreError):
    """There is no group of that name."""


class GroupInUse(StoreError):
    """A group with members or grants cannot be deleted."""


class LastAdministrator(StoreError):
    """Somebody has to stay who can administer the store."""


class NoSuchGrant(StoreError):
    """Nothing of the kind was granted."""


class ForeignOrigin(StoreError):
    """A page of another site made a browser send this."""


class CsrfRequired(StoreError):
    """A cookie alone is not enough to change something."""


class BucketTaken(StoreError):
    """The name belongs to somebody else."""


class BucketNotEmpty(StoreError):
    """A bucket with objects in it cannot be deleted."""


class CredentialsRequired(StoreError):
    """Nobody in particular is asking, and that is not enough."""


class InvalidCredentials(StoreError):
    """The credentials are wrong, expired or revoked; which of it is not told."""


class InvalidPresigned(StoreError):
    """The presigned URL is forged, damaged, or for another request."""


class PresignedExpired(StoreError):
    """The presigned URL was good until a moment ago, or longer."""


class TooManyLogins(StoreError):
    """As many passwords are being checked as may be; ask again."""


class LoginLocked(StoreError):
    """Too many logins failed; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            gettext_noop(
                "Too many logins failed: try again in %(seconds)s seconds, or ask the "
                "operator."
            ),
            seconds=retry_after,
        )
        self.retry_after = retry_after


class IssuerUnavailable(StoreError):
    """The identity provider cannot be asked just now, and was needed."""


class AccessDenied(StoreError):
    """The caller is known and may not do this."""


class TooManyBuckets(StoreError):
    """The caller owns as many buckets as the allowance says."""


class RateLimited(StoreError):
    """The caller asks too often; again after `retry_after` seconds."""

    def __init__(
        self, message: str, /, *, retry_after: int, **parameters: object
    ) -> None:
        super().__init__(message, **parameters)
        self.retry_after = retry_after


class PreconditionFailed(StoreError):
    """If-Match, If-None-Match or If-Unmodified-Since did not hold."""

    def __init__(self, message: str = "", /, **parameters: object) -> None:
        anyway = gettext_noop(
            "The object is not in the state that the conditions ask for: "
            "read it again and decide anew."
        )
        super().__init__(message or anyway, **parameters)


class SourceIsTarget(StoreError):
    """This would change nothing: it goes to where it is."""


class PrefixesOverlap(StoreError):
    """Keys would be copied over and over, or over others that are still to be."""


class KeyNamedTwice(StoreError):
    """Two operations of a batch name a key, and one of them changes it."""


class BatchRefused(StoreError):
    """Operations of a batch cannot be done, so none was: each one, by its place."""

    def __init__(self, failures: Mapping[int, StoreError]) -> None:
        super().__init__(
            gettext_noop(
                "Nothing was changed: %(count)s of the operations cannot be done."
            ),
            count=len(failures),
        )
        self.failures = failures


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


class QuotaExceeded(StoreError):
    """The upload would take up more than the bucket or its owner may; nothing was
    written."""


class BytesMissing(StoreError):
    """The bytes of a digest are not in the backend, or not all: to be repaired."""

    def __init__(self, sha256: str) -> None:
        super().__init__(
            gettext_noop(
                "The bytes of %(sha256)s are missing or damaged: upload the object "
                "again, or tell the operator to run verify."
            ),
            sha256=sha256,
        )
        self.sha256 = sha256


class StorageUnavailable(StoreError):
    """The backend cannot read or write just now; nothing was changed."""


class StorageBusy(StoreError):
    """The content is being removed at this moment; ask again."""
