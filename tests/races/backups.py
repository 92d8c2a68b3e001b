"""The parties that hold the sweep back: a backup, and whoever releases its hold."""

from collections.abc import Iterator

from objects_app.queries import holds, upkeep
from objects_app.services import backup
from tests.races.actors import START, Actor, Local, Step
from tests.races.laboratory import Laboratory
from tests.races.states import (
    BEFORE_HOLD,
    HELD,
    HOLD,
    NO_HOLD,
    NOT_CONDEMNED,
    TAKEN_SINCE,
    Files,
    Rows,
)
from tests.races.tables import TAKEN


class Backup(Actor):
    """Holds, reads what all objects refer to, is complete; or fails, or is killed.

    One at a time: of two at once `holds.move` lets only the later one succeed.
    """

    name = "BACKUP"

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if local.at == "start":
            yield self.hold(lab, rows, files)
        elif local.at == "read":
            yield self.read(rows, files, local)
        else:
            yield self.complete(lab, rows, files, local)
            yield self.fail(lab, rows, files, local)

    def crash(self, rows: Rows, local: Local) -> Rows:
        """A killed backup leaves the hold it made; it counts as one from before."""
        if rows.hold == NO_HOLD:
            return rows.without_hold()
        older = HELD if rows.hold == HOLD else BEFORE_HOLD
        rows = rows.with_condemned(NOT_CONDEMNED, BEFORE_HOLD, older, HELD)
        return rows._replace(hold=HOLD, taking=False)

    def hold(self, lab: Laboratory, rows: Rows, files: Files) -> Step:
        """Take the moment."""
        outcome = lab.on_rows(rows, lambda: upkeep.hold_sweep(backup="backup"))
        _, new = outcome.answer
        rows = outcome.rows._replace(taking=True)
        return Step("hold", rows, files, Local("read", wrote=new), outcome.effect)

    def read(self, rows: Rows, files: Files, local: Local) -> Step:
        """Write down what the objects refer to at this later moment."""
        contents = {ref.content for _, ref in rows.refs()}
        read = local._replace(at="complete", contents=tuple(sorted(contents)))
        return Step("read", rows, files, read)

    def complete(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Move the hold to its moment."""
        outcome = lab.on_rows(rows, lambda: holds.move(moment=TAKEN, backup="backup"))
        if not outcome.answer:
            return Step("in vain", outcome.rows.without_hold(), files, START)
        rows = outcome.rows.with_condemned(
            NOT_CONDEMNED, BEFORE_HOLD, BEFORE_HOLD, HELD
        )._replace(hold=HOLD, taking=False, dump=local.contents)
        return Step("complete", rows, files, START)

    def fail(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """End the hold that it made, if it made one."""
        if local.wrote:
            rows = lab.on_rows(rows, lambda: holds.end(moment=TAKEN)).rows
        return Step("fail", self.crash(rows, local), files, START)


class Release(Actor):
    """Removes the hold whatever happens just now."""

    name = "RELEASE"

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if rows.hold == NO_HOLD:
            return
        after = lab.on_rows(rows, backup.release).rows
        levels = (NOT_CONDEMNED, BEFORE_HOLD, BEFORE_HOLD, TAKEN_SINCE)
        if rows.taking:
            after = after.with_condemned(*levels)._replace(dump=())
        else:
            after = after.without_hold()
        yield Step("release", after, files, START)
