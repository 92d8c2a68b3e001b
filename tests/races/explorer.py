"""Search every state that the real steps can lead to (DESIGN section 5, last lines).

Breadth first with a visited set: from each state every actor does each step it may do,
or crashes. A step's outcome depends on the rows, the files and that actor's memory
alone, so each is run for real once and remembered; the search then only combines.
"""

import time
from array import array
from collections.abc import Callable
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from tests.races.actors import START, Actor, Local, Step
from tests.races.laboratory import Laboratory
from tests.races.states import (
    ABSENT,
    CONTENTS,
    HOLDER_DEAD,
    NOT_DELETING,
    WHOLE,
    Effect,
    Files,
    Rows,
)
from tests.races.sweepers import OrphanRemover, Sweeper

V = TypeVar("V")

State = tuple[int, ...]
"""Numbers of the rows, the files, and of each actor's memory."""


class Scenario(NamedTuple):
    """Who takes part, and what there may be at the beginning."""

    name: str
    actors: tuple[Actor, ...]
    starts: tuple[tuple[Rows, Files], ...]


class Explored(NamedTuple):
    """How far a search came, and the first thing it found that must never be."""

    scenario: str
    states: int
    transitions: int
    frontier: int
    steps: int
    seconds: float
    violation: str | None
    trace: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether there is no state left that was not looked at."""
        return self.violation is None and self.frontier == 0

    def __str__(self) -> str:
        """One line, and after a violation how it came about."""
        left = "complete" if self.complete else f"{self.frontier} in the frontier"
        rate = self.transitions / max(self.seconds, 1e-9)
        line = (
            f"{self.scenario}: {self.states} states, {left}; {self.transitions}"
            f" transitions of {self.steps} steps run, {self.seconds:.1f} s,"
            f" {rate:.0f} transitions/s"
        )
        if self.violation is None:
            return line
        return "\n  ".join([line, *self.trace, f"VIOLATION: {self.violation}"])


class Numbered(Generic[V]):
    """Gives equal values one small number."""

    def __init__(self) -> None:
        self.values: list[V] = []
        self._numbers: dict[V, int] = {}

    def number(self, value: V) -> int:
        """Return the value's number, the next one if it is new."""
        number = self._numbers.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


class Move(NamedTuple):
    """A step in numbers; `effect` is -1 if nobody's memory is touched."""

    label: str
    rows: int
    files: int
    local: int
    effect: int


class Found(Exception):
    """Ends a search: what must never be, and the last step to it."""

    def __init__(self, violation: str, state: State, label: str) -> None:
        super().__init__(violation)
        self.violation = violation
        self.state = state
        self.label = label


