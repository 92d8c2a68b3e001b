"""Errors as RFC 9457 problem JSON: one table from domain error to status and code."""

import logging
from http import HTTPStatus
from typing import Any, NamedTuple

from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.db import (
    DatabaseError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.log import log_response

from objects_app import errors
from objects_app.http.ranges import Unsatisfiable
from objects_app.rest.answers import json_answer

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 2


class Problem(NamedTuple):
    """How one kind of error is told; `code` never changes its meaning."""

    status: int
    code: str
    title: str


TABLE: dict[type[Exception], Problem] = {
    errors.InvalidBucketName: Problem(
        400, "invalid_bucket_name", "Invalid bucket name"
    ),
    errors.InvalidKey: Problem(400, "invalid_key", "Invalid key"),
    errors.InvalidArgument: Problem(400, "invalid_argument", "Invalid argument"),
    errors.InvalidMetadata: Problem(400, "invalid_metadata", "Invalid metadata"),
    errors.SourceIsTarget: Problem(400, "source_is_target", "Source is target"),
    errors.PrefixesOverlap: Problem(400, "prefixes_overlap", "Prefixes overlap"),
    errors.KeyNamedTwice: Problem(400, "key_named_twice", "Key named twice"),
    errors.InvalidTags: Problem(400, "invalid_tags", "Invalid tags"),
    errors.BucketRequired: Problem(400, "bucket_required", "Bucket required"),
    errors.InvalidPart: Problem(400, "invalid_part", "Invalid part"),
    errors.InvalidPartOrder: Problem(400, "invalid_part_order", "Invalid part order"),
    errors.PartTooSmall: Problem(400, "part_too_small", "Part too small"),
    errors.FutureMoment: Problem(400, "future_moment", "Moment in the future"),
    errors.DigestMismatch: Problem(400, "digest_mismatch", "Digest mismatch"),
    errors.IncompleteBody: Problem(400, "incomplete_body", "Incomplete body"),
    errors.CredentialsRequired: Problem(
        401, "credentials_required", "Credentials required"
    ),
    errors.InvalidCredentials: Problem(
        401, "invalid_credentials", "Invalid credentials"
    ),
    errors.InvalidPresigned: Problem(403, "invalid_presigned", "Invalid presigned URL"),
    errors.PresignedExpired: Problem(403, "presigned_expired", "Presigned URL expired"),
    errors.AccessDenied: Problem(403, "access_denied", "Access denied"),
    errors.ForeignOrigin: Problem(403, "foreign_origin", "Foreign origin"),
    errors.CsrfRequired: Problem(403, "csrf_required", "CSRF token required"),
    errors.NoSuchAccessKey: Problem(404, "no_such_access_key", "No such access key"),
    errors.NoSuchJob: Problem(404, "no_such_job", "No such job"),
    errors.NoSuchUser: Problem(404, "no_such_user", "No such user"),
    errors.NoSuchGroup: Problem(404, "no_such_group", "No such group"),
    errors.NoSuchGrant: Problem(404, "no_such_grant", "No such grant"),
    errors.NoSuchUpload: Problem(404, "no_such_upload", "No such upload"),
    errors.TooManyBuckets: Problem(403, "too_many_buckets", "Too many buckets"),
    errors.NoSuchBucket: Problem(404, "no_such_bucket", "No such bucket"),
    errors.NoSuchKey: Problem(404, "no_such_key", "No such key"),
    errors.NoSuchVersion: Problem(404, "no_such_version", "No such version"),
    errors.DeleteMarker: Problem(405, "delete_marker", "Delete marker"),
    errors.BodyStalled: Problem(408, "body_stalled", "Body stalled"),
    errors.BucketTaken: Problem(409, "bucket_taken", "Bucket name taken"),
    errors.BucketNotEmpty: Problem(409, "bucket_not_empty", "Bucket not empty"),
    errors.GroupInUse: Problem(409, "group_in_use", "Group in use"),
    errors.LastAdministrator: Problem(409, "last_administrator", "Last administrator"),
    errors.UploadCompleted: Problem(409, "upload_completed", "Upload completed"),
    errors.OffsetMismatch: Problem(409, "offset_mismatch", "Offset mismatch"),
    errors.BatchRefused: Problem(409, "batch_refused", "Batch refused"),
    errors.NotVersioned: Problem(409, "not_versioned", "Bucket without versions"),
    errors.VersioningStays: Problem(409, "versioning_stays", "Versioning stays"),
    errors.PreconditionFailed: Problem(
        412, "precondition_failed", "Precondition failed"
    ),
    errors.ContentUnknown: Problem(412, "content_unknown", "Content unknown"),
    errors.UnsupportedTusVersion: Problem(
        412, "unsupported_tus_version", "Unsupported tus version"
    ),
    errors.BodyTooLarge: Problem(413, "body_too_large", "Body too large"),
    errors.UnsupportedContentType: Problem(
        415, "unsupported_content_type", "Unsupported content type"
    ),
    Unsatisfiable: Problem(416, "range_not_satisfiable", "Range not satisfiable"),
    errors.SearchTooBroad: Problem(422, "search_too_broad", "Search too broad"),
    errors.LoginLocked: Problem(429, "login_locked", "Login locked"),
    errors.RateLimited: Problem(429, "rate_limited", "Rate limited"),
    errors.ChecksumMismatch: Problem(460, "checksum_mismatch", "Checksum mismatch"),
    errors.BytesMissing: Problem(500, "bytes_missing", "Bytes missing"),
    errors.IssuerUnavailable: Problem(
        503, "issuer_unavailable", "Identity provider unavailable"
    ),
    errors.StorageUnavailable: Problem(
        503, "storage_unavailable", "Storage unavailable"
    ),
    errors.StorageBusy: Problem(503, "storage_busy", "Storage busy"),
    errors.TooManyLogins: Problem(503, "too_many_logins", "Too many logins"),
    errors.TooManyUploads: Problem(503, "too_many_uploads", "Too many uploads"),
    errors.QuotaExceeded: Problem(507, "quota_exceeded", "Quota exceeded"),
}

NO_SUCH_PATH = Problem(404, "no_such_path", "No such path")
METHOD_NOT_ALLOWED = Problem(405, "method_not_allowed", "Method not allowed")
BAD_HOST = Problem(400, "bad_host", "Unknown host")
BAD_REQUEST = Problem(400, "bad_request", "Bad request")
DATABASE_UNAVAILABLE = Problem(503, "database_unavailable", "Database unavailable")
INTERNAL_ERROR = Problem(500, "internal_error", "Internal error")


_CODES = {error.__name__: problem.code for error, problem in TABLE.items()}
_CLIENTS_OWN = errors.TooManyUploads | errors.QuotaExceeded


def response(request: HttpRequest, error: Exception) -> HttpResponse:
    """Return the problem for what was raised; the unexpected is logged, not told."""
    problem, detail = _told(request, error)
    members = (
        _failed_operations(error) if isinstance(error, errors.BatchRefused) else {}
    )
    answer = problem_response(request, problem, detail, **members)
    of_clients = isinstance(error, _CLIENTS_OWN)  # they could fill the log
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log_response(
            "%s in request %s",
            problem.code,
            _request_id(request),
            response=answer,
            request=request,
            logger=logger,
            level="warning" if of_clients else None,
            exception=None if of_clients else error,
        )
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer["Retry-After"] = str(RETRY_SECONDS)
    if isinstance(error, errors.LoginLocked | errors.RateLimited):
        answer["Retry-After"] = str(error.retry_after)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        answer["WWW-Authenticate"] = 'Bearer realm="objectstore"'
    if isinstance(error, Unsatisfiable):
        answer["Content-Range"] = f"bytes */{error.size}"
    if isinstance(error, errors.DeleteMarker):
        answer["Allow"] = "DELETE"
        _name_marker(answer, error.version_id)
    if isinstance(error, errors.NoSuchKey) and error.marker is not None:
        _name_marker(answer, error.marker)
    return answer


def code_of(name: str) -> str:
    """Return the code of the error whose class has this name."""
    return _CODES.get(name, INTERNAL_ERROR.code)


def problem_response(
    request: HttpRequest, problem: Problem, detail: str, **members: Any
) -> HttpResponse:
    """Return one problem as JSON; `detail` says what the caller can do about it, and
    `members` are added (RFC 9457 3.2)."""
    answer = json_answer(
        {
            "type": f"urn:objectstore:error:{problem.code}",
            "title": problem.title,
            "status": problem.status,
            "detail": detail,
            "code": problem.code,
            "request_id": _request_id(request),
            **members,
        },
        status=problem.status,
    )
    answer["Content-Type"] = CONTENT_TYPE
    if problem.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.info(
            "%s %r: %d %s in request %s",
            request.method,
            request.path,
            problem.status,
            problem.code,
            _request_id(request),
        )
    return answer


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    """Return 405 with Allow (RFC 9110 15.5.6)."""
    answer = problem_response(
        request,
        METHOD_NOT_ALLOWED,
        f"{request.method} does nothing here; use {allowed}.",
    )
    answer["Allow"] = allowed
    return answer


def _name_marker(answer: HttpResponse, version_id: str) -> None:
    """Say that a delete marker is what is there, as S3 does."""
    answer["X-Delete-Marker"] = "true"
    answer["X-Version-Id"] = version_id


def _told(request: HttpRequest, error: Exception) -> tuple[Problem, str]:
    if problem := TABLE.get(type(error)):
        return problem, str(error)
    if isinstance(error, Http404):
        return NO_SUCH_PATH, "No such path: see /ui/ for the ones there are."
    if isinstance(error, DisallowedHost):
        return BAD_HOST, "This server does not answer to that Host: see ALLOWED_HOSTS."
    if isinstance(error, SuspiciousOperation):
        return BAD_REQUEST, "The request cannot be understood."
    if _is_failure_of_the_database(error):
        return (
            DATABASE_UNAVAILABLE,
            "The disk of the database is full: free some space on the server."
            if _is_full(error)
            else "The database cannot answer now; try again shortly.",
        )
    if isinstance(error, OSError):
        return TABLE[errors.StorageUnavailable], (
            "The storage cannot answer now; try again shortly."
        )
    return INTERNAL_ERROR, (
        "This is our fault and nothing was changed; report it with the request_id."
    )


def _failed_operations(error: errors.BatchRefused) -> dict[str, Any]:
    return {
        "operations": [
            {"index": number, "code": TABLE[type(why)].code, "detail": str(why)}
            for number, why in sorted(error.failures.items())
        ]
    }


def _is_failure_of_the_database(error: Exception) -> bool:
    """Whether it is not our statement's fault.

    InternalError is PostgreSQL's of a server that only reads, after a failover; a plain
    DatabaseError is SQLite's of a damaged file.
    """
    return (
        isinstance(error, OperationalError | InterfaceError | InternalError)
        or type(error) is DatabaseError
    )


def _is_full(error: Exception) -> bool:
    text = str(error)
    return "disk is full" in text or "No space left on device" in text


def _request_id(request: HttpRequest) -> str:
    return getattr(request, "request_id", "")
