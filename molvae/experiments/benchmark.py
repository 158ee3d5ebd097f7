"""A benchmark: strategies against each other under the same oracle, budget, starting molecules and validation.

Every oracle call counts, those of the starting molecules too; a repeat costs nothing. Each seed draws its own starting
molecules from the input, and within a seed all strategies share them. A run is an ordinary campaign in its own folder:
finished ones are read, unfinished ones resumed.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import Field, field_validator
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molvae.chemistry.domain import MOLECULES, nci_molecules
from molvae.chemistry.filters import FilterConfig, Filters
from molvae.chemistry.io import read_molecules
from molvae.chemistry.molecule import Molecule
from molvae.design.campaign import Campaign
from molvae.design.curves import area_under_curve, best_so_far, mean_of_best
from molvae.design.objective import Objective
from molvae.design.settings import CampaignConfig, StrategyName
from molvae.errors import ConfigError
from molvae.experiments.formulas import formula_values
from molvae.molecules.known import known_molecules
from molvae.molecules.vae import MoleculeVAE
from molvae.run.config import Config
from molvae.run.panels import Panel
from molvae.run.progress import Progress, silent, track

CAMPAIGNS = "campaigns"
_RESAMPLES = 10_000
_TOP = 100  # molecules whose diversity is measured
_DRAWN = 20  # molecules that are drawn, and searched for alerts
_LARGE_RING = 8


class BenchmarkConfig(Config):
    """Who competes, on what, how often."""

    objectives: tuple[str, ...] = ("qed_sas",)
    """Names of benchmarks (:mod:`molvae.chemistry.tasks`) or formulas."""
    strategies: tuple[StrategyName, ...] = ("latent", "gradient", "genetic", "screening", "random")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    """Each draws its own starting molecules."""
    at: tuple[int, ...] = ()
    """Numbers of calls, below the budget, after which the table also tells how far each strategy has come."""
    processes: int = Field(1, ge=1)
    """Campaigns at the same time."""
    campaign: CampaignConfig = CampaignConfig()
    """What all campaigns share; objective, strategy and seed are set for each."""

    @field_validator("objectives")
    @classmethod
    def _formulas(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            try:
                Objective.parse(text, domain=MOLECULES)
            except ConfigError as error:
                raise ValueError(str(error)) from None
        return texts


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


def planned_runs(config: BenchmarkConfig, predicted: Sequence[str]) -> Iterator[BenchmarkRun]:
    """Every campaign that can be run: gradient ascent needs an objective of the properties that are ``predicted``."""
    for objective in config.objectives:
        needs = set(Objective.parse(objective, domain=MOLECULES).properties)
        for strategy in config.strategies:
            if strategy == "gradient" and not needs <= set(predicted):
                continue
            for seed in config.seeds:
                yield BenchmarkRun(objective, strategy, seed)


def run_benchmark(
    config: BenchmarkConfig,
    model: str,
    start: Path | None,
    folder: Path,
    smiles_column: str | None,
    device: str,
    progress: Progress,
) -> pd.DataFrame:
    """Run all campaigns; one row for each with its numbers (see :func:`numbers`) and the ``curve`` of the top 10.

    Args:
        config: of the benchmark.
        model: a shipped name or a model folder.
        start: file of starting molecules; None: RDKit's NCI compounds.
        folder: of the benchmark; the campaigns lie in ``campaigns/``.
        smiles_column: of the file.
        device: of the model.
        progress: told how far it has come.
    """
    predicted = _model(model, device).predictor.names
    due = list(planned_runs(config, predicted))
    play = functools.partial(_play, config=config, model=model, start=start, column=smiles_column, device=device)
    folders = [folder / CAMPAIGNS / run.folder for run in due]
    if config.processes == 1:
        results = map(play, due, folders)
        rows = list(track(results, "benchmark", len(due), progress))
    else:
        # spawn: a process that holds torch's threads must not be forked
        with ProcessPoolExecutor(config.processes, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
            rows = list(track(pool.map(play, due, folders), "benchmark", len(due), progress))
    return pd.DataFrame(rows)


def _one_thread() -> None:
    torch.set_num_threads(1)


@functools.lru_cache(maxsize=1)
def _model(name: str, device: str) -> MoleculeVAE:
    return MoleculeVAE.from_pretrained(name, device)


@functools.lru_cache(maxsize=1)
def _start(file: Path | None, column: str | None) -> pd.DataFrame:
    return nci_molecules() if file is None else read_molecules(file, column).frame


def _play(
    run: BenchmarkRun,
    folder: Path,
    config: BenchmarkConfig,
    model: str,
    start: Path | None,
    column: str | None,
    device: str,
) -> dict[str, Any]:
    settings = config.campaign.replace(objective=run.objective, strategy=run.strategy, seed=run.seed, baselines=())
    loaded = _model(model, device)
    with Campaign(loaded, start=_start(start, column), folder=folder, config=settings, progress=silent) as campaign:
        campaign.run()
        answers = campaign.store.evaluations().sort_values("call")
        candidates = campaign.store.candidates()
        seconds = float(campaign.store.steps()["seconds"].sum())
        sign = campaign.oracle.sign
    utility = sign * answers["score"].to_numpy(float)
    found = numbers(utility, settings.budget)
    for calls in config.at:
        early = numbers(utility, min(calls, settings.budget))
        found |= {f"{name} at {calls}": early[name] for name in ("best", "top 10")}
    proposed = answers[answers["origin"] != "start"]
    known = known_molecules(model)
    judged = candidates[candidates["z"].notna()]
    best = answers.loc[(sign * answers["score"]).sort_values(ascending=False, kind="stable").index, "smiles"]
    return {
        "objective": run.objective,
        "strategy": run.strategy,
        "seed": run.seed,
        **found,
        "calls": len(answers),
        "valid": float((judged["status"] != "invalid").mean()) if len(judged) else np.nan,
        "novel": float(np.mean([text not in known for text in proposed["smiles"]])) if known else np.nan,
        "diversity": diversity(best.head(_TOP).tolist()),
        "seconds per call": (seconds - float(answers["seconds"].sum())) / max(1, len(answers)),
        **_looked_at(best.head(_DRAWN).tolist()),
        "best molecule": best.iloc[0],
        "best molecules": best.head(_DRAWN).tolist(),
    }


def _looked_at(smiles: Sequence[str]) -> dict[str, float]:
    """Of the best molecules: the share with structural alerts, and how many are hardly molecules at all."""
    filters = Filters(FilterConfig())
    molecules = [molecule for molecule, _ in map(Molecule.parse, smiles) if molecule is not None]
    return {
        "alerts": float(np.mean([bool(filters.alerts(molecule)) for molecule in molecules])),
        "odd": float(sum(bool(oddities(molecule.mol)) for molecule in molecules)),
    }


def oddities(mol: Chem.Mol) -> list[str]:
    """What a chemist would hardly draw: radicals, rings of more than eight atoms, rings of three or four atoms that
    share a bond with another ring, and cumulated or triple bonds in a ring of fewer than nine atoms.
    """
    found = []
    if any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
        found.append("radical")
    rings = [set(ring) for ring in mol.GetRingInfo().BondRings()]
    if any(len(ring) > _LARGE_RING for ring in rings):
        found.append("large ring")
    if any(len(ring) < 5 and ring & other for ring in rings for other in rings if other is not ring):
        found.append("small fused ring")
    strained = Chem.MolFromSmarts("[*;r3,r4,r5,r6,r7,r8]=;@[*;r3,r4,r5,r6,r7,r8]=;@*")
    triple = Chem.MolFromSmarts("[*;r3,r4,r5,r6,r7,r8]#;@*")
    if mol.HasSubstructMatch(strained) or mol.HasSubstructMatch(triple):
        found.append("strained bond")
    return found


def numbers(utility: np.ndarray, budget: int) -> dict[str, Any]:
    """Best, mean of the top 10, and area under the top-10 curve of utilities in the order of the calls.

    See :mod:`molvae.design.curves`. ``curve`` is the mean of the ten best after each call from the tenth to the
    ``budget``-th; a campaign that ends early keeps its last value.
    """
    used = utility[:budget]
    curve = mean_of_best(used)
    curve = np.concatenate([curve, np.full(budget - len(curve), curve[-1])])[9:]
    return {
        "best": float(best_so_far(used)[-1]),
        "top 10": float(curve[-1]),
        "AUC top 10": area_under_curve(used, budget),
        "curve": curve,
    }


def diversity(smiles: Sequence[str]) -> float:
    """Mean pairwise Tanimoto distance of ECFP4 fingerprints (2,048 bits); NaN for fewer than two molecules."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in smiles]
    if len(prints) < 2:
        return float("nan")
    pairs = [DataStructs.BulkTanimotoSimilarity(one, prints[:place]) for place, one in enumerate(prints)]
    return float(1 - np.mean(np.concatenate(pairs)))


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of the mean over seeds (Efron 1979), from 10,000 resamples with a fixed seed."""
    random = np.random.default_rng(0)
    means = values[random.integers(0, len(values), (_RESAMPLES, len(values)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def panels(rows: pd.DataFrame) -> list[Panel]:
    """Tables and curves of :func:`run_benchmark`'s rows."""
    made = [_summary(rows)]
    for number, (objective, part) in enumerate(rows.groupby("objective", sort=False)):
        made += [_table(str(objective), part, number), _curves(str(objective), part, number)]
        made.append(_best_molecules(str(objective), part, number))
    shown = rows.drop(columns=["curve", "best molecules"]).round(4)
    made.append(Panel("runs", "table", "Every campaign", frame=shown, caption="One row a seed."))
    return made


