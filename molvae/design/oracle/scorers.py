"""What computes the score of a candidate: a formula over properties of its domain, a Python function, or a command.

A scorer gets the candidates' texts, since it may be another process or program. It knows neither budget nor sign nor
memory; those belong to the oracle. It never raises because of one candidate: what goes wrong is written on its answer.
"""

import math
import os
import re
import shlex
import shutil
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from molvae.design.objective import Objective
from molvae.design.oracle.command import CommandFailed, as_number, parse_payload, run_command
from molvae.design.oracle.workers import Reply, WorkerPool, describe_exception, load
from molvae.errors import ConfigError, InputError, OracleError

LABORATORY = "laboratory"  # the oracle of a campaign whose scores are measured elsewhere
SCORE = "score"  # the name under which an oracle of the user gives the score itself


@dataclass(frozen=True)
class Answer:
    """What a scorer says about one molecule.

    Attributes:
        score: in the user's sign; NaN exactly if ``error`` is set.
        properties: further numbers that came with the score; may be present on a failed answer too.
        error: why there is no score.
        seconds: what the answer took.
    """

    score: float = math.nan
    properties: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there is a score."""
        return self.error is None


class Scorer(ABC):
    """The contract: SMILES in, one answer for each out."""

    @abstractmethod
    def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
        """Yield ``(index, answer)`` exactly once for each molecule, as soon as it is known, in any order.

        Raises:
            OracleError: no molecule at all can be scored (any more).
        """

    def score(self, smiles: Sequence[str]) -> list[Answer]:
        """The answers in the order of ``smiles``."""
        answers = dict(self.stream(smiles))
        return [answers[index] for index in range(len(smiles))]

    def close(self) -> None:  # noqa: B027 - most scorers hold nothing
        """End the processes that the scorer holds, if any."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PropertyScorer(Scorer):
    """An objective over the properties of its domain."""

    def __init__(
        self, objective: Objective, also: Sequence[str] = (), num_workers: int = 1, timeout: float | None = 60.0
    ) -> None:
        """Set up.

        Args:
            objective: the formula, of a domain.
            also: properties to report beside those that the formula names.
            num_workers: processes. With 0 the work is done in this process: it starts at once, but a candidate that
                crashes it ends everything.
            timeout: seconds for one molecule, if there are processes.
        """
        self._pool = self._here = None
        if num_workers == 0:
            self._here = _property_function(objective, also)
        else:
            domain = type(objective.domain)
            arguments = {
                "objective": str(objective),
                "direction": objective.direction,
                "also": list(also),
                "domain": f"{domain.__module__}:{domain.__qualname__}",
            }
            self._pool = WorkerPool(f"{__name__}:property_function", arguments, num_workers, timeout)

    def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
        if self._pool is not None:
            return _answers(self._pool.map(smiles), objective=None)
        assert self._here is not None
        return _call_here(self._here, smiles, objective=None)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()


class LaboratoryScorer(Scorer):
    """No function at all: the scores come from elsewhere, through ``molvae tell`` or :meth:`Campaign.tell`."""

    def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
        if smiles:
            raise OracleError(
                "the scores of this campaign come from a laboratory: 'molvae suggest' asks, 'molvae tell' answers"
            )
        return iter(())


class FunctionScorer(Scorer):
    """A Python function of the user, given as ``module:function`` and run in worker processes.

    The function takes one canonical SMILES and returns a number, or a dict of numbers: ``score`` is the score, the
    others are kept as properties. With an objective, the score is the objective over those names and, for names
    that the function does not give, over RDKit properties. The module may lie in the current folder. The function
    may raise, return NaN, hang or crash its process: that is recorded on the molecule.
    """

    def __init__(
        self, target: str, objective: Objective | None = None, num_workers: int = 1, timeout: float | None = 600.0
    ) -> None:
        """Import the function in a first worker.

        Args:
            target: ``"module:function"``.
            objective: optional formula over what the function returns.
            num_workers: molecules scored side by side.
            timeout: seconds for one molecule, or ``None``.

        Raises:
            OracleError: the function cannot be imported.
        """
        self._objective = objective
        arguments = {"target": target, "folder": os.getcwd()}
        try:
            self._pool = WorkerPool(f"{__name__}:user_function", arguments, num_workers, timeout)
        except OracleError as error:
            raise OracleError(f"oracle {target!r}: {error}") from None

    def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
        return _answers(self._pool.map(smiles), self._objective, smiles)

    def close(self) -> None:
        self._pool.close()


