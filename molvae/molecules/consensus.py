"""Many decodings of one latent point, and the molecule that they agree on.

A recurrent decoder is a distribution over strings: several strings, some of them invalid, some of them the same
molecule, come from one z. Counting valid molecules by their canonical SMILES turns them into votes
(Gomez-Bombarelli et al. 2018 decode each point up to 500 times and keep the most frequent).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from rdkit import Chem
from torch import Tensor

from molvae.errors import ConfigError
from molvae.molecules.parsing import parse_smiles

if TYPE_CHECKING:
    from molvae.molecules.vae import Mask, MoleculeVAE


@dataclass(frozen=True)
class Decoding:
    """One molecule that a latent point decodes to.

    Attributes:
        smiles: canonical SMILES.
        votes: number of decodings that gave it.
        log_prob: the largest log p(x|z) among them, in nats.
    """

    smiles: str
    votes: int
    log_prob: float


@dataclass(frozen=True)
class PointDecodings:
    """All that came out of one latent point.

    Attributes:
        molecules: the valid ones, most votes first (ties: more probable first).
        error: why there is none, or an empty string.
        text: the greedy string as decoded.
    """

    molecules: list[Decoding]
    error: str
    text: str


def decode_points(
    model: "MoleculeVAE",
    z: Tensor | np.ndarray,
    n_decodings: int = 50,
    temperature: float = 1.0,
    top_p: float = 1.0,
    mask: "Mask" = "valence",
    seed: int = 0,
) -> list[PointDecodings]:
    """Decode each of n points (n, D) ``n_decodings`` times: once greedily, the rest sampled.

    The greedy decoding is repeated where it runs into a dead end; a sampled one is not, and has no vote if it is no
    molecule.

    Raises:
        ConfigError: ``n_decodings`` is not positive.
    """
    if n_decodings < 1:
        raise ConfigError(f"n_decodings must be at least 1, not {n_decodings}")
    points = torch.as_tensor(z, dtype=torch.float32)
    finite = torch.isfinite(points).all(-1)
    good = points[finite]
    texts, log_prob = model.generate(good, mask=mask)
    rows: list[list[tuple[str, float]]] = [[pair] for pair in zip(texts, log_prob.tolist(), strict=True)]
    if n_decodings > 1 and len(good):
        generator = torch.Generator().manual_seed(seed)
        repeated = good.repeat_interleave(n_decodings - 1, 0)
        texts, log_prob = model.generate(repeated, temperature, top_p, mask, generator, retries=0)
        for number, pair in enumerate(zip(texts, log_prob.tolist(), strict=True)):
            rows[number // (n_decodings - 1)].append(pair)
    parsed: dict[str, tuple[str | None, str]] = {}
    made = iter(rows)
    nothing = PointDecodings([], "the latent point is not finite", "")
    return [_count(next(made), parsed) if is_finite else nothing for is_finite in finite.tolist()]


def _count(pairs: list[tuple[str, float]], parsed: dict[str, tuple[str | None, str]]) -> PointDecodings:
    votes: dict[str, int] = {}
    best: dict[str, float] = {}
    for text, log_prob in pairs:
        if text not in parsed:
            mol, reason = parse_smiles(text)
            parsed[text] = (None if mol is None else Chem.MolToSmiles(mol), reason)
        smiles = parsed[text][0]
        if smiles is not None:
            votes[smiles] = votes.get(smiles, 0) + 1
            best[smiles] = max(best.get(smiles, -np.inf), log_prob)
    order = sorted(votes, key=lambda smiles: (-votes[smiles], -best[smiles], smiles))
    error = "" if order else parsed[pairs[0][0]][1]
    return PointDecodings([Decoding(smiles, votes[smiles], best[smiles]) for smiles in order], error, pairs[0][0])


def decode_table(
    model: "MoleculeVAE",
    z: Tensor | np.ndarray,
    n_decodings: int,
    temperature: float,
    top_p: float,
    mask: "Mask",
    seed: int,
) -> pd.DataFrame:
    """The winner of each point as a table: ``smiles, valid, votes, log_prob, error``, one row a point."""
    rows = []
    for point in decode_points(model, z, n_decodings, temperature, top_p, mask, seed):
        winner = point.molecules[0] if point.molecules else None
        rows.append(
            {
                "smiles": winner.smiles if winner else point.text,
                "valid": winner is not None,
                "votes": winner.votes if winner else 0,
                "log_prob": winner.log_prob if winner else float("nan"),
                "error": point.error,
            }
        )
    return pd.DataFrame(rows, columns=["smiles", "valid", "votes", "log_prob", "error"])
