"""Jobs: work on more keys than one transaction takes, done by the worker.

    queued --first turn--> running --no keys left--> done
       '------ cancel --------+--- cancel --> cancelled
                              '--- refused --> failed

A job goes through its keys in order, a transaction for each thousand. The same
transaction moves `after` on, if all still is as this worker believes and the job still
runs: so after a crash the job goes on exactly where it was, two workers never do the
same keys, and once a cancel is answered nothing more is changed. What is done stays.

What the caller may was decided when the job was made, like any request's.
"""

import logging
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import Error, OperationalError
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from objects_app.errors import (
    AccessDenied,
    InvalidArgument,
    NoSuchBucket,
    NoSuchJob,
    StorageBusy,
    StorageUnavailable,
    StoreError,
    first_line,
)
from objects_app.models import Job
from objects_app.names import is_storable
from objects_app.queries import history, reads, sources, sql
from objects_app.queries.changes import Rewrite
from objects_app.queries.rows import Actor, BucketRow
from objects_app.services import prefixes
from objects_app.services import restore as restores
from objects_app.services.drafts import Draft
from objects_app.services.listing import span_after
from objects_app.services.prefixes import Planner, Step, TooManyKeys, Work
from objects_app.services.restore import Outcome

logger = logging.getLogger(__name__)

KEEP_DAYS = 30
PAGE_MAX = 1000

_CHUNK_KEYS = 1000
_TURN_SECONDS = 10.0
_UNFINISHED = (Job.State.QUEUED, Job.State.RUNNING)


class Whose(NamedTuple):
    """The jobs that a caller may know of: everybody's; or a user's (None: of those
    without credentials), of which an access key with limits sees its own."""

    user_id: int | None = None
    everybody: bool = False
    key_id: str = ""


class JobRow(NamedTuple):
    """A job as its maker sees it, who is called `actor`; `position` is for `list_jobs`.

    Of one that failed, `problem` is what was raised, and `error` its class among
    `errors` ("": it was none of these). The keys of `delete_versions` are versions.
    """

    job_id: str
    kind: str
    state: str
    parameters: dict[str, Any]
    keys_total: int
    keys_done: int
    problem: str
    error: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    position: int
    actor: str

    @property
    def at(self) -> datetime | None:
        """What a restore goes back to, or by when versions have begun that go."""
        at = self.parameters["at"]
        return datetime.fromisoformat(at) if at else None

    @property
    def is_unfinished(self) -> bool:
        """Whether the worker has something left to do."""
        return self.state in _UNFINISHED


class Page(NamedTuple):
    """Jobs, the newest first; `next_position` is None on the last page."""

    jobs: list[JobRow]
    next_position: int | None


class _Overtaken(Exception):
    """The job was cancelled or is gone, or another worker did these keys."""


class _NothingLeft(Exception):
    """No key is after those that were done."""


def perform(*, kind: str, work: Work, user_id: int | None, by: Actor) -> int | JobRow:
    """Do it now, and return how many keys there were; or make a job of it, if they are
    too many for one transaction.

    Raises PrefixesOverlap, and what `prefixes.perform` does.
    """
    prefixes.check(work)
    try:
        return prefixes.perform(planner=PLANNERS[kind], work=work, by=by)
    except TooManyKeys:
        return create(
            kind=kind,
            work=work,
            keys_total=prefixes.measure(work).keys,
            user_id=user_id,
            by=by,
        )


def restore(
    *, bucket: BucketRow, prefix: str, moment: datetime, user_id: int | None, by: Actor
) -> Outcome | JobRow:
    """Make a prefix what it was: now, or by a job if more keys change than one
    transaction takes. Raises what `restore.restore` does."""
    try:
        return restores.restore(bucket=bucket, prefix=prefix, moment=moment, by=by)
    except restores.TooManyKeys:
        return create(
            kind=Job.Kind.RESTORE,
            work=Work(bucket, prefix, at=moment.isoformat()),
            keys_total=sources.count_keys(
                bucket_id=bucket.id, span=span_after(prefix, "")
            ),
            user_id=user_id,
            by=by,
        )


