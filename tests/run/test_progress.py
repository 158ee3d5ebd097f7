"""Progress is on stderr, and what is gone through is untouched."""

from molvae.run import progress
from molvae.run.progress import track


def test_items_come_in_order_whether_or_not_progress_is_shown(capsys):
    assert list(track(range(5), "counting")) == list(track(range(5), "counting", quiet=True)) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().out == ""


def test_a_log_gets_a_line_every_half_minute(capsys, monkeypatch):
    clock = iter(range(0, 1000, 20))  # every item takes 20 seconds
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    assert len(list(track(iter(range(6)), "scoring", total=6))) == 6
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["scoring: 2 of 6", "scoring: 4 of 6", "scoring: 6 of 6"]


def test_a_terminal_gets_a_bar_that_goes_away(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(track([1, 2], "decoding")) == [1, 2]
