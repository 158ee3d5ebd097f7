"""A task may do to its process what it likes; the other tasks are answered all the same."""

import gc
import json
import operator
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from functools import partial
from pathlib import Path

import pytest

from molvae.design.oracle.failures import TaskFailed
from molvae.design.oracle.workers import WorkerPool, load, read_call, write_call
from molvae.errors import OracleError

MODULE = """
import ctypes, os, pathlib, signal, subprocess, sys, time

def double(task):
    return 2 * task

class Hostile:  # unpickled in the parent, it would run there
    def __reduce__(self):
        return by_name, ("suicide",)

def by_name(task):
    if task == "raise":
        raise ValueError("no ring\\nhere")
    if task == "exit":
        sys.exit(3)
    if task == "_exit":
        print("last words", file=sys.stderr, flush=True)
        os._exit(7)
    if task == "suicide":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "segfault":
        ctypes.string_at(0)
    if task == "hang":
        time.sleep(600)
    if task == "hang, deaf to signals":
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        time.sleep(600)
    if task == "lambda":
        return lambda: 1
    if task == "hostile":
        return Hostile()
    if task == "orphan":
        os.system("sleep 600 &")
        os._exit(9)
    if task == "print":
        print('{"value": "forged"}')
        os.system("echo forged")
        sys.stdout.flush()
    if task == "read":
        return sys.stdin.read()
    if task == "close":
        os.closerange(3, 100)
    if task == "recurse":
        by_name(task)
    if task == "big":
        return "x" * 3_000_000
    if task == "too big":
        return "x" * 70_000_000
    return task

def grandchild(task):
    child = subprocess.Popen(["sleep", "600"])
    pathlib.Path(task).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)

def fails(text):
    print("looking for a licence", file=sys.stderr, flush=True)
    raise RuntimeError(text)
"""


@pytest.fixture(autouse=True)
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "tasks_of_a_user.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("tasks_of_a_user", None)
    gc.collect()  # a worker that a test forgot would warn here, and a warning is an error


@pytest.fixture
def make_pool() -> Iterator[Callable[..., WorkerPool]]:
    pools = []

    def make(*args: object, **options: object) -> WorkerPool:
        pools.append(WorkerPool(*args, **options))  # type: ignore[arg-type]
        return pools[-1]

    yield make
    for pool in pools:
        pool.shutdown(cancel_futures=True)


def outcomes(pool: WorkerPool, tasks: list[str]) -> dict[str, object]:
    """What became of each task: its result, or the message of its failure."""
    futures = {task: pool.submit(load("tasks_of_a_user:by_name"), task) for task in tasks}
    return {
        task: future.result() if future.exception() is None else f"failed: {future.exception()}"
        for task, future in futures.items()
    }


def test_it_is_an_executor(make_pool: Callable[..., WorkerPool]) -> None:
    pool = make_pool(2)
    assert list(pool.map(load("tasks_of_a_user:double"), range(30))) == [2 * n for n in range(30)]
    assert list(pool.map(load("tasks_of_a_user:double"), [])) == []
    assert pool.submit(sorted, [2, 1], reverse=True).result() == [2, 1]
    with pool:
        future = pool.submit(time.sleep, 0.1)
    assert future.done()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(len, "")


@pytest.mark.parametrize("num_workers", [1, 2])
def test_whatever_a_task_does_it_does_to_itself(make_pool: Callable[..., WorkerPool], num_workers: int) -> None:
    expected = {
        "raise": "ValueError: no ring here",
        "exit": "SystemExit: 3",
        "_exit": "the process ended with exit status 7; it last wrote:\nlast words",
        "suicide": "the process was killed by SIGKILL",
        "segfault": "the process was killed by SIGSEGV",
        "orphan": "the process ended with exit status 9",
        "hang": "no answer within 5 s",
        "hang, deaf to signals": "no answer within 5 s",
        "lambda": "TypeError: Object of type function is not JSON serializable",
        "hostile": "TypeError: Object of type Hostile is not JSON serializable",
        "too big": "the answer was garbled, or too large",
        "recurse": "RecursionError: maximum recursion depth exceeded",
        "close": "the process",
    }
    tasks = [task for bad in expected for task in (bad, f"good after {bad}")]
    replies = outcomes(make_pool(num_workers, timeout=5.0), tasks)
    for bad, error in expected.items():
        assert str(replies[bad]).startswith(f"failed: {error}")
        assert replies[f"good after {bad}"] == f"good after {bad}"