class CallableScorer(Scorer):
    """A Python function at hand, as in a notebook; called in this process, so it must neither crash nor hang."""

    def __init__(
        self, function: Callable[[str], float | Mapping[str, float]], objective: Objective | None = None
    ) -> None:
        self._function = function
        self._objective = objective

    def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
        return _call_here(lambda molecule: as_values(self._function(molecule)), smiles, self._objective)


class CommandScorer(Scorer):
    """A command that reads SMILES on stdin, one a line, and answers on stdout with REINVENT4's external-process JSON.

    The answer is ``{"version": 1, "payload": {"name": [number, ...]}}`` with one number (or null) a molecule. A
    single name is the score; of several, the one called ``score`` is, unless an objective over the names is given.
    The command is an argument list, never a line for a shell.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        objective: Objective | None = None,
        timeout: float | None = 600.0,
        chunk_size: int | None = None,
        retry_singly: bool = True,
    ) -> None:
        """Set up; the command is looked for, not run.

        Args:
            arguments: program and arguments.
            objective: optional formula over the names in the answer.
            timeout: seconds that one run of the command may take, or ``None``.
            chunk_size: molecules for one run of the command; all that are asked for if ``None``.
            retry_singly: when a run over several molecules fails, run each by itself, so that only the molecule at
                fault fails.

        Raises:
            OracleError: there is no such program.
        """
        if not arguments or shutil.which(arguments[0]) is None:
            raise OracleError(f"oracle command not found: {arguments[0] if arguments else '(empty)'!r}")
        self._arguments = list(arguments)
        self._objective = objective
        self._timeout = timeout
        self._chunk_size = chunk_size
        self._retry_singly = retry_singly

    def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
        # a line break inside would shift every answer behind it
        for index, molecule in enumerate(smiles):
            if molecule.split() != [molecule]:
                yield index, Answer(error="not sent to the command: empty, or holds white space")
        indices = [index for index, molecule in enumerate(smiles) if molecule.split() == [molecule]]
        size = self._chunk_size or max(1, len(indices))
        for start in range(0, len(indices), size):
            chunk = indices[start : start + size]
            try:
                yield from zip(chunk, self._run([smiles[index] for index in chunk]), strict=True)
            except CommandFailed as failure:
                if len(chunk) > 1 and self._retry_singly:
                    for index in chunk:
                        yield index, self._run_one(smiles[index])
                else:
                    for index in chunk:
                        yield index, Answer(error=str(failure), seconds=failure.seconds / len(chunk))

    def _run_one(self, molecule: str) -> Answer:
        try:
            return self._run([molecule])[0]
        except CommandFailed as failure:
            return Answer(error=str(failure), seconds=failure.seconds)

    def _run(self, smiles: Sequence[str]) -> list[Answer]:
        started = time.monotonic()
        try:
            output = run_command(self._arguments, "".join(f"{line}\n" for line in smiles), self._timeout)
            columns = parse_payload(output, len(smiles))
        except CommandFailed as failure:
            failure.seconds = time.monotonic() - started
            raise
        seconds = (time.monotonic() - started) / len(smiles)  # of one run for all, an equal share
        if len(columns) == 1 and self._objective is None:
            columns = {SCORE: next(iter(columns.values()))}
        rows = [{name: column[row] for name, column in columns.items()} for row in range(len(smiles))]
        return [
            make_answer(row, self._objective, molecule, seconds) for row, molecule in zip(rows, smiles, strict=True)
        ]


def parse_oracle(
    text: str,
    objective: Objective | None = None,
    num_workers: int = 1,
    timeout: float | None = 600.0,
    chunk_size: int | None = None,
) -> Scorer:
    """Build the scorer that the option ``--oracle`` names.

    Args:
        text: ``"module:function"``, ``"command: program argument ..."`` (quoted as for a shell, but no shell
            runs it), or ``"laboratory"``.
        objective: optional formula over the names in the oracle's answers.
        num_workers: for a function, molecules scored side by side.
        timeout: seconds for one molecule (function) or one run (command).
        chunk_size: for a command, molecules for one run.

    Raises:
        ConfigError: the text has neither form.
        OracleError: the function cannot be imported, or the program does not exist.
    """
    text = text.strip()
    if text == LABORATORY:
        return LaboratoryScorer()
    if text.startswith("command:"):
        try:
            arguments = shlex.split(text.removeprefix("command:"))
        except ValueError as error:
            raise ConfigError(f"cannot split the oracle {text!r} into arguments: {error}") from None
        return CommandScorer(arguments, objective, timeout=timeout, chunk_size=chunk_size)
    if re.fullmatch(r"[^\W\d][\w.]*:[^\W\d][\w.]*", text):
        return FunctionScorer(text, objective, num_workers=num_workers, timeout=timeout)
    raise ConfigError(
        f"an oracle is 'module:function' or 'command: program argument ...', not {text!r}; "
        "a file my_oracle.py in the current folder is named 'my_oracle:function', without .py"
    )


def property_function(
    objective: str, direction: str, also: Sequence[str], domain: str
) -> Callable[[str], dict[str, float]]:
    """The function that a worker of :class:`PropertyScorer` runs; ``domain`` is the ``module:class`` of a domain."""
    return _property_function(Objective.parse(objective, direction, load(domain)()), also)


def _property_function(objective: Objective, also: Sequence[str]) -> Callable[[str], dict[str, float]]:
    """Text -> properties and ``score``."""
    domain = objective.domain
    assert domain is not None, "parse the objective with a domain"
    names = tuple(dict.fromkeys((*objective.properties, *also)))

    def evaluate(text: str) -> dict[str, float]:
        item, reason = domain.parse(text)
        if item is None:
            raise InputError(reason)
        values = domain.compute(item, names)
        return {**values, SCORE: objective.evaluate(values)}

    return evaluate


def user_function(target: str, folder: str) -> Callable[[str], dict[str, float]]:
    """The function that a worker of :class:`FunctionScorer` runs; modules of ``folder`` come first, as in a script."""
    sys.path.insert(0, folder)
    function = load(target)
    return lambda smiles: as_values(function(smiles))


def as_values(result: Any) -> dict[str, float]:
    """What a user's function returned, as a dict of floats; a plain number is called ``score``.

    Raises:
        TypeError: it is neither a number nor a dict of numbers.
    """
    if isinstance(result, Mapping):
        return {str(name): as_number(value, f"{name!r} is") for name, value in result.items()}
    return {SCORE: as_number(result, "the result is")}


def make_answer(values: Mapping[str, float], objective: Objective | None, smiles: str, seconds: float) -> Answer:
    """Turn the named numbers of an oracle into an answer, through the objective if there is one."""
    properties = {name: value for name, value in values.items() if name != SCORE}
    try:
        if objective is not None:
            values = {**_missing_properties(objective, values, smiles), **values}
            score = float(objective.evaluate(values))
            properties = {name: values[name] for name in (*objective.properties, *properties) if name != SCORE}
            what = f"{objective} is"
        elif SCORE in values:
            score, what = float(values[SCORE]), "the score is"
        else:
            given = ", ".join(repr(name) for name in values) or "nothing"
            return Answer(math.nan, properties, f"no 'score' among {given}: name one so, or give an objective", seconds)
    except Exception as error:
        return Answer(math.nan, properties, describe_exception(error), seconds)
    if not math.isfinite(score):
        return Answer(math.nan, properties, f"{what} {score}, which is not a score", seconds)
    return Answer(score, properties, None, seconds)


def _missing_properties(objective: Objective, values: Mapping[str, float], text: str) -> dict[str, float]:
    domain = objective.domain
    if domain is None or all(name in values for name in objective.properties):
        return {}
    item, reason = domain.parse(text)
    if item is None:
        raise InputError(reason)
    return domain.compute(
        item, [name for name in objective.properties if name not in values and domain.is_property(name)]
    )


def _answers(
    replies: Iterator[tuple[int, Reply]], objective: Objective | None, smiles: Sequence[str] = ()
) -> Iterator[tuple[int, Answer]]:
    for index, (values, error, seconds) in replies:
        if error is not None:
            yield index, Answer(error=error, seconds=seconds)
        else:
            yield index, make_answer(values, objective, smiles[index] if smiles else "", seconds)


def _call_here(
    function: Callable[[str], dict[str, float]], smiles: Sequence[str], objective: Objective | None
) -> Iterator[tuple[int, Answer]]:
    for index, molecule in enumerate(smiles):
        started = time.perf_counter()
        try:
            values = function(molecule)
        except Exception as error:
            yield index, Answer(error=describe_exception(error), seconds=time.perf_counter() - started)
        else:
            yield index, make_answer(values, objective, molecule, time.perf_counter() - started)
