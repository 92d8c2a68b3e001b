"""Buckets, their grants, and their past."""

from objects_app.rest.openapi.parameters import BUCKET_IN_PATH
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
    parameter,
    path,
    text,
)

_HIDDEN = "invalid_bucket_name no_such_bucket"
_OWNED = f"{_HIDDEN} access_denied"

SCHEMAS: dict[str, Json] = {
    "Restore": members(
        "prefix at",
        prefix=text("Of the keys to bring back; empty: all."),
        at=moment("As they were then; not in the future."),
        dry_run=flag("Only count."),
    ),
    "Restored": members(
        "*",
        bucket=text(),
        prefix=text(),
        at=moment(),
        dry_run=flag(),
        restored=number("Keys that get their content of then, as new versions."),
        removed=number("Keys that were not there then: they get delete markers."),
        unchanged=number("Keys that are as they were."),
        keys=array(text(), "The first thousand that change."),
    ),
}

PATHS: dict[str, Json] = {
    "/buckets": path(
        "Buckets",
        get=operation(
            "getBuckets",
            "The buckets that the caller may list whole",
            answers={200: answer("By name.", "Buckets")},
        ),
    ),
    "/buckets/{bucket}": path(
        "Buckets",
        get=operation(
            "getBucket",
            "One bucket, and how much is in it",
            parameters=[BUCKET_IN_PATH],
            answers={200: answer("Exact at this moment.", "BucketDetails")},
            problems=_OWNED,
        ),
        put=operation(
            "putBucket",
            "Create a bucket",
            parameters=[BUCKET_IN_PATH],
            answers={
                200: answer("It was the caller's already.", "Bucket"),
                201: answer("Created.", "Bucket", Location="The bucket."),
            },
            problems=f"{_OWNED} too_many_buckets bucket_taken quota_exceeded",
        ),
        patch=operation(
            "patchBucket",
            "Change a bucket",
            description="What is left out stays. Quotas take an administrator.",
            parameters=[BUCKET_IN_PATH],
            body=body("BucketChanges", example={"visibility": "public-read"}),
            answers={200: answer("Changed.", "Bucket")},
            problems=f"{_OWNED} versioning_stays",
        ),
        delete=operation(
            "deleteBucket",
            "Delete an empty bucket",
            parameters=[BUCKET_IN_PATH],
            answers={204: answer("Deleted.")},
            problems=f"{_OWNED} bucket_not_empty",
        ),
    ),
    "/buckets/{bucket}/grants": path(
        "Buckets",
        get=operation(
            "getGrants",
            "Who was let into a bucket",
            parameters=[BUCKET_IN_PATH],
            answers={200: answer("All of them.", "Grants")},
            problems=_OWNED,
        ),
        put=operation(
            "putGrant",
            "Let a user or a group in",
            description="In place of what they had for this very prefix.",
            parameters=[BUCKET_IN_PATH],
            body=body("NewGrant", example={"user": "bob", "role": "reader"}),
            answers={200: answer("Granted.", "Grant")},
            problems=_OWNED,
        ),
        delete=operation(
            "deleteGrant",
            "Take a grant back",
            parameters=[
                BUCKET_IN_PATH,
                parameter("user", "A user's name; or name a group."),
                parameter("group", "A group's name; or name a user."),
                parameter("prefix", "The prefix that it was given for."),
            ],
            answers={204: answer("Taken back.")},
            problems=f"{_OWNED} no_such_grant",
        ),
    ),
    "/buckets/{bucket}/restore": path(
        "Versions",
        post=operation(
            "restorePrefix",
            "A prefix as it was at a time",
            description="As new versions: nothing that is there now is lost. Up to "
            "10,000 keys in one transaction, more by a job.",
            parameters=[BUCKET_IN_PATH],
            body=body(
                "Restore", example={"prefix": "in/", "at": "2026-11-26T12:00:00Z"}
            ),
            answers={
                200: answer("Done, or with `dry_run` counted.", "Restored"),
                202: answer("Left to a job.", "Job", Location="The job."),
            },
            problems=f"{_OWNED} invalid_key future_moment not_versioned"
            " quota_exceeded bytes_missing storage_busy storage_unavailable",
        ),
    ),
}
