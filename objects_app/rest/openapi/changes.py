"""Changes that move no bytes: copies, moves, deletes, batches, jobs."""

from objects_app.rest.openapi.parameters import CURSOR
from objects_app.rest.openapi.parts import (
    Json,
    answer,
    array,
    body,
    flag,
    members,
    moment,
    number,
    operation,
    or_null,
    parameter,
    path,
    schema,
    text,
)

_FAILING = (
    "invalid_bucket_name invalid_key invalid_metadata no_such_bucket no_such_key"
    " access_denied precondition_failed quota_exceeded bytes_missing storage_busy"
    " storage_unavailable"
)
_BATCH_BYTES = 8 * 1024 * 1024

_CONDITIONS: dict[str, Json] = {
    "if_match": or_null(text("Of the target: its ETag; `*`: any.")),
    "if_none_match": or_null(text("Of the target; `*`: only if there is none.")),
    "if_unmodified_since": or_null(moment("Of the target.")),
}
_SOURCE_CONDITIONS: dict[str, Json] = {
    "source_if_match": or_null(text("Of the source.")),
    "source_if_none_match": or_null(text("Of the source.")),
    "source_if_unmodified_since": or_null(moment("Of the source.")),
    "source_if_modified_since": or_null(moment("Of the source.")),
}
_TRANSFER: dict[str, Json] = {
    "metadata": text(
        "`replace` takes what `description` says.", enum=["keep", "replace"]
    ),
    "description": or_null(schema("Description")),
    **_CONDITIONS,
    **_SOURCE_CONDITIONS,
}
_NAMED: dict[str, Json] = {"bucket": text(), "key": text()}
_DONE: dict[str, Json] = {
    **_NAMED,
    "version_id": text(),
    "created_at": moment(),
    "replaced": flag(),
    "size": number(),
    "etag": text(),
    "sha256": or_null(text()),
}
_ALWAYS = "bucket key version_id created_at"
_JOB_ID = parameter("job_id", "The job's id.", place="path")


def _transfer(name: str, *, of: str) -> Json:
    """Return the schema of a copy's or move's body, of one key or of a prefix."""
    place = {"bucket": text(), "key": or_null(text()), "prefix": or_null(text())}
    version = {"version": or_null(text("One of its versions."))}
    return {
        **members(
            "from to",
            from_=members("bucket", **place, **(version if of == "copy" else {})),
            to=members("bucket", **place),
            **_TRANSFER,
        ),
        "description": f"{name}: both name a key, or both a prefix.",
    }


def _operation(op: str, required: str, **of: Json) -> Json:
    return members(f"op {required}", op={"const": op}, **of)


SCHEMAS: dict[str, Json] = {
    "Copy": _transfer("Copy", of="copy"),
    "Move": _transfer("Move", of="move"),
    "Deletion": members(
        "bucket prefix",
        bucket=text(),
        prefix=text(),
        versions=text(
            "`all`: every version and delete marker that is there goes for good. That "
            "takes an owner.",
            enum=["latest", "all"],
        ),
    ),
    "Done": members(_ALWAYS, **_DONE),
    "KeysDone": members("*", keys=number("How many.")),
    "VersionsDone": members("*", versions=number("How many.")),
    "Operation": {
        "oneOf": [
            _operation(
                "copy",
                "from to",
                from_=members("bucket key", **_NAMED, version=or_null(text())),
                to=members("bucket key", **_NAMED),
                **_TRANSFER,
            ),
            _operation(
                "move",
                "from to",
                from_=members("bucket key", **_NAMED),
                to=members("bucket key", **_NAMED),
                **_TRANSFER,
            ),
            _operation("delete", "bucket key", **_NAMED, **_CONDITIONS),
            _operation(
                "set",
                "bucket key description",
                **_NAMED,
                description=schema("Description"),
                **_CONDITIONS,
            ),
        ]
    },
    "Batch": members(
        "operations",
        operations=array(
            schema("Operation"), "No key twice.", minItems=1, maxItems=1000
        ),
    ),
    "BatchDone": members(
        "*", operations=array(members(f"op {_ALWAYS}", op=text(), **_DONE))
    ),
    "Job": members(
        "id kind state from keys_total keys_done problem created_at started_at"
        " finished_at",
        id=text(),
        kind=text(enum=["copy", "move", "delete", "restore", "delete_versions"]),
        state=text(enum=["queued", "running", "done", "failed", "cancelled"]),
        from_=members("*", bucket=text(), prefix=text()),
        to=members("*", bucket=text(), prefix=text()),
        at=moment("What a restore goes back to; or until when versions are deleted."),
        keys_total=number(
            "As counted when it was made; of `delete_versions` it is versions."
        ),
        keys_done=number(),
        problem=or_null(
            {
                **members("*", code=text(), detail=text()),
                "description": "Why it failed, in a Problem's words.",
            }
        ),
        created_at=moment(),
        started_at=or_null(moment()),
        finished_at=or_null(moment()),
    ),
    "JobPage": members("*", jobs=array(schema("Job")), next_cursor=or_null(text())),
}


