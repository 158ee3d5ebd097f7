"""What computes the score of a candidate: a formula over properties of its domain, a Python function, or a command.

A scorer gets the candidates' texts, since it may be another process or program. It knows neither budget nor sign nor
memory; those belong to the oracle. It never raises because of one candidate: what goes wrong is written on its answer.
"""

import functools
import math
import os
import re
import shlex
import shutil
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from molvae.design.objective import Objective
from molvae.design.oracle.command import parse_payload, run_command
from molvae.design.oracle.failures import TaskFailed, describe_exception
from molvae.design.oracle.named import NamedOracle, check_names
from molvae.design.oracle.tasks import SCORE, OracleTask, as_values, property_values
from molvae.errors import ConfigError, InputError, OracleError

Key = TypeVar("Key")
Value = TypeVar("Value")
LABORATORY = "laboratory"  # the oracle of a campaign whose scores are measured elsewhere
STARTUP = 900.0  # seconds in which a worker must be ready: maps of a large box take long on a busy machine
PROPERTY_TIMEOUT = 60.0  # seconds for the properties of one molecule
_UNSENT = "not sent to the command: empty, or holds white space"
LARGEST_SCORE = 1e30  # beyond, squares and sums of scores overflow in single precision


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


Answers = Generator[tuple[int, Answer], None, None]


