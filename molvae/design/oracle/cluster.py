"""Workers on many machines as a :class:`concurrent.futures.Executor`, over dask's ``distributed`` (extra ``cluster``).

dask connects the machines: its scheduler knows the workers, carries tasks to them and answers back. What becomes of a
task is decided here, by the one who asked, not by dask: each task is sent to one worker that has room, and to no other.
If that worker is lost, the task is sent to another; a task that has lost :data:`MAX_LOST` workers is given up, for it
may be what kills them. dask alone would send many tasks to one worker and blame all for its death, and how often it
tries again is a setting of the scheduler, not of the campaign.

Tasks travel as import paths, texts and numbers, answers as JSON text (:mod:`molvae.design.oracle.tasks`). Both travel
inside dask's own messages, which are pickles: whoever can reach the scheduler can run code on it, on its workers and on
the machine that asks. A scheduler belongs in a trusted network, or behind TLS (``tls://``).
"""

import contextlib
import functools
import importlib
import itertools
import json
import logging
import re
import threading
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from molvae.design.oracle.cluster_worker import ANSWER, READY, SETUP, run_here
from molvae.design.oracle.failures import TaskFailed, describe_exception
from molvae.errors import ConfigError, MissingDependencyError, OracleError
from molvae.run.config import read_toml
from molvae.run.progress import Event, Progress, on_stderr
from molvae.version import __version__

MAX_LOST = 3
"""Workers that one task may lose before it is given up."""
SILENCE = (
    30.0  # seconds without a heartbeat after which a worker counts as lost; they come twice a second to five seconds
)
QUEUES = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "htcondor": "HTCondorCluster",
    "oar": "OARCluster",
}
"""Batch systems that dask-jobqueue knows, and the class of each."""
_LOOK = 0.5  # seconds between two looks at the workers
_TELL = 30.0  # seconds between two reminders that there is no worker
_CONNECT = 10.0  # seconds in which a scheduler must answer


@dataclass
class _Call:
    """One task, until it has an answer."""

    function: Callable[..., Any] | None
    arguments: tuple[Any, ...]
    future: Future[Any] = field(default_factory=Future)
    lost: list[str] = field(default_factory=list)  # how each of its workers was lost


@dataclass
class _Worker:
    """One worker of the scheduler: how many tasks it takes, and what it has."""

    address: str
    folder: str  # of dask; another one under the same address is another worker
    slots: int
    beat: float = 0.0  # its clock at the last heartbeat
    heard: float = field(default_factory=time.monotonic)  # ours at that time
    leaving: bool = False
    silent: bool = False
    running: "dict[str, tuple[ClusterPool, _Call, Any]]" = field(default_factory=dict)  # by key of dask's future

    @property
    def free(self) -> int:
        """Tasks that it may be given now."""
        return 0 if self.leaving or self.silent else self.slots - len(self.running)


