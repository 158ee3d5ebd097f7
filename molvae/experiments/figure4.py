"""Figure 4 of Gomez-Bombarelli et al. 2018: optimisation of 5*QED - SAS from poor molecules, with today's model.

The paper trains a Gaussian process on 2,000 (or 1,000) maximally diverse encoded molecules, starts from the lowest
tenth and climbs its mean; it compares the percentile of what it finds, in the data set, with random molecules and a
genetic algorithm, four trials pooled. Here:

- random: molecules of the data set;
- genetic algorithm: the graph genetic algorithm of this package, from 100 molecules of the lowest tenth in each trial;
  all its offspring counts, not only the best;
- Gaussian process: exact, gradient ascent on its mean from 100 molecules of the lowest tenth in each trial, within the
  norm of the encodings; what most of 30 decodings say is the molecule found.

It is not a race at equal cost: the Gaussian process knows the scores of its 1,000 or 2,000 training molecules, the
genetic algorithm those of its 100 starting molecules and 100 offspring. That race is the benchmark
(:mod:`molvae.experiments.benchmark`).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.genetic import GraphGA
from molvae.chemistry.molecule import Molecule, canonical
from molvae.chemistry.properties import compute_many
from molvae.chemistry.tables import score_table
from molvae.core.sampling import slerp
from molvae.design.objective import Objective
from molvae.errors import InputError
from molvae.experiments.data import SearchRecipe
from molvae.molecules.vae import MoleculeVAE
from molvae.run.config import Config, Seed
from molvae.run.files import write_text
from molvae.run.panels import Panel, save_panels
from molvae.run.progress import Progress, on_stderr, silent, track
from molvae.run.recipe import Context, Result
from molvae.run.seeds import short_seed
from molvae.search.surrogate import Surrogate

Scores = Callable[[Sequence[str | None]], np.ndarray]
"""SMILES -> their objective (n,), NaN for None."""


class Figure4Config(Config):
    """Sizes of the experiment; the paper's, where it states them."""

    objective: str = "5*QED - SAS"
    """What is optimised."""
    pool: int = Field(20_000, ge=100, le=200_000)
    """Molecules of the data set: the reference of the percentiles, and where training molecules are chosen from."""
    training: tuple[Annotated[int, Field(ge=2, le=10_000)], ...] = Field((1000, 2000), min_length=1)
    """Molecules that the Gaussian processes are trained on."""
    trials: int = Field(4, ge=1, le=1000)
    """Pooled."""
    draws: int = Field(400, ge=1, le=100_000)
    """Random molecules, offspring of the genetic algorithm and of the search, in all trials together."""
    steps: int = Field(200, ge=1, le=100_000)
    """Steps of gradient ascent."""
    seed: Seed = 0
    """Of everything random."""


class Figure4Recipe(SearchRecipe):
    """Figure 4 of Gomez-Bombarelli et al. 2018."""

    uses: ClassVar = frozenset({"device", "workers", "mirror"})
    kind: Literal["figure4"] = "figure4"
    figure: Figure4Config = Figure4Config()

    def execute(self, context: Context) -> Result:
        """Reproduce the figure; leaves ``percentiles.csv``.

        Raises:
            InputError: there are fewer than 20 valid molecules.
        """
        self.is_begun(context)
        model = MoleculeVAE.from_pretrained(self.model, context.device)
        table = self.start_table(context.mirror)
        drawn = table["smiles"].astype(str).sample(frac=1, random_state=short_seed(self.figure.seed))
        smiles = [text for text in map(canonical, drawn[: 2 * self.figure.pool]) if text is not None]
        if len(smiles) < 20:
            raise InputError(f"the figure needs at least 20 molecules, not {len(smiles)}")
        folder = self.open_folder(context)
        figure = reproduce(model, smiles, self.figure, context.workers, context.progress)
        save_panels(folder, panels(figure))
        write_text(folder / "percentiles.csv", figure.percentiles.to_csv(index=False))
        return Result(folder, files={"table": folder / "percentiles.csv"}, table=figure.percentiles)


@dataclass(frozen=True)
class Figure4:
    """What the experiment yields.

    Attributes:
        percentiles: ``method``, ``trial``, ``smiles`` (None where nothing valid was decoded), ``score``,
            ``percentile``.
        encodings: (n, D) of the pool, ``scores`` (n,).
        starts, ends: (k, D) of the last trial of the largest process.
        path: molecules from one start to its end: ``t, smiles, QED, SAS, percentile``.
    """

    percentiles: pd.DataFrame
    encodings: np.ndarray
    scores: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    path: pd.DataFrame


