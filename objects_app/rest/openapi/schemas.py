"""What goes in and comes out as JSON."""

from objects_app.rest.openapi.parts import (
    Json,
    array,
    flag,
    mapping,
    members,
    moment,
    number,
    or_null,
    or_removed,
    schema,
    text,
)

BUCKET_PATTERN = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
SHA256_PATTERN = "^[0-9a-f]{64}$"

_BUCKET_NAME = text("A bucket's name, by S3's rules.", pattern=BUCKET_PATTERN)
_KEY = text("A key: 1 to 1024 bytes of UTF-8.", minLength=1, maxLength=1024)
_PREFIX = text("The beginning of keys; empty for all of them.")
_VISIBILITY = text(
    "What everybody may do: nothing; get; get and list.",
    enum=["private", "public-read", "public-list"],
)
_VERSIONING = text(
    "Whether overwriting and deleting keep what was there.",
    enum=["off", "enabled", "suspended"],
)
_ROLE = text(enum=["reader", "writer", "owner"])
_CURSOR = or_null(text("Pass it as `cursor` for the next page; null on the last one."))
_SHA256 = text("Of all bytes, in hexadecimal.", pattern=SHA256_PATTERN)
_LATER_SHA256 = or_null(
    {**_SHA256, "description": "Null until it has been computed, of uploads in parts."}
)
_VERSION_ID = text('Opaque; "null" of what was written without versions.')
_NODE = text("The node that stored it.")

_OBJECT: dict[str, Json] = {
    "bucket": _BUCKET_NAME,
    "key": _KEY,
    "size": number("In bytes."),
    "etag": text("Without the quotes that it has in headers."),
    "sha256": _LATER_SHA256,
    "content_type": text(),
    "version_id": _VERSION_ID,
    "created_at": moment(),
    "node_id": _NODE,
}
_BUCKET: dict[str, Json] = {
    "name": _BUCKET_NAME,
    "created_at": moment(),
    "visibility": _VISIBILITY,
    "versioning": _VERSIONING,
}
_ACCESS_KEY: dict[str, Json] = {
    "key_id": text(),
    "label": text(),
    "read_only": flag(),
    "bucket": text("The only bucket it is for; empty: all."),
    "prefix": text("The only prefix it is for; empty: all."),
    "created_at": moment(),
    "expires_at": or_null(moment()),
    "revoked_at": or_null(moment()),
    "last_used_at": or_null(moment("Written now and then.")),
}
_DESCRIPTION: dict[str, Json] = {
    "content_type": or_null(text()),
    "headers": or_null(
        mapping(
            "cache-control, content-disposition, content-encoding, content-language, "
            "expires."
        )
    ),
    "metadata": or_null(mapping("As in X-Object-Meta-*.")),
    "tags": or_null(mapping("At most 10.")),
}
_TOLD: dict[str, Json] = {"message": text(), "path": text("Where the object is.")}

