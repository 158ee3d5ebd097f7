"""Run an external command as an oracle and read its answer, REINVENT4's external-process JSON.

The format is ``{"version": 1, "payload": {"name": [number, ...]}}`` (Loeffler et al. 2024, "REINVENT 4", scoring
component ExternalProcess), so that docking scripts written for it work unchanged.
"""

import contextlib
import json
import math
import os
import select
import selectors
import subprocess
import threading
import time
from collections.abc import Sequence
from numbers import Real
from typing import Any

from molvae.design.oracle.failures import (
    TaskFailed,
    clean,
    describe_exception,
    describe_exit,
    keep_tail,
    kill_group,
    tail,
)
from molvae.errors import abbreviate

_LARGEST_ANSWER = 1 << 26  # bytes


def run_command(
    arguments: Sequence[str],
    text: str,
    timeout: float | None = None,
    cancelled: threading.Event | None = None,
    own_group: bool = True,
) -> bytes:
    """Run a command without a shell; its standard output.

    On a timeout, when it prints more than 64 MiB, and when it is cancelled, the whole process group is killed, so
    that nothing it started lives on.

    Args:
        arguments: program and arguments.
        text: what it reads on its standard input.
        timeout: seconds that it may take, or ``None``.
        cancelled: ends the command when it is set by another thread.
        own_group: False leaves it in the process group of its caller, who is ended with all of its group, and so with
            the command.

    Raises:
        TaskFailed: it cannot be started, was ended, or failed.
    """
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=own_group,
        )
    except (OSError, ValueError) as error:
        raise TaskFailed(f"the command cannot be started: {describe_exception(error)}") from None
    kill = kill_group if own_group else subprocess.Popen.kill
    with process:
        try:
            output, errors, problem = _communicate(process, text.encode("utf-8", "replace"), timeout, cancelled)
        except BaseException:
            kill(process)
            raise
        if problem:
            kill(process)
        elif process.returncode:
            problem = describe_exit(process.returncode)
    if problem:
        raise TaskFailed(f"the command {problem}{tail(errors)}")
    return output


def _communicate(
    process: "subprocess.Popen[bytes]", text: bytes, timeout: float | None, cancelled: threading.Event | None
) -> tuple[bytes, bytes, str]:
    """All output of a process, the end of its errors, and why it must be broken off, if it must.

    ``Popen.communicate`` would keep whatever is printed, and cannot be told to stop by another thread.
    """
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    unsent = memoryview(text)
    output, errors = bytearray(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stderr, selectors.EVENT_READ)
        while selector.get_map() or process.poll() is None:
            if not selector.get_map():  # it has closed its output and may be about to end
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
            for key, _ in selector.select(0.1) if selector.get_map() else ():
                if key.fileobj is process.stdin:
                    try:
                        # of a pipe that is ready for writing, PIPE_BUF bytes are always taken
                        unsent = unsent[os.write(key.fd, unsent[: select.PIPE_BUF]) :]
                    except BrokenPipeError:
                        unsent = unsent[:0]
                    if not unsent:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif not (chunk := os.read(key.fd, 1 << 16)):
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    output += chunk
                else:
                    errors = keep_tail(errors, chunk)
            if len(output) > _LARGEST_ANSWER:
                return b"", errors, f"printed more than {_LARGEST_ANSWER >> 20} MiB; an answer is a line of JSON"
            if time.monotonic() > deadline:
                return b"", errors, f"gave no answer within {timeout:.3g} s"
            if cancelled is not None and cancelled.is_set():
                return b"", errors, "was cancelled"
    return bytes(output), errors, ""


def parse_payload(output: bytes, count: int) -> dict[str, list[float]]:
    """Read REINVENT4's external-process JSON: name to ``count`` numbers, NaN for null.

    Args:
        output: of the command.
        count: molecules that it was asked for.

    Raises:
        TaskFailed: it is of another form.
    """
    try:
        answer = json.loads(output)
        payload = answer["payload"]
        if answer.get("version") != 1:
            version = abbreviate(repr(answer.get("version")))
            raise TaskFailed(f"the command answered with version {version} of the format, not 1")
        columns = {
            as_name(name): [as_number(value, f"{as_name(name)!r} holds a") for value in column]
            for name, column in payload.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        start = output[:80].decode("utf-8", "replace")
        raise TaskFailed(
            'the command did not answer with JSON of the form {"version": 1, "payload": {"name": [number, ...]}}: '
            f"{describe_exception(error)}; it wrote {start!r}"
        ) from None
    if not columns:
        raise TaskFailed("the command answered with an empty payload")
    for name, column in columns.items():
        if len(column) != count:
            raise TaskFailed(f"the command answered with {len(column)} numbers for {name!r}, but {count} were due")
    return columns


def as_name(key: Any) -> str:
    """A name that an oracle gave, as any table and file can hold it."""
    return abbreviate(clean(str(key)))


def as_number(value: Any, what: str) -> float:
    """A number that an oracle gave, as a float; NaN for ``None``, infinity for an integer that is too large.

    Raises:
        TypeError: it is not a number; the message starts with ``what``.
    """
    # a 0-d array or tensor is welcome; a text that float() could read is a mistake that would go unseen
    if value is None:
        return math.nan
    if isinstance(value, bool | str | bytes) or not (isinstance(value, Real) or hasattr(value, "__float__")):
        raise TypeError(f"{what} {type(value).__name__}, not a number")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
