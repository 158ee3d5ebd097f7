"""A made-up family, and a model of it trained for seconds through all three stages."""

import random

import pytest

from molvae.proteins.function import FunctionModel
from molvae.proteins.pretraining import CompressConfig, PretrainConfig, compress, pretrain
from molvae.proteins.sequence import RESIDUES
from molvae.proteins.training import FamilyTrainConfig, train_family
from molvae.proteins.vae import ProteinVAE
from molvae.run.progress import silent

TRANSFORMER = {"width": 16, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "max_length": 40}
COMPRESSION = {"queries": 4, "numbers": 8, "layers": 1}
FAST = {"epochs": 1, "learning_rate": 3e-3}


def family(number: int, seed: int = 0) -> list[str]:
    """Descendants of two ancestors that differ in their ends; each a few mutations and perhaps a deletion away."""
    rng = random.Random(seed)
    ancestors = ["MKVAYDLEPRNWGGSTKLVEQHIFPD", "MKVAYDLEPRNWGGSTRRCCMYIHHE"]
    found: list[str] = []
    while len(found) < number:
        text = list(ancestors[len(found) % 2])
        for _ in range(rng.randrange(1, 5)):
            text[rng.randrange(len(text))] = rng.choice(RESIDUES)
        if rng.random() < 0.3:
            del text[rng.randrange(len(text))]
        if (sequence := "".join(text)) not in found:
            found.append(sequence)
    return found


def works(sequence: str) -> float:
    """The function of the made-up family: how many residues of one ancestor's end are there."""
    return sum(a == b for a, b in zip(sequence[-8:], "EQHIFPD"[-8:], strict=False)) / 8 + sequence.count("Q") / 4


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
