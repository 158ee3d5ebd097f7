"""An oracle as plain data, which any process rebuilds: what is sent to a worker are names, settings and SMILES.

A worker, of this machine or of a cluster, gets the import path of :func:`task_values`, a JSON text and the candidate.
What the text names (a function, a program, a formula, an oracle of the package) is imported there.
"""

import functools
import hashlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from molvae.design.domains import DOMAINS
from molvae.design.objective import Objective
from molvae.design.oracle.command import as_name, as_number, parse_payload, run_command
from molvae.design.oracle.named import named_oracle
from molvae.design.oracle.workers import WorkerPool, load
from molvae.errors import ConfigError, InputError, OracleError

Values = Mapping[str, float]
SCORE = "score"  # the name under which an oracle of the user gives the score itself


@dataclass(frozen=True)
class OracleTask:
    """What computes the numbers of one candidate.

    Attributes:
        oracle: ``module:function``, ``command: ...`` or a named oracle; None: the objective over properties.
        settings: of a named oracle.
        full: whether a named oracle works at its full fidelity.
        objective, direction, domain, state, also: formula, its direction, the name of its domain and what that domain
            holds, and properties to report beside those that it names; used without an oracle.
        alone: whether the only number of a command's answer is the score, whatever its name.
        folder: where the campaign runs; a worker works there, if it has such a folder.
    """

    oracle: str | None
    settings: dict[str, Any] | None = None
    full: bool = False
    objective: str | None = None
    direction: str = "max"
    domain: str = ""
    state: str = ""
    also: tuple[str, ...] = ()
    alone: bool = True
    folder: str = "."

    @classmethod
    def of_formula(cls, objective: Objective, also: tuple[str, ...] = ()) -> Self:
        """The task of an objective over properties of its domain.

        Raises:
            ConfigError: another process does not know the domain.
        """
        assert objective.domain is not None, "parse the objective with a domain"
        name = objective.domain.name
        if name not in DOMAINS:
            raise ConfigError(
                f"worker processes do not know the domain {name!r}: give it a line in molvae.design.domains, or score "
                "in this process (num_workers = 0)"
            )
        folder = os.getcwd()
        state = objective.domain.state
        return cls(None, None, False, str(objective), objective.direction, name, state, also, folder=folder)

    @property
    def whole(self) -> Callable[[str], Values]:
        """The numbers of one candidate, in any process."""
        return functools.partial(task_values, self.to_json())

    @property
    def prepared(self) -> Callable[[str], Values]:
        """The same in a process that has called :func:`prepare_task`: far less to be sent with every candidate."""
        return functools.partial(prepared_values, _digest(self.to_json()))

    def opener(
        self, num_workers: int, timeout: float | None, startup_timeout: float = 120.0
    ) -> Callable[[], WorkerPool]:
        """What makes worker processes for it, see :class:`~molvae.design.oracle.workers.WorkerPool`."""
        prepare = functools.partial(prepare_task, self.to_json())
        return functools.partial(WorkerPool, num_workers, timeout, prepare, startup_timeout)

    def to_json(self) -> str:
        """One text for one task."""
        return json.dumps(asdict(self), sort_keys=True)

    def build(self) -> tuple[Callable[[str], Values], Callable[[], object]]:
        """The function of one candidate, and what a worker does before the first.

        Raises:
            Exception: what is named is not there.
        """
        named = named_oracle(self.oracle or "", self.settings)
        if named is not None:
            named = named.full() if self.full else named
            return named, named.prepare
        if self.oracle is None:
            return self._formula()
        if self.oracle.startswith("command:"):
            arguments = shlex.split(self.oracle.removeprefix("command:"))
            return functools.partial(_command_values, arguments, self.alone), functools.partial(_find, arguments)
        where = (self.oracle, self.folder)
        return functools.partial(_user_values, *where), functools.partial(_user_function, *where)

    def _formula(self) -> tuple[Callable[[str], Values], Callable[[], object]]:
        assert self.objective is not None, "a task has an oracle or an objective"
        domain = DOMAINS[self.domain]
        objective = Objective.parse(self.objective, self.direction, domain.restored(self.state))
        names = tuple(dict.fromkeys((*objective.properties, *self.also)))
        return functools.partial(property_values, objective, names), lambda: None  # to parse it loads what it names


def prepare_task(text: str) -> None:
    """What a worker process that is there for one task alone does first: work where the campaign runs, and import."""
    work_in(json.loads(text)["folder"])
    _built(text)[1]()
    _prepared[_digest(text)] = text


def work_in(folder: str) -> None:
    """Make this process work in the folder of whoever asks, for names of files and modules are of there."""
    if os.path.isdir(folder):
        os.chdir(folder)
    else:
        print(f"this machine has no folder {folder}", file=sys.stderr)  # shown if what is named is then not found


def task_values(text: str, candidate: str) -> Values:
    """The numbers of one candidate.

    Args:
        text: :meth:`OracleTask.to_json`.
        candidate: its canonical text.
    """
    return _built(text)[0](candidate)


def prepared_values(digest: str, candidate: str) -> Values:
    """:func:`task_values` of the task of this digest, for which this process was prepared."""
    return task_values(_prepared[digest], candidate)


_prepared: dict[str, str] = {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _built(text: str) -> tuple[Callable[[str], Values], Callable[[], object]]:
    return OracleTask(**json.loads(text)).build()


def property_values(objective: Objective, names: Sequence[str], text: str) -> dict[str, float]:
    """Properties of one candidate, and the objective over them as ``score``."""
    domain = objective.domain
    assert domain is not None, "parse the objective with a domain"
    item, reason = domain.parse(text)
    if item is None:
        raise InputError(reason)
    values = domain.compute(item, names)
    return {**values, SCORE: objective.evaluate(values)}


def as_values(result: Any) -> dict[str, float]:
    """What a user's function returned, as a dict of floats; a plain number is called ``score``.

    Raises:
        TypeError: it is neither a number nor a dict of numbers.
    """
    if isinstance(result, Mapping):
        return {as_name(name): as_number(value, f"{as_name(name)!r} is") for name, value in result.items()}
    return {SCORE: as_number(result, "the result is")}


def _user_values(target: str, folder: str, smiles: str) -> dict[str, float]:
    """What the user's function says of one molecule."""
    return as_values(_user_function(target, folder)(smiles))


@functools.cache
def _user_function(target: str, folder: str) -> Callable[[str], Any]:
    """Import the user's function; modules of ``folder`` come first, as in a script."""
    sys.path.insert(0, folder)
    return load(target)


def _find(arguments: list[str]) -> None:
    if not arguments or shutil.which(arguments[0]) is None:
        raise OracleError(f"oracle command not found: {arguments[0] if arguments else '(empty)'!r}")


def _command_values(arguments: list[str], alone: bool, candidate: str) -> Values:
    """The answer of a run of the program over one candidate; it ends with this process, which has a time limit."""
    columns = parse_payload(run_command(arguments, f"{candidate}\n", own_group=False), 1)
    if len(columns) == 1 and alone:
        return {SCORE: next(iter(columns.values()))[0]}
    return {name: column[0] for name, column in columns.items()}