class Scorer(ABC):
    """The contract: SMILES in, one answer for each out."""

    @abstractmethod
    def stream(self, smiles: Sequence[str]) -> Answers:
        """Yield ``(index, answer)`` exactly once for each molecule, as soon as it is known, in any order.

        It is a generator: whoever leaves early closes it, which ends what is under way.

        Raises:
            OracleError: no molecule at all can be scored (any more).
        """

    def score(self, smiles: Sequence[str]) -> list[Answer]:
        """The answers in the order of ``smiles``."""
        answers = dict(self.stream(smiles))
        return [answers[index] for index in range(len(smiles))]

    def submit(self, smiles: str) -> "Future[Any]":
        """Begin to score one molecule; :meth:`read` gives the answer of what comes.

        Here it is scored before this returns; scorers that have workers do not wait.
        """
        future: Future[Any] = Future()
        try:
            future.set_result(self.score([smiles])[0])
        except OracleError as error:
            future.set_exception(error)
        return future

    def read(self, smiles: str, future: "Future[Any]") -> Answer:
        """The answer for a molecule, from its future, which is done.

        Raises:
            OracleError: no molecule at all can be scored any more.
        """
        answer: Answer = future.result()
        return answer

    def done(self, futures: "Collection[Future[Any]]", block: bool) -> "Collection[Future[Any]]":
        """Those of :meth:`submit` that are done; with ``block``, it waits for one if there is none."""
        return wait(futures, None if block else 0, FIRST_COMPLETED).done

    def close(self) -> None:  # noqa: B027 - most scorers hold nothing
        """End the processes that the scorer holds, if any."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ExecutorScorer(Scorer):
    """Calls a function on each molecule: in this process, or as tasks of an executor."""

    def __init__(
        self,
        function: Callable[[str], Mapping[str, float]],
        objective: Objective | None = None,
        open_executor: Callable[[], Executor] | None = None,
        in_flight: int = 1,
    ) -> None:
        """Set up.

        Args:
            function: SMILES to named numbers; one that can be sent, if there is an executor.
            objective: optional formula over those names.
            open_executor: makes the executor; called again if one had to be shut down with tasks under way.
            in_flight: tasks that the executor is given at a time.
        """
        self._function = function
        self._objective = objective
        self._open_executor = open_executor
        self._in_flight = in_flight
        self._executor = None if open_executor is None else open_executor()

    def stream(self, smiles: Sequence[str]) -> Answers:
        if self._open_executor is None:
            for index, molecule in enumerate(smiles):
                yield index, _answer(functools.partial(_timed, self._function, molecule), self._objective, molecule)
            return
        try:
            for index, future in _as_completed(
                lambda index: self.submit(smiles[index]), deque(range(len(smiles))), self._in_flight
            ):
                yield index, self.read(smiles[index], future)
        except BaseException:  # also GeneratorExit: whoever asked has left
            self.close()
            raise

    def submit(self, smiles: str) -> "Future[Any]":
        if self._open_executor is None:
            return super().submit(smiles)
        if self._executor is None:
            self._executor = self._open_executor()
        return self._executor.submit(_timed, self._function, smiles)

    def read(self, smiles: str, future: "Future[Any]") -> Answer:
        if self._open_executor is None:
            return super().read(smiles, future)
        return _answer(future.result, self._objective, smiles)

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None


class PropertyScorer(ExecutorScorer):
    """An objective over the properties of its domain."""

    def __init__(
        self,
        objective: Objective,
        also: Sequence[str] = (),
        num_workers: int = 1,
        timeout: float | None = PROPERTY_TIMEOUT,
    ) -> None:
        """Set up.

        Args:
            objective: the formula, of a domain.
            also: properties to report beside those that the formula names.
            num_workers: processes. With 0 the work is done in this process: it starts at once, but a candidate that
                crashes it ends everything.
            timeout: seconds for one molecule, if there are processes.

        Raises:
            ConfigError: an unknown property, or processes for a domain that they do not know.
        """
        domain = objective.domain
        assert domain is not None, "parse the objective with a domain"
        unknown = [name for name in also if not domain.is_property(name)]
        if unknown:
            raise ConfigError(f"no property {unknown[0]!r}: there are {', '.join(domain.properties)}")
        if not num_workers:
            names = tuple(dict.fromkeys((*objective.properties, *also)))
            super().__init__(functools.partial(property_values, objective, names))
            return
        task = OracleTask.of_formula(objective, tuple(also))
        super().__init__(task.prepared, None, task.opener(num_workers, timeout), num_workers)


class LaboratoryScorer(Scorer):
    """No function at all: the scores come from elsewhere, through ``molvae tell`` or :meth:`Campaign.tell`."""

    def stream(self, smiles: Sequence[str]) -> Answers:
        if smiles:
            raise OracleError(
                "the scores of this campaign come from a laboratory: 'molvae suggest' asks, 'molvae tell' answers"
            )
        yield from ()


class FunctionScorer(ExecutorScorer):
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
        task = OracleTask(target, folder=os.getcwd())
        try:
            super().__init__(task.prepared, objective, task.opener(num_workers, timeout), num_workers)
        except OracleError as error:
            raise OracleError(f"oracle {target!r}: {error}") from None


class NamedScorer(ExecutorScorer):
    """An oracle of :data:`~molvae.design.oracle.named.ORACLES`, run in worker processes.

    Args:
        oracle: the oracle, for its names, facts and pictures.
        task: the same, as it is sent to them.
        objective: optional formula over what it answers with.
        num_workers: candidates scored side by side.
        timeout: seconds for one candidate, or ``None``.
        open_executor: makes the executor, if it is none of processes of our own.
        function: what is called there, if its processes are not prepared for the task.

    Raises:
        ConfigError: the objective names what nobody knows.
        OracleError: the oracle cannot be set up in a first worker.
    """

    def __init__(
        self,
        oracle: NamedOracle,
        task: OracleTask,
        objective: Objective | None = None,
        num_workers: int = 1,
        timeout: float | None = 600.0,
        open_executor: Callable[[], Executor] | None = None,
        function: Callable[[str], Mapping[str, float]] | None = None,
    ) -> None:
        check_names(oracle, objective)
        self.oracle, self._sent = oracle, (task, objective, num_workers, timeout)
        opener = open_executor or task.opener(num_workers, timeout, STARTUP)
        super().__init__(function or task.prepared, objective, opener, num_workers)

    def full(self) -> "NamedScorer":
        """The scorer at full fidelity, see :meth:`~molvae.design.oracle.named.NamedOracle.full`."""
        task, objective, num_workers, timeout = self._sent
        return NamedScorer(self.oracle.full(), replace(task, full=True), objective, num_workers, timeout)


class CallableScorer(ExecutorScorer):
    """A Python function at hand, as in a notebook; called in this process, so it must neither crash nor hang."""

    def __init__(
        self, function: Callable[[str], float | Mapping[str, float]], objective: Objective | None = None
    ) -> None:
        super().__init__(functools.partial(call_function, function), objective)


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
        num_workers: int = 1,
        timeout: float | None = 600.0,
    ) -> None:
        """Set up; the command is looked for, not run.

        Args:
            arguments: program and arguments.
            objective: optional formula over the names in the answer.
            num_workers: runs of the command side by side, each over an equal part of the molecules. When a run over
                several fails, each is run by itself, so that only the molecule at fault fails.
            timeout: seconds that one run of the command may take, or ``None``.

        Raises:
            OracleError: there is no such program.
        """
        if not arguments or shutil.which(arguments[0]) is None:
            raise OracleError(f"oracle command not found: {arguments[0] if arguments else '(empty)'!r}")
        self._arguments = list(arguments)
        self._objective = objective
        self._num_workers = max(1, num_workers)
        self._timeout = timeout
        self._threads: ThreadPoolExecutor | None = None  # of submit
        self._closed = threading.Event()

    def submit(self, smiles: str) -> "Future[Any]":
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._num_workers)
        return self._threads.submit(self._one, smiles, self._closed)

    def _one(self, smiles: str, closed: threading.Event) -> Answer:
        if smiles.split() != [smiles]:
            return Answer(error=_UNSENT)
        try:
            columns, seconds = _timed(functools.partial(self._run, cancelled=closed), [smiles])
        except TaskFailed as failure:
            return Answer(error=str(failure), seconds=failure.seconds)
        return make_answer({name: row[0] for name, row in columns.items()}, self._objective, smiles, seconds)

    def close(self) -> None:
        self._closed.set()
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        self._threads, self._closed = None, threading.Event()

    def stream(self, smiles: Sequence[str]) -> Answers:
        # a line break inside would shift every answer behind it
        for index, molecule in enumerate(smiles):
            if molecule.split() != [molecule]:
                yield index, Answer(error=_UNSENT)
        indices = [index for index, molecule in enumerate(smiles) if molecule.split() == [molecule]]
        size = max(1, math.ceil(len(indices) / self._num_workers))
        chunks = deque(indices[start : start + size] for start in range(0, len(indices), size))
        cancelled = threading.Event()
        with ThreadPoolExecutor(self._num_workers) as executor:

            def submit(chunk: list[int]) -> Future[tuple[dict[str, list[float]], float]]:
                run = functools.partial(self._run, cancelled=cancelled)
                return executor.submit(_timed, run, [smiles[index] for index in chunk])

            try:
                for chunk, future in _as_completed(submit, chunks, self._num_workers):
                    try:
                        columns, seconds = future.result()
                    except TaskFailed as failure:
                        if len(chunk) > 1:
                            chunks.extend([index] for index in chunk)
                        else:
                            yield chunk[0], Answer(error=str(failure), seconds=failure.seconds)
                        continue
                    for row, index in enumerate(chunk):
                        values = {name: column[row] for name, column in columns.items()}
                        yield index, make_answer(values, self._objective, smiles[index], seconds / len(chunk))
            finally:
                cancelled.set()  # if whoever asked has left

    def _run(self, smiles: Sequence[str], cancelled: threading.Event) -> dict[str, list[float]]:
        """Names to numbers, one for each molecule."""
        text = "".join(f"{line}\n" for line in smiles)
        columns = parse_payload(run_command(self._arguments, text, self._timeout, cancelled), len(smiles))
        if len(columns) == 1 and self._objective is None:
            columns = {SCORE: next(iter(columns.values()))}
        return columns


def parse_oracle(
    text: str, objective: Objective | None = None, num_workers: int = 1, timeout: float | None = 600.0
) -> Scorer:
    """Build the scorer that the option ``--oracle`` names, unless it is a :class:`NamedScorer`.

    Args:
        text: ``"module:function"``, ``"command: program argument ..."`` (quoted as for a shell, but no shell
            runs it), or ``"laboratory"``.
        objective: optional formula over the names in the oracle's answers.
        num_workers: molecules (function) or runs of the command side by side.
        timeout: seconds for one molecule (function) or one run (command).

    Raises:
        ConfigError: the text has neither form.
        OracleError: the function cannot be imported, or the program does not exist.
    """
    text = text.strip()
    if text == LABORATORY:
        return LaboratoryScorer()
    arguments = check_oracle(text)
    if arguments is not None:
        return CommandScorer(arguments, objective, num_workers, timeout)
    return FunctionScorer(text, objective, num_workers=num_workers, timeout=timeout)


def check_oracle(text: str) -> list[str] | None:
    """The arguments of ``command: program argument ...``; None of ``module:function``.

    Raises:
        ConfigError: the text has neither form.
    """
    text = text.strip()
    if text.startswith("command:"):
        try:
            return shlex.split(text.removeprefix("command:"))
        except ValueError as error:
            raise ConfigError(f"cannot split the oracle {text!r} into arguments: {error}") from None
    if re.fullmatch(r"[^\W\d][\w.]*:[^\W\d][\w.]*", text):
        return None
    raise ConfigError(
        f"an oracle is 'module:function' or 'command: program argument ...' (or 'dock:RECEPTOR'), not {text!r}; "
        "a file my_oracle.py in the current folder is named 'my_oracle:function', without .py"
    )


def call_function(function: Callable[[str], Any], smiles: str) -> dict[str, float]:
    """What a function at hand says of one molecule."""
    return as_values(function(smiles))


def is_score(value: float) -> bool:
    """Whether a number can be worked with: neither NaN nor infinite nor absurdly large."""
    return abs(value) <= LARGEST_SCORE


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
    if not is_score(score):
        why = f"too large to compute with (at most {LARGEST_SCORE:g})" if math.isfinite(score) else "not a score"
        return Answer(math.nan, properties, f"{what} {score:.4g}, which is {why}", seconds)
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


def _as_completed(
    submit: Callable[[Key], Future[Value]], waiting: deque[Key], in_flight: int
) -> Iterator[tuple[Key, Future[Value]]]:
    """Submit tasks and yield their futures as they complete; more tasks may be appended meanwhile.

    The next task begins only when the last future has been dealt with: so a run that is killed has lost no more
    answers than were in flight, whatever they cost.
    """
    running: dict[Future[Value], Key] = {}
    while waiting or running:
        while waiting and len(running) < max(1, in_flight):
            key = waiting.popleft()
            running[submit(key)] = key
        done = wait(running, return_when=FIRST_COMPLETED).done
        for future in [future for future in running if future in done]:
            yield running.pop(future), future


def _answer(call: Callable[[], tuple[Mapping[str, float], float]], objective: Objective | None, smiles: str) -> Answer:
    """The answer of a call that gives named numbers and the seconds that it took, or fails."""
    try:
        values, seconds = call()
    except TaskFailed as failure:
        return Answer(error=str(failure), seconds=failure.seconds)
    return make_answer(values, objective, smiles, seconds)


def _timed(function: Callable[[Key], Value], argument: Key) -> tuple[Value, float]:
    """What a function returns and the seconds that it took; its failure knows them too."""
    started = time.perf_counter()
    try:
        return function(argument), time.perf_counter() - started
    except TaskFailed as failure:
        failure.seconds = time.perf_counter() - started
        raise
    except Exception as error:
        raise TaskFailed(describe_exception(error), time.perf_counter() - started) from None
