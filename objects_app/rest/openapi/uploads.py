"""Large and interrupted uploads: in parts, and by tus."""

from objects_app.rest.openapi.parameters import (
    BUCKET,
    CURSOR,
    DIGESTS,
    LIMIT,
    PREFIX,
    WRITE_CONDITIONS,
)
from objects_app.rest.openapi.parts import (
    Json,
    answer,
    array,
    body,
    header,
    mapping,
    members,
    moment,
    number,
    operation,
    or_null,
    parameter,
    path,
    raw_body,
    schema,
    text,
)
from objects_app.rest.openapi.schemas import SHA256_PATTERN

_STORAGE = "storage_busy storage_unavailable"
_MADE = (
    "invalid_bucket_name invalid_key no_such_bucket access_denied bucket_taken"
    " too_many_buckets quota_exceeded invalid_metadata invalid_tags"
)
_ID = parameter(
    "upload_id",
    "The upload's id. It opens nothing by itself: each request needs the permission to "
    "write the key.",
    place="path",
)
_LIST_BYTES = 4 * 1024 * 1024

_UPLOAD: dict[str, Json] = {
    "upload_id": text(),
    "bucket": text(),
    "key": text(),
    "content_type": text(),
    "created_at": moment(),
    "expires_at": or_null(moment("Then it is removed, unless it is complete.")),
}
_PART: dict[str, Json] = {
    "number": number(minimum=1, maximum=10_000),
    "size": number("In bytes."),
    "sha256": text(pattern=SHA256_PATTERN),
    "etag": text("The same."),
}

SCHEMAS: dict[str, Json] = {
    "NewUpload": members(
        "bucket key",
        bucket=text(),
        key=text(),
        content_type=or_null(text()),
        headers=or_null(mapping()),
        metadata=or_null(mapping()),
        tags=or_null(mapping()),
    ),
    "Upload": members("*", **_UPLOAD),
    "UploadPage": members(
        "*", uploads=array(schema("Upload")), next_cursor=or_null(text())
    ),
    "PutPart": members("*", upload_id=text(), **_PART),
    "UploadDetails": members(
        "*",
        **_UPLOAD,
        completed_at=or_null(moment()),
        version_id=or_null(text("What it became.")),
        parts=array(members("*", **_PART, created_at=moment())),
        next_cursor=or_null(text()),
    ),
    "PartList": members(
        "parts",
        parts=array(
            members(
                "number",
                number=number(minimum=1, maximum=10_000),
                sha256=or_null(text("As the part's PUT answered; or its etag.")),
                etag=or_null(text("With or without quotes.")),
            ),
            "In ascending order, gaps allowed; all but the last of 5 MiB at least.",
        ),
    ),
    "Completed": members(
        "*",
        message=text(),
        path=text(),
        upload_id=text(),
        bucket=text(),
        key=text(),
        etag=text("Composite: the SHA-256 of the parts' digests, `-`, their number."),
        size=number(),
        parts=number(),
        sha256=or_null(text("Computed later.")),
        content_type=text(),
        version_id=text(),
        created_at=moment(),
        node_id=text(),
    ),
}

_TUS_VERSION = header("Tus-Resumable", "`1.0.0`.", const="1.0.0", required=True)
_TUS_BODY = raw_body(
    "The bytes that follow; what arrives before the line drops is kept.",
    "application/offset+octet-stream",
)
_CHECKSUM = header("Upload-Checksum", "`sha256`, `sha1` or `md5`, and base64.")
_LENGTH = header("Upload-Length", "The size of the whole, in bytes.", type="integer")
_PROGRESS = {
    "Tus_Resumable": "`1.0.0`.",
    "Upload_Offset": "How many bytes have come.",
    "Upload_Expires": "Until when it may go on.",
}
_TUS = "no_such_upload unsupported_tus_version access_denied"
_APPENDED = (
    "offset_mismatch checksum_mismatch unsupported_content_type precondition_failed"
    f" upload_completed quota_exceeded {_STORAGE}"
)


def _options(name: str, *parameters: Json) -> Json:
    return operation(
        name,
        "What this server knows of tus",
        parameters=parameters,
        answers={
            204: answer(
                "tus 1.0.",
                Tus_Version="`1.0.0`.",
                Tus_Extension="creation, creation-with-upload, expiration, checksum, "
                "termination and others.",
                Tus_Max_Size="In bytes.",
                Tus_Checksum_Algorithm="`sha256,sha1,md5`.",
            )
        },
        public=True,
    )


