"""Operations in JSON: what a copy, a move, a delete and a new description look like,
alone or in a batch, and what becomes of them."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import Principal
from objects_app.errors import (
    AccessDenied,
    CredentialsRequired,
    InvalidArgument,
    NoSuchBucket,
)
from objects_app.http.json_bodies import Body
from objects_app.http.json_conditions import Conditions, SourceConditions
from objects_app.http.json_descriptions import Description
from objects_app.names import check_key
from objects_app.rest.answers import timestamp
from objects_app.services import operations

if TYPE_CHECKING:
    from objects_app.queries.changes import Rewrite
    from objects_app.queries.rows import BucketRow


class Named(Body):
    """One object, by its latest version."""

    bucket: str
    key: str


class Versioned(Named):
    """One version of an object, the latest unless it is named."""

    version: str | None = None


class Transfer(Conditions, SourceConditions):
    """What may be said of a copy or a move, besides from where to where.

    `metadata` is what becomes of the description: `replace` takes the one that is
    given, and of the source's the content type at most, where none is given.
    """

    metadata: Literal["keep", "replace"] = "keep"
    description: Description | None = None

    def rewrite(self) -> "Rewrite | None":
        """Return the changes. Raises InvalidArgument, InvalidMetadata."""
        if self.metadata == "keep":
            if self.description is not None:
                raise InvalidArgument('description: goes with "metadata": "replace".')
            return None
        given = (self.description or Description()).rewrite()
        return given._replace(
            headers=given.headers or {},
            metadata=given.metadata or {},
            tags=given.tags or {},
        )

    def source_conditions(self) -> operations.SourceConditions:
        """Return what the source has to be like. Raises InvalidArgument."""
        return operations.SourceConditions(
            self.source_preconditions(), self.source_if_modified_since
        )


class CopyBody(Transfer):
    """Copy one object."""

    op: Literal["copy"]
    from_: Versioned = Field(alias="from")
    to: Named


class MoveBody(Transfer):
    """Move one object."""

    op: Literal["move"]
    from_: Named = Field(alias="from")
    to: Named


class DeleteBody(Named, Conditions):
    """Delete one object."""

    op: Literal["delete"]


class SetBody(Named, Conditions):
    """Give one object another description, as far as it is given."""

    op: Literal["set"]
    description: Description


OperationBody = Annotated[
    CopyBody | MoveBody | DeleteBody | SetBody, Field(discriminator="op")
]


class Gates:
    """`policy.bucket_for` for many keys of one request: who may do something with a
    whole bucket is asked once."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal
        self._whole: dict[tuple[str, Action], BucketRow | None] = {}

    def __call__(self, bucket: str, key: str, action: Action) -> "BucketRow":
        """Return the bucket if the caller may do this with the key; else raise."""
        if (bucket, action) not in self._whole:
            self._whole[bucket, action] = self._ask(bucket, action)
        row = self._whole[bucket, action]
        return row or policy.bucket_for(self._principal, bucket, action, prefix=key)

    def _ask(self, bucket: str, action: Action) -> "BucketRow | None":
        try:
            return policy.bucket_for(self._principal, bucket, action)
        except (AccessDenied, CredentialsRequired, NoSuchBucket):
            return None


def operation_of(body: OperationBody, gates: Gates) -> operations.Operation:
    """Return what to do, once the gate has let it through.

    Raises InvalidKey, InvalidArgument, InvalidMetadata, and what the gate does.
    """
    if isinstance(body, CopyBody):
        return copy_of(body, body.from_, body.to, gates)
    if isinstance(body, MoveBody):
        return move_of(body, body.from_, body.to, gates)
    target = _target(body, body, gates)
    if isinstance(body, DeleteBody):
        return operations.Delete(target)
    return operations.Describe(target, body.description.rewrite())


def copy_of(
    body: Transfer, source: Versioned, target: Named, gates: Gates
) -> operations.Copy:
    """As `operation_of`: who may read the one and write the other."""
    action = Action.READ if source.version is None else Action.PAST
    return operations.Copy(
        operations.Source(
            bucket=gates(source.bucket, check_key(source.key), action),
            key=source.key,
            version_id=source.version,
            conditions=body.source_conditions(),
        ),
        _target(target, body, gates),
        body.rewrite(),
    )


def move_of(
    body: Transfer, source: Named, target: Named, gates: Gates
) -> operations.Move:
    """As `operation_of`: who may write both, which includes reading."""
    return operations.Move(
        operations.Source(
            bucket=gates(source.bucket, check_key(source.key), Action.WRITE),
            key=source.key,
            conditions=body.source_conditions(),
        ),
        _target(target, body, gates),
        body.rewrite(),
    )


def done_answer(
    operation: operations.Operation, done: operations.Done
) -> dict[str, Any]:
    """Return what became of an operation."""
    target, changed = operation.target, done.changed
    answer = {
        "bucket": target.bucket.name,
        "key": target.key,
        "version_id": changed.version_id,
        "created_at": timestamp(changed.created_at),
    }
    if done.source is None:
        return answer
    return {
        **answer,
        "replaced": changed.replaced,
        "size": done.source.size,
        "etag": done.source.etag,
        "sha256": done.source.sha256 or None,
    }


def _target(named: Named, conditions: Conditions, gates: Gates) -> operations.Target:
    bucket = gates(named.bucket, check_key(named.key), Action.WRITE)
    return operations.Target(bucket, named.key, conditions.preconditions())
