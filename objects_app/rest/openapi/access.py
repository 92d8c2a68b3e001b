"""Who is asking, keys, tokens and presigned URLs."""

from objects_app.rest.openapi.parts import (
    Json,
    answer,
    body,
    operation,
    parameter,
    path,
)

PATHS: dict[str, Json] = {
    "/auth/me": path(
        "Access",
        get=operation(
            "getMe",
            "Who the caller is, and what was granted",
            answers={200: answer("The caller.", "Me")},
        ),
    ),
    "/auth/token": path(
        "Access",
        post=operation(
            "makeToken",
            "A token for a password or an access key",
            body=body("Login", example={"username": "alice", "password": "..."}),
            answers={200: answer("A token.", "Token")},
            problems="login_locked too_many_logins",
        ),
    ),
    "/auth/keys": path(
        "Access",
        get=operation(
            "getKeys",
            "The caller's access keys, revoked ones too",
            answers={200: answer("Without their secrets.", "AccessKeys")},
        ),
        post=operation(
            "makeKey",
            "Make an access key",
            description="For people: a key makes no keys.",
            body=body("NewAccessKey", example={"label": "backup"}),
            answers={201: answer("Made.", "MadeAccessKey", Location="The key.")},
            problems="access_denied invalid_bucket_name invalid_key",
        ),
    ),
    "/auth/keys/{key_id}": path(
        "Access",
        delete=operation(
            "revokeKey",
            "Revoke an access key",
            parameters=[
                parameter("key_id", "Its id.", place="path", pattern="^[A-Za-z0-9]+$")
            ],
            answers={204: answer("Revoked.")},
            problems="access_denied no_such_access_key",
        ),
    ),
    "/presign": path(
        "Access",
        post=operation(
            "presign",
            "A URL that does one thing with one object",
            description="For whoever has it, until it expires, in the caller's name.",
            body=body("PresignRequest", example={"bucket": "photos", "key": "a.jpg"}),
            answers={200: answer("The URL.", "Presigned")},
            problems="access_denied invalid_bucket_name invalid_key no_such_bucket"
            " no_such_key",
        ),
    ),
}
