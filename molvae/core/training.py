"""From settings to a trained VAE: the objective at each step, where the weights begin, and how the best are chosen.

All kinds of VAE are trained by this and :func:`molvae.core.fit.fit`; each adds its data, its model and what else it
measures on held-out examples.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.categorical import Categorical, RelaxedCategorical, StraightThroughCategorical
from molvae.core.distributions import Posterior
from molvae.core.evaluate import evaluate_bounds, parts_of_bound
from molvae.core.fit import FitConfig, Objective
from molvae.core.objectives import (
    OBJECTIVES,
    free_bits,
    info_vae,
    mmd_to_standard_normal,
    population,
    total_free_bits,
)
from molvae.core.pretrained import Pretrained
from molvae.core.schedules import Schedule
from molvae.core.terms import Terms
from molvae.core.vae import VAE
from molvae.errors import ConfigError
from molvae.run.config import Config, one_of

WAKE_SLEEP = "wake_sleep"
"""The objective whose second half, :func:`sleep`, needs examples that the model makes up."""

Saved = TypeVar("Saved", bound=Pretrained)

Perturbation = Callable[[int, torch.Generator], Callable[[Tensor], Tensor] | None]
"""(step, generator) -> what is done to z before it is decoded at that step, or None."""

Addition = Callable[[Any, Terms, Any, int, torch.Generator], tuple[Tensor, dict[str, Tensor]]]
"""(model, terms, batch, step, generator) -> what is added to the objective, (B,) or a scalar in nats per example, and
terms to log."""


class ObjectiveConfig(Config):
    """What is maximised: a bound with its KL weight, plus weighted auxiliary terms; nats per example."""

    name: Annotated[str, one_of(OBJECTIVES)] = "elbo"
    """A name of ``core.objectives.OBJECTIVES``."""
    samples: int = Field(1, ge=1, le=10_000)
    """S draws of z for each example."""
    beta: Schedule = Schedule()
    """Weight of the KL term; 1 is the bound itself (Higgins et al. 2017 for others)."""
    free_bits: float = Field(0.1, ge=0, le=1000)
    """Nats for nothing: of each dimension for the objective ``free_bits``, of a whole code for ``total_free_bits``."""
    mmd: float = Field(100.0, ge=0, le=1e6)
    """Weight of the maximum mean discrepancy of the codes from the prior, for the objective ``info_vae``."""
    individual: float = Field(1.0, ge=0, le=1e6)
    """Weight of the KL of each posterior's variances beside that of the whole batch, for the objective ``population``.
    """
    weights: dict[str, Schedule] = Field(default_factory=dict)
    """Weights of auxiliary terms by name (``properties`` for molecules), added to the bound whichever it is."""
    prior_share: float = Field(0.0, ge=0, le=1)
    """Share of the objective in which z is drawn from the prior p(z|x), as it is for a prediction: 0 is the bound, 1
    the Gaussian stochastic network of Sohn et al. 2015, and what lies between their hybrid.
    """
    temperature: Schedule | None = None
    """Of discrete codes, which are soft while they are trained (Gumbel-softmax, Jang et al. 2016)."""
    straight_through: bool = False
    """Decode one-hots all the same, with the gradient of the soft codes; without a temperature with that of the
    probabilities (Bengio et al. 2013).
    """

    @property
    def bound(self) -> Callable[[Terms, float], Tensor]:
        """(terms, beta) -> the bound itself, (B,)."""
        floored = {"free_bits": free_bits, "total_free_bits": total_free_bits}
        if self.name in floored:
            return partial(floored[self.name], floor=self.free_bits)
        if self.name == "population":
            return partial(population, individual=self.individual)
        return partial(info_vae, mmd=self.mmd) if self.name == "info_vae" else OBJECTIVES[self.name]

    @property
    def relaxed(self) -> bool:
        """Whether discrete draws are given a gradient."""
        return self.temperature is not None or self.straight_through

    def posterior(self, q: Posterior, step: int) -> Posterior:
        """q as it is trained at a step.

        Raises:
            ConfigError: the draws of q have no gradient, or one is asked for that q has anyway.
        """
        if not isinstance(q, Categorical):
            if self.relaxed:
                raise ConfigError(
                    "objective.temperature and straight_through are for a categorical posterior: leave them out"
                )
            return q
        if self.temperature is not None:
            return RelaxedCategorical(q.log_pi, self.temperature.at(step), self.straight_through)
        if self.straight_through:
            return StraightThroughCategorical(q.log_pi)
        if self.name not in ("score_function", WAKE_SLEEP):
            raise ConfigError(
                "draws of a categorical posterior have no gradient: set objective.temperature (Gumbel-softmax), "
                "objective.straight_through, or the objective to score_function or wake_sleep"
            )
        return q


def sleep(model: VAE, batch: Any, generator: torch.Generator | None = None) -> Tensor:
    """Sleep phase of wake-sleep: log q(z|x) of examples that the model itself makes up, (B,) (Hinton et al. 1995).

    Only the encoder learns from it: the minimum of KL(p(z|x) || q(z|x)), the other way round than in the ELBO.
    """
    dreamt, z = model.dream(batch, generator)
    return model.posterior(dreamt).log_prob(z.unsqueeze(0)).squeeze(0)


class TrainingConfig(Config):
    """One training run of any VAE."""

    batch_size: int = Field(100, ge=1)
    """Examples a step."""
    initial: str | None = None
    """Begin with the weights of this model (a shipped name, a model or run folder), of the same architecture; default:
    random weights.
    """
    objective: ObjectiveConfig = ObjectiveConfig()
    fit: FitConfig = FitConfig()


def vae_objective(
    config: ObjectiveConfig, perturbation: Perturbation | None = None, additions: Sequence[Addition] = ()
) -> Objective:
    """The objective of the training loop for these settings.

    Args:
        config: which bound, and the schedules of all its numbers.
        perturbation: what happens to z on its way to the decoder.
        additions: further parts of the objective, which may need more than the terms of the batch.
    """
    bound = config.bound

    def objective(
        model: nn.Module, batch: Any, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(model, VAE)
        terms = model.terms(
            batch,
            config.samples,
            generator,
            q=config.posterior(model.posterior(batch), step),
            reparameterised=config.name not in ("score_function", WAKE_SLEEP),
            perturb=None if perturbation is None else perturbation(step, generator),
        )
        beta = config.beta.at(step)
        value = bound(terms, beta)
        logged = {**parts_of_bound(terms), "beta": torch.tensor(beta), **terms.aux}
        if config.name == WAKE_SLEEP:
            logged["sleep"] = sleep(model, batch, generator)
            value = value + logged["sleep"]
        if config.prior_share:
            predictive = model.predictive(batch, config.samples, generator).mean(0)
            value = (1 - config.prior_share) * value + config.prior_share * predictive
            logged["predictive"] = predictive
        for name, schedule in config.weights.items():
            if weight := schedule.at(step):
                value = value + weight * _auxiliary(terms, name)
        if config.temperature is not None:
            logged["temperature"] = torch.tensor(config.temperature.at(step))
        for addition in additions:
            more, further = addition(model, terms, batch, step, generator)
            value, logged = value + more, logged | further
        return value, logged

    return objective


def _auxiliary(terms: Terms, name: str) -> Tensor:
    if name not in terms.aux:
        known = f"it has {', '.join(terms.aux)}" if terms.aux else "it has none"
        raise ConfigError(f"objective.weights: the model has no auxiliary term {name!r}: {known}")
    return terms.aux[name]


def initial_model(
    kind: type[Saved],
    config: TrainingConfig,
    shape: Config,
    build: Callable[[], Saved],
    grow: Callable[[Saved], Saved | None] = lambda model: None,
) -> Saved:
    """The model that training begins with.

    Args:
        kind: class of the model.
        config: says whose weights to begin with, and the seed of random ones.
        shape: the architecture that the run asks for, which the initial model must have or be grown to.
        build: makes a new model.
        grow: the initial model -> the same function as a model of this architecture, or None if that cannot be.

    Raises:
        ConfigError: the initial model has another architecture.
        CheckpointError: it cannot be loaded.
    """
    if config.initial is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.fit.seed)  # torch's modules draw their weights from the global generator
            return build()
    model = kind.from_pretrained(config.initial, "cpu")
    if model.config != shape:
        grown = grow(model)
        if grown is None:
            raise ConfigError(f"initial: {config.initial} is of another architecture: {model.config}")
        model = grown
    model.card = ""  # it speaks of other weights
    return model


class BoundValidator:
    """Reconstruction, KL, bounds and active units on held-out examples, always the same draws of z.

    A subclass measures more in :meth:`measure`.

    Args:
        config: of the training; its objective with the final KL weight decides on the best weights.
        batches: of held-out examples.
    """

    def __init__(self, config: TrainingConfig, batches: Sequence[Any]) -> None:
        self.objective, self.seed, self.batches = config.objective, config.fit.seed, batches

    @torch.no_grad()
    def __call__(self, model: nn.Module, step: int) -> dict[str, float]:
        """Measure; (model in eval mode, step) -> numbers, ``objective`` among them."""
        assert isinstance(model, VAE)
        samples = self.objective.samples if self.objective.name == "iwae" else 1
        values = evaluate_bounds(model, self.batches, samples, self.seed)
        if self.objective.prior_share:
            generator = torch.Generator().manual_seed(self.seed)
            rows = [model.predictive(batch.to(model.device), 1, generator)[0].cpu() for batch in self.batches]
            values["predictive"] = float(torch.cat(rows).mean())
        if self.objective.name == "info_vae":
            values["mmd"] = self._mmd(model)
        return {**values, "objective": self._objective(values), **self.measure(model)}

    def _mmd(self, model: VAE) -> float:
        """Of the held-out batches, weighed by their sizes; one example alone has none."""
        generator = torch.Generator().manual_seed(self.seed)
        terms = [
            (len(batch), model.terms(batch.to(model.device), 1, generator)) for batch in self.batches if len(batch) > 1
        ]
        if not terms:
            return 0.0
        return sum(size * float(mmd_to_standard_normal(each)) for size, each in terms) / sum(size for size, _ in terms)

    def _objective(self, values: Mapping[str, float]) -> float:
        share = self.objective.prior_share
        if self.objective.name == "reconstruction":
            bound = values["reconstruction"]
        elif self.objective.name == "iwae":
            bound = -values["nll"] if "nll" in values else values["elbo"]
        else:
            bound = values["reconstruction"] - self.objective.beta.final * values["kl"]
            bound -= self.objective.mmd * values.get("mmd", 0.0)
        return (1 - share) * bound + share * values["predictive"] if share else bound

    def measure(self, model: Any) -> dict[str, float]:
        """Further numbers by name."""
        return {}
