"""Failures in words that fit on a line of a table."""

from molvae.design.oracle.failures import TaskFailed, describe_exception, describe_exit, tail
from molvae.errors import InputError


def test_how_a_process_ended() -> None:
    assert describe_exit(-9) == "was killed by SIGKILL"
    assert describe_exit(-99) == "ended with exit status -99"
    assert describe_exit(None) == "closed its output"


def test_what_a_process_wrote_last() -> None:
    assert tail(b"") == ""
    assert tail(b"1\n2\n3\n\xff\n\n", lines=2) == "; it last wrote:\n3\n\ufffd"
    assert len(tail(b"x" * 10_000)) < 600


def test_exceptions_on_one_line() -> None:
    assert describe_exception(ValueError("no ring\nhere")) == "ValueError: no ring here"
    assert describe_exception(KeyError()) == "KeyError"
    assert describe_exception(InputError("not a valid SMILES")) == "not a valid SMILES"
    assert describe_exception(TaskFailed("no answer")) == "no answer"
    assert describe_exception(ValueError("\ud800")) == "ValueError: ?"
    assert len(describe_exception(ValueError("x" * 10_000))) < 600
