"""The description of the REST API, put together (OpenAPI 3.1)."""

from objects_app.rest.openapi import (
    access,
    buckets,
    changes,
    objects,
    schemas,
    system,
    uploads,
)
from objects_app.rest.openapi.parts import Json, shared_answers

_DESCRIPTION = """Buckets, objects and what can be done with them.

Errors are `application/problem+json` (RFC 9457) with a `code` that never changes its
meaning. Each answer has `X-Request-Id`; answers with status 503 and 429 have
`Retry-After`. OPTIONS on any path answers with `Allow`."""

_SECURITY_SCHEMES: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token from POST /auth/token or of the identity provider, or "
        "an access key as `KEY_ID.SECRET`.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "An access key's id and secret.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "Signed in to the console. What changes something needs the "
        "csrftoken cookie's value in X-CSRFToken as well.",
    },
    "presigned": {
        "type": "apiKey",
        "in": "query",
        "name": "X-Store-Signature",
        "description": "A URL from POST /presign, whole: its query is signed, and "
        "works for one method on one object.",
    },
}

_PATHS: dict[str, Json] = {
    **objects.PATHS,
    **buckets.PATHS,
    **uploads.PATHS,
    **changes.PATHS,
    **access.PATHS,
    **system.PATHS,
}

DOCUMENT: Json = {
    "openapi": "3.1.1",
    "info": {
        "title": "Object store",
        "version": "1",
        "summary": "Bytes once per content, names in SQL.",
        "description": _DESCRIPTION,
    },
    "servers": [{"url": "/"}],
    # Any of them, or none: buckets may be public.
    "security": [{"bearer": []}, {"basic": []}, {"session": []}, {"presigned": []}, {}],
    "tags": [
        {"name": name}
        for name in (
            "Objects",
            "Buckets",
            "Versions",
            "Uploads in parts",
            "Resumable uploads (tus)",
            "Changes",
            "Access",
            "Store",
        )
    ],
    "paths": _PATHS,
    "components": {
        "schemas": {
            **schemas.SCHEMAS,
            **buckets.SCHEMAS,
            **uploads.SCHEMAS,
            **changes.SCHEMAS,
        },
        "responses": shared_answers(
            answer
            for methods in _PATHS.values()
            for described in methods.values()
            for answer in described["responses"].values()
        ),
        "securitySchemes": _SECURITY_SCHEMES,
    },
}
