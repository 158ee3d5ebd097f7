"""Analogies of fonts in small: every number of the tables is there, and models that know the fonts learn from them."""

import pytest

from molvae.errors import ConfigError
from molvae.experiments.studies.registry import run_study, study_settings
from molvae.images.datasets import load_images
from molvae.run.progress import silent

from .small import SMALL, run


def test_tables_and_pictures_of_both_models():
    panels = run("analogies")
    table = panels["analogies-table"].frame
    assert table["analogy"].tolist() == [
        "class mean",
        *["nearest training font"] * 2,
        *["conditional VAE"] * 2,
        *["pairs of a font"] * 2,
    ]
    assert table["below the class mean, %"][0] == 0 and (table["squared error"] > 0).all()
    assert panels["analogies-pairs"].array.shape == (4, 6, 28, 28)  # two rows a font, the given glyph and five classes
    sums = panels["arithmetic"].frame
    assert list(sums.columns) == ["analogy", "step", "bold", "italic"] and len(sums) == 3 + 2 * 4
    assert panels["probe"].frame["chance"].between(97, 98).all()


def test_settings_that_leave_nothing_to_be_drawn_are_refused():
    fonts = load_images("fonts")
    for change, message in (
        ({"given": [36]}, "leave none of 36 classes"),
        ({"train": {"model": {"conditional": False}}}, "conditional"),
    ):
        settings = study_settings("analogies", {**SMALL["analogies"], **change})
        with pytest.raises(ConfigError, match=message):
            run_study("analogies", settings, fonts, 0, "cpu", silent)
    with pytest.raises(ConfigError, match="something else"):
        study_settings("analogies", {"models": ["something else"]})
