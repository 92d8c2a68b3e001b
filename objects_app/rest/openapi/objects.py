"""Objects: put, get, describe, delete; listings, versions, archives, search."""

from objects_app.rest.openapi.parameters import (
    AT,
    BUCKET,
    BUCKET_IN_PATH,
    CURSOR,
    DELIMITER,
    DIGESTS,
    KEY,
    KEY_IN_PATH,
    LIMIT,
    PREFIX,
    RANGE,
    READ_CONDITIONS,
    STORED_HEADERS,
    VERSION,
    WRITE_CONDITIONS,
)
from objects_app.rest.openapi.parts import (
    Json,
    answer,
    body,
    header,
    operation,
    parameter,
    path,
    raw_body,
    schema,
)

_NAMED = "invalid_bucket_name invalid_key no_such_bucket"
_STORAGE = "bytes_missing storage_busy storage_unavailable"
_BYTES = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_DOWNLOAD = {
    "ETag": "Strong.",
    "Last_Modified": "When this version was made.",
    "Repr_Digest": "RFC 9530, where the digest is known.",
    "X_Version_Id": "The version's id.",
}


def _get(suffix: str, *named: Json) -> Json:
    return operation(
        f"getObject{suffix}",
        "Get an object",
        description="Signed in otherwise than by key, or where the storage is S3, the "
        "answer may be a redirect to a URL that works for some minutes.",
        parameters=[
            BUCKET_IN_PATH,
            *named,
            VERSION,
            AT,
            parameter("describe", "`1`: the description as JSON.", enum=["1"]),
            parameter("redirect", "`0`: the bytes come from here.", enum=["0"]),
            RANGE,
            header("If-Range", "The range only if this is the ETag or date."),
            *READ_CONDITIONS,
        ],
        answers={
            200: answer(
                "The object, or with `describe` its description.",
                {
                    **_BYTES,
                    "application/json": {"schema": schema("ObjectDescription")},
                },
                **_DOWNLOAD,
            ),
            206: answer("The range.", _BYTES, Content_Range="What it is.", **_DOWNLOAD),
            304: answer("It is as the conditions say."),
            307: answer("The bytes are elsewhere.", Location="For some minutes."),
        },
        problems=f"{_NAMED} access_denied no_such_key no_such_version delete_marker"
        " not_versioned"
        f" future_moment precondition_failed range_not_satisfiable {_STORAGE}",
    )


def _put(suffix: str, *named: Json) -> Json:
    return operation(
        f"putObject{suffix}",
        "Store an object",
        description="User metadata goes as `X-Object-Meta-NAME`. A bucket that is not "
        "there is made by whoever may create buckets.",
        parameters=[
            BUCKET_IN_PATH,
            *named,
            *WRITE_CONDITIONS,
            *DIGESTS,
            *STORED_HEADERS,
            header("X-Object-Tags", "Tags, as a query string: `a=1&b=2`."),
            header("X-If-Known", "`1`, without a body: by `X-Content-SHA256` alone."),
        ],
        body=raw_body("The object's bytes, with a length or chunked.", "*/*"),
        answers={
            200: answer("Replaced.", "Stored", ETag="Of the object."),
            201: answer("Created.", "Stored", ETag="Of the object."),
        },
        problems=f"{_NAMED} access_denied invalid_metadata invalid_tags digest_mismatch"
        " precondition_failed content_unknown bucket_taken too_many_buckets"
        f" quota_exceeded {_STORAGE}",
    )


def _patch(suffix: str, *named: Json) -> Json:
    return operation(
        f"patchObject{suffix}",
        "Describe an object anew",
        description="In place: the same bytes, version and ETag. What is left out "
        "stays (RFC 7396: null removes).",
        parameters=[BUCKET_IN_PATH, *named, VERSION, *WRITE_CONDITIONS],
        body=body("DescriptionPatch", example={"tags": {"project": "x"}}),
        answers={200: answer("Changed.", "ObjectDescription")},
        problems=f"{_NAMED} access_denied no_such_key no_such_version delete_marker"
        " invalid_metadata invalid_tags precondition_failed storage_busy",
    )


