"""Properties made for a target: values that can be counted by hand, and published definitions."""

import math

import pytest
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from molvae.chemistry.properties import check_names, compute, compute_many, find_property, is_property, target_name
from molvae.chemistry.targets import MOLECULES, TARGETS
from molvae.errors import ConfigError

FORMULAS = {  # of the drugs, from their labels
    "albuterol": "C13H21NO3",
    "celecoxib": "C17H14F3N3O2S",
    "osimertinib": "C28H33N7O2",
    "perindopril": "C19H32N2O5",
    "ranolazine": "C24H33N3O4",
    "sildenafil": "C22H30N6O4S",
    "sitagliptin": "C16H15F6N5O",
    "tadalafil": "C22H19N3O4",
    "troglitazone": "C24H27NO5S",
    "zaleplon": "C17H15N5O",
}


def value(name: str, smiles: str) -> float:
    return compute(Chem.MolFromSmiles(smiles), [name])[name]


@pytest.mark.parametrize("name", MOLECULES)
def test_the_named_drugs_are_molecules(name):
    mol = Chem.MolFromSmiles(MOLECULES[name])
    assert CalcMolFormula(mol) == FORMULAS.get(name, CalcMolFormula(mol))


CHEMICAL = [kind for kind, target in TARGETS.items() if not target.reads_files]


@pytest.mark.parametrize("kind", [kind for kind in TARGETS if kind.startswith("similarity")])
def test_similarity_is_one_only_to_itself(kind):
    assert value(f"{kind}('celecoxib')", MOLECULES["celecoxib"]) == 1.0
    assert value(f"{kind}('{MOLECULES['celecoxib']}')", MOLECULES["celecoxib"]) == 1.0
    assert 0 <= value(f"{kind}('celecoxib')", MOLECULES["menthol"]) < 0.5


def test_an_isomer_is_a_matter_of_counts():
    assert value("isomer('C2H6O')", "COC") == 1.0
    # CO: one C and two H and three atoms too few, Gaussians of sigma 1, 1 and 2, and a perfect O: geometric mean of 4
    expected = math.exp(-(0.5 * 1 + 0.5 * 4 + 0 + 0.5 * (3 / 2) ** 2) / 4)
    assert value("isomer('C2H6O')", "CO") == pytest.approx(expected)


def test_elements_and_substructures_are_counted():
    assert value("element('F')", "FC(F)(F)Cl") == 3.0
    assert value("element('H')", "CCO") == 6.0
    assert value("substructure('[OX2H]')", "CCO") == 1.0
    assert value("substructure('[OX2H]')", "COC") == 0.0


def test_they_stand_wherever_a_property_stands():
    name = target_name("similarity", "CCO")
    table = compute_many(["CCO", "x", "CCN"], ["QED", name])
    assert table[name].tolist()[0] == 1.0 and math.isnan(table[name].tolist()[1])
    assert is_property(name) and is_property("QED")
    assert not is_property("nonsense('CCO')") and not is_property("similarity(3)")
    assert find_property(name).source == "Brown et al. 2019"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("similarity('foo')", "'foo' is neither a valid SMILES"),
        ("isomer('C2h6')", "not a molecular formula"),
        ("isomer('Xx2')", "no element 'Xx'"),
        ("element('Xx')", "no element"),
        ("substructure('[')", "not a valid SMARTS"),
        ("nonsense('x')", "no property"),
        *[(f"{kind}('\\ud800')", r"'\\ud800' is not a valid .*: that is plain ASCII") for kind in CHEMICAL],
        ("substructure('C\\x00')", "plain ASCII"),
        (f"similarity('{'C' * 2000}')", "at most 1000 characters"),
        (f"isomer('C{'9' * 900}')", "not a molecular formula"),
        (f"element({'(' * 5000}'C'{')' * 5000})", "no property"),
    ],
)
def test_a_wrong_target_is_refused(name, message, capfd):
    with pytest.raises(ConfigError, match=message):
        check_names([name])
    assert capfd.readouterr().err == ""  # RDKit's own stack stays out of sight
