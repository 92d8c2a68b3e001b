"""POST /copy, /move and /delete: one key, or all of a prefix, or all its versions for
good; no bytes are moved."""

from typing import TYPE_CHECKING, Literal

from django.http import HttpRequest, HttpResponseBase
from pydantic import Field

from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import InvalidArgument
from objects_app.http.conditions import refuse_in_headers
from objects_app.http.json_bodies import Body, read_json
from objects_app.names import check_prefix
from objects_app.rest.answers import json_answer, parameters
from objects_app.rest.jobs import made_answer
from objects_app.rest.operations import (
    Gates,
    Named,
    Transfer,
    Versioned,
    copy_of,
    done_answer,
    move_of,
)
from objects_app.rest.routing import by_method
from objects_app.services import jobs, operations
from objects_app.services.prefixes import Work

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow


class _Place(Body):
    bucket: str
    key: str | None = None
    prefix: str | None = None


class _Source(_Place):
    version: str | None = None


class _Body(Transfer):
    """Of one key, or of a prefix."""

    from_: _Source = Field(alias="from")
    to: _Place


class _Deletion(Body):
    bucket: str
    prefix: str
    versions: Literal["latest", "all"] = "latest"


def _copy(request: HttpRequest) -> HttpResponseBase:
    wanted = _read(request)
    if wanted.to.prefix is not None:
        return _of_prefix(request, wanted, kind="copy", action=Action.LIST)
    operation = copy_of(
        wanted,
        Versioned(
            bucket=wanted.from_.bucket,
            key=wanted.from_.key or "",
            version=wanted.from_.version,
        ),
        Named(bucket=wanted.to.bucket, key=wanted.to.key or ""),
        Gates(principal_of(request)),
    )
    return _perform(request, operation)


def _move(request: HttpRequest) -> HttpResponseBase:
    wanted = _read(request)
    if wanted.from_.version is not None:
        raise InvalidArgument(
            "from.version: a move takes the latest version; copy an older one."
        )
    if wanted.to.prefix is not None:
        return _of_prefix(request, wanted, kind="move", action=Action.WRITE)
    operation = move_of(
        wanted,
        Named(bucket=wanted.from_.bucket, key=wanted.from_.key or ""),
        Named(bucket=wanted.to.bucket, key=wanted.to.key or ""),
        Gates(principal_of(request)),
    )
    return _perform(request, operation)


def _delete(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    refuse_in_headers(request.headers)
    wanted = read_json(request.META, _Deletion)
    prefix = check_prefix(wanted.prefix)
    gates = Gates(principal_of(request))
    if wanted.versions == "all":
        return _delete_versions(
            request, gates(wanted.bucket, prefix, Action.OWN), prefix
        )
    bucket = gates(wanted.bucket, prefix, Action.WRITE)
    return _perform_or_queue(request, "delete", Work(source=bucket, prefix=prefix))


def _delete_versions(
    request: HttpRequest, bucket: "BucketRow", prefix: str
) -> HttpResponseBase:
    """Delete for good; of what others may still need, so by its owner."""
    done = jobs.delete_versions(
        bucket=bucket,
        prefix=prefix,
        user_id=principal_of(request).user_id,
        by=actor_of(request),
    )
    if isinstance(done, int):
        return json_answer({"versions": done})
    return made_answer(done)


def _read(request: HttpRequest) -> _Body:
    """Return the body, of one form: both places have a key, or both a prefix."""
    parameters(request)
    refuse_in_headers(request.headers)
    wanted = read_json(request.META, _Body)
    for name in ("key", "prefix"):
        given = [
            getattr(place, name) is not None for place in (wanted.from_, wanted.to)
        ]
        if given[0] != given[1]:
            raise InvalidArgument("from and to: both name a key, or both a prefix.")
    if (wanted.to.key is None) == (wanted.to.prefix is None):
        raise InvalidArgument("from and to: name a key, or a prefix.")
    return wanted


def _perform(
    request: HttpRequest, operation: operations.Copy | operations.Move
) -> HttpResponseBase:
    done = operations.perform_one(operation=operation, by=actor_of(request))
    return json_answer(
        done_answer(operation, done), status=200 if done.changed.replaced else 201
    )


def _of_prefix(
    request: HttpRequest, wanted: _Body, *, kind: str, action: Action
) -> HttpResponseBase:
    """Copy or move a prefix; to learn its keys takes who may list them."""
    asked_of_source = wanted.source_conditions() != operations.SourceConditions()
    if asked_of_source or wanted.from_.version is not None:
        raise InvalidArgument("from: a prefix has no version and knows no conditions.")
    gates = Gates(principal_of(request))
    prefix = check_prefix(wanted.from_.prefix or "")
    to_prefix = check_prefix(wanted.to.prefix or "")
    work = Work(
        source=gates(wanted.from_.bucket, prefix, action),
        prefix=prefix,
        target=gates(wanted.to.bucket, to_prefix, Action.WRITE),
        to_prefix=to_prefix,
        rewrite=wanted.rewrite(),
        new_only=wanted.new_only(),
    )
    return _perform_or_queue(request, kind, work)


def _perform_or_queue(request: HttpRequest, kind: str, work: Work) -> HttpResponseBase:
    principal = principal_of(request)
    done = jobs.perform(
        kind=kind, work=work, user_id=principal.user_id, by=actor_of(request)
    )
    return json_answer({"keys": done}) if isinstance(done, int) else made_answer(done)


copy = by_method(POST=_copy)
move = by_method(POST=_move)
delete = by_method(POST=_delete)
