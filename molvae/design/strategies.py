"""Strategies by name."""

from collections.abc import Sequence

from molvae.design.baselines import GeneticAlgorithm, GradientAscent, PriorSampling, Screening
from molvae.design.fingerprint_search import FingerprintSearch
from molvae.design.latent_search import LatentSearch
from molvae.design.latent_space import LatentSpace
from molvae.design.objective import Objective
from molvae.design.settings import CampaignConfig, StrategyName
from molvae.design.strategy import Strategy
from molvae.molecules.vae import MoleculeVAE

DESCRIPTIONS: dict[StrategyName, str] = {
    "latent": "Gaussian process search of the latent space",
    "tanimoto": "Gaussian process on fingerprints, candidates from the latent space",
    "random": "random samples of the prior",
    "screening": "screening of the start file",
    "gradient": "gradient ascent on the property predictor",
    "genetic": "graph genetic algorithm",
}


def make_space(model: MoleculeVAE, objective: Objective | None, config: CampaignConfig) -> LatentSpace:
    """The latent space as this campaign searches it."""
    return LatentSpace(model, objective, config.n_decodings, config.temperature, config.seed)


def make_strategy(name: StrategyName, space: LatentSpace, pool: Sequence[str], config: CampaignConfig) -> Strategy:
    """Build a strategy; to add one, write a class with the methods of :class:`Strategy` and give it a line here."""
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
    return LatentSearch(space, config)
