"""Read a run folder; what is missing is left out, so that a run killed midway still gives a report."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from molvae.design.store import CampaignStore
from molvae.errors import MolvaeError
from molvae.run.folder import read_run
from molvae.run.panels import FOLDER as PANELS
from molvae.run.panels import Panel, load_panels


@dataclass(frozen=True)
class CampaignData:
    """One campaign: its oracle answers in order of the calls, and its candidates; both name an item in ``column``."""

    evaluations: pd.DataFrame
    candidates: pd.DataFrame
    seconds: float
    column: str = "smiles"


@dataclass(frozen=True)
class Run:
    """What a run folder holds.

    Attributes:
        kind: of the recipe.
        settings, facts, provenance: as the run recorded them.
        campaign: of a design run.
        baselines: further campaigns by name of their strategy.
        table: what a campaign scored, ``molecules.csv``.
        latent: points (n, d) and scores (n,) that show where latent space is inhabited.
        path: the strip between start and best.
        metrics: log of a training run.
        evaluation: numbers of an evaluation.
        panels: tables and pictures of a study or an image model.
        notes: what could not be read.
    """

    folder: Path
    kind: str
    settings: dict[str, Any]
    facts: dict[str, Any]
    provenance: dict[str, Any]
    campaign: CampaignData | None = None
    baselines: dict[str, CampaignData] = field(default_factory=dict)
    table: pd.DataFrame | None = None
    latent: tuple[np.ndarray, np.ndarray] | None = None
    path: pd.DataFrame | None = None
    metrics: pd.DataFrame | None = None
    evaluation: dict[str, Any] | None = None
    panels: tuple[Panel, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sign(self) -> int:
        """+1 if more is better."""
        return -1 if self.settings.get("campaign", {}).get("direction") == "min" else 1


def load_run(folder: Path) -> Run:
    """Read everything that is there.

    Raises:
        RunFolderError: no run folder, or its settings are damaged.
    """
    record = read_run(folder)
    notes: list[str] = []

    def attempt(name: str, read: Callable[[Path], Any]) -> Any:
        if not (folder / name).exists():
            return None
        try:
            return read(folder / name)
        except (MolvaeError, OSError, ValueError, KeyError) as error:
            notes.append(f"{name} could not be read: {error}")
            return None

    baselines = {}
    for path in sorted((folder / "baselines").glob("*/campaign.sqlite")):
        baseline = attempt(str(path.relative_to(folder)), _campaign)
        if baseline is not None:
            baselines[path.parent.name] = baseline
    campaign = attempt("campaign.sqlite", _campaign)
    texts = {} if campaign is None else {campaign.column: str}  # digits are text, not numbers

    def read_table(path: Path) -> pd.DataFrame:
        return pd.read_csv(path, dtype=texts)

    return Run(
        folder=folder,
        kind=record.kind,
        settings=record.settings,
        facts=record.facts,
        provenance=attempt("provenance.json", _json) or {},
        campaign=campaign,
        baselines=baselines,
        table=attempt(f"{Path(str(record.facts.get('domain', 'molecules'))).name}.csv", read_table),
        latent=attempt("latent.npz", _latent),
        path=attempt("path.csv", read_table),
        metrics=attempt("metrics.csv", pd.read_csv),
        evaluation=attempt("evaluation.json", _json),
        panels=tuple(attempt(PANELS, lambda path: load_panels(path.parent)) or ()),
        notes=tuple(notes),
    )


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _campaign(path: Path) -> CampaignData:
    with CampaignStore(path, read_only=True) as store:
        evaluations = store.evaluations(expand=True).sort_values("call").reset_index(drop=True)
        return CampaignData(evaluations, store.candidates(), float(store.steps()["seconds"].sum()), store.column)


def _latent(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return file["z"], file["score"]
