"""A made-up family, and a model of it trained for seconds through all three stages."""

import pytest

from molvae.proteins.function import FunctionModel
from molvae.proteins.pretraining import CompressConfig, PretrainConfig, compress, pretrain
from molvae.proteins.training import FamilyTrainConfig, train_family
from molvae.proteins.vae import ProteinVAE
from molvae.run.progress import silent

from .family import family, works

TRANSFORMER = {"width": 16, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "max_length": 40}
COMPRESSION = {"queries": 4, "numbers": 8, "layers": 1}
FAST = {"epochs": 1, "learning_rate": 3e-3}


@pytest.fixture(scope="session")
def members() -> list[str]:
    return family(60)


@pytest.fixture(scope="session")
def backbone(tmp_path_factory, members):
    folder = tmp_path_factory.mktemp("backbone")
    common = {"window": 20, "batch_size": 8, "fit": FAST}
    first = pretrain(
        PretrainConfig.create({**common, "transformer": TRANSFORMER}), members[:50], members[50:], folder / "1", "cpu",
        silent,
    )  # fmt: skip
    second = compress(
        CompressConfig.create({**common, "compression": COMPRESSION}), first, members[:50], members[50:], folder / "2",
        "cpu", silent,
    )  # fmt: skip
    second.save(folder / "model")
    return second


@pytest.fixture(scope="session")
def function(members) -> FunctionModel:
    import numpy as np

    return FunctionModel.fit(members, np.array([works(text) for text in members]))


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, backbone, members, function):
    """A trained model in a folder."""
    folder = tmp_path_factory.mktemp("family")
    config = FamilyTrainConfig.create(
        {"latent_size": 4, "hidden_size": 16, "batch_size": 10, "drop": 0.1, "fit": {**FAST, "epochs": 8}}
    )
    model = train_family(config, backbone, members[:50], members[50:], folder, function, "cpu", silent)
    model.save_pretrained(folder / "model")
    return folder / "model"


@pytest.fixture
def model(model_folder) -> ProteinVAE:
    return ProteinVAE.from_pretrained(model_folder, "cpu")
