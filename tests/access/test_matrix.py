"""Who may do what: every endpoint x every kind of caller x private and public.

The one table of it. A cell is a status and, where that is not the usual one, a letter
for the code. Whoever shows credentials that do not hold gets 401 wherever it is, and a
presigned URL does what it was made for and nothing else; these have no columns.
"""

import re
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.db import transaction
from django.db.models.functions import Now

from objects_app.models import Bucket, Upload
from objectstore.urls import data_plane as urls
from tests.access.people import BUCKET, Caller, everybody
from tests.client import Answer, DataPlane

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

COLUMNS = [
    *("anonymous", "stranger", "reader", "prefix", "writer", "owner", "superuser"),
    *("restricted", "token"),
]
NOT_VALID = ("expired", "revoked", "forged")

USUAL = {
    "400": "bucket_required",
    "401": "credentials_required",
    "403": "access_denied",
    "404": "no_such_bucket",
    "404k": "no_such_key",
    "400p": "invalid_part",
    "404a": "no_such_access_key",
    "404u": "no_such_upload",
    "404j": "no_such_job",
    "409": "bucket_not_empty",
    "404v": "no_such_version",
    "409t": "bucket_taken",
    "409v": "not_versioned",
}

GRANT = b'{"user": "charlie", "role": "reader"}'
TO_GET = b'{"bucket": "photos", "key": "in/a"}'
TO_PUT = b'{"bucket": "photos", "key": "in/new", "method": "PUT"}'

COPY_IN = b"""{"from": {"bucket": "photos", "key": "in/a"},
 "to": {"bucket": "photos", "key": "in/new"}}"""
COPY_OUT = b"""{"from": {"bucket": "photos", "key": "out/b"},
 "to": {"bucket": "photos", "key": "in/new"}}"""
COPY_FOLDER = b"""{"from": {"bucket": "photos", "prefix": "in/"},
 "to": {"bucket": "photos", "prefix": "new/"}}"""

