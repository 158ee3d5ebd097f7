"""Published optimisers: where they look, and that training the autoencoder on does what it is for."""

import numpy as np
import pytest
import torch

from molvae.chemistry.properties import compute_many
from molvae.design.campaign import Campaign
from molvae.design.latent_space import LatentSpace
from molvae.design.settings import CampaignConfig
from molvae.design.start import nci_molecules
from molvae.design.strategies.base import Outcome
from molvae.design.strategies.literature import (
    PointSearch,
    RetrainedSearch,
    SubspaceSearch,
    gaussian_process_loss,
    triplet_loss,
)
from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import silent


def config(**search: object) -> CampaignConfig:
    return CampaignConfig.create({"search": {"candidates": 50, **search}})


@pytest.fixture(scope="module")
def model() -> MoleculeVAE:
    return MoleculeVAE.from_pretrained("zinc250k", "cpu")


@pytest.fixture(scope="module")
def start(model) -> tuple[list[str], np.ndarray]:
    smiles = nci_molecules()["smiles"].tolist()[:80]
    _, held = LatentSpace(model).encode(smiles)
    table = compute_many(list(np.array(smiles)[held][:40]), ("QED",), 1, progress=silent)
    return table["smiles"].tolist(), table["QED"].to_numpy()


def test_the_subspace_search_stays_in_its_subspace_and_finds_its_way_back(model, start):
    search = SubspaceSearch(LatentSpace(model), config())
    search.begin(*start)
    made = search.propose(5, 1, lambda smiles: True)
    z = torch.from_numpy(np.stack([row.z for row in made]))
    assert z.shape == (5, 64)
    torch.testing.assert_close(search.from_search_space(search.to_search_space(z)), z)
    points = search.to_search_space(z)
    assert points.shape == (5, 16) and points.abs().max() < 6  # standard deviations


def test_without_feasibility_every_point_is_as_good(model, start):
    space = LatentSpace(model)
    bad = [Outcome(np.full(64, 0.1 * n), None, np.nan) for n in range(30)]
    asked = {}
    for learns in (False, True):
        search = PointSearch(space, config(region="global", feasibility=learns))
        search.begin(*start)
        search.tell(bad)
        asked[learns] = [row.feasibility for row in search.propose(3, 1, lambda smiles: True)]
    assert asked[False] == [1.0] * 3
    assert max(asked[True]) < 1


@pytest.mark.parametrize("loss", (None, gaussian_process_loss, triplet_loss))
def test_retraining_changes_a_copy_and_encodes_anew(model, start, loss, monkeypatch):
    monkeypatch.setattr(RetrainedSearch, "every", 10)
    monkeypatch.setattr(RetrainedSearch, "steps", 3)
    before = model.fingerprint()
    smiles, utility = start
    search = RetrainedSearch(LatentSpace(model), config(), loss)
    search.begin(smiles[:25], utility[:25])
    outcomes = [Outcome(None, text, value) for text, value in zip(smiles[25:], utility[25:], strict=True)]
    search.tell(outcomes)
    assert model.fingerprint() == before
    assert search.space.model.fingerprint() != before
    places, held = search.space.encode(smiles)
    torch.testing.assert_close(search.search.z, places.double())
    assert held.all() and len(search.propose(4, 1, lambda text: True)) == 4


def test_losses_fall_as_they_should(model, start):
    """Training on the losses alone lowers them: the triplet's, and the process' (whose kernel learns too)."""
    smiles, utility = start
    for loss in (gaussian_process_loss, triplet_loss):
        search = RetrainedSearch(LatentSpace(model), config(), loss)
        dataset, _ = MoleculeDataset.build(smiles, model.vocabulary)
        batch = dataset.batch(np.arange(len(dataset)))
        y = torch.from_numpy((utility - utility.mean()) / utility.std()).float()
        optimizer = torch.optim.Adam([*search.space.model.encoder.parameters(), search.kernel], lr=1e-3)
        values = []
        for _ in range(8):
            value = loss(search, batch, y)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            values.append(value.item())
        assert values[-1] < values[0]


def test_a_campaign_that_retrains_goes_on_after_a_stop_with_the_same_weights(model, tmp_path, monkeypatch):
    monkeypatch.setattr(RetrainedSearch, "every", 6)
    monkeypatch.setattr(RetrainedSearch, "steps", 2)
    settings = {"strategy": "lolbo", "budget": 36, "start_size": 15, "batch": 7, "progress": silent, "num_workers": 0}
    with Campaign(model, folder=tmp_path / "whole", **settings) as whole:
        whole.run()
        expected = whole.store.evaluations()["smiles"].tolist()
        weights = whole.strategy.space.model.fingerprint()
    with Campaign(model, folder=tmp_path / "stopped", **settings) as stopped:
        for _ in range(3):
            stopped.advance()
    with Campaign.resume(tmp_path / "stopped", model, progress=silent) as resumed:
        resumed.run()
        assert resumed.store.evaluations()["smiles"].tolist() == expected
        assert resumed.strategy.space.model.fingerprint() == weights
