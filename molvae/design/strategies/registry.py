"""Strategies by name: what may be given as ``strategy``, each with one line that describes it.

To add one, write a file with a class that has the methods of :class:`molvae.design.strategies.base.Strategy` and is
built from a :class:`~molvae.design.strategies.base.Setup`, and give it a line here.
"""

from collections.abc import Callable
from typing import Any

from molvae.run.registry import Registry

_HERE = "molvae.design.strategies"

STRATEGIES: Registry[Callable[..., Any]] = Registry(
    "strategy",
    {
        "hybrid": (f"{_HERE}.alternating:Alternating", "latent and evolved in turn, each told what the other finds"),
        "latent": (f"{_HERE}.latent:LatentSearch", "Gaussian process search of the latent space"),
        "pareto": (
            f"{_HERE}.pareto:ParetoStrategy",
            "Gaussian processes of several objectives, hypervolume improvement",
        ),
        "tanimoto": (
            f"{_HERE}.tanimoto:SimilaritySearch",
            "Gaussian process on fingerprints, candidates from the latent space",
        ),
        "gpbo": (
            f"{_HERE}.evolved:EvolvedAcquisition",
            "Gaussian process on fingerprints, acquisition optimised by evolution (Tripp & Hernandez-Lobato 2024)",
        ),
        "evolved": (
            f"{_HERE}.evolved:ScaledEvolution",
            "the same with less effort, mean and amplitude of the process following the scores",
        ),
        "reinvent": (
            f"{_HERE}.policy:PolicyGradient",
            "policy gradient on a GRU over SMILES, augmented memory (Olivecrona et al. 2017, Guo & Schwaller 2024)",
        ),
        "random": (f"{_HERE}.prior_sampling:PriorSampling", "random samples of the prior"),
        "screening": (f"{_HERE}.screening:Screening", "screening of the start file"),
        "gradient": (f"{_HERE}.gradient:GradientAscent", "gradient ascent on the property predictor"),
        "genetic": (f"{_HERE}.genetic:GeneticAlgorithm", "graph genetic algorithm"),
        "global": (
            f"{_HERE}.points:global_search",
            "Gaussian process over the whole prior (Gomez-Bombarelli et al. 2018)",
        ),
        "constrained": (
            f"{_HERE}.points:constrained_search",
            "the same with learned feasibility (Griffiths & Hernandez-Lobato 2020)",
        ),
        "turbo": (f"{_HERE}.points:turbo", "one trust region, Thompson sampling (TuRBO, Eriksson et al. 2019)"),
        "subspace": (f"{_HERE}.subspace:SubspaceSearch", "trust region in 16 principal directions"),
        "weighted": (f"{_HERE}.retraining:weighted_retraining", "weighted retraining (Tripp et al. 2020)"),
        "lolbo": (
            f"{_HERE}.retraining:lolbo",
            "autoencoder and Gaussian process trained end to end (LOL-BO, Maus et al. 2022)",
        ),
        "metric": (f"{_HERE}.retraining:metric_retraining", "retraining with a triplet loss (Grosnit et al. 2021)"),
    },
)
