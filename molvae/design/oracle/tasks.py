"""An oracle as plain data, which any machine rebuilds: what is sent to a cluster are names, settings and SMILES.

A worker elsewhere gets the import path of :func:`task_values`, a JSON text and the candidate. What the text names (a
function, a program, a formula, an oracle of the package) is imported there.
"""

import functools
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from molvae.design.objective import Objective
from molvae.design.oracle.command import parse_payload, run_command
from molvae.design.oracle.named import named_oracle
from molvae.design.oracle.scorers import SCORE, prepare_objective, property_values, user_function, user_values
from molvae.errors import OracleError

Values = Mapping[str, float]


@dataclass(frozen=True)
class OracleTask:
    """What computes the numbers of one candidate.

    Attributes:
        oracle: ``module:function``, ``command: ...`` or a named oracle; None: the objective over properties.
        settings: of a named oracle.
        full: whether a named oracle works at its full fidelity.
        objective, direction, domain, also: formula, its direction, the name of its domain, and properties to report
            beside those that it names; used without an oracle.
        alone: whether the only number of a command's answer is the score, whatever its name.
        folder: where the campaign runs; a worker works there, if it has such a folder.
    """

    oracle: str | None
    settings: dict[str, Any] | None = None
    full: bool = False
    objective: str | None = None
    direction: str = "max"
    domain: str = ""
    also: tuple[str, ...] = ()
    alone: bool = True
    folder: str = "."

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
        return functools.partial(user_values, *where), functools.partial(user_function, *where)

    def _formula(self) -> tuple[Callable[[str], Values], Callable[[], object]]:
        from molvae.design.domains import DOMAINS  # brings torch, which a function of the user need not wait for

        assert self.objective is not None, "a task has an oracle or an objective"
        objective = Objective.parse(self.objective, self.direction, DOMAINS[self.domain])
        names = tuple(dict.fromkeys((*objective.properties, *self.also)))
        return functools.partial(property_values, objective, names), functools.partial(prepare_objective, objective)


def prepare_task(text: str) -> None:
    """What a worker process that is there for one task alone does first: work where the campaign runs, and import."""
    work_in(json.loads(text)["folder"])
    _built(text)[1]()


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


@functools.cache
def _built(text: str) -> tuple[Callable[[str], Values], Callable[[], object]]:
    return OracleTask(**json.loads(text)).build()


def _find(arguments: list[str]) -> None:
    if not arguments or shutil.which(arguments[0]) is None:
        raise OracleError(f"oracle command not found: {arguments[0] if arguments else '(empty)'!r}")


def _command_values(arguments: list[str], alone: bool, candidate: str) -> Values:
    """The answer of a run of the program over one candidate; it ends with this process, which has a time limit."""
    columns = parse_payload(run_command(arguments, f"{candidate}\n", own_group=False), 1)
    if len(columns) == 1 and alone:
        return {SCORE: next(iter(columns.values()))[0]}
    return {name: column[0] for name, column in columns.items()}
