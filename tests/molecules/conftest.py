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
    "ClCC/C=C/CCl",
    "C1CC2CCC1CC2",
    "O=[N+]([O-])c1ccc(F)cc1",
    "CS(=O)(=O)c1ccncc1",
    "C#CCN1CCOCC1",
)


def small_model(seed: int = 0) -> MoleculeVAE:
    """An untrained model with few weights, in eval mode."""
    config = MoleculeVAEConfig(
        latent_size=6, embedding_size=8, channels=16, narrow_channels=4, dense_size=16, hidden_size=32, predictor_size=8
    )
    torch.manual_seed(seed)
    return MoleculeVAE(config, Vocabulary.build(MOLECULES)).eval()


@pytest.fixture
def model() -> MoleculeVAE:
    return small_model()
