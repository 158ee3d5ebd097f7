"""What tests of single strategies share: a shipped model, scored molecules, and the setup of a campaign."""

from typing import Any

import numpy as np
import pytest

from molvae.chemistry.domain import MOLECULES, nci_molecules
from molvae.chemistry.molecule import Molecule
from molvae.design.latent_space import LatentSpace
from molvae.design.settings import CampaignConfig
from molvae.design.strategies.base import Setup
from molvae.molecules.vae import MoleculeVAE


def setup_of(model: MoleculeVAE, **search: Any) -> Setup:
    """The setup of a small campaign, with settings of its search."""
    return Setup(LatentSpace(model), [], CampaignConfig.create({"search": {"candidates": 50, **search}}))


@pytest.fixture(scope="module")
def model() -> MoleculeVAE:
    return MoleculeVAE.from_pretrained("zinc250k", "cpu")


@pytest.fixture(scope="module")
def start(model: MoleculeVAE) -> tuple[list[Molecule], np.ndarray]:
    """40 molecules that the model can hold, with their QED."""
    parsed = [Molecule.parse(text)[0] for text in nci_molecules()["smiles"][:80]]
    items = [item for item in dict.fromkeys(parsed) if item is not None and model.accepts(item) is None][:40]
    return items, np.array([MOLECULES.compute(item, ["QED"])["QED"] for item in items])
