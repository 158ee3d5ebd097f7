"""The objective of the training loop: every bound with its schedules and auxiliary terms; initial and best weights."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from molvae.core.categorical import RelaxedCategorical
from molvae.core.checkpoint import load_tensors
from molvae.core.distributions import Bernoulli
from molvae.core.evaluate import evaluate_bounds, importance_log_likelihood, prior_log_likelihood
from molvae.core.fit import FitConfig, fit
from molvae.core.gradients import gradient_moments, reparameterised
from molvae.core.heads import POSTERIORS
from molvae.core.objectives import OBJECTIVES
from molvae.core.priors import PRIORS
from molvae.core.sampling import fitted_gaussian, fitted_mixture, slerp
from molvae.core.schedules import Schedule
from molvae.core.training import BoundValidator, ObjectiveConfig, TrainingConfig, vae_objective
from molvae.core.vae import VAE
from molvae.errors import ConfigError
from molvae.run.progress import silent

from ..other_device import other_device

X = (torch.rand(30, 8, generator=torch.Generator().manual_seed(0)) < 0.5).float()
DISCRETE = {"posterior": "categorical", "prior": "uniform_categorical"}


class Decoder(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(size, 8)

    def forward(self, z: Tensor) -> Bernoulli:
        return Bernoulli(self.layer(z))


class Model(VAE):
    """Eight pixels, six numbers in the code, and a term that wants the first of them to be the number of pixels."""

    def __init__(self, posterior: str = "diagonal_gaussian", prior: str = "standard_normal") -> None:
        torch.manual_seed(0)
        shape = (2, 3) if posterior == "categorical" else (6,)
        head = POSTERIORS[posterior](*shape)
        encoder = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, head.outputs), head)
        super().__init__(encoder, PRIORS[prior](*shape), Decoder(6))

    def auxiliary(self, x: Tensor, z: Tensor) -> dict[str, Tensor]:
        return {"count": -((z[..., 0] - x.sum(-1)) ** 2).mean(0)}


def value(model: VAE, step: int = 0, **settings: object) -> tuple[Tensor, dict[str, Tensor]]:
    objective = vae_objective(ObjectiveConfig.create(settings))
    return objective(model, X, step, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_auxiliary_terms_are_added_to_every_objective_with_their_weights(name):
    model = Model()
    plain, logged = value(model, name=name, samples=3)
    weighted, _ = value(model, name=name, samples=3, weights={"count": 2.5})
    torch.testing.assert_close(weighted, plain + 2.5 * logged["count"])
    later, _ = value(model, 5, name=name, samples=3, weights={"count": [[0, 0.0], [10, 5.0]]})
    torch.testing.assert_close(later, weighted)
    with pytest.raises(ConfigError, match=r"no auxiliary term 'cuont': it has count"):
        value(model, name=name, weights={"cuont": 1.0})


def test_a_share_of_the_objective_predicts_with_draws_of_the_prior():
    """Sohn et al. 2015, eq. 8: from the bound (0) to the Gaussian stochastic network (1)."""
    model = Model(prior="learned_gaussian")
    bound, _ = value(model, samples=4)
    half, logged = value(model, samples=4, prior_share=0.5)
    torch.testing.assert_close(half, 0.5 * bound + 0.5 * logged["predictive"])
    alone, _ = value(model, samples=4, prior_share=1.0)
    (gradient,) = torch.autograd.grad(alone.sum(), model.prior.mu)
    assert (gradient != 0).any()  # the prior learns what to draw
    seen = vae_objective(ObjectiveConfig(prior_share=1.0, samples=4000))(model, X, 0, torch.Generator())[0].mean()
    mean = model.predictive(X, 4000, torch.Generator().manual_seed(1)).mean()
    torch.testing.assert_close(seen, mean, atol=0.05, rtol=0)


def test_awake_the_decoder_learns_and_asleep_the_encoder():
    """Hinton et al. 1995: neither phase has a gradient for the other network."""
    model = Model(prior="learned_gaussian")
    total, logged = value(model, name="wake_sleep", samples=2)
    asleep = torch.autograd.grad(logged["sleep"].sum(), model.parameters(), retain_graph=True, allow_unused=True)
    awake = torch.autograd.grad((total - logged["sleep"]).sum(), model.parameters(), allow_unused=True)
    for (name, _), of_sleep, of_wake in zip(model.named_parameters(), asleep, awake, strict=True):
        assert (of_sleep is not None) == name.startswith("encoder"), name
        assert (of_wake is not None and bool((of_wake != 0).any())) != name.startswith("encoder"), name


def test_a_model_that_cannot_make_up_its_data_says_so():
    with pytest.raises(ConfigError, match="another objective than wake_sleep"):
        Model().dream(("tokens", X))


@pytest.mark.parametrize("name", ["elbo", "iwae", "reconstruction"])
def test_held_out_predictions_decide_on_the_best_weights_of_a_hybrid(name):
    batches = [X[:10], X[10:]]
    config = TrainingConfig.create({"objective": {"name": name, "samples": 3, "prior_share": 0.25}})
    found = BoundValidator(config, batches)(Model().eval(), 0)
    bounds = {"elbo": found["elbo"], "reconstruction": found["reconstruction"]}
    bound = bounds[name] if name in bounds else -found["nll"]
    assert found["objective"] == pytest.approx(0.75 * bound + 0.25 * found["predictive"])


def test_the_kl_weight_follows_its_schedule():
    model, beta = Model(), {"kind": "linear", "value": 0.5, "steps": 10}
    for step, expected in ((0, 0.0), (5, 0.25), (20, 0.5)):
        total, logged = value(model, step, beta=beta)
        torch.testing.assert_close(total, logged["reconstruction"] - expected * logged["kl"])
        assert float(logged["beta"]) == expected


def test_what_is_perturbed_is_decoded_and_every_other_term_is_of_z():
    config, model = ObjectiveConfig(), Model()

    def blind(step, generator):
        return None if step == 0 else torch.zeros_like

    first, second = (
        vae_objective(config, blind)(model, X, step, torch.Generator().manual_seed(0))[1] for step in (0, 1)
    )
    assert not torch.allclose(first["reconstruction"], second["reconstruction"])
    assert torch.equal(first["kl"], second["kl"]) and torch.equal(first["count"], second["count"])


def test_the_temperature_anneals_with_the_step_and_evaluation_is_hard():
    """The schedule is the objective's; the model never knows of it."""
    model = Model(**DISCRETE)
    tau = Schedule(kind="exponential", rate=0.1, floor=0.5)
    config = ObjectiveConfig(temperature=tau)
    q = model.posterior(X)
    for step, temperature in ((0, 1.0), (3, 0.740818), (1000, 0.5)):
        relaxed = config.posterior(q, step)
        assert isinstance(relaxed, RelaxedCategorical) and relaxed.temperature == pytest.approx(temperature)
        assert float(value(model, step, temperature=tau)[1]["temperature"]) == pytest.approx(temperature)
    drawn = model.terms(X, 2).z
    assert set(drawn.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": {"kind": "exponential", "rate": 0.01, "floor": 0.5}},
        {"temperature": 0.5, "straight_through": True},
        {"straight_through": True},
        {"name": "score_function", "samples": 8},
        {"temperature": 0.7, "name": "free_bits", "free_bits": 0.2},
    ],
    ids=["Gumbel-softmax", "straight-through Gumbel", "straight-through", "score function", "free bits"],
)
def test_discrete_codes_learn_by_every_estimator(settings):
    model = Model(**DISCRETE)
    x = torch.eye(8)[torch.arange(60) % 4]  # four patterns, so four of the nine codes are worth having
    before = evaluate_bounds(model, [x], samples=100)
    objective = vae_objective(ObjectiveConfig.create(settings))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for step in range(300):
        optimizer.zero_grad()
        (-objective(model, x, step, torch.Generator().manual_seed(step))[0].mean()).backward()
        optimizer.step()
    after = evaluate_bounds(model, [x], samples=100)
    assert after["elbo"] > before["elbo"] + 2 and after["active_units"] >= 3
    assert after["nll"] <= -after["elbo"] + 1e-3  # hard codes: a bound again


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (DISCRETE, {}, "have no gradient: set objective.temperature"),
        ({}, {"straight_through": True}, "for a categorical posterior"),
        ({}, {"temperature": 0.5}, "for a categorical posterior"),
        (DISCRETE, {"temperature": 0.0}, "above 0"),
        ({"posterior": "full_gaussian"}, {"name": "free_bits"}, "independent dimensions"),
        ({}, {"name": "elob"}, "there are elbo, sampled_elbo"),
    ],
)
def test_an_objective_that_does_not_fit_the_model_is_refused(model, settings, message):
    with pytest.raises(ConfigError, match=message):
        value(Model(**model), **settings)


