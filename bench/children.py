"""Child processes that answer lines of JSON, so that each is started only once."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from objectstore.config import BASE_DIR


class Child:
    """`python -m MODULE`, where the module ends in a call of `answer`."""

    def __init__(self, module: str, environment: Mapping[str, str] | None) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=BASE_DIR,
            env=None if environment is None else dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the parent, which then ends this
        )

    def ask(self, task: str, **arguments: Any) -> Any:
        """Return what the child's function of that name returned."""
        self.send(task, **arguments)
        return self.receive()

    def send(self, task: str, **arguments: Any) -> None:
        """Start a task; its answer is there to be received."""
        assert self._process.stdin is not None
        print(json.dumps([task, arguments]), file=self._process.stdin, flush=True)

    def receive(self) -> Any:
        """Wait for the answer. Raises RuntimeError when the child has failed."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} failed: its traceback is above.")
        return json.loads(line)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.terminate()
        with self._process:
            pass


@contextmanager
def children(
    module: str, count: int = 1, environment: Mapping[str, str] | None = None
) -> Iterator[list[Child]]:
    """Start that many children and end them after the block."""
    with ExitStack() as stack:
        started = []
        for _ in range(count):
            started.append(Child(module, environment))
            stack.callback(started[-1].close)
        yield started


def ask_all(asked: list[Child], task: str, **arguments: Any) -> list[Any]:
    """Let all children do one task at the same time."""
    for child in asked:
        child.send(task, **arguments)
    return [child.receive() for child in asked]


def answer(*tasks: Callable[..., Any]) -> None:
    """Do what the parent asks for until it closes the pipe."""
    by_name = {task.__name__: task for task in tasks}
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps(by_name[name](**arguments)), flush=True)