def delete_versions(
    *, bucket: BucketRow, prefix: str, user_id: int | None, by: Actor
) -> int | JobRow:
    """Let all that a prefix has at this moment go for good, older versions and delete
    markers too: now, and return how many versions there were; or by a job, if they are
    too many for one transaction.

    What is written later stays. Raises NoSuchBucket, StorageBusy.
    """
    kind, moment = Job.Kind.DELETE_VERSIONS, sql.clock()
    work = Work(bucket, prefix, at=moment.isoformat())
    try:
        return prefixes.perform(planner=PLANNERS[kind], work=work, by=by)
    except TooManyKeys:
        total = history.count_begun_by(
            bucket=bucket, span=span_after(prefix, ""), moment=moment
        )
        return create(kind=kind, work=work, keys_total=total, user_id=user_id, by=by)


def create(
    *, kind: str, work: Work, keys_total: int, user_id: int | None, by: Actor
) -> JobRow:
    """Leave work to the worker, in the name of who asked for it."""
    job = Job.objects.create(
        job_id=secrets.token_hex(16),
        kind=kind,
        user_id=user_id,
        bucket_id=work.source.id,
        target_bucket_id=work.target and work.target.id,
        parameters=work.parameters(),
        actor=list(by),
        keys_total=keys_total,
    )
    job.refresh_from_db()
    return _row(job)


def get_job(*, job_id: str, whose: Whose) -> JobRow:
    """Return one job. Raises NoSuchJob, also for those of others."""
    job = _named(job_id, whose).first()
    if job is None:
        raise NoSuchJob(gettext_noop("There is no such job, or it is somebody else's."))
    return _row(job)


def list_jobs(
    *,
    whose: Whose,
    state: str = "",
    before: int | None = None,
    limit: int,
) -> Page:
    """Return the newest jobs, of one state if it is named, below the position `before`,
    `limit` at most.

    Raises InvalidArgument for a state that is none.
    """
    jobs = _visible(whose)
    if state:
        if state not in Job.State.values:
            raise InvalidArgument(
                gettext_noop("state is one of %(known)s."),
                known=", ".join(Job.State.values),
            )
        jobs = jobs.filter(state=state)
    if before is not None:
        jobs = jobs.filter(pk__lt=before)
    rows = [_row(job) for job in jobs.order_by("-pk")[: limit + 1]]
    more = len(rows) > limit
    return Page(rows[:limit], rows[limit - 1].position if more else None)


def cancel_job(*, job_id: str, whose: Whose) -> JobRow:
    """End a job; what it did stays, and once this returns it does no more.

    One that has ended stays as it is. Raises NoSuchJob.
    """
    unfinished = _named(job_id, whose).filter(state__in=_UNFINISHED)
    # Waits for the transaction under way: that has the row locked.
    unfinished.update(state=Job.State.CANCELLED, finished_at=Now())
    return get_job(job_id=job_id, whose=whose)


def run_next(*, stop: Callable[[], bool]) -> int:
    """Do a transaction of each unfinished job, in turn, for some seconds or until
    `stop`; return how many keys were done."""
    ends = time.monotonic() + _TURN_SECONDS
    done = 0
    later: set[int] = set()
    while True:
        jobs = Job.objects.filter(state__in=_UNFINISHED).exclude(pk__in=later)
        waiting = list(jobs.order_by("pk"))
        if not waiting:
            return done
        for job in waiting:
            if stop() or time.monotonic() > ends:
                return done
            taken = _attempt(job)
            if taken is None:
                later.add(job.pk)
            done += taken or 0


def prune() -> int:
    """Forget jobs that ended KEEP_DAYS ago; return how many."""
    past = Now() - timedelta(days=KEEP_DAYS)
    removed, _ = Job.objects.filter(finished_at__lt=past).delete()
    return removed


def _attempt(job: Job) -> int | None:
    """Do one transaction of a job; return how many keys it took, None: not just now."""
    try:
        return _run_busy(job)
    except (OperationalError, StorageBusy, StorageUnavailable) as error:
        logger.warning("job %s goes on later: %s", job.job_id, first_line(error))
        return None
    except _Overtaken:
        return None
    except StoreError as error:
        _fail(job, str(error), error=type(error).__name__)
    except Error:
        logger.exception("job %s failed", job.job_id)
        _fail(job, "The server could not do this; its log says why.")
    return 0


