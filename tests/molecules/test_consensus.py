"""Which of many decodings a latent point stands for."""

import numpy as np
import pytest
import torch

from molvae.errors import ConfigError
from molvae.molecules.consensus import decode_points
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
    log_q = model.log_posterior(MOLECULES, points[: len(MOLECULES)])
    # by change of variables the density falls from its peak towards a point that is farther off than all encodings
    far = model.log_posterior(MOLECULES, torch.full((len(MOLECULES), 6), 50.0))
    assert torch.isfinite(log_q).all() and (far < log_q).all()
    alone = torch.cat([model.log_posterior([text], z[None]) for text, z in zip(MOLECULES, points, strict=False)])
    torch.testing.assert_close(log_q, alone, rtol=1e-4, atol=1e-3)


def test_a_molecule_that_cannot_be_encoded_has_no_density(model, points):
    log_q = model.log_posterior(["CCO", "[Xe]", "CCO"], points[:3])
    assert torch.isnan(log_q).tolist() == [False, True, False]


def test_the_posterior_orders_the_same_molecules_by_their_density(model, points):
    by_votes = decode_points(model, points, n_decodings=12, choose="votes")
    by_density = decode_points(model, points, n_decodings=12, choose="posterior")
    reordered = 0
    for z, votes, density in zip(points, by_votes, by_density, strict=True):
        names = [option.smiles for option in density.molecules]
        assert sorted(names) == sorted(option.smiles for option in votes.molecules)
        assert [option.votes for option in votes.molecules] == sorted([o.votes for o in votes.molecules], reverse=True)
        log_q = model.log_posterior(names, z.expand(len(names), -1)).nan_to_num(-1e9)
        assert (log_q.diff() <= 1e-3).all()
        reordered += names != [option.smiles for option in votes.molecules]
    assert reordered > 0


def test_rows_stay_in_place_when_a_point_is_not_finite(model, points):
    broken = points.clone()
    broken[3] = torch.nan
    whole, partly = (decode_points(model, z[[2, 3, 4]], n_decodings=1, choose="posterior") for z in (points, broken))
    assert whole[0] == partly[0] and whole[2] == partly[2] and partly[1].error == "the latent point is not finite"


def test_no_decodings_are_refused(model, points):
    with pytest.raises(ConfigError, match="at least 1"):
        decode_points(model, points, n_decodings=0)


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