class Cluster:
    """A scheduler and its workers, of which some may come and go; :func:`open_cluster` makes it.

    Args:
        client: dask's, connected.
        owned: dask's cluster, if it is to end with this one.
        progress: told when there is no worker.
        silence: seconds without a heartbeat after which a worker counts as lost.
    """

    def __init__(
        self, client: Any, owned: Any = None, progress: Progress = on_stderr, silence: float = SILENCE
    ) -> None:
        self.address = str(client.scheduler.address)
        self._client, self._owned, self._progress, self._silence = client, owned, progress, silence
        self._lock = threading.RLock()
        self._workers: dict[str, _Worker] = {}
        self._pools: list[ClusterPool] = []
        self._numbers = itertools.count()
        self._name = f"molvae-{uuid.uuid4().hex[:12]}"
        self._problem = ""  # why nothing can run any more
        self._told = -_TELL
        self._ended = threading.Event()
        self._look()
        threading.Thread(target=self._watch, daemon=True, name="cluster").start()

    @property
    def slots(self) -> int:
        """Tasks that the workers of this moment take side by side."""
        with self._lock:
            return sum(worker.slots for worker in self._workers.values())

    @property
    def workers(self) -> list[str]:
        """Addresses of the workers of this moment."""
        with self._lock:
            return list(self._workers)

    def open_pool(
        self, initializer: Callable[[], object], timeout: float | None = None, startup_timeout: float = 120.0
    ) -> "ClusterPool":
        """An executor for one kind of task; returns when a first worker is ready for it, waiting for one if need be.

        Args:
            initializer: what a process on a worker does first, see :func:`~molvae.design.oracle.workers.write_call`.
            timeout: seconds that one task may take, or None.
            startup_timeout: seconds that such a process may take to start and to run the initializer.

        Raises:
            OracleError: the first worker cannot be set up, or the scheduler is gone.
        """
        pool = ClusterPool(self, (initializer, timeout, startup_timeout))
        with self._lock:
            self._pools.append(pool)
        try:
            pool.add(_Call(None, ())).result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        return pool

    def close(self) -> None:
        """Leave the scheduler; end it and its workers, if they were started for this."""
        self._ended.set()
        self._fail("the cluster was closed")
        with contextlib.suppress(Exception):  # it may be gone
            self._client.close(timeout=2)
        if self._owned is not None:
            with contextlib.suppress(Exception):
                self._owned.close(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what the pools ask for ---------------------------------------------------------------------------------

    def dispatch(self) -> None:
        """Give waiting tasks to workers that have room."""
        with self._lock:
            for pool in self._pools:
                while pool.waiting and not self._problem:
                    worker = max(
                        (each for each in self._workers.values() if each.free > 0 and each.address not in pool.unfit),
                        key=lambda each: each.free,
                        default=None,
                    )
                    if worker is None:
                        break
                    call = pool.waiting.popleft()
                    if call.lost or call.future.set_running_or_notify_cancel():
                        self._send(pool, call, worker)
                if self._problem:
                    pool.fail(self._problem)

    def forget(self, pool: "ClusterPool", cancel: bool) -> None:
        """Let a pool go; with ``cancel``, its tasks under way are broken off."""
        with self._lock:
            keys = [key for worker in self._workers.values() for key, run in worker.running.items() if run[0] is pool]
            if cancel:
                runs = [self._workers[address].running.pop(key) for key, address in self._places(keys)]
                pool.fail("it was cancelled")
                for _, call, _ in runs:
                    _set(call, TaskFailed("it was cancelled"))
                self._cancel([future for _, _, future in runs])
            if pool in self._pools:
                self._pools.remove(pool)

    def _places(self, keys: list[str]) -> list[tuple[str, str]]:
        return [(key, worker.address) for key in keys for worker in self._workers.values() if key in worker.running]

    def _send(self, pool: "ClusterPool", call: _Call, worker: _Worker) -> None:
        key = f"{self._name}-{next(self._numbers)}"
        try:
            future = self._client.submit(
                run_here,
                __version__,
                *pool.setup,
                call.function,
                call.arguments,
                key=key,
                workers=[worker.address],
                allow_other_workers=False,
                pure=False,
            )
        except Exception as error:
            self._fail(f"the scheduler at {self.address} takes no task: {describe_exception(error)}")
            _set(call, OracleError(self._problem))
            return
        worker.running[key] = pool, call, future
        future.add_done_callback(functools.partial(self._done, worker))

    # --- answers ------------------------------------------------------------------------------------------------

    def _done(self, worker: _Worker, future: Any) -> None:
        """dask has an answer, or says that there will be none; runs in a thread of dask."""
        if future.key not in worker.running:
            return  # given up before: a late answer is nobody's
        try:
            how, value, seconds = json.loads(future.result())
        except CancelledError:
            if future.key in worker.running and not self._ended.is_set():
                self._fail(self._gone("the connection was lost"))
            return
        except Exception as error:  # the worker could not even begin, as without molvae
            if type(error).__name__ == "KilledWorker":
                return  # it died: the next look at the workers finds it gone, and counts that
            how, value, seconds = SETUP, describe_exception(error), 0.0
        with self._lock:
            run = worker.running.pop(future.key, None)
            if run is not None:
                self._take(worker, *run[:2], how, value, seconds)
        self.dispatch()

    def _take(self, worker: _Worker, pool: "ClusterPool", call: _Call, how: str, value: Any, seconds: float) -> None:
        if how == SETUP:
            pool.unfit[worker.address] = str(value)
            if all(address in pool.unfit for address in self._workers):
                pool.fail(f"no worker is left that the oracle can be set up on; {worker.address}: {value}")
                _set(call, OracleError(f"worker {worker.address}: {value}"))
            else:
                self._progress(Event("cluster", len(self._workers), None, f"{worker.address} left out: {value}", True))
                self._again(pool, call)
        else:
            _set(call, value if how in (ANSWER, READY) else TaskFailed(str(value), seconds))

    def _again(self, pool: "ClusterPool", call: _Call) -> None:
        call.lost = call.lost or [""]  # it is running already, for whoever asked
        pool.waiting.appendleft(call)

    # --- workers ------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK):
            try:
                self._look()
            except Exception as error:
                if not self._ended.is_set():
                    self._fail(self._gone(describe_exception(error)))
                return
            self.dispatch()

    def _look(self) -> None:
        """See which workers there are; tasks of one that is gone or silent go to another."""
        if self._client.status != "running":
            raise ConnectionError("the connection was lost")
        found = self._client.sync(self._client.scheduler.identity, callback_timeout=30)["workers"]
        now = time.monotonic()
        with self._lock:
            for address, worker in list(self._workers.items()):
                if address not in found or found[address]["local_directory"] != worker.folder:
                    del self._workers[address]
                    for pool in self._pools:  # another one at this address may be better
                        pool.unfit.pop(address, None)
                    self._lose(worker, "is gone")
            for address, facts in found.items():
                if address not in self._workers:
                    self._workers[address] = _Worker(address, facts["local_directory"], int(facts["nthreads"]))
                worker = self._workers[address]
                worker.leaving = facts["status"] != "running"
                if facts["last_seen"] != worker.beat:
                    worker.beat, worker.heard = facts["last_seen"], now
                worker.silent = now - worker.heard > self._silence
                if worker.silent:
                    self._lose(worker, f"has been silent for {self._silence:.3g} s")
            if self._workers:
                self._told = -_TELL
            elif any(pool.waiting for pool in self._pools) and now - self._told > _TELL:
                self._told = now
                text = f"no worker yet; start some with: dask worker {self.address}"
                text = "waiting for the batch system to start workers" if self._owned is not None else text
                self._progress(Event("cluster", 0, None, text, milestone=True))

    def _lose(self, worker: _Worker, how: str) -> None:
        runs, worker.running = list(worker.running.values()), {}
        for pool, call, _ in reversed(runs):
            if not worker.leaving:  # one that was to leave is nobody's fault
                call.lost.append(f"{worker.address} {how}")
            times = len([each for each in call.lost if each])
            if times >= MAX_LOST:
                _set(call, TaskFailed(f"{times} workers were lost with it: {'; '.join(filter(None, call.lost))}"))
            else:
                self._again(pool, call)
        self._cancel([future for _, _, future in runs])

    def _cancel(self, futures: list[Any]) -> None:
        if futures and not self._problem:
            with contextlib.suppress(Exception):  # the scheduler may be going away at this moment
                self._client.cancel(futures)

    def _gone(self, why: str) -> str:
        return (
            f"the scheduler at {self.address} is gone ({why}); all answers that came are stored: start it again and"
            " go on with molvae resume FOLDER --cluster ADDRESS"
        )

    def _fail(self, problem: str) -> None:
        """Nothing can run any more."""
        with self._lock:
            self._problem = self._problem or problem
            for worker in self._workers.values():
                runs, worker.running = list(worker.running.values()), {}
                for _, call, _ in runs:
                    _set(call, OracleError(self._problem))
            for pool in self._pools:
                pool.fail(self._problem)


class ClusterPool(Executor):
    """Tasks of one kind on the workers of a cluster.

    The result of a task is JSON. Its future raises :class:`~molvae.design.oracle.failures.TaskFailed` if the task
    failed, hung, crashed or lost :data:`MAX_LOST` workers, and :class:`~molvae.errors.OracleError` if nothing can run
    any more.

    Attributes:
        waiting: tasks without a worker.
        unfit: workers that cannot be set up, and why.
        setup: what each worker is told beside the task.
    """

    def __init__(self, cluster: Cluster, setup: tuple[Callable[[], object], float | None, float]) -> None:
        self.setup = setup
        self.waiting: deque[_Call] = deque()
        self.unfit: dict[str, str] = {}
        self._cluster = cluster

    def add(self, call: _Call) -> Future[Any]:
        """Put a task into the queue."""
        self.waiting.append(call)
        self._cluster.dispatch()
        return call.future

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.add(_Call(functools.partial(fn, **kwargs) if kwargs else fn, args))

    def fail(self, problem: str) -> None:
        """None of the waiting tasks will run."""
        while self.waiting:
            call = self.waiting.popleft()
            if call.lost or call.future.set_running_or_notify_cancel():
                _set(call, OracleError(problem))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._cluster.forget(self, cancel_futures)


def _set(call: _Call, value: Any) -> None:
    if call.future.done():
        return
    if isinstance(value, BaseException):
        call.future.set_exception(value)
    else:
        call.future.set_result(value)


def open_cluster(text: str, progress: Progress = on_stderr, silence: float = SILENCE) -> Cluster:
    """The cluster that the option ``--cluster`` names; close it after use.

    Args:
        text: ``tcp://host:8786`` (or ``tls://``): a scheduler that runs; ``local:8``: so many workers on this machine;
            ``slurm:cluster.toml`` (or another of :data:`QUEUES`): workers as jobs of a batch system, whose settings are
            those of dask-jobqueue's class, and ``jobs``, how many are kept running.
        progress: told when there is no worker.
        silence: seconds without a heartbeat after which a worker counts as lost.

    Raises:
        ConfigError: the text, or the file that it names, is none of these.
        MissingDependencyError: the extra ``cluster`` is not installed.
        OracleError: no scheduler answers there, or none can be started.
    """
    kind, _, rest = text.partition(":")
    if re.fullmatch(r"(tcp|tls|ws|wss)://\S+", text):
        start: Callable[[], Any] = lambda: text  # noqa: E731
    elif kind == "local" and re.fullmatch(r"[1-9]\d{0,3}", rest):
        start = functools.partial(_local, int(rest))
    elif kind in QUEUES and rest:
        start = functools.partial(_queue, kind, Path(rest))
    else:
        kinds = ", ".join(f"{name}:FILE.toml" for name in QUEUES)
        raise ConfigError(f"a cluster is tcp://HOST:PORT (a dask scheduler), local:N, or {kinds}; not {text!r}")
    distributed = _load("distributed", "distributed")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said by our own errors
    owned = None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Port .* is already in use")  # of a page that nobody asked for
            place = start()
        owned = None if place is text else place
        return Cluster(_connect(distributed, place), owned, progress, silence)
    except (ConfigError, MissingDependencyError):
        raise
    except Exception as error:
        if owned is not None:
            owned.close()
        what = f"no scheduler answers at {text}" if owned is None and "://" in text else f"{text} cannot be started"
        raise OracleError(f"{what}: {describe_exception(error)}") from None


def _connect(distributed: Any, place: Any) -> Any:
    """A client of a scheduler; dask itself would wait for ever for what listens there and never says a word."""
    connected: Future[Any] = Future()

    def connect() -> None:
        try:
            connected.set_result(distributed.Client(place, set_as_default=False, timeout=_CONNECT, name="molvae"))
        except BaseException as error:
            connected.set_exception(error)

    threading.Thread(target=connect, daemon=True).start()
    if not wait([connected], 3 * _CONNECT).done:
        raise TimeoutError("something listens there, but it is no dask scheduler")
    return connected.result()


def _local(number: int) -> Any:
    """Workers on this machine, reached from nowhere else."""
    distributed = importlib.import_module("distributed")
    return distributed.LocalCluster(
        n_workers=number, threads_per_worker=1, memory_limit=0, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    )


def _queue(kind: str, file: Path) -> Any:
    """Workers as jobs of a batch system."""
    settings = read_toml(file)
    jobs = settings.pop("jobs", None)
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise ConfigError(f"{file}: 'jobs' says how many jobs are kept running, such as jobs = 8")
    jobqueue = _load("dask_jobqueue", "dask-jobqueue")
    try:
        cluster = getattr(jobqueue, QUEUES[kind])(**settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{file}: {describe_exception(error)} (settings of dask_jobqueue.{QUEUES[kind]})") from None
    cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)  # a job that ends, as by its time limit, is replaced
    return cluster


def _load(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingDependencyError(f"--cluster needs the package {package}: pip install 'molvae[cluster]'") from None
