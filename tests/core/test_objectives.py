"""The bounds, checked on a linear-Gaussian model whose log p(x) is known in closed form."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from molvae.core.distributions import DiagonalGaussian, Gaussian
from molvae.core.evaluate import active_units, evaluate_bounds
from molvae.core.heads import DiagonalGaussianHead
from molvae.core.objectives import (
    OBJECTIVES,
    elbo,
    free_bits,
    info_vae,
    iwae,
    leave_one_out,
    mmd_of_classes,
    mmd_to_standard_normal,
    population,
    population_kl,
    sampled_elbo,
    score_function,
    total_free_bits,
)
from molvae.core.priors import GaussianPrior, StandardNormal
from molvae.core.terms import Terms
from molvae.core.training import ObjectiveConfig, sleep
from molvae.core.vae import VAE
from molvae.errors import ConfigError

NOISE = 0.5  # p(x|z) = N(z, NOISE^2), p(z) = N(0, 1), so p(x) = N(0, 1 + NOISE^2)


class ScaledEncoder(nn.Module):
    """q(z|x) = the true posterior, its mean shifted by ``error``."""

    def __init__(self, error: float) -> None:
        super().__init__()
        self.error = error

    def forward(self, x: torch.Tensor) -> DiagonalGaussian:
        variance = torch.tensor(NOISE**2 / (1 + NOISE**2))
        return DiagonalGaussian(x / (1 + NOISE**2) + self.error, variance.log().expand_as(x))


class IdentityDecoder(nn.Module):
    def forward(self, z: torch.Tensor) -> Gaussian:
        return Gaussian(z, torch.tensor(NOISE**2).log())


def linear_gaussian(error: float = 0.0) -> VAE:
    return VAE(ScaledEncoder(error), StandardNormal(1), IdentityDecoder())


def true_log_p(x: torch.Tensor) -> torch.Tensor:
    return torch.distributions.Normal(0.0, (1 + NOISE**2) ** 0.5).log_prob(x).sum(-1)


X = torch.tensor([[0.3], [-1.2], [2.0]])


def terms(error: float, samples: int) -> Terms:
    return linear_gaussian(error).terms(X, samples, torch.Generator().manual_seed(0))


def test_with_the_true_posterior_every_bound_is_tight():
    tight = terms(0.0, 4)
    torch.testing.assert_close(iwae(tight), true_log_p(X))
    torch.testing.assert_close(elbo(terms(0.0, 20_000)), true_log_p(X), atol=0.02, rtol=0)


def test_elbo_is_below_iwae_is_below_log_p():
    loose = terms(0.4, 5_000)
    assert (elbo(loose) < iwae(loose)).all()
    torch.testing.assert_close(iwae(loose), true_log_p(X), atol=0.05, rtol=0)
    # the gap of the ELBO is KL(q || true posterior) = error^2 / (2 variance)
    gap = 0.4**2 / (2 * NOISE**2 / (1 + NOISE**2))
    torch.testing.assert_close(true_log_p(X) - elbo(loose), torch.full((3,), gap), atol=0.05, rtol=0)


def test_one_sample_iwae_is_the_sampled_elbo():
    one = terms(0.4, 1)
    torch.testing.assert_close(iwae(one), sampled_elbo(one))


def test_beta_weighs_the_kl_alone():
    some = terms(0.4, 3)
    torch.testing.assert_close(elbo(some, 1.0) - elbo(some, 0.25), -0.75 * some.kl)


def test_active_units_count_the_dimensions_that_say_something():
    means = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.0, 0.5])
    assert active_units(means) == 2


def test_evaluate_bounds_weighs_batches_by_their_size():
    model = linear_gaussian()
    whole = evaluate_bounds(model, [X], samples=2_000)
    parts = evaluate_bounds(model, [X[:2], X[2:]], samples=2_000)
    assert abs(whole["elbo"] - parts["elbo"]) < 0.05
    assert abs(whole["nll"] + true_log_p(X).mean().item()) < 1e-4


NO_BOUNDS = ("reconstruction", "free_bits", "total_free_bits", "info_vae", "wake_sleep", "population")


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name not in NO_BOUNDS])
def test_every_bound_is_a_bound(name):
    """On average over many samples no registered bound exceeds log p(x); what is no bound is named above."""
    value = OBJECTIVES[name](terms(0.4, 20_000), 1.0)
    assert value.shape == (3,)
    assert (value <= true_log_p(X) + 0.02).all()


def test_sampled_and_closed_form_elbo_agree_on_average():
    many = terms(0.4, 50_000)
    torch.testing.assert_close(sampled_elbo(many), elbo(many), atol=0.02, rtol=0)


def test_the_whole_code_may_use_its_nats_for_nothing_on_average():
    some = terms(0.4, 3)
    mean = some.kl.mean()
    plain = some.log_px.mean(0) - 0.5 * mean
    torch.testing.assert_close(total_free_bits(some, 0.5, floor=float(mean) / 2), plain)
    torch.testing.assert_close(total_free_bits(some, 0.5, floor=float(mean) + 3), plain - 0.5 * 3)
    config = ObjectiveConfig(name="total_free_bits", free_bits=float(mean) + 3)
    torch.testing.assert_close(config.bound(some, 0.5), plain - 0.5 * 3)


def test_free_bits_let_a_dimension_use_its_nats_for_nothing():
    some = terms(0.4, 3)
    kl = some.kl.mean()
    torch.testing.assert_close(free_bits(some, 1.0, floor=0.0), some.log_px.mean(0) - kl)
    torch.testing.assert_close(free_bits(some, 1.0, floor=9.0), some.log_px.mean(0) - 9.0)


def codes(z: torch.Tensor) -> Terms:
    """Terms of which only the codes z (B, D) matter."""
    q = DiagonalGaussian(z, torch.zeros_like(z))
    zeros = torch.zeros(1, len(z))
    prior = StandardNormal(z.shape[1])
    return Terms(zeros, zeros, zeros, zeros[0], q, prior, None, z.unsqueeze(0))


def test_the_mmd_is_that_of_many_draws_of_the_prior():
    generator = torch.Generator().manual_seed(0)
    z = 0.5 + 2 * torch.randn(200, 3, generator=generator)
    draws = torch.randn(4000, 3, generator=generator)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.exp(-torch.cdist(a, b).square() / (2 * 3))

    among = (kernel(z, z).sum() - len(z)) / (len(z) * (len(z) - 1))
    other = (kernel(draws, draws).sum() - len(draws)) / (len(draws) * (len(draws) - 1))
    expected = among - 2 * kernel(z, draws).mean() + other
    torch.testing.assert_close(mmd_to_standard_normal(codes(z)), expected, atol=5e-3, rtol=0)


def test_info_vae_wants_the_codes_of_a_batch_to_look_like_the_prior():
    generator = torch.Generator().manual_seed(1)
    like = torch.randn(300, 4, generator=generator)
    values = [info_vae(codes(z)).mean().item() for z in (like, 3 * like, 0.1 * like, like + 2)]
    assert values[0] == max(values) and values[0] == pytest.approx(0, abs=0.5)
    with pytest.raises(ConfigError, match="two examples"):
        info_vae(codes(like[:1]))


def many_posteriors() -> Terms:
    """A batch of a hundred different posteriors of three dimensions, of which only q and p matter."""
    generator = torch.Generator().manual_seed(0)
    mu, log_var = torch.randn(2, 100, 3, generator=generator, dtype=torch.float64)
    return replace(codes(mu), q=DiagonalGaussian(0.3 + mu, log_var - 1))


def test_the_population_kl_is_of_the_moments_of_all_posteriors_together():
    some = many_posteriors()
    pop, ind = population_kl(some)
    draws = some.q.rsample(20_000, torch.Generator().manual_seed(1)).flatten(0, 1)
    moments = DiagonalGaussian(draws.mean(0, keepdim=True), draws.var(0, keepdim=True).log())
    assert pop.item() == pytest.approx(StandardNormal(3).kl_from(moments).item(), abs=2e-3)
    narrow = DiagonalGaussian(torch.zeros_like(some.q.mu), some.q.log_var)
    torch.testing.assert_close(ind, StandardNormal(3).kl_from(narrow))


def test_the_elbo_has_the_kl_of_each_posterior_from_the_population_where_this_objective_has_that_of_its_variances():
    """KL(q_i || N(0, I)) = KL(q_i || N(m, v)) + KL(N(m, v) || N(0, I)) on average over the batch: exactly."""
    some = many_posteriors()
    pop, ind = population_kl(some)
    variance = some.q.log_var.exp()
    mean = some.q.mu.mean(0)
    spread = (variance + (some.q.mu - mean) ** 2).mean(0)
    whole = StandardNormal(3).kl_from(some.q).mean()
    torch.testing.assert_close(whole, pop + GaussianPrior(mean, spread.log()).kl_from(some.q).mean())
    gap = 0.5 * (spread.log() + 1 - variance.mean(0)).sum()
    torch.testing.assert_close(whole, pop + ind.mean() + gap)


def test_the_population_objective_weighs_its_two_parts():
    some = replace(many_posteriors(), log_px=torch.zeros(1, 100, dtype=torch.float64))
    pop, ind = population_kl(some)
    torch.testing.assert_close(population(some, 0.5, 3.0), -0.5 * (pop + 3.0 * ind))
    config = ObjectiveConfig(name="population", individual=3.0)
    torch.testing.assert_close(config.bound(some, 0.5), population(some, 0.5, 3.0))
    with pytest.raises(ConfigError, match="needs the posterior diagonal_gaussian"):
        population(replace(some, p=GaussianPrior(torch.zeros(3), torch.zeros(3))))


class LearnableModel(VAE):
    """The linear-Gaussian model with a shift of q and a scale of p to learn."""

    def __init__(self) -> None:
        super().__init__(ScaledEncoder(0.0), StandardNormal(1), IdentityDecoder())
        self.shift = nn.Parameter(torch.tensor(0.3))
        self.scale = nn.Parameter(torch.tensor(0.8))

    def posterior(self, x):
        q = self.encoder(x)
        return DiagonalGaussian(q.mu + self.shift, q.log_var)

    def likelihood(self, z, x):
        return self.decoder(self.scale * z)


def gradients(surrogate, samples: int, reparameterised: bool) -> torch.Tensor:
    model = LearnableModel()
    found = model.terms(X, samples, torch.Generator().manual_seed(0), reparameterised=reparameterised)
    return torch.stack(torch.autograd.grad(surrogate(found).mean(), [model.shift, model.scale]))


def test_score_function_and_reparameterised_gradients_have_the_same_mean():
    reference = gradients(sampled_elbo, 100_000, reparameterised=True)
    plain = gradients(score_function, 100_000, reparameterised=False)
    lower_noise = gradients(lambda t: score_function(t, leave_one_out(t)), 100_000, reparameterised=False)
    torch.testing.assert_close(plain, reference, atol=0.05, rtol=0)
    torch.testing.assert_close(lower_noise, reference, atol=0.05, rtol=0)


def test_the_value_of_the_score_function_surrogate_is_the_sampled_elbo():
    some = terms(0.4, 5)
    torch.testing.assert_close(score_function(some), sampled_elbo(some))
    torch.testing.assert_close(score_function(some, leave_one_out(some)), sampled_elbo(some))


@pytest.mark.parametrize("samples", [1, 5])
def test_the_registered_score_function_warms_up_like_the_sampled_bound(samples):
    some = terms(0.4, samples)
    torch.testing.assert_close(OBJECTIVES["score_function"](some, 0.3), sampled_elbo(some, 0.3))


def test_a_leave_one_out_baseline_does_not_contain_its_own_sample():
    some = terms(0.4, 3)
    f = some.log_px + some.log_pz - some.log_qz
    torch.testing.assert_close(leave_one_out(some)[0], (f[1] + f[2]) / 2)
    with pytest.raises(ConfigError, match="two samples"):
        leave_one_out(terms(0.4, 1))


def test_asleep_the_encoder_finds_the_posterior_of_what_the_model_makes_up():
    """It minimises KL(p(z|x) || q(z|x)) over the model's own examples, which is zero at the true posterior."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(1, 2), DiagonalGaussianHead(1))
    model, generator = VAE(encoder, StandardNormal(1), IdentityDecoder()), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(encoder.parameters(), 0.03)
    for _ in range(400):
        loss = -sleep(model, torch.zeros(500, 1), generator).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found, true = model.posterior(X), ScaledEncoder(0.0)(X)
    torch.testing.assert_close(found.mean, true.mean, atol=0.05, rtol=0)
    torch.testing.assert_close(found.log_var, true.log_var, atol=0.1, rtol=0)


def test_the_discrepancy_of_classes_is_that_of_the_codes_of_each():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(60, 2, generator=generator)
    z[:20] += 2  # a class that lies elsewhere
    labels = torch.tensor([0] * 20 + [1] * 40)
    one_hot = torch.eye(2)[labels]
    apart, spread = mmd_to_standard_normal(codes(z[:20])), mmd_to_standard_normal(codes(z[20:]))
    torch.testing.assert_close(mmd_of_classes(codes(z), one_hot), apart / 3 + spread * 2 / 3)
    assert apart > 0.1 > spread.abs()
    whole = torch.cat([torch.ones(60, 1), torch.zeros(60, 1)], 1)  # a class that does not occur counts for nothing
    torch.testing.assert_close(mmd_of_classes(codes(z), whole), mmd_to_standard_normal(codes(z)))
    each = z.expand(2, 60, 2)  # encoded once for each class
    nothing = torch.zeros(1, 2, 60)
    every = Terms(nothing, nothing, nothing, nothing[0], codes(z).q, codes(z).p, None, each.unsqueeze(0))
    torch.testing.assert_close(mmd_of_classes(every, one_hot), mmd_of_classes(codes(z), one_hot))
