"""The named objectives: they parse, and the drugs themselves score as they should."""

import math

import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

from molvae.chemistry.domain import MOLECULES as DOMAIN
from molvae.chemistry.properties import compute
from molvae.chemistry.targets import MOLECULES
from molvae.chemistry.tasks import PMO, TASKS
from molvae.design.objective import Objective


def score(name: str, smiles: str) -> float:
    objective = Objective.parse(name, domain=DOMAIN)
    return objective.evaluate(compute(Chem.MolFromSmiles(smiles), objective.properties))


@pytest.mark.parametrize("name", TASKS)
def test_every_benchmark_is_a_formula_that_reads_back(name):
    objective = Objective.parse(name, domain=DOMAIN)
    assert Objective.parse(str(objective), domain=DOMAIN) == objective
    assert objective.direction == "max"


@pytest.mark.parametrize("name", [name for name in TASKS if name not in ("qed_sas", "penalized_logp")])
def test_scores_lie_between_zero_and_one(name):
    assert all(0 <= score(name, smiles) <= 1 for smiles in MOLECULES.values())


def test_a_drug_is_its_own_rediscovery_but_not_its_own_improvement():
    assert score("celecoxib_rediscovery", MOLECULES["celecoxib"]) == 1.0
    assert score("osimertinib_mpo", MOLECULES["osimertinib"]) < 0.5  # too similar to itself, not polar enough
    assert score("zaleplon_mpo", MOLECULES["zaleplon"]) < 0.8  # its formula is not the one that is asked for


def test_one_sided_gaussians():
    """``gauss(min(x, m), m, s)`` is 1 from m upwards, ``gauss(max(x, m), m, s)`` up to m."""
    above, below = Objective.parse("gauss(min(logP, 2), 2, 1)"), Objective.parse("gauss(max(logP, 2), 2, 1)")
    assert above.evaluate({"logP": 5.0}) == 1.0 and above.evaluate({"logP": 1.0}) == pytest.approx(0.60653066)
    assert below.evaluate({"logP": -5.0}) == 1.0 and below.evaluate({"logP": 3.0}) == pytest.approx(0.60653066)


def test_the_benchmark_of_practical_optimisation_has_twenty_formulas():
    assert len(PMO) == len(set(PMO)) == 20 and set(PMO) < set(TASKS)


SMILES = [
    *MOLECULES.values(),
    "CN(C=O)Cc1ccc(-c2ccccc2)cc1",  # the piece of valsartan
    "CCCOc1cc2ncnc(NC)c2cc1C",  # the scaffold of the kinase inhibitor without its decoration
    "CCCOc1cccc(Nc2ccc3ncsc3c2)c1",  # and a decoration without its scaffold
]


def hops(smiles: str) -> tuple[bool, bool, bool, float]:
    """Sulfone, decoration and scaffold of GuacaMol's kinase inhibitor, and the likeness of pharmacophores."""
    mol, target = Chem.MolFromSmiles(smiles), Chem.MolFromSmiles("CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C")
    patterns = "CS([#6])(=O)=O", "[#7]-c1ccc2ncsc2c1", "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"
    has = [mol.HasSubstructMatch(Chem.MolFromSmarts(text)) for text in patterns]
    prints = [Generate.Gen2DFingerprint(each, Gobbi_Pharm2D.factory) for each in (mol, target)]
    return (*has, DataStructs.TanimotoSimilarity(*prints))


@pytest.mark.parametrize("smiles", SMILES)
def test_the_hops_keep_one_half_of_a_molecule(smiles):
    sulfone, decoration, scaffold, likeness = hops(smiles)
    keeps = min(likeness / 0.85, 1) + (not sulfone) + (not decoration) + scaffold
    assert score("deco_hop", smiles) == pytest.approx(keeps / 4)
    chain = "[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-[#7]-c1ccc2ncsc2c1"
    long = Chem.MolFromSmiles(smiles).HasSubstructMatch(Chem.MolFromSmarts(chain))
    assert score("scaffold_hop", smiles) == pytest.approx((min(likeness / 0.75, 1) + long + (not scaffold)) / 3)


def test_pieces_of_the_kinase_inhibitor_count_as_they_should():
    assert [hops(smiles)[:3] for smiles in SMILES[-2:]] == [(False, False, True), (False, True, False)]
    assert score("deco_hop", SMILES[-2]) > 0.75 and score("scaffold_hop", SMILES[-1]) > 0.66


@pytest.mark.parametrize("smiles", SMILES)
def test_valsartan_wants_the_properties_of_sitagliptin(smiles):
    mol, wanted = Chem.MolFromSmiles(smiles), Chem.MolFromSmiles(MOLECULES["sitagliptin"])
    product = float(mol.HasSubstructMatch(Chem.MolFromSmarts("CN(C=O)Cc1ccc(c2ccccc2)cc1")))
    for measure, width in ((Crippen.MolLogP, 0.2), (rdMolDescriptors.CalcTPSA, 5), (Descriptors.BertzCT, 30)):
        product *= math.exp(-0.5 * ((measure(mol) - measure(wanted)) / width) ** 2)
    assert score("valsartan_smarts", smiles) == pytest.approx(product**0.25, rel=1e-3)
