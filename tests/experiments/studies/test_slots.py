"""Agreement of slots with objects, over seeds and with more objects."""

import pytest

from molvae.errors import ConfigError
from molvae.experiments.studies.registry import run_study, study_settings
from molvae.images.datasets import load_images
from molvae.run.progress import silent

from .small import SMALL, run


def test_every_seed_is_told_failed_ones_too():
    panels = run("slots")
    seeds = panels["seeds"].frame
    assert seeds["model"].tolist() == ["slot attention"] * 2 + ["variational slots"] * 2
    assert seeds["failed"].all()  # after three steps
    summary = panels["agreement"].frame.set_index("model")
    mean = seeds[seeds["model"] == "slot attention"]["foreground ARI"].mean()
    assert summary.loc["slot attention", "mean"] == pytest.approx(mean)
    assert (summary["failed seeds"] == 2).all()
    assert panels["slot-attention-objects"].frame["slots"].tolist() == [3, 5]
    assert panels["slot-attention-crowded"].array.shape == (2, 2 + 2 * 5, 24, 24, 3)


def test_the_seed_of_a_row_is_the_one_that_was_used_and_a_title_says_what_was_trained_on():
    panels = run("slots", seed=5, models=["slot attention"], seeds=[0, 2], objects=[2])
    assert panels["seeds"].frame["seed"].tolist() == [5, 7]
    assert panels["slot-attention-crowded"].title == "Slot attention: 2 objects, trained on 3"


def test_data_without_masks_are_refused():
    settings = study_settings("slots", SMALL["slots"])
    with pytest.raises(ConfigError, match="needs the data set tetrominoes"):
        run_study("slots", settings, load_images("digits"), 0, "cpu", silent)