#                             anon strg read pref writ ownr supr rstr tokn
TABLE = """
GET /                         200  200  200  200  200  200  200  200  200
GET /healthz                  200  200  200  200  200  200  200  200  200
GET /readyz                   200  200  200  200  200  200  200  200  200
GET /openapi.json             200  200  200  200  200  200  200  200  200

GET /buckets                  401  200  200  200  200  200  200  200  200
PUT /buckets/fresh            401  403  403  403  403  201  201  403  201
PUT /buckets/photos           401  403  403  403  403  200  409t 403  200
GET /buckets/photos           401  404  200  404  200  200  200  404  200
- public                      200  200  200  200  200  200  200  404  200
PATCH /buckets/photos VIEW    401  404  403  404  403  200  200  404  200
- public                      401  403  403  403  403  200  200  404  200
PATCH /buckets/photos QUOTA   401  404  403  404  403  403  200  404  403
- public                      401  403  403  403  403  403  200  404  403
PATCH /buckets/photos KEEP    401  404  403  404  403  200  200  404  200
- public                      401  403  403  403  403  200  200  404  200
DELETE /buckets/photos        401  404  403  404  403  409  409  404  409
- public                      401  403  403  403  403  409  409  404  409
GET /buckets/photos/grants    401  404  403  404  403  200  200  404  200
- public                      401  403  403  403  403  200  200  404  200
PUT /buckets/photos/grants GRANT
                              401  404  403  404  403  200  200  404  200
- public                      401  403  403  403  403  200  200  404  200
DELETE /buckets/photos/grants?user=ruth
                              401  404  403  404  403  204  204  404  204
- public                      401  403  403  403  403  204  204  404  204

GET /objects                  401  200  200  200  200  200  200  400  200
GET /objects?bucket=photos    401  404  200  404  200  200  200  404  200
- public                      200  200  200  200  200  200  200  404  200
GET /objects?bucket=photos&prefix=in/
                              401  404  200  200  200  200  200  200  200
- public                      200  200  200  200  200  200  200  200  200
GET /archive                  400  400  400  400  400  400  400  400  400
GET /archive?bucket=photos    401  404  200  404  200  200  200  404  200
- public                      200  200  200  200  200  200  200  404  200
GET /archive?bucket=photos&prefix=in/
                              401  404  200  200  200  200  200  200  200
- public                      200  200  200  200  200  200  200  200  200
GET /archive?bucket=photos&prefix=in/none
                              401  404  404k 404k 404k 404k 404k 404k 404k
- public                      404k 404k 404k 404k 404k 404k 404k 404k 404k
GET /buckets/photos/objects/in/a
                              401  404  200  200  200  200  200  200  200
- public                      200  200  200  200  200  200  200  200  200
GET /buckets/photos/objects?key=in/a
                              401  404  200  200  200  200  200  200  200
- public                      200  200  200  200  200  200  200  200  200
GET /buckets/photos/objects/out/b
                              401  404  200  404  200  200  200  404  200
- public                      200  200  200  200  200  200  200  404  200
GET /buckets/photos/objects/in/none
                              401  404  404k 404k 404k 404k 404k 404k 404k
- public                      404k 404k 404k 404k 404k 404k 404k 404k 404k
GET /buckets/photos/objects/out/none
                              401  404  404k 404  404k 404k 404k 404  404k
- public                      404k 404k 404k 404k 404k 404k 404k 404  404k
GET /buckets/nowhere/objects/a
                              401  404  404  404  404  404  404  404  404
PUT /buckets/photos/objects/in/new BYTES
                              401  404  403  403  201  201  201  403  201
- public                      401  403  403  403  201  201  201  403  201
PUT /buckets/photos/objects?key=in/new BYTES
                              401  404  403  403  201  201  201  403  201
- public                      401  403  403  403  201  201  201  403  201
PUT /buckets/photos/objects/out/new BYTES
                              401  404  403  404  201  201  201  404  201
- public                      401  403  403  403  201  201  201  404  201
PUT /buckets/nowhere/objects/a BYTES
                              401  404  404  404  404  201  201  404  201
DELETE /buckets/photos/objects/in/a
                              401  404  403  403  200  200  200  403  200
- public                      401  403  403  403  200  200  200  403  200
DELETE /buckets/photos/objects/out/b
                              401  404  403  404  200  200  200  404  200
- public                      401  403  403  403  200  200  200  404  200

POST /multipart/ TO_BEGIN     401  404  403  403  201  201  201  403  201
- public                      401  403  403  403  201  201  201  403  201
GET /multipart/?bucket=photos 401  404  403  404  200  200  200  404  200
- public                      401  403  403  403  200  200  200  404  200
GET /multipart/?bucket=photos&prefix=in/
                              401  404  403  403  200  200  200  403  200
- public                      401  403  403  403  200  200  200  403  200
GET /multipart/begun          401  404u 404u 404u 200  200  200  404u 200
PUT /multipart/begun/1 BYTES  401  404u 404u 404u 200  200  200  404u 200
POST /multipart/begun/complete PARTS
                              401  404u 404u 404u 400p 400p 400p 404u 400p
DELETE /multipart/begun       401  404u 404u 404u 204  204  204  404u 204
GET /multipart/unknown        401  404u 404u 404u 404u 404u 404u 404u 404u
POST /copy COPY_IN            401  404  403  403  201  201  201  403  201
- public                      401  403  403  403  201  201  201  403  201
POST /copy COPY_OUT           401  404  403  404  201  201  201  404  201
- public                      401  403  403  403  201  201  201  404  201
POST /copy COPY_FOLDER        401  404  403  404  200  200  200  404  200
- public                      401  403  403  403  200  200  200  404  200
POST /move COPY_IN            401  404  403  403  201  201  201  403  201
- public                      401  403  403  403  201  201  201  403  201
POST /move COPY_OUT           401  404  403  404  201  201  201  404  201
- public                      401  403  403  403  201  201  201  404  201
POST /move COPY_FOLDER        401  404  403  403  200  200  200  403  200
- public                      401  403  403  403  200  200  200  403  200
POST /delete FOLDER           401  404  403  403  200  200  200  403  200
- public                      401  403  403  403  200  200  200  403  200
POST /delete ALL_VERSIONS     401  404  403  403  403  200  200  403  200
- public                      401  403  403  403  403  200  200  403  200
POST /batch BATCH             401  404  403  403  200  200  200  403  200
- public                      401  403  403  403  200  200  200  403  200
GET /jobs                     401  200  200  200  200  200  200  200  200
GET /jobs/none                401  404j 404j 404j 404j 404j 404j 404j 404j
DELETE /jobs/none             401  404j 404j 404j 404j 404j 404j 403  404j
GET /versions                 400  400  400  400  400  400  400  400  400
GET /versions?bucket=photos   401  404  200  404  200  200  200  404  200
- public                      401  403  200  403  200  200  200  404  200
GET /versions?bucket=photos&prefix=in/
                              401  404  200  200  200  200  200  200  200
- public                      401  403  200  200  200  200  200  200  200
GET /objects?bucket=photos&prefix=in/&at=2026-01-01T00:00:00Z
                              401  404  409v 409v 409v 409v 409v 409v 409v
- public                      401  403  409v 409v 409v 409v 409v 409v 409v
GET /buckets/photos/objects/in/a?version=null
                              401  404  200  200  200  200  200  200  200
- public                      401  403  200  200  200  200  200  200  200
GET /buckets/photos/objects/out/b?version=null
                              401  404  200  404  200  200  200  404  200
- public                      401  403  200  403  200  200  200  404  200
GET /buckets/photos/objects/in/a?version=none
                              401  404  404v 404v 404v 404v 404v 404v 404v
- public                      401  403  404v 404v 404v 404v 404v 404v 404v
GET /buckets/photos/objects/in/a?at=2026-01-01T00:00:00Z
                              401  404  409v 409v 409v 409v 409v 409v 409v
- public                      401  403  409v 409v 409v 409v 409v 409v 409v
GET /buckets/photos/objects/out/b?at=2026-01-01T00:00:00Z
                              401  404  409v 404  409v 409v 409v 404  409v
- public                      401  403  409v 403  409v 409v 409v 404  409v
DELETE /buckets/photos/objects/in/a?version=null
                              401  404  403  403  200  200  200  403  200
- public                      401  403  403  403  200  200  200  403  200
DELETE /buckets/photos/objects/out/b?version=none
                              401  404  403  404  404v 404v 404v 404  404v
- public                      401  403  403  403  404v 404v 404v 404  404v
POST /buckets/photos/restore BACK
                              401  404  403  403  409v 409v 409v 403  409v
- public                      401  403  403  403  409v 409v 409v 403  409v

POST /tus/ NEW_UPLOAD         401  404  403  403  201  201  201  403  201
- public                      401  403  403  403  201  201  201  403  201
HEAD /tus/resumed TUS         401  404u 404u 404u 200  200  200  404u 200
PATCH /tus/resumed TUS        401  404u 404u 404u 204  204  204  404u 204
DELETE /tus/resumed TUS       401  404u 404u 404u 204  204  204  404u 204

GET /buckets/photos/objects/in/a?describe=1
                              401  404  200  200  200  200  200  200  200
- public                      200  200  200  200  200  200  200  200  200
PATCH /buckets/photos/objects/in/a DESCRIBE
                              401  404  403  403  200  200  200  403  200
- public                      401  403  403  403  200  200  200  403  200
PATCH /buckets/photos/objects/out/b DESCRIBE
                              401  404  403  404  200  200  200  404  200
- public                      401  403  403  403  200  200  200  404  200
GET /search                   401  200  200  200  200  200  200  200  200
GET /search?bucket=photos     401  404  200  200  200  200  200  200  200
- public                      200  200  200  200  200  200  200  200  200
GET /search?bucket=photos&prefix=out/
                              401  404  200  404  200  200  200  404  200
- public                      200  200  200  200  200  200  200  404  200
POST /presign TO_GET          401  404  200  200  200  200  200  200  200
- public                      401  200  200  200  200  200  200  200  200
POST /presign TO_PUT          401  404  403  403  200  200  200  403  200
- public                      401  403  403  403  200  200  200  403  200
GET /auth/me                  401  200  200  200  200  200  200  200  200
GET /auth/keys                401  200  200  200  200  200  200  200  200
POST /auth/keys               401  403  403  403  403  403  403  403  201
DELETE /auth/keys/OSNONE      401  403  403  403  403  403  403  403  404a
POST /auth/token              401  200  200  200  200  200  200  200  401
"""

