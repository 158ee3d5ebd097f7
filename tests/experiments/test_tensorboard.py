"""Rows of a log as TensorBoard events, where they are asked for."""

import sys

import pytest

from molvae.errors import MissingDependencyError
from molvae.experiments.tensorboard import tensorboard_log
from molvae.run.progress import silent
from molvae.run.recipe import Context


def test_nothing_is_written_unless_it_is_asked_for(tmp_path):
    assert tensorboard_log(Context(progress=silent), tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_every_number_of_a_row_is_an_event(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    on_log = tensorboard_log(Context(progress=silent, tensorboard=True), tmp_path)
    on_log(10, {"train_kl": 3.0, "beta": 0.5})
    on_log(20, {"train_kl": 2.0})
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("train_kl")] == [(10, 3.0), (20, 2.0)]
    assert [(event.step, event.value) for event in events.Scalars("beta")] == [(10, 0.5)]


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r"pip install .molvae\[tensorboard\]."):
        tensorboard_log(Context(progress=silent, tensorboard=True), tmp_path)
