"""Test errors with few labels, of every method on the same images."""

from dataclasses import replace

import pytest

from molvae.errors import InputError
from molvae.experiments.studies.labels import METHODS
from molvae.experiments.studies.registry import run_study, study_settings
from molvae.images.datasets import load_images
from molvae.run.progress import silent

from .small import FIT, SMALL, TRAIN, run


def test_the_table_of_errors_has_every_method():
    panels = run("semi_supervised")
    assert panels["errors"].frame["method"].tolist() == list(METHODS)
    assert len(panels["error-runs"].frame) == 2 * len(METHODS)
    assert panels["error-runs"].frame["error"].between(0, 100).all()


def test_the_spread_over_draws_has_its_median():
    spread = run("semi_supervised", methods=["self-training"], seeds=3)["error-spread"].frame
    (row,) = spread.to_dict("records")
    assert (row["method"], row["labels"], row["draws"]) == ("self-training", 20, 3)
    assert row["lowest"] <= row["median"] <= row["highest"] and row["lowest"] < row["mean"] < row["highest"]


def test_images_without_a_class_are_learned_from_as_well():
    digits = load_images("digits")
    data = replace(digits, train=digits.train[:200], unlabelled=digits.train.pixels[200:])
    settings = study_settings("semi_supervised", SMALL["semi_supervised"] | {"balanced": False, "styles": 3})
    panels = {panel.name: panel for panel in run_study("semi_supervised", settings, data, 0, "cpu", silent)}
    assert panels["errors"].frame["method"].tolist() == list(METHODS)
    assert panels["m2-styles"].array.shape == (3, 11, 8, 8)


def test_codes_that_say_nothing_are_an_error_of_ours():
    untrained = {**TRAIN, "fit": {**FIT, "epochs": 1, "learning_rate": 1e-9}}
    settings = study_settings("semi_supervised", {"methods": ["M1+SVM"], "labels": [20], "seeds": 1, "m1": untrained})
    with pytest.raises(InputError, match="no active dimension"):
        run_study("semi_supervised", settings, load_images("digits"), 0, "cpu", silent)
