"""Worker processes for work that may crash or hang: one task at a time, over a pipe.

A ``ProcessPoolExecutor`` breaks as a whole when a task kills its process, cannot say which task did it, and cannot
stop a task that hangs. Here each worker holds exactly one task, so that a crash or a timeout is the failure of that
task alone; the worker is replaced and all other tasks go on.

Parent and worker speak JSON lines. A worker is a fresh interpreter, not a fork: forking a process that runs torch
threads can deadlock, and nothing of the parent's ``__main__`` is run again. When the parent dies, by whatever
signal, its end of the pipe closes and the worker ends with it, together with all that its task has started.
"""

import contextlib
import importlib
import json
import operator
import os
import queue
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from molvae.errors import MolvaeError, OracleError

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from molvae.design.oracle.workers import serve; serve()"
)


class Reply(NamedTuple):
    """The result of one task: ``value`` (anything JSON can hold), or ``error`` if there is none."""

    value: Any
    error: str | None
    seconds: float


class WorkerPool:
    """A few worker processes that all run the same function on one string at a time."""

    def __init__(
        self,
        factory: str,
        arguments: Mapping[str, Any],
        num_workers: int = 1,
        timeout: float | None = None,
        startup_timeout: float = 120.0,
    ) -> None:
        """Start the first worker, so that what can never work is reported at once.

        Args:
            factory: ``"module:function"``; each worker calls it once with ``arguments`` and gets the function
                (of one string, with a result that JSON can hold) that it runs on each task.
            arguments: keyword arguments of the factory, of types that JSON can hold.
            num_workers: how many tasks run side by side.
            timeout: seconds that one task may take, or ``None``.
            startup_timeout: seconds that the factory may take.

        Raises:
            OracleError: the worker cannot be set up.
        """
        self._setup = {"factory": factory, "arguments": dict(arguments)}
        self._num_workers = max(1, num_workers)
        self._timeout = timeout
        self._startup_timeout = startup_timeout
        self._idle: list[_Worker] = []
        self._finalizer = weakref.finalize(self, _stop_all, self._idle)
        worker = self._start()
        try:
            while not worker.ready:
                _wait([worker])
                worker.collect()
        except BaseException:
            worker.stop()
            raise
        self._idle.append(worker)

    def map(self, tasks: Sequence[str]) -> Iterator[tuple[int, Reply]]:
        """Run all tasks; yields ``(index, reply)`` for each as soon as it is done, in the order of completion.

        Raises:
            OracleError: a worker that had to be replaced cannot be set up again.
        """
        waiting = deque(range(len(tasks)))
        running: dict[_Worker, int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._num_workers:
                    worker = self._take()
                    running[worker] = waiting.popleft()
                    worker.begin(tasks[running[worker]], self._timeout)
                for worker in _wait(list(running)):
                    reply = worker.collect()
                    if reply is None:
                        continue
                    index = running.pop(worker)
                    if not worker.stopped:
                        self._idle.append(worker)
                    yield index, reply
        finally:
            for worker in running:
                worker.stop()

    def close(self) -> None:
        """End all workers. The pool can be used again; it starts new ones."""
        _stop_all(self._idle)

    def _take(self) -> "_Worker":
        while self._idle:
            worker = self._idle.pop()
            if worker.process.poll() is None:
                return worker
            worker.stop()  # it died between two tasks: nobody's fault, nothing lost
        return self._start()

    def _start(self) -> "_Worker":
        return _Worker(self._setup, self._startup_timeout)


class _Worker:
    """The parent's side of one worker process."""

    def __init__(self, setup: Mapping[str, Any], startup_timeout: float) -> None:
        self.ready = False
        self.stopped = False
        self._buffer = b""
        self._started = time.monotonic()
        self._timeout: float | None = None
        self.deadline: float | None = self._started + startup_timeout
        # what the task prints is kept for the message that explains a crash; a pipe would fill up and block
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, json.dumps([entry for entry in sys.path if isinstance(entry, str)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # a group of its own, so that a timeout also ends what the task has started
        )
        self._send(setup)

    def begin(self, task: str, timeout: float | None) -> None:
        self._timeout = timeout
        if self.ready:
            self._start_clock()
        self._send(task)

    def collect(self) -> Reply | None:
        """Take in what has arrived; a reply if the task is over, one way or the other."""
        if not _readable([self], timeout=0):
            if self.deadline is None or time.monotonic() < self.deadline:
                return None
            return self._give_up(f"no answer within {self.deadline - self._started:.3g} s")
        assert self.process.stdout is not None
        chunk = os.read(self.process.stdout.fileno(), 1 << 16)
        if not chunk:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=1.0)
            return self._give_up(f"the process {describe_exit(self.process.returncode)}")
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            try:
                message = json.loads(line)
                if "value" in message:
                    return Reply(message["value"], None, float(message["seconds"]))
                if "error" in message and self.ready:
                    return Reply(None, str(message["error"]), float(message["seconds"]))
            except (ValueError, TypeError, KeyError):
                return self._give_up("the answer was garbled")
            if "error" in message:
                raise OracleError(f"the oracle cannot be set up: {message['error']}{self._last_words()}")
            self.ready = True
            self._start_clock()
        return None

    def stop(self) -> None:
        """End the process and everything in its group."""
        if self.stopped:
            return
        self.stopped = True
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._log):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _start_clock(self) -> None:
        self._started = time.monotonic()
        self.deadline = None if self._timeout is None else self._started + self._timeout

    def _send(self, message: Any) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the worker has died: the next read says so, with the reason
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def _give_up(self, reason: str) -> Reply:
        reason += self._last_words()
        self.stop()
        if not self.ready:
            raise OracleError(f"the oracle cannot be set up: {reason}")
        return Reply(None, reason, time.monotonic() - self._started)

    def _last_words(self) -> str:
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 4096))
        return tail(self._log.read())


