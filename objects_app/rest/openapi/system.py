"""The store itself: where things are, whether it lives."""

from objects_app.rest.openapi.parts import Json, answer, operation, path

PATHS: dict[str, Json] = {
    "/": path(
        "Store",
        get=operation(
            "getRoot",
            "Where things are",
            description="A browser is sent to the console.",
            answers={
                200: answer("For programs.", "Places"),
                302: answer("For browsers.", Location="The console."),
            },
            public=True,
        ),
    ),
    "/healthz": path(
        "Store",
        get=operation(
            "getLiveness",
            "Whether this process lives",
            answers={200: answer("It does.", "Alive")},
            public=True,
        ),
    ),
    "/readyz": path(
        "Store",
        get=operation(
            "getReadiness",
            "Whether this node can work",
            answers={
                200: answer("It can.", "Readiness"),
                503: answer("A dependency does not answer.", "Readiness"),
            },
            public=True,
        ),
    ),
    "/openapi.json": path(
        "Store",
        get=operation(
            "getDescription",
            "This description",
            answers={
                200: answer(
                    "OpenAPI 3.1.",
                    {"application/json": {"schema": {"type": "object"}}},
                    ETag="Changes with the text.",
                ),
                304: answer("It is as `If-None-Match` says."),
            },
            problems="precondition_failed",
            public=True,
        ),
    ),
}
