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
from molvae.design.protocols import Domain, Filters, Model
from molvae.design.settings import CampaignConfig
from molvae.design.strategies.registry import STRATEGIES
from molvae.errors import InputError, RunFolderError
from molvae.run.files import write_text

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


def select_start(
    model: Model, start: pd.DataFrame | Sequence[str] | None, config: CampaignConfig, filters: Filters
) -> Start:
    """Draw what a campaign begins with, and a pool for screening, from what the user gave.

    Rows that are not valid, that the filters refuse, or that the model cannot hold are passed over. What has no score
    yet is ordered by the setting ``preselect`` instead of drawn, if there is one, and kept diverse by ``diversity``.

    Args:
        model: of the campaign.
        start: a table with the column of the domain, or texts; None: the default of the domain.
        config: says how many (at most ``start_size``), and the seed of the draw.
        filters: of the campaign.

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
    # screening never gets through more than the budget; a strategy may ask for a library
    longest = max(_MIN_POOL, config.budget, getattr(STRATEGIES[config.strategy], "pool_size", 0))
    chosen: dict[Any, None] = {}
    reasons: list[str] = []
    for row in np.random.default_rng([config.seed, 1]).permutation(len(texts)):
        if len(chosen) == config.start_size + longest:
            break
        item, reason = domain.parse(texts[row])
        if item is not None:
            reason = next(iter(filters.reasons(item)), "") or model.accepts(item) or ""
        if item is None or reason:
            reasons.append(f"row {row + 1}: {reason}")
        else:
            chosen.setdefault(item)
    if not chosen:
        raise InputError(f"none of the {len(texts)} starting candidates can be used: {'; '.join(reasons[:3])}")
    items = list(chosen)
    measured = isinstance(start, pd.DataFrame) and "score" in start.columns
    if measured or not (config.diversity.limited or config.preselect):
        return Start(items[: config.start_size], items[config.start_size :])
    if formula := config.parsed_preselect(domain):
        value = np.nan_to_num(formula.sign * formula_values([formula], items)[:, 0], nan=-np.inf)
        items = [items[row] for row in np.argsort(-value, kind="stable")]
    first = diverse_rows(items, domain, config.diversity, config.start_size)
    taken = set(first)
    return Start([items[row] for row in first], [item for row, item in enumerate(items) if row not in taken])
