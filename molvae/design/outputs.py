"""What a campaign leaves beside its store: tables of molecules, and what the report needs to draw latent space."""

import numpy as np
import pandas as pd
import torch

from molvae.chemistry.io import write_molecules
from molvae.chemistry.properties import compute_many
from molvae.core.sampling import slerp
from molvae.design.campaign import Campaign
from molvae.design.objective import Objective, formula_values
from molvae.run.files import atomic_path
from molvae.run.panels import Panel, save_panels
from molvae.run.progress import silent
from molvae.search.pareto import front, hypervolume

_BACKGROUND = 1000  # molecules that show where latent space is inhabited
_PATH_POINTS = 9


def write_outputs(campaign: Campaign) -> pd.DataFrame:
    """Write ``molecules.csv``, ``molecules.sdf``, ``latent.npz`` and ``path.csv`` to the run folder.

    Returns:
        The scored molecules, best first.
    """
    table = campaign.results()
    write_molecules(table, campaign.folder / "molecules.csv")
    good = table[table["status"] == "ok"]
    write_molecules(good, campaign.folder / "molecules.sdf")
    _write_background(campaign)
    if len(good):
        _write_path(campaign, good)
        if campaign.config.pareto:
            save_panels(campaign.folder, _front(campaign, good))
    return table


def _front(campaign: Campaign, good: pd.DataFrame) -> list[Panel]:
    """The molecules that no other beats in all objectives, as a picture and a table."""
    formulas = campaign.config.pareto
    objectives = [Objective.parse(formula) for formula in formulas]
    values = formula_values(objectives, good["smiles"].tolist())
    begun = good["origin"].to_numpy() == "start"
    kind = np.where(begun, "start", "proposed").astype(object)
    best = front(torch.from_numpy(values)).numpy()
    kind[best] = "front"
    frame = pd.DataFrame(values, columns=list(formulas))
    reference = values[begun].min(0) if begun.any() else values.min(0)
    volumes = [
        hypervolume(torch.from_numpy(values[rows]), torch.from_numpy(reference))
        for rows in (begun, np.ones(len(values), dtype=bool))
    ]
    table = frame[best].assign(smiles=good["smiles"].to_numpy()[best], call=good["call"].to_numpy()[best])
    caption = (
        f"{int(best.sum())} of {len(good)} molecules are beaten by no other in all objectives. Hypervolume above the"
        f" worst starting values: {volumes[0]:.4g} of the starting molecules, {volumes[1]:.4g} of all."
    )
    shown = frame.iloc[:, :2].assign(molecules=kind)
    order = shown["molecules"].map({"start": 0, "proposed": 1, "front": 2}).argsort(kind="stable")
    return [
        Panel(
            "front",
            "scatter",
            "Pareto front",
            caption,
            frame=shown.iloc[order],
            options={"x": formulas[0], "y": formulas[1], "aspect": "auto"},
        ),
        Panel("front-molecules", "table", "Molecules of the front", frame=table.sort_values(formulas[0])),
    ]


def _write_background(campaign: Campaign) -> None:
    """Encodings of molecules of the start file, with their objective where RDKit can compute it.

    These scores are for the figure alone: they are computed after the campaign and never reach the search.
    """
    smiles = (campaign.start + campaign.pool)[:_BACKGROUND]
    z, held = campaign.space.encode(smiles)
    smiles = [text for text, is_held in zip(smiles, held, strict=True) if is_held]
    scores = np.full(len(smiles), np.nan)
    if campaign.objective is not None and campaign.config.oracle is None:
        scores = _scores(campaign, smiles)
    with atomic_path(campaign.folder / "latent.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, z=z.numpy(), score=scores)


def _write_path(campaign: Campaign, good: pd.DataFrame) -> None:
    """Molecules on the great circle from the best starting molecule to the best one found."""
    start = good[good["origin"] == "start"]
    if start.empty:
        return
    ends, held = campaign.space.encode([str(start["smiles"].iloc[0]), str(good["smiles"].iloc[0])])
    if not held.all():
        return
    t = torch.linspace(0, 1, _PATH_POINTS)
    path = campaign.model.decode(slerp(ends[0], ends[1], t), n_decodings=32, seed=campaign.config.seed)
    path.insert(0, "t", t.numpy())
    path["score"] = np.nan
    if campaign.objective is not None and campaign.config.oracle is None:
        path["score"] = _scores(campaign, path["smiles"].tolist())
    properties = compute_many(path["smiles"].tolist(), ("QED", "SAS", "logP"), progress=silent)
    path = pd.concat([path, properties[["QED", "SAS", "logP"]]], axis=1)
    write_molecules(path, campaign.folder / "path.csv")


def _scores(campaign: Campaign, smiles: list[str]) -> np.ndarray:
    assert campaign.objective is not None
    return formula_values([campaign.objective], smiles)[:, 0]
