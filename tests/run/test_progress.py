"""Progress is on stderr, and what is gone through is untouched."""

import pytest

from molvae.run import progress
from molvae.run.progress import Event, NotebookBars, Stderr, silent, track


def test_items_come_in_order_whether_or_not_progress_is_shown(capsys):
    assert list(track(range(5), "counting")) == list(track(range(5), "counting", progress=silent)) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().out == ""


def test_every_step_is_an_event():
    events = []
    assert sum(track(range(3), "counting", progress=events.append)) == 3
    assert [(event.what, event.done, event.total, event.ended) for event in events] == [
        ("counting", 0, 3, False),
        ("counting", 1, 3, False),
        ("counting", 2, 3, False),
        ("counting", 3, 3, False),
        ("counting", 3, 3, True),
    ]


def test_work_that_breaks_off_has_ended_too():
    events = []
    with pytest.raises(ZeroDivisionError):
        for item in track([1, 0], "dividing", progress=events.append):
            1 / item
    assert events[-1] == Event("dividing", 1, 2, ended=True)


def test_a_log_gets_a_line_every_half_minute(capsys, monkeypatch):
    clock = iter(range(0, 1000, 20))  # every event comes 20 seconds after the last
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    assert len(list(track(iter(range(6)), "scoring", total=6, progress=Stderr()))) == 6
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["scoring: 2 of 6", "scoring: 4 of 6", "scoring: 6 of 6"]


def test_a_milestone_is_a_line_at_once(capsys):
    show = Stderr()
    show(Event("latent", 34, 34, "best 3.1", milestone=True, ended=True))
    assert capsys.readouterr().err == "latent: 34 of 34  best 3.1\n"


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    show = Stderr()
    items = track([1, 2], "decoding", progress=show)
    assert next(items) == 1
    assert next(items) == 2
    assert show._bars is not None
    assert list(items) == [] and show._bars is None


def test_bars_of_a_notebook(monkeypatch):
    """What a cell shows, picture by picture; IPython itself is told in ``tests/integration/test_notebooks.py``."""
    display = pytest.importorskip("IPython.display")
    shown: list[str] = []

    class Handle:
        def update(self, page):
            shown.append(page.data)

    monkeypatch.setattr(display, "display", lambda page, display_id: shown.append(page.data) or Handle())
    clock = iter(range(1000))
    monkeypatch.setattr("molvae.run.progress.time.monotonic", lambda: float(next(clock)))
    bars = NotebookBars()
    for _ in track(range(3), "<b>work</b>", progress=bars):
        pass
    assert 'value="3" max="3"' in shown[-2] and "&lt;b&gt;work&lt;/b&gt;: 3 of 3" in shown[-2]
    assert shown[-1] == ""  # gone when it is over
