"""Strategies by name."""

from collections.abc import Sequence
from typing import Any

from molvae.design.latent_space import LatentSpace
from molvae.design.objective import Objective
from molvae.design.settings import CampaignConfig, StrategyName
from molvae.design.strategies.base import Strategy
from molvae.design.strategies.baselines import GeneticAlgorithm, GradientAscent, PriorSampling, Screening
from molvae.design.strategies.latent import LatentSearch
from molvae.design.strategies.literature import (
    PointSearch,
    RetrainedSearch,
    SubspaceSearch,
    gaussian_process_loss,
    triplet_loss,
)
from molvae.design.strategies.pareto import ParetoStrategy
from molvae.design.strategies.tanimoto import FingerprintSearch
from molvae.molecules.vae import MoleculeVAE
from molvae.search import SearchConfig

DESCRIPTIONS: dict[StrategyName, str] = {
    "latent": "Gaussian process search of the latent space",
    "pareto": "Gaussian processes of several objectives, hypervolume improvement",
    "tanimoto": "Gaussian process on fingerprints, candidates from the latent space",
    "random": "random samples of the prior",
    "screening": "screening of the start file",
    "gradient": "gradient ascent on the property predictor",
    "genetic": "graph genetic algorithm",
    "global": "Gaussian process over the whole prior (Gomez-Bombarelli et al. 2018)",
    "constrained": "the same with learned feasibility (Griffiths & Hernandez-Lobato 2020)",
    "turbo": "one trust region, Thompson sampling (TuRBO, Eriksson et al. 2019)",
    "subspace": "trust region in 16 principal directions",
    "weighted": "weighted retraining (Tripp et al. 2020)",
    "lolbo": "autoencoder and Gaussian process trained end to end (LOL-BO, Maus et al. 2022)",
    "metric": "retraining with a triplet loss (Grosnit et al. 2021)",
}


def make_space(model: MoleculeVAE, objective: Objective | None, config: CampaignConfig) -> LatentSpace:
    """The latent space as this campaign searches it."""
    return LatentSpace(model, objective, config.n_decodings, config.temperature, config.seed)


def make_strategy(name: StrategyName, space: LatentSpace, pool: Sequence[str], config: CampaignConfig) -> Strategy:
    """Build a strategy; to add one, write a class with the methods of :class:`Strategy` and give it a line here."""
    if name == "pareto":
        return ParetoStrategy(space, config)
    if name == "tanimoto":
        return FingerprintSearch(space, config.seed)
    if name == "random":
        return PriorSampling(space, config.seed)
    if name == "screening":
        return Screening(pool, config.seed)
    if name == "gradient":
        return GradientAscent(space, config.seed)
    if name == "genetic":
        return GeneticAlgorithm(config.seed)
    if name in ("global", "constrained"):
        return PointSearch(space, _published(config, region="global", feasibility=name == "constrained"))
    if name == "turbo":
        return PointSearch(space, _published(config, centres=1, acquisition="thompson"))
    if name == "subspace":
        return SubspaceSearch(space, _published(config))
    if name in ("weighted", "metric"):
        loss = triplet_loss if name == "metric" else None
        return RetrainedSearch(space, _published(config, region="global"), loss)
    if name == "lolbo":
        return RetrainedSearch(space, _published(config, centres=1), gaussian_process_loss)
    return LatentSearch(space, config)


def _published(config: CampaignConfig, **changes: Any) -> CampaignConfig:
    """The settings of a published method: other settings of the search, and no guess of the predictor."""
    search = SearchConfig.create(config.search.model_dump(), **changes)
    return config.replace(search=search.model_dump(), use_predictor=False)
