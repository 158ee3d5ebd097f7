"""Morgan fingerprints (Rogers & Hahn 2010): RDKit's generators, one of a kind in a process."""

import functools
from typing import Any

from rdkit.Chem import rdFingerprintGenerator

ECFP4 = 2
"""The radius of ECFP4."""


@functools.cache
def morgan_generator(radius: int = ECFP4, size: int = 2048) -> Any:
    """RDKit's generator of a radius; ``size`` is that of folded fingerprints, and means nothing for sparse ones."""
    # made on use: RDKit's objects do not travel to other processes
    return rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=size)
