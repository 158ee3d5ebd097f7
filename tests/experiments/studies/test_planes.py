"""A plane of styles for each class; a style that carries its class is found out."""

import pytest
import torch

from molvae.core.sampling import gaussian_grid
from molvae.errors import ConfigError
from molvae.experiments.studies.planes import plane_panel
from molvae.images.vae import ImageVAE, ImageVAEConfig

from .small import run


def test_every_model_has_its_planes_and_is_probed():
    panels = run("planes")
    assert panels["planes-conditional"].array.shape == panels["planes-m2"].array.shape == (2, 5, 24, 24)
    table = panels["probes"].frame.set_index("model")
    assert list(table.index) == ["conditional VAE", "M2", "VAE without classes"]
    assert table["chance"].between(80, 95).all()
    assert table.loc["VAE without classes", "linear"] < table["chance"].min()  # there z has to carry the class


def test_a_plane_stands_where_its_class_does_and_keeps_the_places_of_z():
    model = ImageVAE(ImageVAEConfig(latent_size=2, conditional=True), (1, 4, 6), 7)
    array = torch.from_numpy(plane_panel(model, 3, "planes", "").array)
    assert array.shape == (2, 5, 12, 18)
    z = gaussian_grid(3)[5:6]  # second row, third column
    torch.testing.assert_close(array[1, 0, 4:8, 12:18], model.decode(z, torch.tensor([5]))[0, 0])
    assert not array[1, 2:].any()  # there are no more classes


def test_planes_need_two_dimensions_and_classes():
    for config in (ImageVAEConfig(latent_size=3, conditional=True), ImageVAEConfig(latent_size=2)):
        with pytest.raises(ConfigError, match="two latent dimensions"):
            plane_panel(ImageVAE(config, (1, 4, 4), 3), 3, "planes", "")