SCHEMAS: dict[str, Json] = {
    "Problem": {
        **members(
            "type title status detail code request_id",
            type=text("`urn:objectstore:error:` and the code."),
            title=text(),
            status=number(),
            detail=text("What is wrong and what to do, for people."),
            code=text("For programs; never changes its meaning (docs/errors.md)."),
            request_id=text("As in X-Request-Id."),
            operations=array(
                members("*", index=number(), code=text(), detail=text()),
                "Of `batch_refused`: those that cannot be done.",
            ),
        ),
        "description": "RFC 9457.",
    },
    "Places": members(
        "*",
        message=text(),
        console=text(),
        buckets=text(),
        objects=text(),
        health=text(),
        openapi=text(),
    ),
    "Alive": members("*", status=text(enum=["alive"])),
    "Readiness": members(
        "*",
        status=text(enum=["ready", "unavailable"]),
        dependencies={
            "type": "object",
            "additionalProperties": members(
                "*", ok=flag(), ms={"type": ["number", "null"]}
            ),
        },
    ),
    # Buckets
    "Bucket": members("*", **_BUCKET),
    "BucketDetails": members(
        "*",
        **_BUCKET,
        objects=number("How many there are, all versions."),
        bytes=number("The sizes of all versions."),
        quota_objects=or_null(number("Null: any number.")),
        quota_bytes=or_null(number("Null: any size.")),
    ),
    "Buckets": members("*", buckets=array(schema("Bucket"))),
    "BucketChanges": members(
        visibility=_VISIBILITY,
        versioning=_VERSIONING,
        quota_bytes=or_null(number("For administrators.", maximum=2**63 - 1)),
        quota_objects=or_null(number("For administrators.", maximum=2**63 - 1)),
    ),
    "NewGrant": members(
        "role",
        role=_ROLE,
        user=or_null(text("A user's name; or name a group.")),
        group=or_null(text("A group's name; or name a user.")),
        prefix=_PREFIX,
    ),
    "Grant": members(
        "*",
        user=or_null(text()),
        group=or_null(text()),
        role=_ROLE,
        prefix=_PREFIX,
        created_at=moment(),
    ),
    "Grants": members("*", grants=array(schema("Grant"))),
    # Objects
    "Object": members("*", **_OBJECT),
    "ObjectDetails": members(
        "*",
        **_OBJECT,
        metadata=mapping("User metadata."),
        tags=mapping(),
    ),
    "ObjectDescription": members(
        "*",
        **_OBJECT,
        headers=mapping("Those that are served with it, names in lower case."),
        metadata=mapping("User metadata."),
        tags=mapping(),
        segments=number("How many blobs it is made of."),
    ),
    "ObjectPage": members(
        "*",
        objects=array(schema("Object")),
        prefixes=array(text(), "What keys share up to the delimiter."),
        next_cursor=_CURSOR,
    ),
    "FoundPage": members(
        "*", objects=array(schema("ObjectDetails")), next_cursor=_CURSOR
    ),
    "Version": members("*", **_OBJECT, is_latest=flag(), is_delete_marker=flag()),
    "VersionPage": members(
        "*",
        versions=array(schema("Version"), "By key, the newest first."),
        prefixes=array(text()),
        next_cursor=_CURSOR,
    ),
    "Stored": members(
        "message path etag storage bucket key size sha256 content_type version_id"
        " created_at node_id deduplicated",
        **_TOLD,
        storage=text("Where the bytes are kept.", examples=["filesystem", "s3"]),
        **_OBJECT,
        deduplicated=flag("Content that the caller may read was there already."),
        metadata=mapping(),
        tags=mapping(),
    ),
    "Deleted": members(
        "message path",
        **_TOLD,
        version_id=text("Where versions are kept; the version or marker."),
        is_delete_marker=flag(),
        removed=flag("A version went for good."),
    ),
    "Description": members(**_DESCRIPTION),
    "DescriptionPatch": members(
        content_type=or_null(text()),
        headers=or_removed(mapping()),
        metadata=or_removed(mapping()),
        tags=or_removed(mapping()),
    ),
    # Access
    "AccessKey": members("*", **_ACCESS_KEY),
    "AccessKeys": members("*", keys=array(schema("AccessKey"))),
    "NewAccessKey": members(
        label=text(),
        expires_in=or_null(number("Seconds from now.", minimum=1)),
        read_only=flag(),
        bucket=text(),
        prefix=text("Of that bucket."),
    ),
    "MadeAccessKey": members("*", **_ACCESS_KEY, secret=text("Shown this once.")),
    "Login": members(
        username=or_null(text("Without one, an access key has to be shown.")),
        password=text(),
    ),
    "Token": members(
        "*",
        access_token=text("A JWT, for `Authorization: Bearer`."),
        token_type=text(enum=["Bearer"]),
        expires_in=number("In seconds."),
    ),
    "Me": members(
        "*",
        user=text(),
        kind=text(enum=["nothing", "key", "token", "session", "url"]),
        superuser=flag(),
        may_create_buckets=flag(),
        key=or_null(
            members("*", key_id=text(), read_only=flag(), bucket=text(), prefix=text())
        ),
        grants=array(
            members(
                "*",
                bucket=_BUCKET_NAME,
                prefix=_PREFIX,
                role=text(),
                group=or_null(text()),
            )
        ),
    ),
    "PresignRequest": members(
        "bucket key",
        bucket=_BUCKET_NAME,
        key=_KEY,
        method=text(enum=["GET", "HEAD", "PUT", "DELETE"], default="GET"),
        expires_in=number("In seconds.", minimum=1, maximum=604_800, default=3600),
        content_type=or_null(text("Of PUT: the only one that is taken.")),
        max_bytes=or_null(number("Of PUT: the largest body that is taken.")),
        sha256=or_null(text("Of PUT: of the only body.", pattern=SHA256_PATTERN)),
        filename=or_null(text("Of GET and HEAD: what the download is called.")),
        version=or_null(text("Of GET, HEAD and DELETE: this version.")),
        at=or_null(moment("Of GET and HEAD: what was there at this time.")),
    ),
    "Presigned": members(
        "*",
        url=text(),
        method=text(),
        headers=mapping("To be sent with it."),
        expires_at=moment(),
    ),
}
