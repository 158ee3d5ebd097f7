"""A campaign whose oracle is a laboratory: it is asked what to measure, and told what was measured."""

from pathlib import Path
from typing import Any

import pandas as pd

from molvae.design.campaign import Campaign
from molvae.design.latent_space import load_searchable
from molvae.design.oracle.scorers import LABORATORY
from molvae.design.outputs import write_outputs
from molvae.design.settings import CampaignConfig
from molvae.errors import ConfigError, InputError
from molvae.run.folder import CONFIG, read_run
from molvae.run.progress import silent
from molvae.weights import SEARCH_MODEL, model_name, weights_folder

_BUDGET = 100_000  # more than any laboratory measures


def suggest_molecules(
    folder: Path,
    number: int,
    start: Path | None,
    smiles_column: str | None,
    settings: dict[str, Any],
    model: str | None,
    device: str,
) -> pd.DataFrame:
    """Molecules to be measured next; the first call begins the campaign.

    Args:
        folder: of the campaign; made if it does not exist.
        number: how many.
        start: molecules to begin with; rows with a number in a column ``score`` count as measured.
        smiles_column: of that file.
        settings: of the campaign, if it begins.
        model: of the campaign; default: that with which it began, or the one with which campaigns have been measured.
        device: of the model.

    Raises:
        ConfigError: settings, a start or another model for a campaign that has begun, or one with an oracle of its own.
    """
    if (folder / CONFIG).exists():
        if settings or start is not None:
            raise ConfigError(f"{folder} has begun: give no start and no settings again")
        with _laboratory(folder, device) as campaign:
            if model is not None and model_name(weights_folder(model)) != campaign.model.name:
                raise ConfigError(f"{folder} has begun with the model {campaign.model.name}: leave -m {model} out")
            return campaign.ask(number)
    loaded = load_searchable(model or SEARCH_MODEL, device)
    table = None if start is None else loaded.domain.read(start, smiles_column)
    measured = None if table is None or "score" not in table else table[table["score"].notna()]
    size = number if measured is None or measured.empty else len(measured)
    config = CampaignConfig.create({"oracle": LABORATORY, "budget": _BUDGET, "start_size": size, **settings})
    chosen = table if measured is None or measured.empty else measured
    with Campaign(loaded, start=chosen, folder=folder, config=config, progress=silent) as campaign:
        if measured is not None and len(measured):
            campaign.tell(measured)
        return campaign.ask(number)


def tell_results(
    folder: Path, file: Path, smiles_column: str | None, score_column: str, device: str
) -> tuple[pd.DataFrame, int]:
    """Take in measured scores; returns a row for each of the file, and how many molecules are still awaited.

    Raises:
        ConfigError: the campaign has an oracle of its own.
        InputError: the file has no column of scores.
    """
    with _laboratory(folder, device) as campaign:
        table = campaign.domain.read(file, smiles_column)
        if score_column not in table:
            columns = ", ".join(map(str, table.columns))
            raise InputError(f"{file} has no column {score_column!r}; its columns: {columns}")
        told = campaign.tell(table.assign(score=table[score_column]))
        write_outputs(campaign)
        told.insert(0, "line", table["line"].to_numpy())
        return told, len(campaign.pending)


def _laboratory(folder: Path, device: str) -> Campaign:
    settings = read_run(folder, "design").settings
    if settings.get("campaign", {}).get("oracle") != LABORATORY:
        raise ConfigError(f"{folder} has an oracle of its own: go on with 'molvae resume {folder}'")
    model = load_searchable(str(settings.get("model", "")), device)
    return Campaign.resume(folder, model, progress=silent)