def _change(
    name: str,
    summary: str,
    body_name: str,
    problems: str = "",
    *,
    done: tuple[str, ...] = ("Done", "KeysDone"),
) -> Json:
    return operation(
        name,
        summary,
        description="Rows only. Of a prefix: up to 10,000 keys in one transaction, "
        "more by a job.",
        body=body(body_name),
        answers={
            200: answer(
                "Done.",
                {
                    "application/json": {
                        "schema": {"anyOf": [schema(name) for name in done]}
                    }
                },
            ),
            201: answer("Done; the target is new.", "Done"),
            202: answer("Left to a job.", "Job", Location="The job."),
        },
        problems=f"{_FAILING} {problems}",
    )


PATHS: dict[str, Json] = {
    "/copy": path(
        "Changes",
        post=_change(
            "copy",
            "Copy an object, or a prefix",
            "Copy",
            "source_is_target prefixes_overlap no_such_version delete_marker",
        ),
    ),
    "/move": path(
        "Changes",
        post=_change(
            "move",
            "Move an object, or a prefix",
            "Move",
            "source_is_target prefixes_overlap",
        ),
    ),
    "/delete": path(
        "Changes",
        post=_change(
            "deletePrefix",
            "Delete all objects of a prefix, or all their versions for good",
            "Deletion",
            done=("KeysDone", "VersionsDone"),
        ),
    ),
    "/batch": path(
        "Changes",
        post=operation(
            "runBatch",
            "Up to 1,000 operations, all or none",
            body=body(
                "Batch",
                most_bytes=_BATCH_BYTES,
                example={
                    "operations": [{"op": "delete", "bucket": "photos", "key": "a"}]
                },
            ),
            answers={200: answer("All done, in their order.", "BatchDone")},
            problems=f"{_FAILING} batch_refused key_named_twice source_is_target"
            " no_such_version delete_marker invalid_tags",
        ),
    ),
    "/jobs": path(
        "Changes",
        get=operation(
            "getJobs",
            "The caller's jobs, the newest first",
            parameters=[
                parameter(
                    "state",
                    "Only jobs in this state.",
                    enum=["queued", "running", "done", "failed", "cancelled"],
                ),
                CURSOR,
            ],
            answers={200: answer("A page.", "JobPage")},
            problems="access_denied",
        ),
    ),
    "/jobs/{job_id}": path(
        "Changes",
        get=operation(
            "getJob",
            "How far a job is",
            parameters=[_JOB_ID],
            answers={200: answer("The job.", "Job")},
            problems="no_such_job access_denied",
        ),
        delete=operation(
            "cancelJob",
            "End a job; what it has done stays",
            parameters=[_JOB_ID],
            answers={200: answer("It ends after its transaction.", "Job")},
            problems="no_such_job access_denied",
        ),
    ),
}