_MULTIPART: dict[str, Json] = {
    "/multipart/": path(
        "Uploads in parts",
        get=operation(
            "getUploads",
            "List unfinished uploads of a bucket",
            parameters=[BUCKET, PREFIX, LIMIT, CURSOR],
            answers={200: answer("A page.", "UploadPage")},
            problems="bucket_required invalid_bucket_name no_such_bucket access_denied",
        ),
        post=operation(
            "beginUpload",
            "Begin an upload in parts",
            body=body("NewUpload", example={"bucket": "photos", "key": "film.mp4"}),
            answers={201: answer("Begun.", "Upload", Location="The upload.")},
            problems=f"{_MADE} {_STORAGE}",
        ),
    ),
    "/multipart/{upload_id}": path(
        "Uploads in parts",
        get=operation(
            "getUpload",
            "An upload and its parts",
            parameters=[_ID, LIMIT, CURSOR],
            answers={200: answer("A page of parts.", "UploadDetails")},
            problems="no_such_upload access_denied",
        ),
        delete=operation(
            "abortUpload",
            "Abort an upload",
            parameters=[_ID],
            answers={204: answer("Its parts are left to the sweep.")},
            problems="no_such_upload access_denied upload_completed storage_busy",
        ),
    ),
    "/multipart/{upload_id}/{number}": path(
        "Uploads in parts",
        put=operation(
            "putPart",
            "Put a part, or replace it",
            description="In any order, at the same time, through any node.",
            parameters=[
                _ID,
                parameter(
                    "number",
                    "The part's number.",
                    place="path",
                    type="integer",
                    minimum=1,
                    maximum=10_000,
                ),
                *DIGESTS,
            ],
            body=raw_body("The part's bytes.", "*/*"),
            answers={200: answer("Stored.", "PutPart", ETag="Of the part.")},
            problems="no_such_path no_such_upload access_denied invalid_part"
            f" digest_mismatch upload_completed quota_exceeded {_STORAGE}",
        ),
    ),
    "/multipart/{upload_id}/complete": path(
        "Uploads in parts",
        post=operation(
            "completeUpload",
            "Make the object of its parts",
            description="Sent again after it succeeded, it says so again.",
            parameters=[_ID, *WRITE_CONDITIONS],
            body=body("PartList", most_bytes=_LIST_BYTES),
            answers={
                200: answer("Replaced.", "Completed", ETag="Of the object."),
                201: answer("Created.", "Completed", ETag="Of the object."),
            },
            problems="no_such_upload access_denied invalid_part invalid_part_order"
            " part_too_small upload_completed precondition_failed quota_exceeded"
            f" bytes_missing no_such_bucket {_STORAGE}",
        ),
    ),
}

_TUS_PATHS: dict[str, Json] = {
    "/tus/": path(
        "Resumable uploads (tus)",
        options=_options("describeTus"),
        post=operation(
            "beginTus",
            "Begin a resumable upload, with its first bytes or without",
            parameters=[
                _TUS_VERSION,
                _LENGTH,
                header("Upload-Defer-Length", "`1`: the length comes later."),
                header(
                    "Upload-Metadata",
                    "`bucket` and `key` (or `filename`), `filetype` and any metadata, "
                    "each with the base64 of its value.",
                ),
                _CHECKSUM,
                *WRITE_CONDITIONS,
            ],
            body=_TUS_BODY,
            answers={201: answer("Begun.", Location="The upload.", **_PROGRESS)},
            problems=f"{_MADE} {_TUS} {_APPENDED}",
        ),
    ),
    "/tus/{upload_id}": path(
        "Resumable uploads (tus)",
        options=_options("describeTusUpload", _ID),
        head=operation(
            "getTus",
            "How much of an upload has come",
            parameters=[_ID, _TUS_VERSION],
            answers={
                200: answer(
                    "So much.",
                    Upload_Length="Of the whole.",
                    Upload_Defer_Length="`1`: not known yet.",
                    Upload_Metadata="As it was sent.",
                    **_PROGRESS,
                )
            },
            problems=_TUS,
        ),
        patch=operation(
            "appendTus",
            "Send what follows",
            description="`X-HTTP-Method-Override` on a POST does the same.",
            parameters=[
                _ID,
                _TUS_VERSION,
                header("Upload-Offset", "Where the body belongs.", type="integer"),
                _LENGTH,
                _CHECKSUM,
            ],
            body=_TUS_BODY,
            answers={204: answer("Kept.", **_PROGRESS)},
            problems=f"{_TUS} {_APPENDED}",
        ),
        delete=operation(
            "endTus",
            "End an upload",
            parameters=[_ID, _TUS_VERSION],
            answers={204: answer("Gone.")},
            problems=f"{_TUS} upload_completed storage_busy",
        ),
    ),
}

PATHS: dict[str, Json] = {**_MULTIPART, **_TUS_PATHS}