BODIES = {
    "VIEW": b'{"visibility": "private"}',
    "KEEP": b'{"versioning": "enabled"}',
    "BACK": b'{"at": "2026-01-01T00:00:00Z", "prefix": "in/"}',
    "QUOTA": b'{"quota_bytes": 1000}',
    "GRANT": GRANT,
    "BYTES": b"bytes",
    "TO_BEGIN": b'{"bucket": "photos", "key": "in/new"}',
    "PARTS": b'{"parts": [{"number": 1, "sha256": "%s"}]}' % (b"0" * 64),
    "COPY_IN": COPY_IN,
    "COPY_OUT": COPY_OUT,
    "COPY_FOLDER": COPY_FOLDER,
    "FOLDER": b'{"bucket": "photos", "prefix": "in/"}',
    "ALL_VERSIONS": b'{"bucket": "photos", "prefix": "in/", "versions": "all"}',
    "BATCH": b'{"operations": [{"op": "copy",' + COPY_IN[1:] + b"]}",
    "TO_GET": TO_GET,
    "TO_PUT": TO_PUT,
    "DESCRIBE": b'{"tags": {"a": "1"}}',
}


HEADERS = {
    "NEW_UPLOAD": {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": "9",
        "Upload-Metadata": "bucket cGhvdG9z,key aW4vbmV3",  # photos, in/new
    },
    "TUS": {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    },
}


