"""The named objectives: they parse, and the drugs themselves score as they should."""

import pytest
from rdkit import Chem

from molvae.chemistry.domain import MOLECULES as DOMAIN
from molvae.chemistry.properties import compute
from molvae.chemistry.targets import MOLECULES
from molvae.chemistry.tasks import TASKS
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