def test_the_best_weights_are_chosen_by_the_objective_with_its_final_kl_weight():
    model = Model().eval()

    def validated(**objective: object) -> dict[str, float]:
        config = TrainingConfig.create({"objective": objective, "fit": FitConfig(seed=3)})
        return BoundValidator(config, [X])(model, 0)

    warm = validated(beta=[[0, 0.0], [100, 0.3]], weights={"count": 1.0})
    assert warm["objective"] == pytest.approx(warm["reconstruction"] - 0.3 * warm["kl"])
    assert validated()["objective"] == pytest.approx(warm["elbo"])
    assert validated(name="reconstruction")["objective"] == warm["reconstruction"]
    tight = validated(name="iwae", samples=50)
    assert tight["objective"] == -tight["nll"] > warm["elbo"]


def test_an_autoencoder_has_no_bound_to_report():
    model = Model("point_mass")
    assert set(evaluate_bounds(model, [X], samples=3)) == {"reconstruction", "active_units"}
    _, logged = value(model, name="reconstruction")
    assert "kl" not in logged


@dataclass(frozen=True)
class Rows:
    """Batches of 8 rows."""

    x: Tensor

    def __len__(self) -> int:
        return -(-len(self.x) // 8)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Tensor]:
        yield from self.x.split(8)[skip:]


@pytest.mark.parametrize("kind", [{}, {"prior": "learned_gaussian"}, DISCRETE], ids=["Gaussian", "learned", "discrete"])
def test_training_and_measuring_on_another_device(tmp_path, kind):
    """Batches, noise, averaged weights and checkpoints go where the model is, and come back."""
    settings = {"temperature": 0.5} if kind is DISCRETE else {"weights": {"count": 0.1}}
    config = TrainingConfig.create(
        {"objective": settings, "fit": {"epochs": 2, "precision": "float32", "average": 0.9}}
    )
    with other_device() as device:
        model, validate = Model(**kind), BoundValidator(config, [X])
        fit(model, Rows(X), vae_objective(config.objective), config.fit, tmp_path, validate, device, silent)
        assert {str(weight.device) for weight in model.parameters()} == {device}
        values = importance_log_likelihood(model, [X], 10).values
        prior = prior_log_likelihood(model, X, 10, (1, 10))
        x = X.to(device)
        moments = gradient_moments(model, x, reparameterised(), [*model.decoder.parameters()], 2)
        codes = model.posterior(x).mean.detach()
        more = torch.cat([fitted_gaussian(codes, 3, torch.Generator()), fitted_mixture(codes, 3, 2)])
        assert str(more.device) == device
        path = slerp(codes[0], codes[1], torch.tensor([0.5]).to(device)).cpu()
    assert all(part.device.type == "cpu" and part.isfinite().all() for part in (values, prior, moments.mean, path))
    assert load_tensors(tmp_path / "best.safetensors")[0].keys() == Model(**kind).state_dict().keys()
