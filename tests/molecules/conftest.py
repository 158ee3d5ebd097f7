"""Molecules and a small model that several tests share."""

import pytest
import torch

from molvae.molecules.vae import MoleculeVAE, MoleculeVAEConfig
from molvae.molecules.vocabulary import Vocabulary

MOLECULES = (
    "CCO",
    "CC(=O)Oc1ccccc1C(=O)O",
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "C[C@H](N)C(=O)O",
    "O=C([O-])c1ccccc1Br",
    "ClC/C=C/CCCl",
    "C1CC2CCC1CC2",
    "O=[N+]([O-])c1ccc(F)cc1",
    "CS(=O)(=O)c1ccncc1",
    "C#CCN1CCOCC1",
)


def small_model(seed: int = 0, **shape: object) -> MoleculeVAE:
    """An untrained model with few weights, in eval mode."""
    sizes = {"latent_size": 6, "embedding_size": 8, "channels": 16, "dense_size": 16, "hidden_size": 32}
    sizes |= {"position_channels": 0, "flow_layers": 0}
    if shape.get("encoder", "cnn") == "cnn":
        sizes |= {"narrow_channels": 4, "dilations": (1, 2, 4)}
    config = MoleculeVAEConfig.create({**sizes, "predictor_size": 8, **shape})
    torch.manual_seed(seed)
    model = MoleculeVAE(config, Vocabulary.build(MOLECULES, tokenizer=config.tokenizer)).eval()
    if model.decoder.flow is not None:
        for weight in model.decoder.flow.parameters():
            weight.data += 0.1 * torch.randn_like(weight)  # a new flow is the identity, which would hide mistakes
    return model


SHAPES: dict[str, dict[str, object]] = {
    "plain": {},
    "position features": {"position_channels": 8},
    "flow": {"flow_layers": 4, "flow_width": 8},
    "both": {"position_channels": 8, "flow_layers": 4, "flow_width": 8},
    "gru encoder": {"encoder": "gru"},
    "selfies": {"tokenizer": "selfies"},
}


@pytest.fixture(params=SHAPES)
def model(request: pytest.FixtureRequest) -> MoleculeVAE:
    """One model of each shape that a configuration can ask for."""
    return small_model(**SHAPES[request.param])
