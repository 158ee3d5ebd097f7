"""A task may do to its process what it likes; the other tasks are answered all the same."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from molvae.design.oracle.workers import WorkerPool, describe_exit, load, tail
from molvae.errors import OracleError

MODULE = """
import ctypes, os, pathlib, signal, subprocess, sys, time

def factory(name):
    return globals()[name]

def double(task):
    return 2 * task

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
    if task == "set":
        return {1, 2}
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
    return task

def grandchild(task):
    child = subprocess.Popen(["sleep", "600"])
    pathlib.Path(task).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)

def cannot(): pass
"""


@pytest.fixture
def make_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., WorkerPool]]:
    (tmp_path / "tasks_of_a_user.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))
    pools = []

    def make(name: str = "by_name", **options: float) -> WorkerPool:
        pools.append(WorkerPool("tasks_of_a_user:factory", {"name": name}, **options))  # type: ignore[arg-type]
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def test_each_task_is_answered_once(make_pool: Callable[..., WorkerPool]) -> None:
    tasks = [str(number) for number in range(30)]
    pool = make_pool("double", num_workers=2)
    assert {index: reply.value for index, reply in pool.map(tasks)} == {i: 2 * t for i, t in enumerate(tasks)}
    assert list(pool.map([])) == []
    pool.close()
    assert [reply.value for _, reply in pool.map(["a"])] == ["aa"]  # a closed pool starts again


@pytest.mark.parametrize("num_workers", [1, 2])
def test_whatever_a_task_does_it_does_to_itself(make_pool: Callable[..., WorkerPool], num_workers: int) -> None:
    expected = {
        "raise": "ValueError: no ring here",
        "exit": "SystemExit: 3",
        "_exit": "the process ended with exit status 7; it last wrote:\nlast words",
        "suicide": "the process was killed by SIGKILL",
        "segfault": "the process was killed by SIGSEGV",
        "hang": "no answer within 1.5 s",
        "hang, deaf to signals": "no answer within 1.5 s",
        "set": "TypeError: Object of type set is not JSON serializable",
        "recurse": "RecursionError: maximum recursion depth exceeded",
        "close": "the process",
    }
    tasks = [task for bad in expected for task in (bad, f"good after {bad}")]
    pool = make_pool(num_workers=num_workers, timeout=1.5)
    replies = {tasks[index]: reply for index, reply in pool.map(tasks)}
    assert len(replies) == len(tasks)
    for bad, error in expected.items():
        assert replies[bad].value is None
        assert str(replies[bad].error).startswith(error)
        assert replies[f"good after {bad}"].value == f"good after {bad}"


def test_what_a_task_prints_or_reads_does_not_reach_the_answers(make_pool: Callable[..., WorkerPool]) -> None:
    pool = make_pool()
    replies = dict(pool.map(["print", "read", "big", "plain"]))
    assert [replies[index].value for index in range(4)] == ["print", "", "x" * 3_000_000, "plain"]


def test_a_timeout_ends_what_the_task_has_started(make_pool: Callable[..., WorkerPool], tmp_path: Path) -> None:
    pool = make_pool("grandchild", timeout=1.0)
    [(_, reply)] = pool.map([str(tmp_path / "pids")])
    assert reply.error == "no answer within 1 s"
    for pid in (tmp_path / "pids").read_text().split():
        assert ends(int(pid))


def test_leaving_early_ends_the_tasks_under_way(make_pool: Callable[..., WorkerPool]) -> None:
    pool = make_pool(num_workers=2)
    replies = pool.map(["plain", "hang", "hang"])
    assert next(replies)[1].value == "plain"
    replies.close()  # type: ignore[attr-defined]
    assert dict(pool.map(["again"]))[0].value == "again"


def test_workers_end_with_a_parent_that_is_killed(make_pool: Callable[..., WorkerPool], tmp_path: Path) -> None:
    script = f"""
import sys
from molvae.design.oracle.workers import WorkerPool
sys.path.insert(0, {str(tmp_path)!r})
list(WorkerPool("tasks_of_a_user:factory", {{"name": "grandchild"}}).map([{str(tmp_path / "pids")!r}]))
"""
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        deadline = time.monotonic() + 30
        while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        parent.kill()
    for pid in (tmp_path / "pids").read_text().split():
        assert ends(int(pid))


@pytest.mark.parametrize(
    ("factory", "arguments", "message"),
    [
        ("no_such_module:f", {}, "ModuleNotFoundError: No module named 'no_such_module'"),
        ("tasks_of_a_user:missing", {}, "AttributeError: .* has no attribute 'missing'"),
        ("tasks_of_a_user:time", {}, "TypeError: tasks_of_a_user:time is a module, not a function"),
        ("tasks_of_a_user:cannot", {"x": 1}, "TypeError: cannot.* got an unexpected keyword"),
        ("os:_exit", {"status": 5}, "the process ended with exit status 5"),
        ("sys:exit", {}, "SystemExit"),
    ],
)
def test_what_can_never_work_is_reported_at_once(
    make_pool: Callable[..., WorkerPool], factory: str, arguments: dict[str, int], message: str
) -> None:
    with pytest.raises(OracleError, match=f"the oracle cannot be set up: .*{message}"):
        WorkerPool(factory, arguments)


def test_a_set_up_that_hangs_is_given_up(make_pool: Callable[..., WorkerPool]) -> None:
    with pytest.raises(OracleError, match=r"cannot be set up: no answer within 0\.3 s"):
        WorkerPool("tasks_of_a_user:by_name", {"task": "hang"}, startup_timeout=0.3)


def test_words_for_messages() -> None:
    assert describe_exit(-9) == "was killed by SIGKILL"
    assert describe_exit(-99) == "ended with exit status -99"
    assert describe_exit(None) == "closed its output"
    assert tail(b"") == ""
    assert tail(b"1\n2\n3\n\xff\n\n", lines=2) == "; it last wrote:\n3\n�"
    assert len(tail(b"x" * 10_000)) < 600
    assert load("os.path:join") is os.path.join


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
