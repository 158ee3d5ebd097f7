"""Training the autoencoder on during the search does what it is for."""

import pytest
import torch

from molvae.design.campaign import Campaign
from molvae.design.strategies.base import Outcome
from molvae.design.strategies.retraining import RetrainedSearch, gaussian_process_loss, triplet_loss
from molvae.run.progress import silent

from .conftest import setup_of


@pytest.mark.parametrize("loss", (None, gaussian_process_loss, triplet_loss))
def test_retraining_changes_a_copy_and_encodes_anew(model, start, loss, monkeypatch):
    monkeypatch.setattr(RetrainedSearch, "every", 10)
    monkeypatch.setattr(RetrainedSearch, "steps", 3)
    before = model.fingerprint()
    items, utility = start
    search = RetrainedSearch(setup_of(model), loss)
    search.begin(items[:25], utility[:25])
    outcomes = [Outcome(None, item, value) for item, value in zip(items[25:], utility[25:], strict=True)]
    search.tell(outcomes)
    assert model.fingerprint() == before
    assert search.space.model.fingerprint() != before
    z, mask = search.space.encode(items)
    torch.testing.assert_close(search.search.z, z.double())
    assert mask.all() and len(search.propose(4, 1, lambda item: True)) == 4


@pytest.mark.parametrize("loss", (gaussian_process_loss, triplet_loss))
def test_losses_fall_as_they_should(model, start, loss):
    """Training on the losses alone lowers them: the triplet's, and the process' (whose kernel learns too)."""
    items, utility = start
    search = RetrainedSearch(setup_of(model), loss)
    batch = search.network.batch(items)
    y = torch.from_numpy((utility - utility.mean()) / utility.std()).float()
    optimizer = torch.optim.Adam([*search.network.encoder.parameters(), search.kernel], lr=1e-3)
    values = []
    for _ in range(8):
        value = loss(search.network.posterior(batch).mean, y, search.kernel)
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
    assert weights != model.fingerprint()
    with Campaign(model, folder=tmp_path / "stopped", **settings) as stopped:
        for _ in range(3):
            stopped.advance()
    with Campaign.resume(tmp_path / "stopped", model, progress=silent) as resumed:
        resumed.run()
        assert resumed.store.evaluations()["smiles"].tolist() == expected
        assert resumed.strategy.space.model.fingerprint() == weights