def test_a_failure_knows_what_it_took(make_pool: Callable[..., WorkerPool]) -> None:
    failure = make_pool(timeout=0.3).submit(load("tasks_of_a_user:by_name"), "hang").exception()
    assert isinstance(failure, TaskFailed) and 0.3 <= failure.seconds < 5


def test_what_a_task_prints_or_reads_does_not_reach_the_answers(make_pool: Callable[..., WorkerPool]) -> None:
    replies = outcomes(make_pool(), ["print", "read", "big", "plain"])
    assert list(replies.values()) == ["print", "", "x" * 3_000_000, "plain"]


def test_a_timeout_ends_what_the_task_has_started(make_pool: Callable[..., WorkerPool], tmp_path: Path) -> None:
    future = make_pool(timeout=1.0).submit(load("tasks_of_a_user:grandchild"), str(tmp_path / "pids"))
    assert str(future.exception()) == "no answer within 1 s"
    for pid in (tmp_path / "pids").read_text().split():
        assert ends(int(pid))


def test_a_shutdown_ends_the_tasks_under_way(make_pool: Callable[..., WorkerPool], tmp_path: Path) -> None:
    pool = make_pool(2)
    work = load("tasks_of_a_user:by_name")
    futures = [pool.submit(work, task) for task in ("plain", "hang", "hang", "hang")]
    assert next(as_completed(futures)).result() == "plain"
    pool.shutdown(cancel_futures=True)
    assert all(future.done() for future in futures)


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import sys
from molvae.design.oracle.workers import WorkerPool
sys.path.insert(0, {str(tmp_path)!r})
from tasks_of_a_user import grandchild
WorkerPool().submit(grandchild, {str(tmp_path / "pids")!r}).result()
"""
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        deadline = time.monotonic() + 30
        while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        parent.kill()
    for pid in (tmp_path / "pids").read_text().split():
        assert ends(int(pid))


def test_the_script_of_a_user_runs_once_even_without_a_guard(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("""
from molvae.design.oracle.workers import WorkerPool
print("top of the script")
with WorkerPool(2) as pool:
    print(pool.submit(len, "CCO").result())
""")
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("top of the script\n3\n", "")


@pytest.mark.parametrize(
    ("target", "arguments", "message"),
    [
        ("tasks_of_a_user:fails", ["no licence"], "RuntimeError: no licence; it last wrote:\nlooking for a licence"),
        ("importlib:import_module", ["no_such_module"], "ModuleNotFoundError: No module named 'no_such_module'"),
        ("os:_exit", [5], "the process ended with exit status 5"),
        ("sys:exit", [], "SystemExit"),
        ("time:sleep", [600], "no answer within 0.5 s"),
    ],
)
def test_what_can_never_work_is_reported_at_once(target: str, arguments: list[object], message: str) -> None:
    with pytest.raises(OracleError) as caught:
        WorkerPool(initializer=partial(load(target), *arguments), startup_timeout=0.5)
    assert str(caught.value) == f"the oracle cannot be set up: {message}"


def test_a_worker_that_cannot_be_replaced_is_an_error_of_the_whole(
    make_pool: Callable[..., WorkerPool], tmp_path: Path
) -> None:
    (tmp_path / "key").touch()
    pool = make_pool(initializer=partial(os.stat, str(tmp_path / "key")))
    (tmp_path / "key").unlink()
    work = load("tasks_of_a_user:by_name")
    assert isinstance(pool.submit(work, "suicide").exception(), TaskFailed)
    with pytest.raises(OracleError, match="cannot be set up: FileNotFoundError"):
        pool.submit(work, "plain").result()


@pytest.mark.parametrize("function", [lambda: 1, [].append, partial(lambda: 1)])
def test_what_no_other_process_can_import_is_refused_at_once(function: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="cannot be sent to another process: give a function of a module"):
        write_call(function)


def test_a_call_is_text() -> None:
    call = write_call(sorted, [3, 1, 2], key=partial(operator.mul, -1))
    assert read_call(call)() == [3, 2, 1]
    assert json.loads(write_call(len, "CCO")) == {"function": "builtins:len", "args": [{"value": "CCO"}], "kwargs": {}}
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        write_call(len, {1})


def test_targets_are_imported_by_name() -> None:
    assert load("os.path:join") is os.path.join
    with pytest.raises(TypeError, match="os:path is a module, not a function"):
        load("os:path")


def ends(pid: int) -> bool:
    """Whether a process is gone, or about to be, within a few seconds; a zombie nobody reaps counts as gone."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/stat")
        try:
            if status.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False