def _readable(workers: Sequence[_Worker], timeout: float | None) -> list[_Worker]:
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            assert worker.process.stdout is not None
            selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        return [key.data for key, _ in selector.select(timeout)]


def _wait(workers: Sequence[_Worker]) -> list[_Worker]:
    """Sleep until a worker has news or is past its deadline; those workers."""
    deadlines = [worker.deadline for worker in workers if worker.deadline is not None]
    timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
    readable = _readable(workers, timeout)
    now = time.monotonic()
    return readable + [w for w in workers if w not in readable and w.deadline is not None and now >= w.deadline]


def _stop_all(workers: list[_Worker]) -> None:
    while workers:
        workers.pop().stop()


def describe_exit(status: int | None) -> str:
    """In words, how a process ended, from its return code (negative: the signal that killed it)."""
    if status is None:
        return "closed its output"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"


def tail(output: bytes, lines: int = 5, characters: int = 500) -> str:
    """The last lines of what a process wrote to stderr, to be put behind an error message."""
    text = "\n".join(output.decode("utf-8", "replace").strip().splitlines()[-lines:])[-characters:]
    return f"; it last wrote:\n{text}" if text else ""


def describe_exception(error: BaseException) -> str:
    """Type and text of an exception, on one line and of bounded length; of our own errors the text alone."""
    text = " ".join(str(error).split())
    if isinstance(error, MolvaeError):
        return text[:500]
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


def load(target: str) -> Callable[..., Any]:
    """Import ``"module:function"``; the part behind the colon may have dots.

    Raises:
        ImportError, AttributeError, TypeError: as Python raises them.
    """
    module, _, name = target.partition(":")
    function = operator.attrgetter(name)(importlib.import_module(module))
    if not callable(function):
        raise TypeError(f"{target} is a {type(function).__name__}, not a function")
    return function


def serve() -> None:
    """The worker's side: set up, then answer one task after the other until the parent is gone."""
    # what the task prints must not mix with the answers, and what it reads must not be our tasks
    tasks_in, answers_out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)

    def send(message: dict[str, Any]) -> None:
        answers_out.write(json.dumps(message).encode() + b"\n")
        answers_out.flush()

    def listen() -> None:
        for line in tasks_in:
            tasks.put(json.loads(line))
        os.killpg(os.getpgrp(), signal.SIGKILL)  # the parent is gone

    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=listen, daemon=True).start()
    setup = tasks.get()
    try:
        work = load(setup["factory"])(**setup["arguments"])
    except BaseException as error:  # also SystemExit: whatever the user's module does, the parent is told
        send({"error": describe_exception(error)})
        return
    send({"ready": True})
    while True:
        task = tasks.get()
        started = time.perf_counter()
        try:
            answer = {"value": work(task)}
            json.dumps(answer)
        except BaseException as error:
            answer = {"error": describe_exception(error)}
        send(answer | {"seconds": time.perf_counter() - started})
