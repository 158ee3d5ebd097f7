"""Which of many decodings a latent point stands for."""

import numpy as np
import pytest
import torch

from molvae.errors import ConfigError, InputError
from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.reranking import decode_points
from molvae.molecules.vae import MoleculeVAE

from .conftest import MOLECULES

DRUGS = [
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "COc1ccc2[nH]cc(CCNC(C)=O)c2c1",
    "CN1CCC[C@H]1c1cccnc1",
    "O=C(Nc1ccc(F)cc1)c1ccc(Cl)nc1",
    "COc1cc(Cl)ccc1C(=O)NC1CCN(C)CC1",
    "Cc1nn(C)c(C)c1S(=O)(=O)N1CCOCC1",
    "CC(C)NCC(O)COc1ccccc1CC#N",
    "O=C(c1cccs1)N1CCN(c2ccccn2)CC1",
]


@pytest.fixture
def points():
    return torch.randn(12, 6, generator=torch.Generator().manual_seed(0))


def test_log_posterior_is_the_density_of_the_encoder(model, points):
    """q(u|x) = N(f^-1(u); mu, sigma) |det du/dz|^-1, with the Jacobian of the map f taken numerically."""
    flow = model.decoder.flow
    wanted = []
    for text, u in zip(MOLECULES, points, strict=False):
        q = model.encoder(MoleculeDataset.build([text], model.vocabulary)[0].batch(np.array([0])))
        code = u if flow is None else flow.inverse(u)[0].detach()
        log_det = 0.0
        if flow is not None:
            log_det = torch.linalg.slogdet(torch.autograd.functional.jacobian(lambda z: flow(z)[0], code))[1]
        wanted.append(torch.distributions.Normal(q.mu[0], torch.exp(0.5 * q.log_var[0])).log_prob(code).sum() - log_det)
    log_q = model.log_posterior(MOLECULES, points[: len(MOLECULES)])
    torch.testing.assert_close(log_q, torch.stack(wanted).detach(), rtol=1e-4, atol=1e-3)


def test_log_posterior_wants_as_many_molecules_as_points(model, points):
    for smiles in ("CCO", ["CCO"], ["CCO"] * 4):
        with pytest.raises(InputError, match="points, 3"):
            model.log_posterior(smiles, points[:3])


def test_a_molecule_that_cannot_be_encoded_has_no_density(model, points):
    log_q = model.log_posterior(["CCO", "[Xe]", "CCO"], points[:3])
    assert torch.isnan(log_q).tolist() == [False, True, False]


def test_the_posterior_orders_the_same_molecules_by_their_density(model, points):
    by_votes = decode_points(model, points, n_decodings=12, choose="votes")
    by_density = decode_points(model, points, n_decodings=12, choose="posterior")
    reordered = 0
    for z, votes, density in zip(points, by_votes, by_density, strict=True):
        names = [option.item.smiles for option in density.candidates]
        assert sorted(names) == sorted(option.item.smiles for option in votes.candidates)
        counts = [option.votes for option in votes.candidates]
        assert counts == sorted(counts, reverse=True)
        log_q = model.log_posterior(names, z.expand(len(names), -1)).nan_to_num(-1e9)
        assert (log_q.diff() <= 1e-3).all()
        reordered += names != [option.item.smiles for option in votes.candidates]
    assert reordered > 0


def test_rows_stay_in_place_when_a_point_is_not_finite(model, points):
    points[3] = torch.nan
    decoded = decode_points(model, points, n_decodings=12)
    assert decoded[3].error == "the latent point is not finite" and not decoded[3].candidates
    for z, point in zip(points, decoded, strict=True):
        names = [option.item.smiles for option in point.candidates]
        log_q = model.log_posterior(names, z.expand(len(names), -1)).nan_to_num(-1e9)
        assert (log_q.diff() <= 1e-3).all()


def test_no_decodings_are_refused(model, points):
    with pytest.raises(ConfigError, match="at least 1"):
        decode_points(model, points, n_decodings=0)
    with pytest.raises(ConfigError, match="posterior, votes, not 'best'"):
        decode_points(model, points, choose="best")


def test_the_posterior_rebuilds_more_than_votes_do():
    """The shipped model for trials, draws of z around drugs: what the encoder recognises is more often right."""
    model = MoleculeVAE.from_pretrained("zinc250k-small", device="cpu")
    wanted = np.repeat(DRUGS, 5)
    z = model.encode(wanted.tolist(), sample=True, generator=torch.Generator().manual_seed(0))
    rebuilt = {
        choose: int((model.decode(z, n_decodings=30, choose=choose)["smiles"] == wanted).sum())
        for choose in ("posterior", "votes")
    }
    assert rebuilt["posterior"] > rebuilt["votes"] > 0
