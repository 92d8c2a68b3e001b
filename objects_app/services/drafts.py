"""The changes of one transaction, put together from what was read just before it."""

from collections.abc import Callable

from objects_app.models import JournalEntry
from objects_app.queries import sources
from objects_app.queries.changes import (
    Change,
    Changed,
    Content,
    Mark,
    Removal,
    Rewrite,
)
from objects_app.queries.plans import Again
from objects_app.queries.rows import (
    ANYTHING,
    Actor,
    BucketRow,
    ObjectRow,
    Preconditions,
)
from objects_app.services import changes

_Operation = JournalEntry.Operation


class Draft:
    """Copies, moves, deletions and new descriptions, not written yet.

    Buckets are to be looked up anew for each draft: their versioning is in it.
    """

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.marks: list[Mark] = []
        self._as_read: dict[int, dict[str, ObjectRow]] = {}

    def copy(
        self,
        row: ObjectRow,
        *,
        out_of: BucketRow,
        into: BucketRow,
        key: str,
        rewrite: Rewrite | None = None,
        conditions: Preconditions = ANYTHING,
    ) -> None:
        """Give `key` the row's content, described anew as far as `rewrite` says."""
        content = self._content(row, rewrite)
        source = f"from {out_of.name}/{row.key}"
        self._add(into, key, _Operation.COPY, content, conditions, detail=source)

    def move(
        self,
        row: ObjectRow,
        *,
        out_of: BucketRow,
        into: BucketRow,
        key: str,
        rewrite: Rewrite | None = None,
        conditions: Preconditions = ANYTHING,
    ) -> None:
        """Copy, and delete the row's key, if the row is still its latest version."""
        content = self._content(row, rewrite)
        source, target = f"from {out_of.name}/{row.key}", f"to {into.name}/{key}"
        self._add(into, key, _Operation.MOVE, content, conditions, detail=source)
        self._add(out_of, row.key, _Operation.MOVE, None, only=row, detail=target)
        self._hold_to(row)

    def replace_description(
        self,
        row: ObjectRow,
        *,
        bucket: BucketRow,
        rewrite: Rewrite,
        conditions: Preconditions = ANYTHING,
    ) -> None:
        """Copy the latest version onto itself: a new version with the same bytes."""
        content = self._content(row, rewrite)
        self._add(bucket, row.key, _Operation.COPY, content, conditions, only=row)
        self._hold_to(row)

    def delete(
        self, *, bucket: BucketRow, key: str, conditions: Preconditions = ANYTHING
    ) -> None:
        """Do what DELETE does."""
        self._add(bucket, key, _Operation.DELETE, None, conditions)

    def remove(self, removal: Removal, *, bucket: BucketRow, key: str) -> None:
        """Let a version go for good."""
        self._add(bucket, key, _Operation.DELETE_VERSION, removal)

    def describe(
        self,
        *,
        bucket: BucketRow,
        key: str,
        rewrite: Rewrite,
        conditions: Preconditions = ANYTHING,
    ) -> None:
        """Give the latest version another description, in place."""
        self._add(bucket, key, _Operation.CHANGE_OBJECT, rewrite, conditions)

    def require_as_read(self) -> None:
        """Raise Again if what is moved has another description by now.

        Its row and its time stay the same then, and `only` cannot tell. Under the locks
        of their keys, which whoever describes takes too, nothing changes any more.
        """
        for bucket_id, rows in self._as_read.items():
            if sources.latest_of(bucket_id=bucket_id, keys=list(rows)) != rows:
                raise Again

    def _content(self, row: ObjectRow, rewrite: Rewrite | None) -> Content:
        content, marks = changes.copy_of(row)
        self.marks += marks
        new = rewrite._asdict() if rewrite else {}
        return content._replace(
            **{name: new[name] for name in new if new[name] is not None}
        )

    def _add(
        self,
        bucket: BucketRow,
        key: str,
        operation: str,
        what: Content | Rewrite | Removal | None,
        conditions: Preconditions = ANYTHING,
        *,
        only: ObjectRow | None = None,
        detail: str = "",
    ) -> None:
        self.changes.append(
            changes.change(
                bucket=bucket,
                key=key,
                operation=operation,
                what=what,
                conditions=conditions,
                only=only,
                detail=detail,
            )
        )

    def _hold_to(self, row: ObjectRow) -> None:
        self._as_read.setdefault(row.bucket_id, {})[row.key] = row


def commit(
    *,
    draw: Callable[[Draft], object],
    by: Actor,
    first: Callable[[], object] = lambda: None,
) -> list[Changed]:
    """Write what `draw` puts into a draft, in one transaction; see `changes.commit`.

    It is called again, with a new draft, when somebody was faster: it only reads.
    """
    drafts: list[Draft] = []

    def prepare() -> tuple[list[Change], list[Mark]]:
        drafts[:] = [Draft()]
        draw(drafts[0])
        return drafts[0].changes, drafts[0].marks

    def begin() -> None:
        drafts[0].require_as_read()
        first()

    return changes.commit(prepare=prepare, by=by, first=begin, only_reads=True)
