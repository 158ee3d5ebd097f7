"""Predictions come in the user's units, with an uncertainty that is learnt."""

import torch

from molvae.molecules.predictor import PropertyPredictor


def test_scaling_travels_with_the_weights():
    predictor = PropertyPredictor(2, ("MW",), hidden_size=4)
    predictor.set_scaling(torch.tensor([[300.0], [400.0], [float("nan")]]))
    copy = PropertyPredictor(2, ("MW",), hidden_size=4)
    copy.load_state_dict(predictor.state_dict())
    assert copy.location.item() == 350 and copy.scale.item() == 50
    z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(copy(z).mean, predictor(z).mean)


def test_an_unknown_property_contributes_nothing():
    predictor = PropertyPredictor(2, ("a", "b"), hidden_size=4)
    z = torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(0))
    one = predictor.log_prob(z, torch.tensor([[1.0, float("nan")]] * 3))
    whole = predictor.log_prob(z, torch.tensor([[1.0, 2.0]] * 3))
    assert torch.isfinite(one).all() and (one != whole).all()
    assert predictor.log_prob(z, torch.full((3, 2), float("nan"))).tolist() == [0, 0, 0]


def test_learns_mean_and_noise_in_real_units():
    """y = 100 + 20 z + noise of 5: a fit must find both."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2000, 1, generator=generator)
    y = 100 + 20 * z + 5 * torch.randn(2000, 1, generator=generator)
    torch.manual_seed(0)
    predictor = PropertyPredictor(1, ("y",), hidden_size=16)
    predictor.set_scaling(y)
    optimizer = torch.optim.Adam(predictor.parameters(), lr=1e-2)
    for _ in range(300):
        optimizer.zero_grad()
        (-predictor.log_prob(z.unsqueeze(0), y).mean()).backward()
        optimizer.step()
    prediction = predictor(torch.tensor([[0.0], [1.0]]))
    assert prediction.names == ("y",)
    torch.testing.assert_close(prediction.mean[:, 0], torch.tensor([100.0, 120.0]), atol=1.5, rtol=0)
    torch.testing.assert_close(prediction.std[:, 0], torch.tensor([5.0, 5.0]), atol=1.0, rtol=0)
