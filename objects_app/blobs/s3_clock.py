"""S3's clock: signatures carry the time, and S3 refuses those that are minutes off.

botocore signs by this machine's clock only. Here each response's Date corrects it, so
that a node whose clock is wrong works; the other AWS SDKs do the same.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.auth import (
    AUTH_TYPE_MAPS,
    SIGV4_TIMESTAMP,
    S3SigV4Auth,
    S3SigV4QueryAuth,
    SigV4Auth,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# S3 tolerates fifteen minutes. Less than this is delay, and seconds that Date rounds.
_TOLERATED = timedelta(minutes=4)
_FORBIDDEN = 403
_CONTEXT = "objectstore_now"
_VERSION = "objectstore-s3v4"


class _ByServerTime(SigV4Auth):
    """Signs with the time that `ServerClock` left in the request's context."""

    def _modify_request_before_signing(self, request: Any) -> None:
        now: datetime = request.context[_CONTEXT]
        request.context["timestamp"] = now.strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)  # type: ignore[misc]


class _HeaderAuth(_ByServerTime, S3SigV4Auth):
    """In the headers of a request."""


class _QueryAuth(_ByServerTime, S3SigV4QueryAuth):
    """In the query of a URL."""


AUTH_TYPE_MAPS[_VERSION] = _HeaderAuth
AUTH_TYPE_MAPS[f"{_VERSION}-query"] = _QueryAuth


class ServerClock:
    """The time of the server that one client speaks to."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """Return the server's time, as far as its last responses tell."""
        return datetime.now(UTC) + self.offset

    def correct(self, client: "S3Client") -> None:
        """Make the client sign by this clock and set it by what the server says."""
        events: Any = client.meta.events  # typed as if no handler could answer
        events.register_first("choose-signer.s3", self._choose)
        events.register("before-sign.s3", self._tell)
        events.register_first("needs-retry.s3", self._learn)

    def _choose(self, signature_version: Any, **_: Any) -> str | None:
        if not isinstance(signature_version, str):  # botocore.UNSIGNED
            return None
        return f"{_VERSION}-query" if signature_version.endswith("-query") else _VERSION

    def _tell(self, request: Any, **_: Any) -> None:
        request.context[_CONTEXT] = self.now()

    def _learn(
        self, response: tuple[Any, Any] | None, request_dict: Any, **_: Any
    ) -> float | None:
        """Take the Date over; send again at once what was refused by the old clock.

        That may be one of several at once: the first answer has corrected the clock,
        but the others had been signed before.
        """
        if response is None:
            return None
        date = parse_date(response[0].headers.get("Date"))
        if date is None:
            return None
        if abs(date - self.now()) >= _TOLERATED:
            self.offset = date - datetime.now(UTC)
        context = request_dict["context"]
        signed: datetime = context[_CONTEXT]
        if response[0].status_code != _FORBIDDEN or abs(date - signed) < _TOLERATED:
            return None
        again = not context.get("objectstore_clock_set")
        context["objectstore_clock_set"] = True
        return 0.0 if again else None


def parse_date(text: str | None) -> datetime | None:
    """Read a Date header; None for none or one that is no date."""
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
