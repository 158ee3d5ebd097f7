"""Quality of a set of molecules, on sets small enough to count."""

import math
from collections import Counter

import numpy as np
import pytest
from rdkit import Chem

from molvae.chemistry import chemnet, metrics
from molvae.chemistry.metrics import cosine, fragments, generated_quality, scaffolds
from molvae.core.frechet import frechet_distance
from molvae.errors import CheckpointError
from molvae.run.progress import silent

REFERENCE = ["c1ccccc1CCN", "CC(=O)Nc1ccc(O)cc1", "C1CCCCC1C(=O)O", "nonsense"]


def measure(smiles: list[str], known: set[str] | None = None, reference: list[str] = REFERENCE) -> dict[str, float]:
    return generated_quality(smiles, reference, known, progress=silent)


def test_shares_are_of_what_they_say():
    numbers = measure(["CCO", "OCC", "CCN", "C1CC", "xx"], {"CCO"})
    assert numbers["molecules"] == 5
    assert numbers["validity"] == 3 / 5
    assert numbers["uniqueness"] == 2 / 3  # CCO and OCC are one molecule
    assert numbers["novelty"] == 1 / 2  # of the distinct ones, CCO is known


def test_the_reference_itself_is_as_near_as_can_be():
    numbers = measure(REFERENCE[:3])
    for name in ("nearest_neighbour_similarity", "scaffold_similarity", "fragment_similarity"):
        assert numbers[name] == pytest.approx(1.0)
    assert 0.5 < numbers["internal_diversity"] < 1


def test_a_set_of_one_molecule_is_not_diverse():
    assert measure(["c1ccccc1CCN"] * 3)["internal_diversity"] == 0.0
    far = measure(["FC(F)(F)Cl", "FC(F)Cl"])
    assert far["nearest_neighbour_similarity"] < 0.2 and far["fragment_similarity"] == 0.0
    assert math.isnan(far["scaffold_similarity"])  # no ring, no scaffold


def test_nothing_valid_gives_no_number_rather_than_an_error():
    numbers = measure(["xx", ""])
    assert numbers["validity"] == 0
    assert all(math.isnan(value) for name, value in numbers.items() if name not in ("molecules", "validity"))
    assert math.isnan(measure([])["validity"])


def test_scaffolds_and_fragments():
    mol = Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1")
    assert scaffolds(mol) == ["c1ccccc1"]
    assert len(fragments(mol)) == 3  # acyl, amine and ring: two BRICS bonds
    assert scaffolds(Chem.MolFromSmiles("CCO")) == []


def test_cosine_of_counts():
    assert cosine(Counter(a=3, b=4), Counter(a=3, b=4)) == pytest.approx(1.0)
    assert cosine(Counter(a=1), Counter(b=1)) == 0.0
    assert cosine(Counter(a=1, b=1), Counter(a=1)) == pytest.approx(1 / math.sqrt(2))


def test_frechet_distance_of_normal_distributions():
    """In one dimension (m - m')^2 + (s - s')^2 (Dowson & Landau 1982); with commuting covariances the sum of these."""
    one = frechet_distance(np.array([1.0]), np.array([[4.0]]), np.array([3.0]), np.array([[9.0]]))
    assert one == pytest.approx(4 + 1)
    mean, other = np.array([0.0, 1.0]), np.array([2.0, 1.0])
    assert frechet_distance(mean, np.diag([1.0, 4.0]), other, np.diag([9.0, 4.0])) == pytest.approx(4 + 4)


def test_chemnet_tells_one_kind_of_molecule_from_another():
    alcohols = ["C" * n + "O" for n in range(2, 12)]
    same, other = (
        measure(alcohols, reference=reference) for reference in (alcohols, [f"{s}c1ccccc1" for s in alcohols])
    )
    assert same["frechet_chemnet_distance"] == pytest.approx(0, abs=1e-3)
    assert other["frechet_chemnet_distance"] > 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_chemnet_is_the_network_of_its_authors():
    """Squared norms of the last layer, as the package's own loader gave them once."""
    from fcd.fcd import get_predictions

    activations = get_predictions(chemnet._network(), ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O"])
    assert (activations**2).sum(1) == pytest.approx([9.345764, 15.646149, 33.501686], rel=1e-4)


def test_other_weights_of_chemnet_are_refused(monkeypatch):
    monkeypatch.setattr(chemnet, "_SHA256", "0" * 64)
    with pytest.raises(CheckpointError, match=r"install fcd==1\.2\.2"):
        measure(["CCO", "CCN"], reference=["CCC", "CCS"])


def test_without_the_extra_there_is_no_chemnet_distance(monkeypatch):
    monkeypatch.setattr(metrics, "chemnet_is_installed", lambda: False)
    assert "frechet_chemnet_distance" not in measure(["CCO"])
