"""POST /buckets/{bucket}/restore: a prefix as it was at a moment."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.http.json_bodies import Body, read_json
from objects_app.http.moments import read_moment
from objects_app.http.paths import raw_path
from objects_app.names import check_prefix
from objects_app.rest.answers import json_answer, parameters, timestamp
from objects_app.rest.jobs import made_answer
from objects_app.rest.routing import by_method
from objects_app.services import jobs, restore


class _Wanted(Body):
    at: str
    prefix: str
    dry_run: bool = False


def _create(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    wanted = read_json(request.META, _Wanted)
    prefix = check_prefix(wanted.prefix)
    moment = read_moment("at", wanted.at)
    name = raw_path(request.META).split(b"/")[2].decode(errors="replace")
    bucket = policy.bucket_for(principal_of(request), name, Action.WRITE, prefix=prefix)
    done: restore.Outcome | jobs.JobRow
    if wanted.dry_run:
        done = restore.preview(bucket=bucket, prefix=prefix, moment=moment)
    else:
        done = jobs.restore(
            bucket=bucket,
            prefix=prefix,
            moment=moment,
            user_id=principal_of(request).user_id,
            by=actor_of(request),
        )
    if isinstance(done, jobs.JobRow):
        return made_answer(done)
    answer: dict[str, Any] = {
        "bucket": name,
        "prefix": prefix,
        "at": timestamp(moment),
        "dry_run": wanted.dry_run,
        **done._asdict(),
    }
    return json_answer(answer)


bucket_restore = by_method(POST=_create)
