"""A benchmark: strategies against each other under the same oracle, budget, starting candidates and validation.

Every oracle call counts, those of the starting candidates too; a repeat costs nothing. Each seed draws its own starting
candidates from the input, and within a seed all strategies share them. A run is an ordinary campaign in its own folder:
finished ones are read, unfinished ones resumed.
"""

import functools
import hashlib
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator

from molvae.chemistry.domain import MOLECULES
from molvae.design.campaign import Campaign
from molvae.design.curves import TOP as _BEST
from molvae.design.curves import area_under_curve, best_so_far, mean_of_best
from molvae.design.latent_space import load_searchable
from molvae.design.objective import Objective
from molvae.design.protocols import Domain, Model
from molvae.design.settings import CampaignConfig, StrategyName
from molvae.design.start import Start, longest_pool, select_start
from molvae.experiments.benchmark_panels import DRAWINGS, DRAWN, TOP, diverse_top, diversity, panels, quality_of_best
from molvae.experiments.benchmark_tasks import FINE_AREA, task_table
from molvae.experiments.data import SearchRecipe, searched_domain
from molvae.run.config import Config, Count, Seed
from molvae.run.files import write_text
from molvae.run.folder import CONFIG
from molvae.run.panels import save_panels
from molvae.run.progress import Progress, silent, track
from molvae.run.recipe import Context, Result
from molvae.weights import SEARCH_MODEL

CAMPAIGNS = "campaigns"
_NOT_DRAWN_BY = {"objective", "pareto", "strategy", "budget"}  # of the settings; the last two say how long the pool is
_SHOWN = ("best", "top 10", "AUC top 10", "diverse top 10", "valid", "novel", "diversity", "seconds per call")