def _summary(rows: pd.DataFrame) -> Panel:
    wide = rows.pivot_table(index="objective", columns="strategy", values="AUC top 10", sort=False)
    wide = wide[list(dict.fromkeys(rows["strategy"]))]
    shown = wide.map(lambda value: "" if pd.isna(value) else f"{value:.3f}")
    shown["first"] = wide.idxmax(axis=1)
    return Panel(
        "summary",
        "table",
        "Area under the top-10 curve",
        "Mean over seeds of the area under the mean of the ten best molecules so far, as PMO defines it (Gao et al."
        " 2022): trapezoids over every 100 calls from (0, 0), divided by the budget.",
        frame=shown.reset_index(),
    )


def _table(objective: str, part: pd.DataFrame, number: int) -> Panel:
    lines = []
    for strategy, runs in part.groupby("strategy", sort=False):
        line: dict[str, Any] = {"strategy": strategy, "seeds": len(runs)}
        early = [name for name in runs.columns if re.fullmatch(r"(best|top 10) at \d+", name)]
        for name in (*early, "best", "top 10", "AUC top 10"):
            low, high = bootstrap_interval(runs[name].to_numpy())
            line[name] = f"{runs[name].mean():.3f} ({low:.3f} to {high:.3f})"
        for name in ("valid", "novel", "diversity", "alerts", "odd", "seconds per call"):
            line[name] = "" if runs[name].isna().all() else f"{runs[name].mean():.3f}"
        lines.append(line)
    return Panel(
        f"table-{number}",
        "table",
        objective,
        f"{Objective.parse(objective, domain=MOLECULES)}. Mean over seeds, in brackets the 95 % bootstrap interval of"
        f" the mean; diversity of the best {_TOP}; of the best {_DRAWN} of a seed the share with structural alerts"
        " (PAINS, BRENK), and the number with radicals, large, strained or fused small rings; seconds per call without"
        " the oracle's own.",
        frame=pd.DataFrame(lines),
    )


