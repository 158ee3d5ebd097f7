"""Worker processes for work that may crash or hang, as a :class:`concurrent.futures.Executor`.

Each worker holds one task and a pipe of its own, so that a crash, a timeout or a result that cannot be sent is the
failure of that task alone; the worker is replaced and all other tasks go on. A worker is a fresh interpreter, not a
fork: forking a process that runs torch threads can deadlock. Nothing of the parent's ``__main__`` is run again. When
the parent dies, by whatever signal, its end of the pipe closes and the worker ends, together with all that its task
has started. Tasks and answers are JSON: a task is the import path of a function and its arguments. Nothing is pickled.

Why not a library: a ``ProcessPoolExecutor`` breaks as a whole when a task kills its process, and cannot stop one that
hangs. pebble (5.2) can, but it leaves running what a task has started, and workers whose parent was killed; it runs
the user's script again in each worker; one result that cannot be unpickled stops its pool; and why an initializer
failed is only logged.
"""

import contextlib
import functools
import importlib
import json
import operator
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, Pipe
from types import ModuleType
from typing import Any

from molvae.design.oracle.failures import OutputTail, TaskFailed, describe_exception, describe_exit, kill_group, tail
from molvae.errors import OracleError

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from molvae.design.oracle.workers import serve; serve(int(sys.argv[2]))"
)
_LARGEST_RESULT = 1 << 26  # bytes


class WorkerPool(Executor):
    """An executor whose tasks run in processes of their own.

    A thread waits for each task under way. What a task does wrong (an exception, a crash, a timeout) is a
    :class:`~molvae.design.oracle.failures.TaskFailed` of its future.
    """

    def __init__(
        self,
        max_workers: int = 1,
        timeout: float | None = None,
        initializer: Callable[[], object] | None = None,
        startup_timeout: float = 120.0,
    ) -> None:
        """Start the first worker, so that what can never work is reported at once.

        Args:
            max_workers: how many tasks run side by side.
            timeout: seconds that one task may take, or ``None``.
            initializer: what each new worker does first, such as a slow import; see :func:`write_call`.
            startup_timeout: seconds that a worker may take to start and to run the initializer.

        Raises:
            OracleError: the worker cannot be set up.
            TypeError: the initializer cannot be sent.
        """
        self._threads = ThreadPoolExecutor(max(1, max_workers))
        self._initializer = write_call(_prepare, *([] if initializer is None else [initializer]))
        self._timeout = timeout
        self._startup_timeout = startup_timeout
        self._cancelled = threading.Event()
        self._idle: list[_Worker] = []
        self._finalizer = weakref.finalize(self, _stop_all, self._idle)
        self._idle.append(self._start())

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn(*args, **kwargs)`` in a worker; the result is JSON, a tuple comes back as a list.

        The future may also raise :class:`~molvae.errors.OracleError`: a worker that had to be replaced cannot be set
        up again.

        Raises:
            TypeError: it cannot be sent, see :func:`write_call`.
        """
        return self._threads.submit(self._run, write_call(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers; with ``cancel_futures`` the tasks under way are ended too, with all they have started."""
        if cancel_futures:
            self._cancelled.set()
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self._finalizer()

    def _run(self, message: str) -> Any:
        worker = self._take()
        try:
            return worker.run(message, self._timeout)
        finally:
            if not worker.stopped:
                self._idle.append(worker)

    def _take(self) -> "_Worker":
        with contextlib.suppress(IndexError):
            while True:
                worker = self._idle.pop()
                if worker.process.poll() is None:
                    return worker
                worker.stop()  # it died between two tasks: nobody's fault, nothing lost
        return self._start()

    def _start(self) -> "_Worker":
        worker = _Worker(self._cancelled)
        try:
            worker.run(self._initializer, self._startup_timeout)
        except TaskFailed as failure:
            words = "" if worker.stopped else worker.stop()
            raise OracleError(f"the oracle cannot be set up: {failure}{words}") from None
        except BaseException:
            worker.stop()
            raise
        return worker


