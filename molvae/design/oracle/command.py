"""Run an external command as an oracle and read its answer, REINVENT4's external-process JSON.

The format is ``{"version": 1, "payload": {"name": [number, ...]}}`` (Loeffler et al. 2024, "REINVENT 4", scoring
component ExternalProcess), so that docking scripts written for it work unchanged.
"""

import contextlib
import json
import math
import os
import signal
import subprocess
from collections.abc import Sequence
from numbers import Real
from typing import Any

from molvae.design.oracle.workers import describe_exception, describe_exit, tail


class CommandFailed(Exception):
    """One run of a command gave no usable answer; the message says why."""

    seconds = 0.0


def run_command(arguments: Sequence[str], text: str, timeout: float | None) -> bytes:
    """Run a command without a shell; its standard output.

    On a timeout, and on Ctrl-C, the whole process group is killed, so that nothing it started lives on.
    """
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise CommandFailed(f"the command cannot be started: {describe_exception(error)}") from None
    with process:
        try:
            output, errors = process.communicate(text.encode("utf-8", "replace"), timeout)
        except subprocess.TimeoutExpired:
            _kill_group(process)
            errors = b""
            with contextlib.suppress(subprocess.TimeoutExpired):
                errors = process.communicate(timeout=1.0)[1]
            raise CommandFailed(f"the command gave no answer within {timeout:.3g} s{tail(errors)}") from None
        except BaseException:
            _kill_group(process)
            raise
    if process.returncode != 0:
        raise CommandFailed(f"the command {describe_exit(process.returncode)}{tail(errors)}")
    return output


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def parse_payload(output: bytes, count: int) -> dict[str, list[float]]:
    """Read REINVENT4's external-process JSON: name to ``count`` numbers, NaN for null."""
    try:
        answer = json.loads(output)
        payload = answer["payload"]
        if answer.get("version") != 1:
            raise CommandFailed(f"the command answered with version {answer.get('version')!r} of the format, not 1")
        columns = {
            name: [as_number(value, f"{name!r} holds a") for value in column] for name, column in payload.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        start = output[:80].decode("utf-8", "replace")
        raise CommandFailed(
            'the command did not answer with JSON of the form {"version": 1, "payload": {"name": [number, ...]}}: '
            f"{describe_exception(error)}; it wrote {start!r}"
        ) from None
    if not columns:
        raise CommandFailed("the command answered with an empty payload")
    for name, column in columns.items():
        if len(column) != count:
            raise CommandFailed(f"the command answered with {len(column)} numbers for {name!r}, but {count} were due")
    return columns


def as_number(value: Any, what: str) -> float:
    """A number that an oracle gave, as a float; NaN for ``None``.

    Raises:
        TypeError: it is not a number; the message starts with ``what``.
    """
    # a 0-d array or tensor is welcome; a text that float() could read is a mistake that would go unseen
    if value is None:
        return math.nan
    if isinstance(value, bool | str | bytes) or not (isinstance(value, Real) or hasattr(value, "__float__")):
        raise TypeError(f"{what} {type(value).__name__}, not a number")
    return float(value)
