"""Settings of a campaign, as they stand in a recipe and in a run folder."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from molvae.design.diversity import DiversityConfig
from molvae.design.objective import Objective
from molvae.design.protocols import Domain
from molvae.design.strategies.registry import STRATEGIES
from molvae.errors import ConfigError
from molvae.run.config import Config, Seed
from molvae.search import SearchConfig

_MAX_DECODINGS = 10_000_000  # at once: more would fill the memory of any machine
StrategyName = Annotated[str, AfterValidator(STRATEGIES.check)]
"""A name of :data:`~molvae.design.strategies.registry.STRATEGIES`."""


class CampaignConfig(Config):
    """What to optimise, with how many oracle calls, and how.

    The settings know no domain: names of properties, tasks and filters are checked by :meth:`for_domain`, when a
    campaign is built.
    """

    objective: str | None = None
    """Formula over properties. Default: that of the domain (``5*QED - SAS`` of molecules), or the oracle's own score if
    there is an oracle.
    """
    pareto: tuple[str, ...] = ()
    """For the strategy ``pareto``: two or more formulas, each to be maximised. The objective, by default their sum,
    then only orders the table.
    """
    direction: Literal["max", "min"] = "max"
    """Whether more or less of it is better."""
    oracle: str | None = None
    """Custom oracle: ``module:function``, ``command: program argument ...`` or ``dock:RECEPTOR``."""
    oracle_settings: dict[str, Any] | None = None
    """Settings of an oracle that has some (:class:`~molvae.chemistry.docking.settings.DockingConfig` of ``dock``)."""
    confirm: int | None = Field(None, ge=1, le=10_000)
    """How many of the best are scored once more in the end, at the full fidelity of an oracle that has a cheaper one.
    These calls come on top of the budget.
    """
    timeout: float = Field(600.0, gt=0, le=1e7)
    """Seconds for one candidate (function) or one run (command) of a custom oracle."""
    budget: int = Field(500, ge=1, le=1_000_000)
    """Oracle calls in all, those of the start included; a repeat costs nothing."""
    batch: int = Field(10, ge=1, le=10_000)
    """Candidates scored in a step; with ``in_flight``, answers that count as one where a strategy adapts by steps."""
    in_flight: int | None = Field(None, ge=1, le=4096)
    """Oracle calls kept running at a time: the search is asynchronous, and proposes anew after every ``refill`` answers
    while the others run. None: in steps of ``batch`` candidates, each scored before the next is proposed.
    """
    refill: int = Field(1, ge=1, le=4096)
    """With ``in_flight``: after so many answers, as many new candidates are proposed. More of them at a time cost the
    search less, and let workers wait for each other a little.
    """
    start_size: int = Field(100, ge=1, le=1_000_000)
    """What the campaign begins with, drawn from the start file."""
    strategy: StrategyName | None = None
    """``latent`` is the Gaussian process search of the latent space, ``tanimoto``, ``gpbo`` and ``evolved`` those on
    fingerprints, ``hybrid`` both in turn; the others are baselines, or methods of the literature
    (:data:`~molvae.design.strategies.registry.STRATEGIES`). Default: that of the domain (``hybrid`` of molecules).
    """
    baselines: tuple[StrategyName, ...] = ()
    """Strategies to run beside it, each with the same budget of its own."""
    n_decodings: int = Field(8, ge=1, le=10_000)
    """Decodings of each latent point."""
    temperature: float = Field(1.0, gt=0, le=100)
    """Of the sampled decodings."""
    oversample: int = Field(4, ge=1, le=100)
    """Latent points decoded for each candidate that is scored; the acquisition picks among what they decode to."""
    refine: bool = False
    """Whether a score is told to the search at a point that decodes to its molecule, instead of the posterior mean."""
    use_predictor: bool = True
    """Whether the property predictor's guess is the Gaussian process' prior mean, where it knows the objective."""
    require_novel: bool = False
    """Refuse what is in the training set instead of marking it."""
    diversity: DiversityConfig = DiversityConfig()
    """At most so many of one scaffold or cluster in a batch, and among the best that the report shows. The strategy is
    then asked for several times as many, and the first that fit are taken; a batch may be smaller than asked for.
    """
    preselect: str | None = None
    """Formula over properties that orders what is proposed before a batch is taken, largest first (smallest, if less is
    better): what is known beforehand of candidates whose scores are measured or dear, such as the prediction of a
    model. The strategy is asked for several times as many.
    """
    filters: dict[str, Any] = Field(default_factory=dict)
    """Which candidates are acceptable at all: settings of the domain's filters
    (:class:`~molvae.chemistry.filters.FilterConfig` of molecules).
    """
    search: SearchConfig = SearchConfig()
    """The Gaussian process search."""
    num_workers: int = Field(1, ge=0, le=1024)
    """Processes for scoring, or runs of a command, side by side; 0: properties are computed in this process, where a
    candidate that crashes it ends the run."""
    seed: Seed = 0
    """Of everything random."""

    @model_validator(mode="after")
    def _check_formulas(self) -> Self:
        self.parsed_objective()
        self.parsed_preselect()
        formulas = [str(Objective.parse(formula)) for formula in self.pareto]
        if (self.strategy == "pareto") != bool(formulas) or len(formulas) == 1:
            raise ValueError("the strategy pareto needs the setting pareto, two formulas or more, and no other uses it")
        if len(set(formulas)) < len(formulas):
            raise ValueError("pareto names the same formula twice")
        return self

    @model_validator(mode="after")
    def _check_in_flight(self) -> Self:
        if self.refill > (self.in_flight or 1):
            raise ValueError(
                f"refill is {self.refill}, more than the {self.in_flight} calls in flight"
                if self.in_flight
                else "refill is for a search with in_flight: give it too"
            )
        return self

    @model_validator(mode="after")
    def _check_size_of_a_step(self) -> Self:
        size, name = max((self.batch, "batch"), (self.in_flight or 0, "in_flight"))
        if size * self.oversample * self.n_decodings > _MAX_DECODINGS:
            raise ValueError(
                f"{name} x oversample x n_decodings, the decodings of a step, exceed {_MAX_DECODINGS:,}: lower one"
            )
        return self

    def for_domain(self, domain: Domain) -> "CampaignConfig":
        """The settings as they hold for one domain: objective and filters are filled in, every name is known.

        Raises:
            ConfigError: an objective or filter that the domain does not know; gives the nearest it does.
        """
        objective = self.objective
        if objective is None and self.oracle is None:
            objective = " + ".join(f"({formula})" for formula in self.pareto) or domain.default_objective
        try:
            filters = domain.filter_settings.create(self.filters).model_dump(mode="json")
        except ConfigError as error:
            raise ConfigError("\n".join(f"filters: {line}" for line in str(error).splitlines())) from None
        strategy = self.strategy or domain.default_strategy
        config = self.replace(objective=objective, filters=filters, strategy=strategy)
        config.parsed_objective(domain)
        config.parsed_preselect(domain)
        for formula in config.pareto:
            Objective.parse(formula, domain=domain)
        return config

    @property
    def chosen_strategy(self) -> str:
        """The strategy, which :meth:`for_domain` has filled in.

        Raises:
            ConfigError: it has not.
        """
        if self.strategy is None:
            raise ConfigError("these settings name no strategy: they are not yet those of a domain")
        return self.strategy

    def parsed_objective(self, domain: Domain | None = None) -> Objective | None:
        """The objective; names that the domain does not know are allowed only beside an oracle that may give them."""
        if self.objective is None:
            return None
        return Objective.parse(self.objective, self.direction, domain, other_names=self.oracle is not None)

    def parsed_preselect(self, domain: Domain | None = None) -> Objective | None:
        """The formula that orders proposals, if there is one."""
        return None if self.preselect is None else Objective.parse(self.preselect, self.direction, domain)

    def replace(self, **changes: Any) -> "CampaignConfig":
        """A copy with those changes that are not ``None``, validated again."""
        return CampaignConfig.create(self.model_dump(), **changes)
