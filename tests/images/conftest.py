"""Small models that several tests share, trained once."""

import pytest

from molvae.core.fit import FitConfig
from molvae.images.datasets import ImageData, load_images
from molvae.images.networks import NetworkConfig
from molvae.images.training import ImageTrainConfig, train_images
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.progress import silent


@pytest.fixture(scope="session")
def digits() -> ImageData:
    return load_images("digits")


def quick(latent_size: int = 2, epochs: int = 4, **model: object) -> ImageTrainConfig:
    """Settings that train on the digits in about a second."""
    network = NetworkConfig(hidden_size=64, depth=1)
    return ImageTrainConfig(
        model=ImageVAEConfig.create({"latent_size": latent_size, "network": network, **model}),
        fit=FitConfig(epochs=epochs, learning_rate=5e-3, warmup_steps=10, precision="float32"),
        validation_images=100,
    )


@pytest.fixture(scope="session")
def plane_model(digits, tmp_path_factory) -> ImageVAE:
    """Two latent dimensions."""
    return train_images(quick(), digits, tmp_path_factory.mktemp("plane"), progress=silent)


@pytest.fixture(scope="session")
def class_model(digits, tmp_path_factory) -> ImageVAE:
    """Conditional."""
    return train_images(
        quick(4, epochs=15, conditional=True), digits, tmp_path_factory.mktemp("class"), progress=silent
    )
