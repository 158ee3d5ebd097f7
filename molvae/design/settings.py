"""Settings of a campaign, as they stand in a recipe and in a run folder."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from molvae.chemistry.filters import FilterConfig
from molvae.design.objective import Objective
from molvae.run.config import Config, Seed
from molvae.search import SearchConfig

DEFAULT_OBJECTIVE = "5*QED - SAS"  # Gomez-Bombarelli et al. 2018
StrategyName = Literal[
    "latent",
    "pareto",
    "tanimoto",
    "random",
    "screening",
    "gradient",
    "genetic",
    "global",
    "constrained",
    "turbo",
    "subspace",
    "weighted",
    "lolbo",
    "metric",
]


class CampaignConfig(Config):
    """What to optimise, with how many oracle calls, and how."""

    objective: str | None = None
    """Formula over properties. Default: ``5*QED - SAS``, or the oracle's own score if there is an oracle."""
    pareto: tuple[str, ...] = ()
    """For the strategy ``pareto``: two or more formulas, each to be maximised. The objective, by default their sum,
    then only orders the table.
    """
    direction: Literal["max", "min"] = "max"
    """Whether more or less of it is better."""
    oracle: str | None = None
    """Custom oracle: ``module:function`` or ``command: program argument ...``."""
    timeout: float = Field(600.0, gt=0, le=1e7)
    """Seconds for one molecule (function) or one run (command) of a custom oracle."""
    budget: int = Field(500, ge=1, le=1_000_000)
    """Oracle calls in all, starting molecules included; a repeat costs nothing."""
    batch: int = Field(10, ge=1, le=10_000)
    """Molecules scored in a step."""
    start_size: int = Field(100, ge=1, le=1_000_000)
    """Starting molecules, drawn from the start file."""
    strategy: StrategyName = "latent"
    """``latent`` is the Gaussian process search of the latent space, ``tanimoto`` that on fingerprints; the others are
    baselines, or methods of the literature (:mod:`molvae.design.strategies.literature`).
    """
    baselines: tuple[StrategyName, ...] = ()
    """Strategies to run beside it, each with the same budget of its own."""
    n_decodings: int = Field(8, ge=1, le=10_000)
    """Decodings of each latent point."""
    temperature: float = Field(1.0, gt=0, le=100)
    """Of the sampled decodings."""
    oversample: int = Field(4, ge=1, le=100)
    """Latent points decoded for each molecule that is scored; the acquisition picks among their molecules."""
    use_predictor: bool = True
    """Whether the property predictor's guess is the Gaussian process' prior mean, where it knows the objective."""
    require_novel: bool = False
    """Refuse molecules of the training set instead of marking them."""
    filters: FilterConfig = FilterConfig()
    """Which molecules are acceptable at all."""
    search: SearchConfig = SearchConfig()
    """The Gaussian process search."""
    num_workers: int = Field(1, ge=0, le=1024)
    """Processes for scoring; 0: in this process, where a molecule that crashes RDKit ends the run."""
    seed: Seed = 0
    """Of everything random."""

    @model_validator(mode="before")
    @classmethod
    def _fill_objective(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("objective") is not None or values.get("oracle") is not None:
            return values
        formulas = values.get("pareto") or ()
        summed = " + ".join(f"({formula})" for formula in formulas) if isinstance(formulas, list | tuple) else ""
        return {**values, "objective": summed or DEFAULT_OBJECTIVE}

    @model_validator(mode="after")
    def _parse_objective(self) -> Self:
        self.parsed_objective()
        for formula in self.pareto:
            Objective.parse(formula)
        if (self.strategy == "pareto") != bool(self.pareto) or len(self.pareto) == 1:
            raise ValueError("the strategy pareto needs the setting pareto, two formulas or more, and no other uses it")
        return self

    def parsed_objective(self) -> Objective | None:
        """The objective; names that RDKit does not compute are allowed only beside an oracle that may give them."""
        if self.objective is None:
            return None
        return Objective.parse(self.objective, self.direction, strict=self.oracle is None)

    def replace(self, **changes: Any) -> "CampaignConfig":
        """A copy with those changes that are not ``None``, validated again."""
        return CampaignConfig.create(self.model_dump(), **changes)
