"""Images drawn from attributes: what a model of two layers shows beside the others."""

import numpy as np
import pytest

from .small import SCENES, check, run


def test_layers_are_shown_where_there_are_some():
    network = {"kind": "layered", "hidden_size": 16, "channels": 8}
    panels = run("attributes", train={**SCENES, "model": {"latent_size": 4, "network": network}})
    check(panels)
    drawn, foreground, gate, background = panels["layers"].array.reshape(4, 10, *panels["layers"].array.shape[2:])
    mixed = gate * foreground + (1 - gate) * background
    assert np.abs(mixed - drawn).mean() < 0.05  # but for values that were cut to [0, 1]
    assert panels["rebuilt"].frame["mean squared error"].item() == pytest.approx(0.05, abs=0.05)
