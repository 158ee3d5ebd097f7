"""Gaussian process search of the latent space, in the places where the latent space holds molecules.

The search proposes more points than will be scored. All are decoded; those that decode to nothing teach the
feasibility model, for free. The molecules that the others decode to are encoded again, and the acquisition
chooses among these encodings: what is compared, modelled and told is then the place of the molecule itself, not
of a point that happened to decode to it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molvae.design.latent_space import LatentSpace
from molvae.design.settings import CampaignConfig
from molvae.design.strategies.base import Judge, Option, Outcome, Suggestion
from molvae.molecules.reranking import PointDecodings
from molvae.search import Search


class LatentSearch:
    """The ``latent`` strategy.

    Args:
        space: the latent space.
        config: of the campaign.
    """

    def __init__(self, space: LatentSpace, config: CampaignConfig) -> None:
        self.space = space
        self.config = config
        self.search = self.make_search()

    def make_search(self) -> Search:
        """The search over points, with nothing told."""
        prior_mean = self.space.predicted_utility if self.config.use_predictor else None
        return Search(self.space.dimension, self.config.search, prior_mean, seed=self.config.seed)

    def to_search_space(self, z: Tensor) -> Tensor:
        """Latent points (n, D) -> points of the search (n, d)."""
        return z.double()

    def begin(self, smiles: Sequence[str], utility: np.ndarray) -> None:
        z, held = self.space.encode(smiles)
        kept = [text for text, is_held in zip(smiles, held, strict=True) if is_held]
        self.search.tell(
            self.to_search_space(z), self.values(kept, utility[held]), torch.ones(len(z), dtype=torch.bool)
        )

    def values(self, smiles: Sequence[str | None], utility: Sequence[float] | np.ndarray) -> Tensor:
        """What the search is told of molecules: their utility (n,)."""
        return torch.as_tensor(np.asarray(utility, dtype=float))

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        asked = self.search.ask(count * self.config.oversample, step)
        decoded = self.space.decode(asked.z, step)
        fresh: dict[str, tuple[int, int]] = {}  # molecule -> row of its point, votes
        refused: list[Suggestion] = []
        for row, point in enumerate(decoded):
            option = _first_fresh(point, judge, fresh)
            if option is not None:
                fresh[option.smiles] = (row, option.votes)
            elif not any(molecule.smiles in fresh for molecule in point.molecules):
                refused.append(_suggestion(point, asked.z[row]))  # nothing new: told, but not scored
        return self._select(fresh, count, step) + refused

    def _select(self, fresh: dict[str, tuple[int, int]], count: int, step: int) -> list[Suggestion]:
        """The molecules with the best joint acquisition at their own encodings."""
        smiles = list(fresh)
        z, held = self.space.encode(smiles)
        smiles = [text for text, is_held in zip(smiles, held, strict=True) if is_held]
        if not smiles:
            return []
        rows, chosen = self.search.select(z.double(), min(count, len(smiles)), step)
        return [
            Suggestion(
                options=(Option(smiles[row], fresh[smiles[row]][1]),),
                z=chosen.z[place].numpy(),
                mean=float(chosen.mean[place]),
                std=float(chosen.std[place]),
                acquisition=float(chosen.acquisition[place]),
                feasibility=float(chosen.feasibility[place]),
            )
            for place, row in enumerate(rows)
        ]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        # what was told without having been asked for has no point yet: its encoding is one, if the model can hold it
        unasked = [outcome for outcome in outcomes if outcome.z is None and outcome.smiles is not None]
        encoded, held = self.space.encode([str(outcome.smiles) for outcome in unasked])
        known = [outcome for outcome in outcomes if outcome.z is not None]
        points = [torch.from_numpy(outcome.z).double() for outcome in known if outcome.z is not None]
        known += [outcome for outcome, is_held in zip(unasked, held, strict=True) if is_held]
        if not known:
            return
        values = self.values([outcome.smiles for outcome in known], [outcome.utility for outcome in known])
        feasible = torch.tensor([outcome.smiles is not None for outcome in known], dtype=torch.bool)
        self.search.tell(self.to_search_space(torch.stack([*points, *encoded.double()])), values, feasible)

    def state(self) -> dict[str, Any]:
        return dict(self.search.state())

    def load_state(self, state: dict[str, Any]) -> None:
        self.search.load_state(state)


def _first_fresh(point: PointDecodings, judge: Judge, taken: dict[str, tuple[int, int]]) -> Any:
    """The molecule with most votes that is acceptable, not scored yet and not in this batch."""
    for option in point.molecules:
        if option.smiles not in taken and judge(option.smiles):
            return option
    return None


def _suggestion(point: PointDecodings, z: Tensor) -> Suggestion:
    """A point that gave nothing new, with what it decoded to for the record."""
    options = tuple(Option(option.smiles, option.votes) for option in point.molecules)
    return Suggestion(options, z.double().numpy(), point.text, point.error)
