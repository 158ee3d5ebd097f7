"""What the process knows of molecules: count fingerprints, and where they lie in latent space."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from molvae.chemistry.fingerprints import CountFingerprints
from molvae.chemistry.molecule import parse_smiles
from molvae.errors import InputError, abbreviate
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import Progress, silent, track
from molvae.search.mixed import squared_distances

_ENCODED = 512  # molecules between two words about progress


@dataclass(frozen=True)
class Features:
    """n molecules.

    Attributes:
        fingerprints: their ECFP4 counts.
        z: posterior means (n, D), NaN where the VAE cannot hold a molecule; None where no VAE is used.
    """

    fingerprints: CountFingerprints
    z: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.fingerprints)

    @property
    def dimension(self) -> int:
        """D, or 1."""
        return 1 if self.z is None else self.z.shape[1]

    def take(self, rows: np.ndarray) -> "Features":
        """Some of them."""
        return Features(self.fingerprints.take(rows), None if self.z is None else self.z[rows])

    def similarity(self, others: "Features") -> np.ndarray:
        """MinMax similarity of fingerprints, (n, m)."""
        return self.fingerprints.similarity(others.fingerprints)

    def squared_distance(self, others: "Features", same: bool = False) -> np.ndarray:
        """Of latent points, (n, m), see :func:`~molvae.search.mixed.squared_distances`."""
        assert self.z is not None and others.z is not None, "these features were made without a VAE"
        return squared_distances(self.z, others.z, same)


def parse_all(smiles: Sequence[str]) -> list[Chem.Mol]:
    """Molecules of n SMILES.

    Raises:
        InputError: one of them is not valid; says which and why.
    """
    if isinstance(smiles, str):
        raise InputError("give a list of SMILES: write [smiles] for a single one")
    mols = []
    for row, text in enumerate(smiles):
        mol, reason = parse_smiles(text)
        if mol is None:
            raise InputError(f"row {row}: {abbreviate(str(text))!r} is not a molecule ({reason}): leave it out")
        mols.append(mol)
    return mols


def featurise(mols: Sequence[Chem.Mol], vae: MoleculeVAE | None, progress: Progress = silent) -> Features:
    """Features of n valid molecules.

    Args:
        mols: the molecules.
        vae: gives the latent points; None leaves them out.
        progress: told how far the encoding has come.
    """
    fingerprints = CountFingerprints.of(mols)
    if vae is None:
        return Features(fingerprints)
    smiles = [Chem.MolToSmiles(mol) for mol in mols]
    blocks = [smiles[start : start + _ENCODED] for start in range(0, len(smiles), _ENCODED)]
    points = [vae.encode_with_errors(block)[0].double().numpy() for block in track(blocks, "encoding", None, progress)]
    return Features(fingerprints, np.concatenate(points) if points else np.empty((0, vae.latent_size)))
