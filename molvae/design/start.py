"""What a campaign begins with: which rows of the user's file are scored first, and which stay for screening."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from molvae.design.diversity import diverse_rows
from molvae.design.objective import formula_values
from molvae.design.oracle.scorers import LABORATORY
from molvae.design.protocols import Domain, Filters, Fitting, Model
from molvae.design.settings import CampaignConfig
from molvae.design.strategies.registry import STRATEGIES
from molvae.errors import InputError, RunFolderError
from molvae.run.files import write_text
from molvae.run.progress import Progress, silent
from molvae.run.seeds import step_seed

_MOST_ROWS = 20_000  # looked at where few rows can be expected to fit
_TRIALS = 20  # candidates made to fit, for each that the campaign begins with
_MIN_POOL = 1000  # items beside those of the start; the report draws them


@dataclass(frozen=True)
class Start:
    """What a campaign begins with.

    Attributes:
        items: those that are scored first.
        pool: the others, in the order of the draw.
    """

    items: list[Any]
    pool: list[Any]

    def write(self, folder: Path, suffix: str) -> None:
        """Keep them in the run folder, so that a resumed run does not depend on the user's file."""
        for name, items in (("pool", self.pool), ("start", self.items)):
            write_text(folder / f"{name}{suffix}", "".join(f"{item.identity}\n" for item in items))

    @classmethod
    def read(cls, folder: Path, domain: Domain) -> "Start":
        """Read what :meth:`write` wrote.

        Raises:
            RunFolderError: a file is missing or damaged.
        """
        try:
            texts = [(folder / f"{name}{domain.suffix}").read_text(encoding="utf-8") for name in ("start", "pool")]
        except (OSError, UnicodeDecodeError) as error:
            raise RunFolderError(f"{folder} is incomplete: {error}; begin again in another folder") from None
        items, pool = ([domain.parse(line)[0] for line in text.splitlines()] for text in texts)
        if None in items or None in pool:
            raise RunFolderError(f"{folder}: what the campaign began with is damaged; begin again in another folder")
        return cls(items, pool)

    def checksum(self) -> str:
        """SHA-256 of all identities."""
        lines = [*(item.identity for item in self.items), "", *(item.identity for item in self.pool)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def longest_pool(config: CampaignConfig) -> int:
    """How many items are drawn beside those that are scored first, if there are so many."""
    # screening never gets through more than the budget; a strategy may ask for a library
    return max(_MIN_POOL, config.budget, int(getattr(STRATEGIES[config.chosen_strategy], "pool_size", 0)))


def select_start(
    model: Model,
    start: pd.DataFrame | Sequence[str] | None,
    config: CampaignConfig,
    filters: Filters,
    progress: Progress = silent,
) -> Start:
    """Draw what a campaign begins with, and a pool for screening, from what the user gave.

    Rows that are not valid, that the filters refuse, or that the model cannot hold are passed over. Where candidates
    must be like something (a lead, a scaffold), what is like that from the beginning comes first, then rows that fit,
    then candidates made of rows that do not, until there are as many as the settings say; no more than 20,000 rows are
    looked at. If the rows were measured in a laboratory, nothing is made. What has no score yet is then ordered by the
    setting ``preselect``, if there is one, and kept diverse by ``diversity``.

    Args:
        model: of the campaign.
        start: a table with the column of the domain, or texts; None: the default of the domain.
        config: says how many (at most ``start_size``), and the seed of the draw.
        filters: of the campaign.
        progress: told how far the ordering by ``preselect`` has come.

    Raises:
        InputError: no row is left; gives the first reasons.
    """
    domain = model.domain
    table = domain.default_start() if start is None else start
    if isinstance(table, pd.DataFrame):
        if domain.column not in table.columns:
            columns = ", ".join(map(str, table.columns))
            raise InputError(f"the start table has no column {domain.column!r}; its columns: {columns}")
        table = table[domain.column].tolist()
    texts = [str(text) for text in table]
    longest = longest_pool(config)
    fitting = filters.fitting
    measured = config.oracle == LABORATORY and isinstance(start, pd.DataFrame) and "score" in start
    order = np.random.default_rng([config.seed, 1]).permutation(len(texts))
    chosen: dict[Any, None] = {}
    refused: list[Any] = []  # items that candidates may be made of
    reasons: list[str] = []
    if fitting is not None and not measured:
        chosen = dict.fromkeys(item for item in fitting.seeds() if model.accepts(item) is None)
        order = order[:_MOST_ROWS]
    for row in order:
        if len(chosen) == config.start_size + longest:
            break
        item, reason = domain.parse(texts[row])
        if item is not None:
            reason = next(iter(filters.reasons(item)), "") or model.accepts(item) or ""
        if item is None or reason:
            reasons.append(f"row {row + 1}: {reason}")
            refused += [item] if item is not None else []
        else:
            chosen.setdefault(item)
    if fitting is not None and not measured:
        _make_fit(chosen, refused, fitting, model, config)
    if not chosen:
        raise InputError(f"none of the {len(texts)} starting candidates can be used: {'; '.join(reasons[:3])}")
    items = list(chosen)
    scored = isinstance(start, pd.DataFrame) and "score" in start.columns
    if scored or not (config.diversity.limited or config.preselect):
        return Start(items[: config.start_size], items[config.start_size :])
    if formula := config.parsed_preselect(domain):
        value = np.nan_to_num(formula.sign * formula_values([formula], items, progress)[:, 0], nan=-np.inf)
        items = [items[row] for row in np.argsort(-value, kind="stable")]
    first = diverse_rows(items, domain, config.diversity, config.start_size)
    taken = set(first)
    return Start([items[row] for row in first], [item for row, item in enumerate(items) if row not in taken])


def _make_fit(
    chosen: dict[Any, None], refused: Sequence[Any], fitting: Fitting, model: Model, config: CampaignConfig
) -> None:
    """Fill up what a campaign begins with by candidates that are made of those that do not fit."""
    parents = list(fitting.seeds())
    for number in range(_TRIALS * config.start_size):
        if len(chosen) >= config.start_size or not refused:
            return
        made = fitting.fit(refused[number % len(refused)], parents, step_seed(config.seed, number))
        if made is not None and model.accepts(made) is None:
            chosen.setdefault(made)
