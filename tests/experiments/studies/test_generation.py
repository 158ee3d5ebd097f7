"""Samples, planes, classes and likelihoods: what is drawn has the shape that was asked for."""

import pytest

from molvae.errors import ConfigError
from molvae.experiments.studies.registry import run_study, study_settings
from molvae.images.datasets import load_images
from molvae.run.progress import silent

from .small import run


def test_a_study_of_classes_needs_classes():
    rings = load_images("half_rings")
    unlabelled = type(rings)(
        "faces", *(type(rings.train)(part.pixels) for part in (rings.train, rings.valid, rings.test))
    )
    with pytest.raises(ConfigError, match="no classes"):
        run_study("classes", study_settings("classes", {}), unlabelled, 0, "cpu", silent)


def test_a_row_for_each_class():
    panels = run("classes", columns=4)
    for name in ("cvae", "gaussian", "mixture"):
        assert panels[name].array.shape == (10, 4, 8, 8) and panels[name].options["rows"] == [*"0123456789"]
    assert panels["styles"].array.shape == (6, 11, 8, 8)
    assert panels["paths"].array.shape == (2, 13, 8, 8)  # three stretches of five, ends shared


def test_a_plane_is_drawn_where_there_is_one():
    assert "manifold" in run("latent_sizes")
    assert "manifold" not in run("latent_sizes", latent_sizes=[4])
    panels = run("manifold")
    assert panels["manifold"].array.shape == (4, 4, 8, 8)
    assert sorted(panels["latent-scatter"].frame["class"].unique()) == list(range(10))


def test_a_sigma_that_is_learned_gives_a_better_density_than_one_that_is_not():
    table = run("likelihoods")["likelihoods-table"].frame.set_index("likelihood")
    assert table.index.tolist() == ["gaussian", "gaussian_shared_sigma", "gaussian_fixed_sigma"]
    assert table.loc["gaussian_shared_sigma", "NLL, nats"] < table.loc["gaussian_fixed_sigma", "NLL, nats"]
    assert (table["NLL, nats"] < -table["elbo"]).all()