class _Worker:
    """The parent's side of one worker process."""

    def __init__(self, cancelled: threading.Event) -> None:
        self.stopped = False
        self._cancelled = cancelled
        self._pipe, theirs = Pipe()
        with theirs:
            path = json.dumps([entry for entry in sys.path if isinstance(entry, str)])
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, path, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # a group of its own, so that a timeout also ends what the task has started
            )
        self._output = OutputTail(self.process)

    def run(self, message: str, timeout: float | None) -> Any:
        """Have one task done.

        Raises:
            TaskFailed: it gave no result; unless it raised an exception of its own, the process is over.
        """
        started = time.monotonic()
        try:
            self._pipe.send_bytes(message.encode())
            while not self._pipe.poll(0.1):
                if self._cancelled.is_set():
                    raise self._give_up("it was cancelled", started)
                if timeout is not None and time.monotonic() - started > timeout:
                    raise self._give_up(f"no answer within {timeout:.3g} s", started)
                if self.process.poll() is not None and not self._pipe.poll():
                    raise EOFError  # it has ended, though something that it started holds the pipe open
            answer = self._pipe.recv_bytes(_LARGEST_RESULT)
        except (EOFError, ConnectionError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=1.0)
            raise self._give_up(f"the process {describe_exit(self.process.returncode)}", started) from None
        except OSError:
            raise self._give_up("the answer was garbled, or too large", started) from None
        try:
            result, error, seconds = json.loads(answer)
        except Exception as problem:
            raise TaskFailed(describe_exception(problem), time.monotonic() - started) from None
        if error is not None:
            raise TaskFailed(error, seconds)
        return result

    def stop(self) -> str:
        """End the process and everything in its group; what it wrote last."""
        self.stopped = True
        kill_group(self.process)
        self.process.wait()
        self._pipe.close()
        return tail(self._output.read())

    def _give_up(self, reason: str, started: float) -> TaskFailed:
        return TaskFailed(reason + self.stop(), time.monotonic() - started)


def _stop_all(workers: list[_Worker]) -> None:
    while workers:
        workers.pop().stop()


def _prepare(initializer: Callable[[], object] = lambda: None) -> None:
    """What a worker does first; nothing is sent back."""
    initializer()


def write_call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """A call as JSON, for :func:`read_call` in another process.

    Args:
        function: of a module that can be imported there, or a :class:`functools.partial` of one.
        args, kwargs: what JSON holds, or such functions.

    Raises:
        TypeError: something else.
    """
    return json.dumps(_as_json(functools.partial(function, *args, **kwargs)))


def read_call(text: str) -> Callable[[], Any]:
    """What makes the call that :func:`write_call` has written.

    Raises:
        ImportError, AttributeError, TypeError: as Python raises them, if a function is not there.
    """
    call: Callable[[], Any] = _from_json(json.loads(text))
    return call


def _as_json(value: Any) -> dict[str, Any]:
    if not callable(value):
        return {"value": value}
    call = value if isinstance(value, functools.partial) else functools.partial(value)
    module, name = getattr(call.func, "__module__", None), getattr(call.func, "__qualname__", "<no name>")
    # lambdas, functions within functions, methods of an object, and what a script defines are not found elsewhere
    if module in (None, "__main__") or "<" in name or not isinstance(getattr(call.func, "__self__", sys), ModuleType):
        raise TypeError(f"{call.func!r} cannot be sent to another process: give a function of a module")
    kwargs = {key: _as_json(argument) for key, argument in call.keywords.items()}
    return {"function": f"{module}:{name}", "args": [_as_json(argument) for argument in call.args], "kwargs": kwargs}


def _from_json(value: dict[str, Any]) -> Any:
    if "value" in value:
        return value["value"]
    kwargs = {key: _from_json(argument) for key, argument in value["kwargs"].items()}
    return functools.partial(load(value["function"]), *map(_from_json, value["args"]), **kwargs)


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


def serve(descriptor: int) -> None:
    """The worker's side: answer one task after the other until the parent is gone."""
    os.set_inheritable(descriptor, False)
    pipe = Connection(descriptor)
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                messages.put(pipe.recv_bytes())
        os.killpg(os.getpgrp(), signal.SIGKILL)  # the parent is gone

    threading.Thread(target=listen, daemon=True).start()
    while True:
        message = messages.get()
        started = time.perf_counter()
        try:
            answer = json.dumps((read_call(message.decode())(), None, time.perf_counter() - started))
        except BaseException as error:  # also SystemExit: whatever a task does, the parent is told
            answer = json.dumps((None, describe_exception(error), time.perf_counter() - started))
        pipe.send_bytes(answer.encode())
