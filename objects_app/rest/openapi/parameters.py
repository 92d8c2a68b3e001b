"""Parameters and headers that several endpoints have."""

from objects_app.rest.openapi.parts import Json, header, parameter
from objects_app.rest.openapi.schemas import BUCKET_PATTERN

BUCKET_IN_PATH = parameter(
    "bucket", "The bucket's name.", place="path", pattern=BUCKET_PATTERN
)
KEY_IN_PATH = parameter(
    "key",
    "The object's key, percent-encoded; its slashes may stay. Clients collapse `.` and "
    "`..` between slashes: such keys go as `?key=`.",
    place="path",
    minLength=1,
    maxLength=1024,
)
KEY = parameter("key", "The object's key.", minLength=1, maxLength=1024, required=True)
BUCKET = parameter("bucket", "The bucket's name.", required=True)
PREFIX = parameter("prefix", "Only keys that begin so.", maxLength=1024)
DELIMITER = parameter(
    "delimiter",
    "Roll up keys that share a part up to this, often `/`, into one prefix.",
)
CURSOR = parameter("cursor", "`next_cursor` of the page before.")
LIMIT = parameter(
    "limit", "The most entries of a page.", type="integer", minimum=1, maximum=1000
)
AT = parameter("at", "What was there at this time (RFC 3339).", format="date-time")
VERSION = parameter("version", "A version's id: this one, not the latest.")

RANGE = header("Range", "One range of bytes (RFC 9110 14.2), as `bytes=0-99`.")
READ_CONDITIONS: list[Json] = [
    header("If-Match", "Only if the ETag is one of these."),
    header("If-None-Match", "Only if the ETag is none of these; else 304."),
    header("If-Modified-Since", "Only if it is newer; else 304."),
    header("If-Unmodified-Since", "Only if it is not newer."),
]
WRITE_CONDITIONS: list[Json] = [
    header("If-Match", "Only if the present ETag is one of these; `*`: any object."),
    header(
        "If-None-Match", "Only if the present ETag is none of these; `*`: no object."
    ),
    header("If-Unmodified-Since", "Only if the present object is not newer."),
]
DIGESTS: list[Json] = [
    header("X-Content-SHA256", "The body's SHA-256 in hexadecimal, to be checked."),
    header("Content-Digest", "RFC 9530, `sha-256`."),
    header("Repr-Digest", "RFC 9530, `sha-256`."),
    header("Content-MD5", "The base64 of the body's MD5."),
]
STORED_HEADERS: list[Json] = [
    header(name, "Kept, and served with the object.")
    for name in (
        "Cache-Control",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Expires",
    )
]
