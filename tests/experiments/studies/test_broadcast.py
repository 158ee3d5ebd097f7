"""Two decoders of sprites: fewer parameters for the one that knows places."""

import pytest

from molvae.errors import ConfigError
from molvae.experiments.studies.registry import run_study, study_settings
from molvae.images.datasets import load_images
from molvae.run.progress import silent

from .small import SMALL, run


def test_both_decoders_have_their_numbers_and_pictures():
    panels = run("broadcast")
    table = panels["decoders"].frame.set_index("decoder")
    assert table.loc["spatial broadcast", "parameters"] < table.loc["transposed convolutions", "parameters"]
    assert table["R^2 of the place"].between(0, 1).all() and (table["squared error"] > 0).all()
    assert {"lattice-broadcast", "lattice-cnn", "traversals-broadcast", "traversals-cnn"} <= set(panels)
    assert len(panels["lattice-cnn"].frame) == 6 * 6


def test_data_without_factors_are_refused():
    settings = study_settings("broadcast", SMALL["broadcast"])
    with pytest.raises(ConfigError, match="needs the data set sprites"):
        run_study("broadcast", settings, load_images("digits"), 0, "cpu", silent)
