"""The parties that remove bytes: the sweep, and the removal of orphans."""

import time
from collections.abc import Iterator

from objects_app.blobs.layout import StoredBlob
from objects_app.queries import upkeep
from objects_app.queries.rows import Marked
from objects_app.services import sweep
from tests.races.actors import START, Actor, Local, Step
from tests.races.histories import NOW
from tests.races.laboratory import LEASE_SECONDS, Laboratory
from tests.races.states import CONTENTS, DIGESTS, HOLDER_DEAD, Effect, Files, Held, Rows
from tests.races.tables import deleting_since


class Sweeper(Actor):
    """Condemns (its reading stale by the time it writes), marks, deletes, drops."""

    name = "SWEEP"
    lease_seconds = LEASE_SECONDS

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if local.at == "start":
            yield self.look(lab, rows, files)
            yield self.mark(lab, rows, files)
        elif local.at == "condemn":
            yield self.condemn(lab, rows, files, local)
        elif local.at == "delete":
            yield self.delete(lab, rows, files, local)
        else:
            yield self.drop(lab, rows, files, local)

    def crash(self, rows: Rows, local: Local) -> Rows:
        if local.at in {"delete", "drop"}:
            for held in local.held:
                if held.fresh:
                    rows = rows.with_deleting(held.number, HOLDER_DEAD)
        return rows

    def remember(self, local: Local, effect: Effect) -> Local:
        return local._replace(held=tuple(map(effect.mark, local.held)))

    def look(self, lab: Laboratory, rows: Rows, files: Files) -> Step:
        """Find what nothing refers to; what was claimed counts as old at once."""
        outcome = lab.on_rows(
            rows,
            lambda: upkeep.condemn_candidates(
                above_id=0, window=1000, claim_age_seconds=0
            ),
        )
        held = tuple(Held(number, fresh=False) for number in outcome.answer)
        local = Local("condemn", held) if held else START
        return Step("look", outcome.rows, files, local)

    def condemn(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Condemn what was found, however long ago that was."""
        ids = [held.number for held in local.held]
        outcome = lab.on_rows(
            rows, lambda: upkeep.condemn(ids=ids, claim_age_seconds=0)
        )
        return Step("condemn", outcome.rows, files, START, outcome.effect)

    def mark(self, lab: Laboratory, rows: Rows, files: Files) -> Step:
        """Mark with grace 0; only what a crashed sweeper left is taken over."""
        outcome = lab.on_rows(
            rows,
            lambda: upkeep.mark(
                grace_seconds=0, lease_seconds=self.lease_seconds, limit=100
            ),
        )
        marked, _ = outcome.answer
        number = outcome.effect.number
        local = START
        if marked:
            local = Local(
                "delete",
                tuple(Held(number(one.id), fresh=True) for one in marked),
                tuple(DIGESTS.index(one.sha256) for one in marked),
            )
        return Step("mark", outcome.rows, files, local, outcome.effect)

    def delete(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Run services.sweep.delete_bytes for the first of its marks."""
        marked = self._marked(local)
        files, _ = lab.on_files(
            files,
            lambda store: sweep.delete_bytes(
                store=store, marked=marked, started=time.monotonic()
            ),
        )
        return Step("delete bytes", rows, files, local._replace(at="drop"))

    def drop(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Drop the first of its marks, and go on to the next."""
        outcome = lab.on_rows(rows, lambda: upkeep.drop(self._marked(local)))
        rest = self.after_drop(local)
        rest = self.remember(rest, outcome.effect)
        return Step("drop", outcome.rows, files, rest, outcome.effect)

    def after_drop(self, local: Local) -> Local:
        """Return its memory without the blob that is done."""
        if len(local.held) == 1:
            return START
        return Local("delete", local.held[1:], local.contents[1:])

    def _marked(self, local: Local) -> Marked:
        held, content = local.held[0], local.contents[0]
        size = len(CONTENTS[content])
        return Marked(held.number, DIGESTS[content], size, deleting_since(held))


class OrphanRemover(Sweeper):
    """Walks the bytes, looks for their rows later, adopts and removes the others."""

    name = "ORPHANS"

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if local.at == "start":
            found = tuple(i for i, state in enumerate(files) if state)
            if found:
                yield Step("walk", rows, files, Local("walked", contents=found))
        elif local.at == "walked":
            yield self.compare(lab, rows, files, local)
        elif local.at == "adopt":
            yield self.adopt(lab, rows, files, local)
        else:
            yield from super().steps(lab, rows, files, local)

    def compare(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Run services.sweep's look for the rows of what the walk found."""
        walked = [
            StoredBlob(DIGESTS[content], len(CONTENTS[content]), NOW)
            for content in local.contents
        ]
        outcome = lab.on_rows(rows, lambda: list(sweep._without_row(walked)))
        orphans = tuple(DIGESTS.index(stored.sha256) for stored in outcome.answer)
        local = Local("adopt", contents=orphans) if orphans else START
        return Step("compare", rows, files, local)

    def adopt(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Give the first orphan a row that is deleting; pass it by if it has one."""
        content = local.contents[0]
        outcome = lab.on_rows(
            rows,
            lambda: upkeep.adopt_orphan(
                sha256=DIGESTS[content], size=len(CONTENTS[content])
            ),
        )
        if outcome.answer is None:
            return Step("adopt", rows, files, self.after_drop(local))
        held = Held(outcome.effect.number(outcome.answer.id), fresh=True)
        local = Local("delete", (held,), local.contents)
        return Step("adopt", outcome.rows, files, local, outcome.effect)

    def after_drop(self, local: Local) -> Local:
        rest = local.contents[1:]
        return Local("adopt", contents=rest) if rest else START
