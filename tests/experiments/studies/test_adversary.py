"""Three ways to train the same networks, and the same VAE with wider and wider networks."""

import math

import pytest
import torch

from molvae.errors import ConfigError
from molvae.experiments.studies.adversary import AdversaryStudyConfig
from molvae.experiments.studies.registry import study_settings

from .small import run


def test_three_ways_have_their_numbers_and_pictures_beside_real_images():
    panels = run("adversary")
    table = panels["numbers"].frame.set_index("images")
    assert list(table.index) == ["real test images", "plain VAE", "absolute error", "with an adversary"]
    assert (table["seconds"].iloc[1:] > 0).all() and (table["absolute error"].iloc[1:] > 0).all()
    distances = table[["Fréchet distance, rebuilt", "Fréchet distance, samples"]]
    assert (distances.iloc[1:] > distances.iloc[0]).all().all()
    assert panels["reconstructions"].array.shape == panels["samples"].array.shape == (4, 3, 32, 32, 3)
    assert panels["samples"].options["rows"] == list(table.index)


def test_a_part_of_the_ways_is_compared_as_well():
    assert len(run("adversary", epochs={"absolute error": 1})["numbers"].frame) == 2
    with pytest.raises(ConfigError, match="no way of training 'a GAN': there are plain VAE, absolute error"):
        study_settings("adversary", {"epochs": {"a GAN": 3}})


def test_each_way_differs_by_what_it_is_named_for():
    config = AdversaryStudyConfig()
    plain, absolute, deceiving = (config.training(name, 3072) for name in config.epochs)
    assert plain.adversary is absolute.adversary is None and deceiving.adversary == config.adversary
    assert (plain.objective.name, absolute.objective.name) == ("elbo", "population")
    assert absolute.model == deceiving.model and absolute.objective == deceiving.objective
    assert math.sqrt(2) * 3072 / absolute.model.sigma == pytest.approx(5000), "the weight of the mean absolute error"


def test_every_width_has_its_numbers():
    panels = run("blur")
    table = panels["blur-table"].frame
    assert list(table["width"]) == [8, 16] and table["parameters"].is_monotonic_increasing
    assert (table["squared error, share of the variance"] > 0).all()
    assert next(iter(panels["blur"].frame)) == "width" and "parameters" not in panels["blur"].frame
    assert panels["blur-reconstructions"].array.shape == (3, 3, 32, 32, 3)
    assert torch.from_numpy(panels["blur-reconstructions"].array).max() <= 1
