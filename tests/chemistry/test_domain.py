"""Molecules as a domain: each promise of the protocol."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molvae.chemistry.domain import MOLECULES, nci_molecules
from molvae.chemistry.filters import FilterConfig
from molvae.errors import ConfigError

DRUGS = [MOLECULES.parse(text)[0] for text in ("CC(=O)Oc1ccccc1C(=O)O", "CC(=O)Nc1ccc(O)cc1", "CCO")]


def test_properties_and_targets():
    values = MOLECULES.compute(DRUGS[0], ["QED", MOLECULES.target("element", "O"), "similarity('CC(=O)Nc1ccc(O)cc1')"])
    assert 0 < values["QED"] < 1 and values["element('O')"] == 4 and 0 < list(values.values())[2] < 1
    assert MOLECULES.is_property("QED") and MOLECULES.is_property("isomer('C9H8O4')")
    assert not MOLECULES.is_property("dock")
    assert all(MOLECULES.is_property(name) for name in (*MOLECULES.properties, *MOLECULES.reported))


@pytest.mark.parametrize("kind", MOLECULES.targets)
@pytest.mark.parametrize("argument", ["", "\ud800", "é", "(", "C" * 5000])
def test_hostile_arguments_of_targets_are_refused_in_words(kind, argument):
    with pytest.raises(ConfigError):
        MOLECULES.target(kind, argument)


def test_similarity_is_tanimoto_of_counts():
    matrix = MOLECULES.similarity(DRUGS, DRUGS)
    np.testing.assert_array_equal(np.diag(matrix), 1.0)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > 0
    # sum of minima over sum of maxima, spelt out
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2)
    a, b = (generator.GetCountFingerprint(drug.mol).GetNonzeroElements() for drug in DRUGS[:2])
    least = sum(min(a.get(key, 0), b.get(key, 0)) for key in a | b)
    most = sum(max(a.get(key, 0), b.get(key, 0)) for key in a | b)
    assert matrix[0, 1] == pytest.approx(least / most)
    assert matrix[0, 1] == DataStructs.TanimotoSimilarity(
        *(generator.GetSparseCountFingerprint(drug.mol) for drug in DRUGS[:2])
    )
    assert MOLECULES.similarity(DRUGS, []).shape == (3, 0)


def test_filters_evolution_and_drawing():
    filters = MOLECULES.filters(MOLECULES.filter_settings.create({"forbid": ["c1ccccc1"]}))
    assert isinstance(filters.config, FilterConfig) and filters.reasons(DRUGS[0]) and not filters.reasons(DRUGS[2])
    evolution = MOLECULES.evolution(10, seed=0)
    evolution.tell(DRUGS, [1.0, 2.0, 3.0])
    children = evolution.ask(5)
    assert len(children) == 5 and not set(children) & set(DRUGS)
    assert MOLECULES.draw("CCO", 100, 80).startswith("<svg") and MOLECULES.draw("no molecule", 100, 80) == ""


def test_tables_come_back_from_files(tmp_path):
    table = pd.DataFrame({"smiles": ["CCO", "CCN"], "score": [1.5, np.nan], "status": ["ok", "failed"]})
    paths = MOLECULES.write(table, tmp_path, "molecules")
    assert paths["table"] == tmp_path / "molecules.csv"
    assert MOLECULES.read(paths["table"])["smiles"].tolist() == ["CCO", "CCN"]
    assert MOLECULES.read(paths["structures"])["smiles"].tolist() == ["CCO"]  # those that have a score
    assert len(nci_molecules()) > 4000


def test_a_worker_process_need_not_wait_for_torch():
    check = "import sys, molvae.chemistry.domain, molvae.design.oracle.scorers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