def _delete(suffix: str, *named: Json) -> Json:
    return operation(
        f"deleteObject{suffix}",
        "Delete an object",
        description="Where versions are kept this adds a delete marker; with "
        "`version` that version goes for good.",
        parameters=[BUCKET_IN_PATH, *named, VERSION, *WRITE_CONDITIONS],
        answers={200: answer("Deleted.", "Deleted")},
        problems=f"{_NAMED} access_denied no_such_key no_such_version"
        " precondition_failed storage_busy",
    )


def _object(suffix: str, *named: Json) -> Json:
    return path(
        "Objects",
        get=_get(suffix, *named),
        put=_put(suffix, *named),
        patch=_patch(suffix, *named),
        delete=_delete(suffix, *named),
    )


PATHS: dict[str, Json] = {
    "/buckets/{bucket}/objects/{key}": _object("", KEY_IN_PATH),
    "/buckets/{bucket}/objects": _object("ByQuery", KEY),
    "/objects": path(
        "Objects",
        get=operation(
            "getObjects",
            "List keys and common prefixes, in byte order",
            description="Without a bucket, of all buckets that the caller may list "
            "whole; then neither delimiter, start_after nor at.",
            parameters=[
                {**BUCKET, "required": False},
                PREFIX,
                DELIMITER,
                parameter("start_after", "Only keys behind this one."),
                AT,
                LIMIT,
                CURSOR,
            ],
            answers={200: answer("A page.", "ObjectPage")},
            problems=f"{_NAMED} bucket_required access_denied not_versioned"
            " future_moment",
        ),
    ),
    "/versions": path(
        "Versions",
        get=operation(
            "getVersions",
            "List all versions, by key, the newest first",
            parameters=[BUCKET, PREFIX, DELIMITER, LIMIT, CURSOR],
            answers={200: answer("A page.", "VersionPage")},
            problems=f"{_NAMED} bucket_required access_denied",
        ),
    ),
    "/archive": path(
        "Objects",
        get=operation(
            "getArchive",
            "All objects of a prefix as one ZIP",
            description="Names begin below the last slash of the prefix. The answer "
            "ends early if bytes are gone meanwhile.",
            parameters=[BUCKET, PREFIX, AT],
            answers={
                200: answer(
                    "Not compressed.",
                    {
                        "application/zip": {
                            "schema": {"type": "string", "format": "binary"}
                        }
                    },
                    Content_Length="Exact, also of HEAD.",
                    Content_Disposition="A file name.",
                )
            },
            problems=f"{_NAMED} bucket_required access_denied no_such_key"
            " not_versioned future_moment bytes_missing storage_unavailable",
        ),
    ),
    "/search": path(
        "Objects",
        get=operation(
            "getSearch",
            "Find objects in all buckets that the caller may read",
            description="`tag.NAME=` and `meta.NAME=` ask for a tag or metadata of "
            "that value.",
            parameters=[
                parameter("q", "A part of the key, in any case."),
                {**BUCKET, "required": False},
                PREFIX,
                parameter("glob", "The whole key, with `*`, `**`, `?` and `[...]`."),
                parameter("content_type", "As `image/png`, or `image/*`."),
                parameter("min_size", "In bytes.", type="integer", minimum=0),
                parameter("max_size", "In bytes.", type="integer", minimum=0),
                parameter("after", "Made later than this time.", format="date-time"),
                parameter("before", "Made earlier than this time.", format="date-time"),
                parameter(
                    "sort", "What pages go by.", enum=["key", "created_at", "size"]
                ),
                parameter("order", "Which way.", enum=["asc", "desc"]),
                LIMIT,
                CURSOR,
            ],
            answers={200: answer("A page.", "FoundPage")},
            problems=f"{_NAMED} access_denied search_too_broad",
        ),
    ),
}