class Row(NamedTuple):
    """One endpoint in one kind of bucket, and what each column gets there."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]
    visibility: str
    cells: tuple[str, ...]


def _rows() -> list[Row]:
    """Read the table; a GET is a HEAD, too, and what has no public line is alike."""
    words = TABLE.split("\n")
    request, rows = "", {}
    for line in filter(None, words):
        found = re.search(r"(?:^|\s)((?:\d{3}\w?\s*){9})$", line)
        told = line[: found.start(1)].strip() if found else line.strip()
        public = told == "- public"
        request = request if public else told or request
        if not found:
            continue
        method, path, *name = request.split(" ")
        cells = tuple(found[1].split())
        body, headers = None, {}
        if name:
            body, headers = BODIES.get(name[0]), HEADERS.get(name[0], {})
        for visibility in ["public-list"] if public else ["private", "public-list"]:
            for each in ["GET", "HEAD"] if method == "GET" else [method]:
                rows[each, request, visibility] = Row(
                    each, path, body, headers, visibility, cells
                )
    return list(rows.values())


ROWS = _rows()


def _wrong(answer: Answer, cell: str, code: str | None) -> str | None:
    """Return what is wrong with an answer to a caller whose cell this is."""
    status = int(cell[:3])
    told = answer.json().get("code") if answer.status >= 400 and answer.body else code
    challenged = "WWW-Authenticate" in answer.headers
    if (answer.status, told, challenged) == (status, code, status == 401):
        return None
    return f"{answer.status} {told} instead of {status} {code}"


def _begin_uploads() -> None:
    """Begin one upload of each kind, of a key that is not there."""
    for upload_id, protocol in (("begun", "multipart"), ("resumed", "tus")):
        Upload.objects.create(
            upload_id=upload_id,
            protocol=protocol,
            bucket=Bucket.objects.get(name=BUCKET),
            key="in/new",
            length=9,
            conditions={"upload_metadata": ""},
            expires_at=Now() + timedelta(hours=1),
        )


def _expected(row: Row) -> dict[str, tuple[str, str | None]]:
    """Return cell and code of every kind of caller."""
    cells = dict(zip(COLUMNS, row.cells, strict=True))
    expected = {name: (cell, USUAL.get(cell)) for name, cell in cells.items()}
    expected |= dict.fromkeys(NOT_VALID, ("401", "invalid_credentials"))
    its_own = (row.method, row.path) == ("GET", f"/buckets/{BUCKET}/objects/in/a")
    expected["presigned"] = ("200", None) if its_own else ("403", "invalid_presigned")
    return expected


@pytest.mark.parametrize("visibility", ["private", "public-list"])
def test_everybody_gets_what_the_table_says(
    data_plane: DataPlane, visibility: str
) -> None:
    callers = everybody(data_plane, visibility)
    _begin_uploads()

    def ask(row: Row, caller: Caller) -> Answer:
        with transaction.atomic():
            answer = caller.ask(
                data_plane, row.method, row.path, body=row.body, headers=row.headers
            )
            transaction.set_rollback(True)
        return answer

    wrong = [
        f"{row.method} {row.path} by {name}: {found}"
        for row in ROWS
        if row.visibility == visibility
        for name, (cell, code) in _expected(row).items()
        if (found := _wrong(ask(row, callers[name]), cell, code))
    ]
    assert wrong == []


def test_every_endpoint_has_a_row(data_plane: DataPlane) -> None:
    missing = []
    for pattern in urls.urlpatterns:
        paths = [r.path for r in ROWS if pattern.resolve(r.path[1:].partition("?")[0])]
        if not paths:
            missing.append(str(pattern.pattern))
            continue
        allowed = data_plane.request("BREW", paths[0]).headers["Allow"]
        missing += [
            f"{method} {pattern.pattern}"
            for method in set(allowed.split(", ")) - {"OPTIONS"}
            if not any(r.method == method and r.path in paths for r in ROWS)
        ]
    assert missing == []