class Explorer:
    """One search of one scenario."""

    def __init__(
        self, lab: Laboratory, scenario: Scenario, judge: "Judge | None" = None
    ) -> None:
        self.lab = lab
        self.scenario = scenario
        self.judge = judge or what_is_broken
        self.transitions = 0
        self.reached: set[tuple[int, int]] = set()
        self._rows: Numbered[Rows] = Numbered()
        self._files: Numbered[Files] = Numbered()
        self._locals: Numbered[Local] = Numbered()
        self._start = self._locals.number(START)
        self._effects: Numbered[Effect] = Numbered()
        self._moves: list[dict[tuple[int, int, int], list[Move]]] = []
        self._memories: list[dict[tuple[int, int], int]] = []
        self._states: list[State] = []
        self._visited: dict[State, int] = {}
        self._parents = array("q")
        self._alike = _alike(scenario.actors)
        same: dict[int, int] = {}
        for actor in scenario.actors:
            if same.setdefault(id(actor), len(same)) == len(self._moves):
                self._moves.append({})
                self._memories.append({})
        self._same = [same[id(actor)] for actor in scenario.actors]

    def explore(self, *, seconds: float = float("inf")) -> Explored:
        """Search until nothing is left, something is found, or the time is over.

        It is the time that this thread has had, so that whoever else is busy on the
        machine takes nothing away from the search.
        """
        started, before, at = time.thread_time(), self.lab.steps, 0
        violation: str | None = None
        trace: tuple[str, ...] = ()
        try:
            for rows, files in self.scenario.starts:
                both = self._rows.number(rows), self._files.number(files)
                self._check(*both, (), "start")
                self._reach((*both, *(self._start for _ in self.scenario.actors)), -1)
            while at < len(self._states):
                if at % 64 == 0 and time.thread_time() - started > seconds:
                    break
                self._expand(at)
                at += 1
        except Found as found:
            violation = found.violation
            trace = (*self._trace(at), found.label)
        return Explored(
            self.scenario.name,
            len(self._states),
            self.transitions,
            len(self._states) - at,
            self.lab.steps - before,
            time.thread_time() - started,
            violation,
            trace,
        )

    def everything_reached(self) -> list[tuple[Rows, Files]]:
        """Return each pair of rows and files that some state has."""
        return [
            (self._rows.values[rows], self._files.values[files])
            for rows, files in sorted(self.reached)
        ]

    def _expand(self, at: int) -> None:
        state = self._states[at]
        rows, files = state[:2]
        for i in range(len(self._same)):
            local = state[i + 2]
            known = self._moves[self._same[i]]
            moves = known.get((rows, files, local))
            if moves is None:
                moves = self._run(i, state)
                known[rows, files, local] = moves
            self.transitions += len(moves)
            for move in moves:
                if (move.rows, move.files) not in self.reached:
                    label = f"{self.scenario.actors[i].name}: {move.label}"
                    self._check(move.rows, move.files, state, label)
                self._reach(self._after(state, i, move), at)

    def _reach(self, state: State, parent: int) -> None:
        if state not in self._visited:
            self._visited[state] = len(self._states)
            self._states.append(state)
            self._parents.append(parent)

    def _after(self, state: State, i: int, move: Move) -> State:
        after = [move.rows, move.files, *state[2:]]
        if move.effect >= 0:
            for j, memory in enumerate(state[2:]):
                if memory != self._start:
                    after[j + 2] = self._remember(j, memory, move.effect)
        after[i + 2] = move.local
        for first, second in self._alike:
            if after[first] > after[second]:
                after[first], after[second] = after[second], after[first]
        return tuple(after)

    def _remember(self, j: int, memory: int, effect: int) -> int:
        known = self._memories[self._same[j]]
        after = known.get((memory, effect))
        if after is None:
            actor = self.scenario.actors[j]
            local = actor.remember(
                self._locals.values[memory], self._effects.values[effect]
            )
            after = known[memory, effect] = self._locals.number(local)
        return after

    def _run(self, i: int, state: State) -> list[Move]:
        """Let an actor do for real each step that it may do here, or crash.

        Steps that change nothing (waiting, finding nothing) lead nowhere new.
        """
        actor = self.scenario.actors[i]
        rows = self._rows.values[state[0]]
        files = self._files.values[state[1]]
        local = self._locals.values[state[i + 2]]
        try:
            steps = list(actor.steps(self.lab, rows, files, local))
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise Found(text, state, f"{actor.name}: at {local.at}") from error
        if local != START:
            steps.append(Step("crash", actor.crash(rows, local), files, START))
        return [
            move
            for move in map(self._move, steps)
            if move.effect >= 0 or move[1:4] != (*state[:2], state[i + 2])
        ]

    def _move(self, step: Step) -> Move:
        touching = step.effect is not None and not step.effect.nothing
        return Move(
            step.label,
            self._rows.number(step.rows),
            self._files.number(step.files),
            self._locals.number(step.local),
            self._effects.number(step.effect) if step.effect and touching else -1,
        )

    def _check(self, rows: int, files: int, state: State, label: str) -> None:
        broken = self.judge(self._rows.values[rows], self._files.values[files])
        if broken is not None:
            raise Found(broken, state, label)
        self.reached.add((rows, files))

    def _trace(self, at: int) -> list[str]:
        """Return the steps that led to a state, as short a way as there is."""
        path = [at] if at < len(self._states) else []
        while path and self._parents[path[-1]] >= 0:
            path.append(self._parents[path[-1]])
        path.reverse()
        lines = [self._describe(self._states[path[0]])] if path else []
        for before, after in pairwise(path):
            lines.append(self._label(self._states[before], self._states[after]))
        return lines

    def _label(self, before: State, after: State) -> str:
        for i, actor in enumerate(self.scenario.actors):
            key = (before[0], before[1], before[i + 2])
            for move in self._moves[self._same[i]].get(key, []):
                if self._after(before, i, move) == after:
                    return f"{actor.name}: {move.label}"
        raise LookupError("no move leads there")

    def _describe(self, state: State) -> str:
        rows, files = self._rows.values[state[0]], self._files.values[state[1]]
        return f"from {rows.blobs} {rows.objects} files {files}"


