"""A VAE, a GAN and a diffusion model by one clock: who is measured when, and by what."""

from dataclasses import replace

import pytest
import torch

from molvae.core.checkpoint import load_tensors
from molvae.errors import ConfigError
from molvae.experiments.studies.generators import GeneratorsConfig, _Clock, _spread
from molvae.experiments.studies.registry import STUDIES, run_study, study_settings
from molvae.experiments.study import TRAININGS, StudyRecipe
from molvae.images.datasets import ImageSplit, load_images
from molvae.run.panels import load_panels
from molvae.run.progress import silent
from molvae.run.recipe import Context

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


def test_what_was_trained_by_the_clock_is_kept_when_the_study_is_stopped(tmp_path):
    recipe = StudyRecipe(study="generators", settings=SMALL["generators"])

    def stopping(event):
        if event.what == "GAN, samples":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recipe.execute(Context(tmp_path, "cpu", progress=stopping))
    files = sorted((tmp_path / TRAININGS / "001").glob("?.safetensors"))  # the judge comes before the VAE
    steps = [load_tensors(file)[1]["step"] for file in files]
    assert len(steps) == len(SMALL["generators"]["minutes"])
    table = load_panels(recipe.execute(Context(tmp_path, "cpu", progress=silent)).folder)[2].frame
    assert table["steps"][table["model"] == "VAE"].tolist() == steps


def test_the_clock_of_a_training_goes_on_where_its_checkpoint_was():
    clock, other = _Clock(), _Clock()
    sum(range(1_000_000))
    spent = clock.look()
    assert spent > 0
    other.restore(clock.tensors())
    assert other.spent == spent <= other.look()


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