class BenchmarkConfig(Config):
    """Which strategies, on which tasks, how often."""

    objectives: tuple[str, ...] = ()
    """Names of tasks (:mod:`molvae.chemistry.tasks`) or formulas; default: ``qed_sas``, or of proteins the objective
    that campaigns have.
    """
    strategies: tuple[StrategyName, ...] = ("hybrid", "latent", "gradient", "genetic", "screening", "random")
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1)
    """Each draws its own starting molecules."""
    at: tuple[Count, ...] = ()
    """Numbers of calls, from ten to the budget, after which the table also tells how far each strategy has come."""
    published: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Columns of others for the table of tasks: area under the top-10 curve by name of the method and objective, as
    published under the same protocol.
    """
    library_best: dict[str, float] = Field(default_factory=dict)
    """By objective, the score of the best molecule of a library: the table tells after how many calls it was passed."""
    campaign: CampaignConfig = CampaignConfig()
    """What all campaigns share; objective, strategy and seed are set for each."""

    @model_validator(mode="after")
    def _ten_calls(self) -> Self:
        budget = self.campaign.budget
        if budget < _BEST:
            raise ValueError(f"campaign.budget is {budget}: a benchmark tells the mean of the {_BEST} best calls")
        if wrong := [calls for calls in self.at if not _BEST <= calls <= budget]:
            raise ValueError(f"at holds {wrong[0]}: it must lie between {_BEST} calls and the budget of {budget}")
        return self

    def for_domain(self, domain: Domain) -> "BenchmarkConfig":
        """The settings as they hold for one domain: there are objectives, and every name in them is known.

        Raises:
            ConfigError: an objective that the domain does not know; gives the nearest it does.
        """
        default = "qed_sas" if domain is MOLECULES else domain.default_objective
        config = self.model_copy(update={"objectives": self.objectives or (default,)})
        for text in config.objectives:
            config.parsed(text, domain)
        return config

    def parsed(self, objective: str, domain: Domain) -> Objective:
        """One of the objectives; beside an oracle of the campaigns it may use the names that the oracle gives."""
        return Objective.parse(objective, domain=domain, other_names=self.campaign.oracle is not None)


class BenchmarkRecipe(SearchRecipe):
    """Strategies against each other."""

    uses: ClassVar = frozenset({"device", "workers", "mirror"})
    kind: Literal["benchmark"] = "benchmark"
    benchmark: BenchmarkConfig = Field(BenchmarkConfig(), validate_default=True)

    @field_validator("benchmark")
    @classmethod
    def _of_domain(cls, benchmark: BenchmarkConfig, info: ValidationInfo) -> BenchmarkConfig:
        domain = searched_domain(str(info.data.get("model", SEARCH_MODEL)))
        return benchmark if domain is None else benchmark.for_domain(domain)

    def execute(self, context: Context) -> Result:
        """Run every campaign, ``context.workers`` side by side; leaves ``table.csv``, a row for each."""
        self.is_begun(context)
        start = self.start_table(context.mirror)
        folder = self.open_folder(context)
        rows = run_benchmark(
            self.benchmark, self.model, start, folder, context.device, context.workers, context.progress
        )
        config = self.benchmark
        summary = task_table(rows, config.published, config.library_best)
        save_panels(folder, [summary, *panels(rows, searched_domain(self.model) or MOLECULES)])
        table = rows.drop(columns=["curve", *DRAWINGS])
        write_text(folder / "table.csv", table.to_csv(index=False))
        means = table.groupby(["objective", "strategy"], sort=False)[list(_SHOWN)].mean()
        text = means.to_string(float_format="{:.3f}".format)
        if summary.frame is not None:
            text += f"\n\n{summary.frame.to_string(index=False)}"
        return Result(folder, text, {"table": folder / "table.csv"}, table)


@dataclass(frozen=True)
class BenchmarkRun:
    """One campaign of a benchmark."""

    objective: str
    strategy: StrategyName
    seed: int

    @property
    def folder(self) -> str:
        """Name of its run folder."""
        name = re.sub(r"\W+", "-", self.objective).strip("-")[:60]
        return f"{name}/{self.strategy}-{self.seed}"


def planned_runs(config: BenchmarkConfig, predicted: Sequence[str], domain: Domain) -> Iterator[BenchmarkRun]:
    """Every campaign that can be run: gradient ascent needs an objective of the properties that are ``predicted``."""
    for objective in config.objectives:
        needs = set(config.parsed(objective, domain).properties)
        for strategy in config.strategies:
            if strategy == "gradient" and not needs <= set(predicted):
                continue
            for seed in config.seeds:
                yield BenchmarkRun(objective, strategy, seed)


def run_benchmark(
    config: BenchmarkConfig,
    model: str,
    start: pd.DataFrame,
    folder: Path,
    device: str,
    workers: int,
    progress: Progress,
) -> pd.DataFrame:
    """Run all campaigns; one row for each with its numbers (see :func:`numbers`) and the ``curve`` of the top 10.

    Args:
        config: of the benchmark.
        model: a shipped name or a model folder.
        start: table of starting candidates.
        folder: of the benchmark; the campaigns lie in ``campaigns/``.
        device: of the model.
        workers: campaigns at the same time, each in a process with one thread; 0 or 1: one after another.
        progress: told how far it has come.
    """
    loaded = _model(model, device)
    config = config.for_domain(loaded.domain)
    due = list(planned_runs(config, loaded.predicted_properties, loaded.domain))
    shared = {"config": config, "model": model, "start": start, "checksum": _checksum(start), "device": device}
    run = functools.partial(_run_campaign, **shared)
    folders = [folder / CAMPAIGNS / planned.folder for planned in due]
    if workers <= 1:
        return pd.DataFrame(track(map(run, due, folders), "benchmark", len(due), progress))
    # spawn: a process that holds torch's threads must not be forked
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        return pd.DataFrame(track(pool.map(run, due, folders), "benchmark", len(due), progress))


def _one_thread() -> None:
    torch.set_num_threads(1)


@functools.lru_cache(maxsize=1)
def _model(name: str, device: str) -> Model:
    return load_searchable(name, device)


_starts: dict[tuple[str, ...], Start] = {}


def _checksum(start: pd.DataFrame) -> str:
    """SHA-256 of all columns, in the order of the rows."""
    return hashlib.sha256(start.to_csv(index=False).encode(errors="surrogatepass")).hexdigest()


def _start(model: Model, table: pd.DataFrame, checksum: str, settings: CampaignConfig) -> Start:
    """What a campaign begins with: the same for all objectives, and reading ten thousand molecules takes its time."""
    config = settings.for_domain(model.domain)
    drawn_by = config.model_dump_json(exclude=_NOT_DRAWN_BY)
    key = (checksum, model.fingerprint(), str(longest_pool(config)), drawn_by)
    if key not in _starts:
        if len(_starts) >= 8:
            del _starts[next(iter(_starts))]
        filters = model.domain.filters(model.domain.filter_settings.create(config.filters))
        _starts[key] = select_start(model, table, config, filters)
    return _starts[key]


def _run_campaign(
    run: BenchmarkRun,
    folder: Path,
    config: BenchmarkConfig,
    model: str,
    start: pd.DataFrame,
    checksum: str,
    device: str,
) -> dict[str, Any]:
    settings = config.campaign.replace(objective=run.objective, strategy=run.strategy, seed=run.seed, baselines=())
    loaded = _model(model, device)
    drawn = None if (folder / CONFIG).exists() else _start(loaded, start, checksum, settings)
    with Campaign(loaded, start=drawn, folder=folder, config=settings, progress=silent) as campaign:
        table = campaign.run()
        candidates = campaign.store.candidates()
        seconds = float(campaign.store.steps()["seconds"].sum())
        sign = campaign.oracle.sign
    utility = sign * table.sort_values("call")["score"].to_numpy(float)
    row = {"objective": run.objective, "strategy": run.strategy, "seed": run.seed, **numbers(utility, settings.budget)}
    for calls in config.at:
        early = numbers(utility, calls)
        row |= {f"{name} at {calls}": early[name] for name in ("best", "top 10")}
    if run.objective in config.library_best:
        passed = np.flatnonzero(utility > sign * config.library_best[run.objective])
        row["calls to pass the library"] = int(passed[0]) + 1 if len(passed) else np.nan
    domain = loaded.domain
    decoded, best = candidates[candidates["z"].notna()], table[domain.column]
    return {
        **row,
        "calls": len(table),
        "valid": float((decoded["status"] != "invalid").mean()) if len(decoded) else np.nan,
        "novel": float(table[table["origin"] != "start"]["novel"].mean()) if loaded.known is not None else np.nan,
        "diverse top 10": diverse_top(best.tolist(), table["score"].to_numpy(float), domain),
        "diversity": diversity(best.head(TOP).tolist(), domain),
        "seconds per call": (seconds - float(table["seconds"].sum())) / max(1, len(table)),
        **quality_of_best(best.head(DRAWN).tolist(), domain),
        f"best {domain.column}": best.iloc[0],
        "best candidates": best.head(DRAWN).tolist(),
        "best scores": table["score"].head(DRAWN).tolist(),
    }


def numbers(utility: np.ndarray, budget: int) -> dict[str, Any]:
    """Best, mean of the top 10, and area under the top-10 curve, by PMO's rule and by one ten times finer.

    Of utilities in the order of the calls.

    See :mod:`molvae.design.curves`. ``curve`` is the mean of the ten best after each call from the tenth to the
    ``budget``-th, which must be ten or more; a campaign that ends early keeps its last value.
    """
    used = utility[:budget]
    curve = mean_of_best(used)
    curve = np.concatenate([curve, np.full(budget - len(curve), curve[-1])])[_BEST - 1 :]
    return {
        "best": float(best_so_far(used)[-1]),
        "top 10": float(curve[-1]),
        "AUC top 10": area_under_curve(used, budget),
        FINE_AREA: area_under_curve(used, budget, every=10),
        "curve": curve,
    }