Judge = Callable[[Rows, Files], str | None]
"""Returns what must never be about a state, None if all is well."""


def what_is_lost(rows: Rows, files: Files) -> str | None:
    """Return which object, committed or in a backup, has not its whole bytes."""
    for name, ref in rows.refs():
        if files[ref.content] != WHOLE:
            return f"LOST: {name} is committed, its bytes are not there"
    for content in rows.dump:
        if files[content] != WHOLE:
            return f"LOST: {CONTENTS[content]!r} is in the backup that is held for"
    return None


def what_is_broken(rows: Rows, files: Files) -> str | None:
    """Return what is lost, or a reference that could lead to it."""
    if (lost := what_is_lost(rows, files)) is not None:
        return lost
    for name, ref in rows.refs():
        if not ref.blob:
            return f"{name} refers to a blob that has no row"
        blob = rows.blobs[ref.blob - 1]
        if blob.content != ref.content:
            return f"{name} refers to the blob of other content"
        if blob.deleting != NOT_DELETING:
            return f"{name} refers to a blob that is deleting"
    return None


def tidy(lab: Laboratory, rows: Rows, files: Files) -> tuple[Rows, Files]:
    """Return what one sweep and one removal of orphans leave once all have crashed and
    nothing is held back."""
    rows = rows.without_hold()
    for number, blob in enumerate(rows.blobs, 1):
        if blob.deleting != NOT_DELETING:
            rows = rows.with_deleting(number, HOLDER_DEAD)
    sweeper = Sweeper()
    step = sweeper.look(lab, rows, files)
    if step.local != START:
        step = sweeper.condemn(lab, rows, files, step.local)
    step = sweeper.mark(lab, step.rows, files)
    step = _finish(sweeper, lab, step)
    orphans = OrphanRemover()
    for first in orphans.steps(lab, step.rows, step.files, START):
        step = _finish(orphans, lab, first)
    return step.rows, step.files


def _finish(actor: Actor, lab: Laboratory, step: Step) -> Step:
    while step.local != START:
        [step] = actor.steps(lab, step.rows, step.files, step.local)
    return step


def is_tidy(rows: Rows, files: Files) -> bool:
    """Whether there is nothing but what the objects refer to."""
    wanted = {ref.content for _, ref in rows.refs()}
    return {blob.content for blob in rows.blobs} == wanted and all(
        (state != ABSENT) == (content in wanted) for content, state in enumerate(files)
    )


def _alike(actors: tuple[Actor, ...]) -> list[tuple[int, int]]:
    """Return the places in a state to compare, and swap, so that alike parties that
    are in each other's place make no new state."""
    return [
        (i + 2, j + 2)
        for i in range(len(actors))
        for j in range(i + 1, len(actors))
        if actors[i] is actors[j]
    ]
