"""sketch-rnn: the density of a sketch, and what the model draws."""

import math

import pytest
import torch

from molvae.core.distributions import Likelihood
from molvae.core.evaluate import evaluate_bounds
from molvae.core.pretrained import load_model
from molvae.core.training import ObjectiveConfig, vae_objective
from molvae.errors import ConfigError, InputError
from molvae.images.sketch_batches import in_order, padded
from molvae.images.sketch_pictures import beginnings
from molvae.images.sketch_vae import SketchVAE, SketchVAEConfig, five
from molvae.images.sketches import Sketches, load_sketches

LATENT = 4


@pytest.fixture(scope="module")
def data() -> Sketches:
    return load_sketches("scribbles").train[:12]


def make(latent_size: int = LATENT) -> SketchVAE:
    torch.manual_seed(0)
    config = SketchVAEConfig(latent_size=latent_size, encoder_size=8, decoder_size=16, components=3)
    return SketchVAE(config, scale=20.0, max_length=23).eval()


def test_the_density_is_the_product_of_places_and_pens(data):
    """Worked out one point after another, with torch's own distributions."""
    model, sketch = make(), data[:1]
    z = torch.randn(1, 1, LATENT, generator=torch.Generator().manual_seed(0))
    points = sketch.points / torch.tensor([20.0, 20.0, 1.0])
    decoder = model.decoder
    inputs = five(torch.cat([torch.zeros(1, 3), points])).unsqueeze(1)
    with torch.no_grad():
        mixture, log_pen = decoder.next_points(z[0], inputs)
    total = 0.0
    for step, (x, y, lifted) in enumerate(points.tolist()):
        parts = []
        for m in range(3):
            s, r = mixture.log_sigma[step, 0, m].exp(), mixture.correlation[step, 0, m]
            covariance = torch.stack(
                [torch.stack([s[0] ** 2, r * s[0] * s[1]]), torch.stack([r * s[0] * s[1], s[1] ** 2])]
            )
            normal = torch.distributions.MultivariateNormal(mixture.mu[step, 0, m], covariance)
            parts.append(mixture.log_weight[step, 0, m] + normal.log_prob(torch.tensor([x, y])))
        total += float(torch.logsumexp(torch.stack(parts), 0) + log_pen[step, 0, int(lifted)])
    total += float(log_pen[len(points), 0, 2])
    px: Likelihood = model.likelihood(z, None)
    assert px.log_prob(padded(sketch, 20.0)).item() == pytest.approx(total, abs=1e-2)


def test_a_sketch_does_not_depend_on_those_beside_it(data):
    model = make()
    together = padded(data, 20.0)
    z = torch.randn(2, len(data), LATENT, generator=torch.Generator().manual_seed(0))
    log_p, codes = model.likelihood(z, together).log_prob(together), model.posterior(together).mean
    assert log_p.shape == (2, len(data))
    for row in (0, 5, 11):
        alone = padded(data[row : row + 1], 20.0)
        torch.testing.assert_close(model.likelihood(z[:, row : row + 1], alone).log_prob(alone)[:, 0], log_p[:, row])
        torch.testing.assert_close(model.posterior(alone).mean[0], codes[row])


def test_a_handful_of_sketches_is_learned_and_drawn_again(data):
    model, batch = make().train(), padded(data[:4], 20.0)
    objective = vae_objective(ObjectiveConfig(name="reconstruction"))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    values = []
    for step in range(120):
        value = objective(model, batch, step, torch.Generator().manual_seed(step))[0].mean()
        optimizer.zero_grad()
        (-value).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 20)
        optimizer.step()
        values.append(value.item())
    assert values[-1] > values[0] + 20
    drawn, ended = model.eval().decode(model.encode(data[:4]), temperature=0.0)
    assert ended.any() and (drawn.lengths[ended] - data[:4].lengths[ended]).abs().float().median() <= 3


def test_without_a_code_the_bound_is_the_likelihood_itself(data):
    model = make(0)
    bounds = evaluate_bounds(model, in_order(data, 20.0, 5))
    assert bounds["kl"] == 0 and bounds["active_units"] == 0 and bounds["elbo"] == bounds["reconstruction"]
    assert model.encode(data).shape == (len(data), 0)
    drawn, ended = model.sample(3, 1.0, torch.Generator().manual_seed(0))
    assert len(drawn) == 3 and ended.shape == (3,) and drawn.lengths.max() <= 23
    with pytest.raises(ConfigError, match="nothing to interpolate"):
        model.interpolate(data[:2])


def test_draws_repeat_with_the_seed_and_end_within_the_longest(data):
    model = make()
    one, ended = model.sample(6, 1.0, torch.Generator().manual_seed(1))
    again, _ = model.sample(6, 1.0, torch.Generator().manual_seed(1))
    assert torch.equal(one.points, again.points)
    assert (one.lengths[~ended] == 23).all() and (one.lengths >= 1).all()
    assert one.points[one.lengths.cumsum(0) - 1, 2].all()
    px = model.likelihood(torch.zeros(1, 2, LATENT), None)
    assert len(px.mode[0]) == len(px.sample(torch.Generator().manual_seed(0))[0]) == 2


@pytest.mark.parametrize("latent_size", [0, LATENT])
def test_a_completion_begins_with_what_is_given(data, latent_size):
    begun = beginnings(data, 0.5)
    drawn, _ = make(latent_size).complete(begun, 0.5, torch.Generator().manual_seed(0), candidates=4)
    for given, whole in zip(begun.split(), drawn.split(), strict=True):
        assert len(whole) >= len(given)
        torch.testing.assert_close(whole[: len(given), :2], given[:, :2], atol=1e-3, rtol=1e-4)
        assert torch.equal(whole[: len(given) - 1, 2], given[:-1, 2])


def test_the_code_of_a_completion_is_one_that_explains_what_is_there(data):
    """Candidates are weighed by the density of the beginning: the density of the drawn one is above the average."""
    model, begun = make(), beginnings(data, 0.5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # codes matter
    batch = padded(begun, 20.0)
    z = torch.randn(16, len(data), LATENT, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        log_p = model._log_density_so_far(z, batch)
    assert log_p.shape == (16, len(data)) and torch.isfinite(log_p).all()
    weighed = (log_p.softmax(0) * log_p).sum(0)
    assert (weighed > log_p.mean(0)).all() and math.isfinite(float(weighed.sum()))


def test_a_path_goes_through_its_sketches(data):
    drawn, ended = make().interpolate(data[:3], 4, generator=torch.Generator().manual_seed(0))
    assert len(drawn) == len(ended) == 2 * 3 + 1
    with pytest.raises(InputError, match="at least two sketches"):
        make().interpolate(data[:1])
    with pytest.raises(ConfigError, match="steps is at least 2"):
        make().interpolate(data[:2], 1)
    with pytest.raises(ConfigError, match="a temperature is from 0 to 10"):
        make().sample(1, -1.0)


def test_a_model_folder_brings_its_units_with_it(data, tmp_path):
    model = make()
    model.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, "cpu")
    assert isinstance(loaded, SketchVAE) and (loaded.scale, loaded.max_length) == (20.0, 23)
    assert torch.equal(loaded.encode(data), model.encode(data))
