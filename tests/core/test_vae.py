"""The terms of a VAE whose prior depends on the input, and of one whose code is a set: the core stays as it is."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from molvae.core.distributions import Bernoulli, Gaussian
from molvae.core.evaluate import active_units, evaluate_bounds, importance_log_likelihood, prior_log_likelihood
from molvae.core.heads import LIKELIHOODS, POSTERIORS
from molvae.core.objectives import OBJECTIVES, elbo
from molvae.core.priors import PRIORS, GaussianPrior, StandardNormal
from molvae.core.sampling import fitted_gaussian, interpolate
from molvae.core.vae import VAE

NOISE = 0.5


@dataclass(frozen=True)
class Pair:
    """x is to be predicted from y: both (B, 1)."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device) -> "Pair":
        return Pair(self.x.to(device), self.y.to(device))


class Conditional(VAE):
    """p(z|y) = N(y, 1), p(x|z) = N(z, NOISE^2): so p(x|y) = N(y, 1 + NOISE^2); q is the true posterior, a bit wider."""

    def __init__(self) -> None:
        super().__init__(POSTERIORS["diagonal_gaussian"](1), StandardNormal(1), nn.Identity())

    def posterior(self, x: Pair):
        gain = 1 / (1 + NOISE**2)
        log_var = torch.full_like(x.x, NOISE**2 * gain * 1.5).log()
        return self.encoder(torch.cat([x.y + gain * (x.x - x.y), log_var], -1))

    def prior_for(self, x: Pair) -> GaussianPrior:
        return GaussianPrior(x.y, torch.zeros_like(x.y))

    def likelihood(self, z: Tensor, x: Pair) -> Gaussian:
        return Gaussian(z, torch.tensor(NOISE**2).log())

    def target(self, x: Pair) -> Tensor:
        return x.x


def test_a_conditional_prior_is_used_by_terms_and_evaluators():
    batch = Pair(torch.tensor([[0.3], [-1.0], [4.0]]), torch.tensor([[1.0], [-2.0], [3.5]]))
    truth = torch.distributions.Normal(batch.y, (1 + NOISE**2) ** 0.5).log_prob(batch.x).sum(-1)
    model = Conditional()
    terms = model.terms(batch, 50_000, torch.Generator().manual_seed(0))
    assert terms.p.event_shape == (1,) and terms.kl.shape == (3,)
    gap = truth - elbo(terms)  # KL(q || true posterior) of a variance 1.5 times too large
    torch.testing.assert_close(
        gap, torch.full((3,), 0.5 * (1.5 - 1 - torch.tensor(1.5).log().item())), atol=0.02, rtol=0
    )
    found = importance_log_likelihood(model, [batch], 10_000)
    torch.testing.assert_close(found.values, truth, atol=0.02, rtol=0)
    prior = prior_log_likelihood(model, batch, 100_000, (100_000,), chunk=10_000)
    torch.testing.assert_close(prior[0], truth, atol=0.05, rtol=0)


SLOTS, WIDTH = 3, 2


class SlotDecoder(nn.Module):
    """Every slot adds its part to the picture, whatever its place: z (S, B, K D) is a set of K slots of D numbers."""

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.event_shape = event_shape
        self.layer = nn.Linear(event_shape[-1], 8)

    def forward(self, z: Tensor) -> Bernoulli:
        return Bernoulli(self.layer(z.unflatten(-1, self.event_shape)).sum(-2))


@pytest.mark.parametrize("posterior", ["diagonal_gaussian", "point_mass"])
@pytest.mark.parametrize("prior", ["standard_normal", "learned_gaussian"])
def test_a_set_of_slots_goes_through_objectives_evaluators_and_samplers(posterior, prior):
    torch.manual_seed(0)
    head = POSTERIORS[posterior](SLOTS, WIDTH)
    p = PRIORS[prior](SLOTS, WIDTH)
    model = VAE(nn.Sequential(nn.Linear(8, head.outputs), head), p, SlotDecoder(p.event_shape))
    x = (torch.rand(20, 8) < 0.5).float()
    terms = model.terms(x, 4, torch.Generator().manual_seed(0))
    assert terms.q.event_shape == terms.p.event_shape == (SLOTS, WIDTH) and model.latent_size == SLOTS * WIDTH
    assert terms.z.shape == (4, 20, SLOTS * WIDTH) and terms.kl.shape == (20,)
    for name, objective in OBJECTIVES.items():
        if name in ("info_vae", "population") and prior != "standard_normal":
            continue  # their distances have a closed form for that prior only
        if (posterior, name) == ("point_mass", "population"):
            continue  # a point has no variance
        if (posterior, name) != ("point_mass", "free_bits"):
            assert objective(terms, 1.0).shape == (20,)
    bounds = evaluate_bounds(model, [x[:15], x[15:]])
    assert bounds["active_units"] == active_units(terms.q.mean) <= SLOTS * WIDTH
    codes = terms.q.mean.detach()
    path = interpolate(codes[0], codes[1], torch.linspace(0, 1, 4))
    more = fitted_gaussian(codes, 5, torch.Generator().manual_seed(0))
    assert model.decoder(torch.cat([path, more, p.sample((6,))]).unsqueeze(0)).mean.shape == (1, 15, 8)
    shuffled = codes.unflatten(-1, (SLOTS, WIDTH)).flip(-2).flatten(-2)
    torch.testing.assert_close(model.decoder(shuffled.unsqueeze(0)).logits, model.decoder(codes.unsqueeze(0)).logits)


def test_without_a_closed_form_the_kl_is_that_of_the_samples():
    head = POSTERIORS["full_gaussian"](2)
    encoder = nn.Sequential(nn.Linear(8, head.outputs), head)
    model = VAE(encoder, PRIORS["learned_gaussian"](2), nn.Sequential(nn.Linear(2, 8), LIKELIHOODS["bernoulli"]()))
    terms = model.terms(torch.ones(7, 8), 3)
    assert terms.p.kl_from(terms.q) is None
    torch.testing.assert_close(terms.kl, (terms.log_qz - terms.log_pz).mean(0))
