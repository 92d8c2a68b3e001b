"""Copy, move and delete all keys of a prefix: at once, or by a job when there are many.

One transaction takes up to MOST_KEYS, and nobody ever sees half of it. More are left to
a job, which is a row of such transactions in the order of keys.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext_noop

from objects_app.errors import (
    InvalidKey,
    PreconditionFailed,
    PrefixesOverlap,
    StorageBusy,
)
from objects_app.names import KEY_MAX_BYTES, check_key
from objects_app.queries import history, reads, sources
from objects_app.queries.changes import Failure, Removal, Rewrite
from objects_app.queries.rows import (
    ANYTHING,
    Actor,
    BucketRow,
    Preconditions,
)
from objects_app.queries.sources import Extent
from objects_app.services import buckets, drafts
from objects_app.services.changes import ChangesRefused
from objects_app.services.drafts import Draft
from objects_app.services.listing import span_after

MOST_KEYS = 10_000

_ATTEMPTS = 10
_NEW_ONLY = Preconditions(if_none_match=("*",))


class Work(NamedTuple):
    """What is to be done to all keys of a prefix: of `source`, which is the bucket
    that is changed where there is no `target`. `at` is a restore's moment, or the one
    by which versions have begun that go for good, as text."""

    source: BucketRow
    prefix: str
    target: BucketRow | None = None
    to_prefix: str = ""
    rewrite: Rewrite | None = None
    new_only: bool = False
    at: str = ""

    def parameters(self) -> dict[str, Any]:
        """Return it as JSON; the buckets are named."""
        return {
            "bucket": self.source.name,
            "to_bucket": self.target and self.target.name,
            "prefix": self.prefix,
            "to_prefix": self.to_prefix,
            "rewrite": self.rewrite and self.rewrite._asdict(),
            "new_only": self.new_only,
            "at": self.at,
        }


class Step(NamedTuple):
    """What one transaction takes: so many keys (or versions), and the last key that is
    done with; none: all is done."""

    keys: int
    last: str


# Puts the changes of at most `limit` keys (or versions) after the key `after` into a
# draft.
Planner = Callable[[Draft, Work, str, int], Step]


class TooManyKeys(Exception):
    """There are more keys than one transaction takes: make a job of it."""


def check(work: Work) -> None:
    """Raise PrefixesOverlap where keys would be copied over and over, as the copies
    have the prefix, too, or over others that are still to be copied."""
    if work.target is None or work.source.id != work.target.id:
        return
    if work.to_prefix.startswith(work.prefix) or work.prefix.startswith(work.to_prefix):
        raise PrefixesOverlap(
            gettext_noop(
                "One prefix begins with the other, in one bucket: choose prefixes "
                "that lie side by side."
            )
        )


def perform(*, planner: Planner, work: Work, by: Actor) -> int:
    """Do it in one transaction; return how many keys there were.

    Raises TooManyKeys beyond MOST_KEYS, NoSuchBucket, InvalidKey for a key that would
    become too long, PreconditionFailed, QuotaExceeded, BytesMissing, StorageBusy; in
    each case nothing was changed.
    """
    taken = Step(0, "")

    def draw(draft: Draft) -> None:
        nonlocal taken
        taken = planner(draft, look_up_again(work), "", MOST_KEYS + 1)
        if taken.keys > MOST_KEYS:
            raise TooManyKeys

    commit(draw=draw, by=by)
    return taken.keys


def commit(
    *,
    draw: Callable[[Draft], object],
    by: Actor,
    first: Callable[[], object] = lambda: None,
) -> None:
    """As `drafts.commit`; again, from the beginning, when a key is gone meanwhile.

    Raises PreconditionFailed, and what that raises.
    """
    for _ in range(_ATTEMPTS):
        try:
            drafts.commit(draw=draw, by=by, first=first)
        except ChangesRefused as refused:
            if Failure.PRECONDITION in refused.failures.values():
                raise PreconditionFailed(
                    gettext_noop(
                        "One of the target's keys has an object already: nothing "
                        "was changed."
                    )
                ) from None
        else:
            return
    raise StorageBusy(
        gettext_noop("These keys are being deleted at this moment: ask again.")
    )


def look_up_again(work: Work) -> Work:
    """Return it with the buckets as they are now. Raises NoSuchBucket."""
    return work._replace(
        source=buckets.again(work.source),
        target=work.target and buckets.again(work.target),
    )


def measure(work: Work) -> Extent:
    """Count the keys. Raises InvalidKey if one could not be renamed so."""
    found = sources.extent(bucket_id=work.source.id, span=span_after(work.prefix, ""))
    added = len(work.to_prefix.encode()) - len(work.prefix.encode())
    fits = found.shortest + added > 0 and found.longest + added <= KEY_MAX_BYTES
    if work.target is not None and found.keys and not fits:
        raise InvalidKey(
            gettext_noop(
                "Keys there would have %(shortest)s to %(longest)s bytes; 1 to "
                "%(most)s are allowed."
            ),
            shortest=found.shortest + added,
            longest=found.longest + added,
            most=KEY_MAX_BYTES,
        )
    return found


def plan_copy(draft: Draft, work: Work, after: str, limit: int) -> Step:
    """Copy each latest version."""
    return _transfer(draft.copy, work, after, limit)


def plan_move(draft: Draft, work: Work, after: str, limit: int) -> Step:
    """Move each latest version."""
    return _transfer(draft.move, work, after, limit)


def plan_delete(draft: Draft, work: Work, after: str, limit: int) -> Step:
    """Do to each key what DELETE does."""
    keys = span_after(work.prefix, after)
    found = reads.key_range(bucket=work.source, span=keys, limit=limit)
    for entry in found:
        draft.delete(bucket=work.source, key=entry.key)
    return Step(len(found), found[-1].key if found else "")


def plan_delete_versions(draft: Draft, work: Work, after: str, limit: int) -> Step:
    """Let each version go for good that began by the work's moment.

    Of a key with too many the oldest go first: nothing that was deleted or overwritten
    comes to light again on the way.
    """
    found = history.begun_by(
        bucket=work.source,
        span=span_after(work.prefix, after),
        moment=datetime.fromisoformat(work.at),
        limit=limit,
    )
    for version in found:
        removal = Removal(version.version_id, version.created_at)
        draft.remove(removal, bucket=work.source, key=version.key)
    done = [version.key for version in found]
    if len(found) == limit:
        done = [key for key in done if key != done[-1]]
    return Step(len(found), done[-1] if done else after)


def _transfer(add: Callable[..., None], work: Work, after: str, limit: int) -> Step:
    if work.target is None:
        raise LookupError("there is nowhere to copy to")
    found = sources.in_span(
        bucket_id=work.source.id, span=span_after(work.prefix, after), limit=limit
    )
    for row in found:
        add(
            row,
            out_of=work.source,
            into=work.target,
            key=_renamed(row.key, work),
            rewrite=work.rewrite,
            conditions=_NEW_ONLY if work.new_only else ANYTHING,
        )
    return Step(len(found), found[-1].key if found else "")


def _renamed(key: str, work: Work) -> str:
    try:
        return check_key(work.to_prefix + key.removeprefix(work.prefix))
    except InvalidKey as error:
        raise InvalidKey(
            gettext_noop("%(key)r cannot be renamed so. %(error)s"),
            key=key,
            error=error,
        ) from None
