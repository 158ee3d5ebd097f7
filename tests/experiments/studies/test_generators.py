"""A VAE, a GAN and a diffusion model by one clock: who is measured when, and by what."""

from dataclasses import replace

import pytest
import torch

from molvae.errors import ConfigError
from molvae.experiments.studies.generators import GeneratorsConfig, _spread
from molvae.experiments.studies.registry import STUDIES, run_study, study_settings
from molvae.images.datasets import ImageSplit, load_images
from molvae.run.progress import silent

from .small import SMALL, run


@pytest.fixture(scope="module")
def panels():
    return run("generators")


def test_every_sampler_is_measured_after_every_mark(panels):
    table = panels["generators"].frame
    samplers = ["VAE", "GAN", "diffusion", "diffusion, 2 steps"]
    marks = SMALL["generators"]["minutes"]
    assert set(zip(table["model"], table["minutes"], strict=True)) == {
        (name, mark) for name in samplers for mark in marks
    }
    for _, part in table.groupby("model"):
        assert part["steps"].is_monotonic_increasing, "later snapshots have trained for longer"
    assert (table["Frechet distance"] >= 0).all() and (table["seconds for 1,000"] > 0).all()
    assert table["confidence"].between(0.1, 1).all() and table["classes drawn"].between(1, 10).all()


def test_who_has_no_bound_is_said_to_have_none(panels):
    bits = panels["generators"].frame.groupby("model")["bits per dimension"].agg(set)
    assert bits["GAN"] == bits["diffusion, 2 steps"] == {"none"}
    assert all(float(value) > 0 for name in ("VAE", "diffusion") for value in bits[name])


def test_pictures_show_every_row_of_the_table(panels):
    rows = len(panels["generators"].frame)
    assert panels["samples"].array.shape[:2] == (rows + 1, SMALL["generators"]["shown"])
    assert len(panels["samples"].options["rows"]) == rows + 1
    assert len(panels["generators-costs"].frame) == rows
    assert "training images" in panels["generators-curve"].frame


def test_the_recipe_is_five_fifteen_and_thirty_minutes():
    assert GeneratorsConfig().minutes == (5, 15, 30)


def test_images_are_taken_from_all_over_the_test_set():
    images = ImageSplit(torch.arange(10.0).view(10, 1, 1, 1))
    assert _spread(images, 4).pixels.flatten().tolist() == [0, 3, 6, 9]
    assert len(_spread(images, 50)) == 10


def test_the_judge_needs_classes():
    assert STUDIES["generators"].data == "digits"
    settings, data = study_settings("generators", SMALL["generators"]), load_images("digits")
    with pytest.raises(ConfigError, match="has no classes"):
        run_study("generators", settings, replace(data, train=ImageSplit(data.train.pixels)), 0, "cpu", silent)
