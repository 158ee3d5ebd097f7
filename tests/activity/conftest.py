"""A small assay with a known noise."""

import numpy as np
import pandas as pd
import pytest

from molvae.experiments.fit import SimulatedAssay


@pytest.fixture(scope="session")
def measured() -> pd.DataFrame:
    """160 measurements of 120 molecules, noise 0.3: ``smiles``, ``activity``."""
    return SimulatedAssay(molecules=120, replicates=40, noise=0.3).table()


@pytest.fixture
def shuffled(measured: pd.DataFrame) -> pd.DataFrame:
    """The same values on the wrong molecules: nothing is to be learned."""
    values = np.random.default_rng(0).permutation(measured["activity"].to_numpy())
    return measured.assign(activity=values)