def _best_molecules(objective: str, part: pd.DataFrame, number: int) -> Panel:
    """The best molecules of the first strategy's first seed, to be looked at."""
    run = part.iloc[0]
    filters, formula = Filters(FilterConfig()), Objective.parse(objective, domain=MOLECULES)
    smiles = run["best molecules"]
    molecules = [molecule for molecule, _ in map(Molecule.parse, smiles) if molecule is not None]
    frame = pd.DataFrame(
        {
            "smiles": smiles,
            "score": formula_values([formula], smiles)[:, 0],
            "alerts": ["; ".join(filters.alerts(molecule)) or None for molecule in molecules],
            "odd": ["; ".join(oddities(molecule.mol)) or None for molecule in molecules],
        }
    )
    title = f"{objective}: the best {len(smiles)} of {run['strategy']}, seed {run['seed']}"
    return Panel(f"best-{number}", "molecules", title, frame=frame)


def _curves(objective: str, part: pd.DataFrame, number: int) -> Panel:
    curves = {
        str(strategy): np.mean(np.stack(runs["curve"].tolist()), 0)
        for strategy, runs in part.groupby("strategy", sort=False)
    }
    calls = np.arange(10, 10 + len(next(iter(curves.values()))))
    return Panel(
        f"curve-{number}",
        "lines",
        f"{objective}: mean of the top 10 against oracle calls",
        "Mean over seeds; the starting molecules are the first calls.",
        frame=pd.DataFrame({"calls": calls, **curves}),
        options={"x": "oracle calls", "y": "mean of the ten best"},
    )
