"""Test errors with few labels, of every method on the same images."""

import pytest

from molvae.errors import InputError
from molvae.experiments.studies.labels import METHODS
from molvae.experiments.studies.registry import run_study, study_settings
from molvae.images.datasets import load_images
from molvae.run.progress import silent

from .small import FIT, TRAIN, run


def test_the_table_of_errors_has_every_method():
    panels = run("semi_supervised")
    assert panels["errors"].frame["method"].tolist() == list(METHODS)
    assert len(panels["error-runs"].frame) == 2 * len(METHODS)
    assert panels["error-runs"].frame["error"].between(0, 100).all()


def test_codes_that_say_nothing_are_an_error_of_ours():
    untrained = {**TRAIN, "fit": {**FIT, "epochs": 1, "learning_rate": 1e-9}}
    settings = study_settings("semi_supervised", {"methods": ["M1+SVM"], "labels": [20], "seeds": 1, "m1": untrained})
    with pytest.raises(InputError, match="no active dimension"):
        run_study("semi_supervised", settings, load_images("digits"), 0, "cpu", silent)
