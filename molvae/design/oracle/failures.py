"""Why one molecule has no score, in words: a process that ended, an exception, what was printed last."""

import contextlib
import os
import signal
import subprocess
import threading

from molvae.errors import MolvaeError

_TAIL = 4096  # bytes of a process's output that are kept to explain how it ended


class TaskFailed(Exception):
    """One task gave no result; the message says why.

    Attributes:
        seconds: what it took.
    """

    def __init__(self, message: str, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.seconds = seconds


class OutputTail(threading.Thread):
    """Reads what a process writes and keeps the end of it, so that neither a pipe nor a disk fills up."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(daemon=True)
        self._process = process
        self._end = b""
        self.start()

    def run(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while chunk := os.read(stream.fileno(), 1 << 16):
                self._end = keep_tail(self._end, chunk)

    def read(self) -> bytes:
        """What came last; of a process that has ended, the very end."""
        self.join(timeout=1.0)  # a process that left the group may hold the pipe open
        return self._end


def keep_tail(end: bytes, chunk: bytes) -> bytes:
    """The last bytes of an output, after one more piece of it."""
    return (end + chunk)[-_TAIL:]


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """End a process that leads a group, with all that it has started and that is still in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def describe_exit(status: int | None) -> str:
    """In words, how a process ended, from its return code (negative: the signal that killed it)."""
    if status is None:
        return "closed its output"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"


def describe_exception(error: BaseException) -> str:
    """Type and text of an exception, on one line and of bounded length; of our own errors the text alone."""
    text = clean(" ".join(str(error).split())[:500])
    if isinstance(error, MolvaeError | TaskFailed):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def tail(output: bytes, lines: int = 5, characters: int = 500) -> str:
    """The last lines of what a process wrote, to be put behind an error message."""
    text = "\n".join(output.decode("utf-8", "replace").strip().splitlines()[-lines:])[-characters:]
    return f"; it last wrote:\n{text}" if text else ""


def clean(text: str) -> str:
    """A text without lone surrogates, which no file and no table could hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
