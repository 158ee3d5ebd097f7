"""Predictions come in the user's units, with an uncertainty that is learnt."""

import numpy as np
import torch

from molvae.core.candidates import Prediction
from molvae.molecules.predictor import PropertyPredictor, absolute_errors


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


def test_absolute_errors_pass_over_what_is_unknown():
    predicted = Prediction(("a", "b"), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.ones(2, 2))
    known = np.array([[0.0, np.nan], [6.0, 4.5]], np.float32)
    assert absolute_errors(predicted, known) == {"a_mae": 2.0, "b_mae": 0.5}


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


def test_calibrated_intervals_hold_what_they_say():
    """The network says 1 everywhere; errors are of 3, and one in fifty is gross, which must not widen the interval."""
    generator = torch.Generator().manual_seed(0)
    z, y = torch.randn(5000, 2, generator=generator), 3 * torch.randn(5000, 2, generator=generator)
    y[::50, 0], y[:, 1] = 1000, float("nan")
    predictor = PropertyPredictor(2, ("a", "never measured"), hidden_size=4)
    for weight in predictor.layers.parameters():
        weight.data.zero_()
    before = predictor.log_prob(z.unsqueeze(0), y)
    predictor.calibrate(z, y)
    prediction = predictor(z)
    covered = ((y - prediction.mean).abs() < prediction.std)[:, 0].float().mean()
    assert abs(covered - 0.683) < 0.001 and 2.9 < prediction.std[0, 0] < 3.2
    assert prediction.std[0, 1] == 1
    # what is trained is the likelihood of the network itself
    assert torch.equal(predictor.log_prob(z.unsqueeze(0), y), before)


def test_weights_of_before_there_was_a_calibration_still_load():
    old = {name: value for name, value in PropertyPredictor(2, ("MW",)).state_dict().items() if name != "calibration"}
    predictor = PropertyPredictor(2, ("MW",))
    predictor.calibration.fill_(7)
    predictor.load_state_dict(old)
    assert predictor.calibration.tolist() == [1]