def diverse_rows(z: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Rows of points (n, D) that lie far from each other, (number,): each is the farthest from those before it."""
    rows = [int(torch.randint(len(z), (1,), generator=generator))]
    distance = (z - z[rows[0]]).norm(dim=1)
    while len(rows) < min(number, len(z)):
        rows.append(int(distance.argmax()))
        distance = torch.minimum(distance, (z - z[rows[-1]]).norm(dim=1))
    return torch.tensor(rows)


def ascend(surrogate: Surrogate, z: Tensor, steps: int, rate: float = 0.05) -> Tensor:
    """Climb the mean of a Gaussian process from points (n, D), in double; the norm stays below that of the prior."""
    assert surrogate.model is not None, "fit first"
    longest = z.shape[1] ** 0.5
    points = z.double().clone().requires_grad_(True)
    optimizer = torch.optim.Adam([points], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        (-surrogate.model.posterior(points).mean.sum()).backward()
        optimizer.step()
        with torch.no_grad():
            points.mul_((longest / points.norm(dim=1, keepdim=True)).clamp(max=1.0))
    return points.detach()


def reproduce(
    model: MoleculeVAE,
    smiles: Sequence[str],
    config: Figure4Config,
    workers: int = 0,
    progress: Progress = on_stderr,
) -> Figure4:
    """Run the experiment on molecules of the data set (canonical SMILES)."""
    rng = np.random.default_rng(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    chosen = [smiles[row] for row in rng.permutation(len(smiles))[: config.pool]]
    z, problems = model.encode_with_errors(chosen, canonicalise=False)
    pool = [text for row, text in enumerate(chosen) if row not in problems]
    z = z[torch.isfinite(z).all(1)].double()
    objective = Objective.parse(config.objective, domain=MOLECULES)

    def score(molecules: Sequence[str | None]) -> np.ndarray:
        table = pd.DataFrame({"smiles": [text or "" for text in molecules]})
        return score_table(table, objective, workers, progress)["score"].to_numpy(copy=True)

    reference = score(pool)
    order = np.argsort(reference)
    lowest = order[: max(1, len(order) // 10)]
    ranked = reference[order]

    def rows_of(method: str, trial: int, molecules: Sequence[str | None]) -> pd.DataFrame:
        values = score(molecules)
        columns = {"smiles": list(molecules), "score": values, "percentile": percentiles(values, ranked)}
        return pd.DataFrame({"method": method, "trial": trial, **columns})

    each = max(1, config.draws // config.trials)
    parts, starts, ends = [], z[:0], z[:0]
    work = [(trial, size) for trial in range(config.trials) for size in config.training]
    for trial in range(config.trials):
        lowest_molecules = [pool[row] for row in rng.choice(lowest, min(each, len(lowest)), replace=False)]
        parts.append(rows_of("random", trial, [pool[row] for row in rng.choice(len(pool), each)]))
        parts.append(
            rows_of("genetic algorithm", trial, _offspring(lowest_molecules, score, each, config.seed + trial))
        )
    for trial, size in track(work, "Gaussian processes", progress=progress):
        rows = diverse_rows(z, size, generator)
        surrogate = Surrogate()
        values = torch.from_numpy(reference)
        surrogate.fit_in_stages(z[rows], values[rows])
        starts = z[torch.from_numpy(rng.choice(lowest, min(each, len(lowest)), replace=False))]
        ends = ascend(surrogate, starts, config.steps)
        decoded = model.decode(ends.float(), n_decodings=30, seed=config.seed + trial, choose="votes")
        molecules = [text if valid else None for text, valid in zip(decoded["smiles"], decoded["valid"], strict=True)]
        parts.append(rows_of(f"GP, {size:,}", trial, molecules))
    return Figure4(
        pd.concat(parts, ignore_index=True),
        z.numpy(),
        reference,
        starts.numpy(),
        ends.numpy(),
        _path(model, starts[0], ends[0], ranked, score, config.seed),
    )


def percentiles(values: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """Share of the ``ranked`` (n,), which rise, that lies below each of the values (m,), in percent; NaN stays NaN."""
    shares = 100 * np.searchsorted(ranked, values) / len(ranked)
    return np.where(np.isfinite(values), shares, np.nan)


def _offspring(start: Sequence[str], score: Scores, number: int, seed: int) -> list[str | None]:
    search = GraphGA(population_size=len(start), rng=random.Random(seed))
    molecules = [(Molecule.parse(text)[0], value) for text, value in zip(start, score(start).tolist(), strict=True)]
    known = [(molecule, value) for molecule, value in molecules if molecule is not None]
    search.tell([molecule for molecule, _ in known], [value for _, value in known])
    offspring: list[str | None] = []
    while len(offspring) < number:
        batch = search.ask(min(10, number - len(offspring)))
        if not batch:
            break
        texts = [molecule.smiles for molecule in batch]
        search.tell(batch, score(texts).tolist())
        offspring += texts
    return offspring


def _path(model: MoleculeVAE, start: Tensor, end: Tensor, ranked: np.ndarray, score: Scores, seed: int) -> pd.DataFrame:
    t = torch.linspace(0, 1, 9)
    decoded = model.decode(slerp(start.float(), end.float(), t), n_decodings=30, seed=seed, choose="votes")
    molecules = [text if valid else None for text, valid in zip(decoded["smiles"], decoded["valid"], strict=True)]
    quality = compute_many([text or "" for text in molecules], ("QED", "SAS"), progress=silent)
    return pd.DataFrame(
        {
            "t": t.numpy(),
            "smiles": molecules,
            "QED": quality["QED"],
            "SAS": quality["SAS"],
            "percentile": percentiles(score(molecules), ranked),
        }
    )


def panels(figure: Figure4) -> list[Panel]:
    """The three parts of the figure, and a table of medians."""
    valid = figure.percentiles.dropna(subset="percentile")
    medians = (
        valid.groupby("method", sort=False)["percentile"]
        .describe(percentiles=[0.25, 0.5, 0.75])
        .loc[:, ["count", "25%", "50%", "75%", "max"]]
        .reset_index()
    )
    medians["above the 90th"] = [
        f"{(valid.loc[valid['method'] == name, 'percentile'] > 90).mean():.0%}" for name in medians["method"]
    ]
    centred = figure.encodings - figure.encodings.mean(0)
    _, _, directions = np.linalg.svd(centred[:5000], full_matrices=False)
    shown = figure.encodings[:3000]
    parts = [("molecules", shown), ("starts", figure.starts), ("ends", figure.ends)]
    flat = pd.concat(
        [
            pd.DataFrame((points - figure.encodings.mean(0)) @ directions[:2].T, columns=["PC 1", "PC 2"]).assign(
                kind=name, objective=figure.scores[: len(shown)] if name == "molecules" else np.nan
            )
            for name, points in parts
        ]
    )
    return [
        Panel(
            "percentiles",
            "violins",
            "Percentile of what is found, all trials pooled",
            "Of the data set, by the objective; bars are medians. Invalid decodings are left out and counted below.",
            frame=valid[["method", "percentile"]],
            options={"y": "percentile"},
        ),
        Panel("medians", "table", "The same in numbers", frame=medians.round(1)),
        Panel(
            "map", "scatter", "Starts from the lowest tenth, and where they end", frame=flat, options={"aspect": "auto"}
        ),
        Panel("path", "molecules", "Great circle from one start to its end", frame=figure.path.round(3)),
        Panel(
            "claims",
            "table",
            "The claims of the paper",
            "The Gaussian process knows the scores of all molecules that it was trained on, the genetic algorithm only"
            " those of its starting molecules and offspring: the experiment of the paper is not a race at equal cost.",
            frame=_claims(figure.percentiles, valid),
        ),
    ]


def _claims(everything: pd.DataFrame, valid: pd.DataFrame) -> pd.DataFrame:
    median = valid.groupby("method")["percentile"].median()
    processes = sorted(
        (name for name in median.index if name.startswith("GP")), key=lambda name: int(name[4:].replace(",", ""))
    )
    best = median[processes[-1]]
    decoded = everything[everything["method"].str.startswith("GP")]
    rows = [
        ("the Gaussian process finds better molecules than random draws", best > median["random"]),
        ("and than the genetic algorithm", best > median["genetic algorithm"]),
        ("more training molecules help it", best > median[processes[0]] if len(processes) > 1 else None),
        ("its median lies above the 90th percentile", best > 90),
    ]
    table = pd.DataFrame(rows, columns=["claim", "holds here"])
    table["holds here"] = table["holds here"].map({True: "yes", False: "no", None: "not tested"})
    share = decoded["percentile"].notna().mean()
    return pd.concat(
        [table, pd.DataFrame({"claim": ["valid decodings of its end points"], "holds here": [f"{share:.0%}"]})]
    )
