"""The calls of the stateful test that change many keys at once."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    rule,
)

from objects_app.errors import (
    BatchRefused,
    KeyNamedTwice,
    NoSuchKey,
    NoSuchVersion,
    NotVersioned,
    PreconditionFailed,
    SourceIsTarget,
    StoreError,
)
from objects_app.queries import sql
from objects_app.queries.changes import Rewrite
from objects_app.services import (
    operations,
    prefixes,
    restore,
)
from objects_app.services.drafts import Draft
from tests.services.machine import (
    KEYS,
    OneKey,
    choices,
    described,
    key_names,
    kinds,
    refused,
)
from tests.services.model import Model, Version
from tests.services.store import ACTOR

restored_prefixes = st.sampled_from(["", "c/", "a"])
PLANNERS = {
    "copy": prefixes.plan_copy,
    "move": prefixes.plan_move,
    "delete": prefixes.plan_delete,
}


class ManyKeys(OneKey):
    """Calls the services and the model alike."""

    @rule(
        wanted=st.lists(
            st.tuples(
                st.sampled_from(
                    ["copy", "copy a version", "move", "delete", "describe"]
                ),
                *(key_names, key_names, kinds, choices),
                st.none() | described,
            ),
            min_size=1,
            max_size=3,
        )
    )
    def perform(self, wanted: list[tuple[Any, ...]]) -> None:
        asked = [self.operation(*one) for one in wanted]
        began = sql.clock()

        def call() -> list[operations.Done]:
            return operations.perform(operations=asked, by=ACTOR)

        if names_twice(asked):
            refused(KeyNamedTwice, call)
            return
        expected = self.unfit_sources(asked) or self.unfit_targets(asked)
        if expected:
            failures = refused(BatchRefused, call).failures
            assert {n: type(error) for n, error in failures.items()} == expected
            return
        done = call()
        before = self.model.snapshot()
        for one in asked:
            self.follow(one, before)
        for one, outcome in zip(asked, done, strict=True):
            for key in changed_by(one):
                self.told(key, began)
            latest = self.model.latest(one.target.key)
            if latest is not None:
                assert outcome.changed.version_id == latest.version_id
                assert outcome.changed.created_at == latest.created_at

    def operation(
        self,
        verb: str,
        source: str,
        target: str,
        kind: str,
        choice: int,
        metadata: dict[str, str] | None,
    ) -> operations.Operation:
        bucket = self.bucket()
        to = operations.Target(bucket, target, self.conditions(kind, target))
        rewrite = None if metadata is None else Rewrite(metadata=metadata)
        if verb == "delete":
            return operations.Delete(to)
        if verb == "describe":
            return operations.Describe(to, rewrite or Rewrite(metadata={"new": "yes"}))
        present = self.model.keys.get(source, [])
        version_id = None
        if verb == "copy a version":
            version_id = "no such version"
            if present:
                version_id = present[choice % len(present)].version_id
        out_of = operations.Source(bucket, source, version_id)
        named = operations.Move if verb == "move" else operations.Copy
        return named(out_of, to, rewrite)

    def source_of(
        self, model: Model, one: operations.Copy | operations.Move
    ) -> Version | None:
        source = one.source
        if source.version_id is None:
            return model.visible(source.key)
        found = model.find(source.key, source.version_id)
        return None if found is None or found.is_marker else found

    def unfit_sources(
        self, asked: list[operations.Operation]
    ) -> dict[int, type[StoreError]]:
        unfit: dict[int, type[StoreError]] = {}
        for number, one in enumerate(asked):
            if not isinstance(one, operations.Copy | operations.Move):
                continue
            found = self.source_of(self.model, one)
            same_key = one.source.key == one.target.key
            changes_nothing = one.rewrite is None and (
                found is self.model.visible(one.source.key)
            )
            if found is None:
                named = one.source.version_id is not None
                unfit[number] = NoSuchVersion if named else NoSuchKey
            elif same_key and (isinstance(one, operations.Move) or changes_nothing):
                unfit[number] = SourceIsTarget
        return unfit

    def unfit_targets(
        self, asked: list[operations.Operation]
    ) -> dict[int, type[StoreError]]:
        unfit: dict[int, type[StoreError]] = {}
        for number, one in enumerate(asked):
            needs_one = isinstance(one, operations.Delete | operations.Describe)
            if needs_one and self.model.visible(one.target.key) is None:
                unfit[number] = NoSuchKey
            elif not self.model.allows(one.target.key, one.target.conditions):
                unfit[number] = PreconditionFailed
        return unfit

    def follow(self, one: operations.Operation, before: Model) -> None:
        """Let the model do what was done; sources are as they were before."""
        key = one.target.key
        if isinstance(one, operations.Delete):
            self.model.delete(key)
        elif isinstance(one, operations.Describe):
            latest = self.model.latest(key)
            assert latest is not None
            latest.metadata = one.rewrite.metadata or {}
        else:
            found = self.source_of(before, one)
            assert found is not None
            self.model.add(
                key, found.copied(one.rewrite.metadata if one.rewrite else None)
            )
            if isinstance(one, operations.Move):
                self.model.delete(one.source.key)

    @rule(prefix=restored_prefixes, choice=choices)
    def restore(self, prefix: str, choice: int) -> None:
        moment = self.moments[choice % len(self.moments)]
        began = sql.clock()

        def call() -> restore.Outcome:
            return restore.restore(
                bucket=self.bucket(), prefix=prefix, moment=moment, by=ACTOR
            )

        if not self.model.has_past(moment):
            refused(NotVersioned, call)
            return
        outcome = call()
        assert self.model.restore(prefix, moment) == outcome.restored + outcome.removed
        for key in list(self.model.keys):
            self.told(key, began)
        for key in KEYS:
            if key.startswith(prefix):
                now = self.model.visible(key)
                then = self.model.visible_at(key, moment)
                assert (now and now.body) == (then and then.body)

    @rule(prefix=restored_prefixes, limit=st.integers(min_value=1, max_value=6))
    def delete_versions(self, prefix: str, limit: int) -> None:
        work = prefixes.Work(self.bucket(), prefix, at=sql.clock().isoformat())
        seen = {key: self.model.visible(key) for key in KEYS}
        there = [
            (key, version)
            for key in sorted(self.model.keys)
            for version in self.model.keys[key]
            if key.startswith(prefix)
        ]

        def draw(draft: Draft) -> None:
            prefixes.plan_delete_versions(draft, work, "", limit)

        prefixes.commit(draw=draw, by=ACTOR)
        for key, version in there[:limit]:
            assert version.version_id is not None
            self.model.remove(key, version.version_id)
        for key in KEYS:
            assert self.model.visible(key) in (None, seen[key])

    @rule(
        verb=st.sampled_from(["copy", "move", "delete"]),
        prefix=st.sampled_from(["c/", "d/"]),
        new_only=st.booleans(),
    )
    def perform_on_prefix(self, verb: str, prefix: str, new_only: bool) -> None:
        bucket, began = self.bucket(), sql.clock()
        to_prefix = "d/" if prefix == "c/" else "c/"
        work = prefixes.Work(bucket, prefix)
        if verb != "delete":
            work = prefixes.Work(bucket, prefix, bucket, to_prefix, new_only=new_only)
        found = {key: self.model.visible(key) for key in KEYS if key.startswith(prefix)}
        present = {key: one for key, one in found.items() if one is not None}
        targets = {key: to_prefix + key.removeprefix(prefix) for key in present}

        def call() -> int:
            return prefixes.perform(planner=PLANNERS[verb], work=work, by=ACTOR)

        taken = any(self.model.visible(target) for target in targets.values())
        if verb != "delete" and new_only and taken:
            refused(PreconditionFailed, call)
            return
        assert call() == len(present)
        for key, version in present.items():
            if verb != "delete":
                self.model.add(targets[key], version.copied())
                self.told(targets[key], began)
            if verb != "copy":
                self.model.delete(key)
                self.told(key, began)


def names_twice(asked: list[operations.Operation]) -> bool:
    """Whether one operation names what another one changes."""
    for number, one in enumerate(asked):
        others = [other for place, other in enumerate(asked) if place != number]
        named = set(changed_by(one))
        if isinstance(one, operations.Copy):
            named.add(one.source.key)
        if any(named & set(changed_by(other)) for other in others):
            return True
    return False


def changed_by(one: operations.Operation) -> list[str]:
    """Return the keys that an operation changes."""
    if isinstance(one, operations.Move):
        return [one.target.key, one.source.key]
    return [one.target.key]