def _run_busy(job: Job) -> int:
    """Do one transaction; of fewer keys where many are written all the time, and one of
    them always is between the look at it and its lock."""
    limit = _CHUNK_KEYS
    while True:
        try:
            return _run(job, limit)
        except StorageBusy:
            if limit == 1:
                raise
            limit = max(1, limit // 10)


def _run(job: Job, limit: int) -> int:
    _require_its_user(job)
    Job.objects.filter(pk=job.pk, state=Job.State.QUEUED).update(
        state=Job.State.RUNNING, started_at=Now()
    )
    step = Step(0, "")

    def draw(draft: Draft) -> None:
        nonlocal step
        step = PLANNERS[job.kind](draft, _work(job), job.after, limit)
        if not step.keys:
            raise _NothingLeft

    def advance() -> None:
        here = Job.objects.filter(
            pk=job.pk,
            state=Job.State.RUNNING,
            after=job.after,
            keys_done=job.keys_done,
        )
        if not here.update(after=step.last, keys_done=F("keys_done") + step.keys):
            raise _Overtaken

    try:
        prefixes.commit(draw=draw, by=Actor(*job.actor), first=advance)
    except _NothingLeft:
        _finish(job, Job.State.DONE)
        return 0
    return step.keys


def _require_its_user(job: Job) -> None:
    if job.user_id is None:
        return
    if not User.objects.filter(pk=job.user_id, is_active=True).exists():
        raise AccessDenied(
            gettext_noop("Whoever asked for this may not sign in any more.")
        )


def _work(job: Job) -> Work:
    """Return what there is to do, with the buckets as they are now.

    Raises NoSuchBucket.
    """
    given = dict(job.parameters)
    rewrite = given.pop("rewrite")
    to_bucket = given.pop("to_bucket")
    return Work(
        source=_bucket(job.bucket_id, given.pop("bucket")),
        target=_bucket(job.target_bucket_id, to_bucket) if to_bucket else None,
        rewrite=rewrite and Rewrite(**rewrite),
        **given,
    )


def _bucket(bucket_id: int | None, name: str) -> BucketRow:
    row = reads.find_bucket(name)
    if row is None or row.id != bucket_id:
        raise NoSuchBucket(
            gettext_noop("Bucket %(name)s was deleted meanwhile."), name=name
        )
    return row


def _plan_restore(draft: Draft, work: Work, after: str, limit: int) -> Step:
    chunk = restores.plan(
        bucket=work.source,
        prefix=work.prefix,
        moment=datetime.fromisoformat(work.at),
        after=after,
        limit=limit,
    )
    draft.changes += chunk.changes
    draft.marks += chunk.marks
    return Step(chunk.looked_at, chunk.last)


PLANNERS: dict[str, Planner] = {
    Job.Kind.COPY: prefixes.plan_copy,
    Job.Kind.MOVE: prefixes.plan_move,
    Job.Kind.DELETE: prefixes.plan_delete,
    Job.Kind.RESTORE: _plan_restore,
    Job.Kind.DELETE_VERSIONS: prefixes.plan_delete_versions,
}


def _fail(job: Job, problem: str, *, error: str = "") -> None:
    _finish(job, Job.State.FAILED, problem=problem, error=error)


def _finish(job: Job, state: str, **told: str) -> None:
    running = Job.objects.filter(pk=job.pk, state__in=_UNFINISHED)
    running.update(state=state, finished_at=Now(), **told)


def _visible(whose: Whose) -> QuerySet[Job]:
    if whose.everybody:
        return Job.objects.all()
    if whose.user_id is None:
        return Job.objects.filter(user__isnull=True)
    jobs = Job.objects.filter(user_id=whose.user_id)
    return jobs.filter(actor__3=whose.key_id) if whose.key_id else jobs


def _named(job_id: str, whose: Whose) -> QuerySet[Job]:
    jobs = _visible(whose)
    return jobs.filter(job_id=job_id) if is_storable(job_id) else jobs.none()


def _row(job: Job) -> JobRow:
    return JobRow(
        job_id=job.job_id,
        kind=job.kind,
        state=job.state,
        parameters=job.parameters,
        keys_total=job.keys_total,
        keys_done=job.keys_done,
        problem=job.problem,
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        position=job.pk,
        actor=Actor(*job.actor).label,
    )
