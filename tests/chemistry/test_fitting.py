"""Molecules are made to fit: around a lead, on a scaffold."""

import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molvae.chemistry.domain import MOLECULES, nci_molecules
from molvae.chemistry.filters import FilterConfig, Filters
from molvae.chemistry.molecule import Molecule
from molvae.errors import ConfigError

SCAFFOLD = "c1ccc([*:1])cc1[*:2]"
LEAD = "CC(=O)Nc1ccc(O)cc1"
DONORS = [item for item, _ in map(MOLECULES.parse, nci_molecules()["smiles"].head(60)) if item is not None]
SETTINGS = {
    "lead": {"lead": LEAD, "min_similarity": 0.5},
    "scaffold": {"scaffold": SCAFFOLD},
    "both": {"lead": "CC(=O)Nc1cccc(O)c1", "scaffold": SCAFFOLD},
    "and other filters": {"scaffold": SCAFFOLD, "forbid": ["[Cl,Br,I]"], "max_heavy_atoms": 20},
}


def similarity(first: str, second: str) -> float:
    """Tanimoto, Morgan radius 2: as a user would compute it."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return DataStructs.TanimotoSimilarity(*(generator.GetFingerprint(Chem.MolFromSmiles(s)) for s in (first, second)))


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_most_molecules_can_be_made_to_fit(settings):
    filters = Filters(FilterConfig(**settings))
    fitting = filters.fitting
    made = [fitting.fit(donor, fitting.seeds(), seed) for seed, donor in enumerate(DONORS)]
    good = [one for one in made if one is not None]
    assert len(good) > 0.8 * len(made) and len(set(good)) > 20
    assert all(not filters.reasons(one) and fitting.fits(one) for one in good)
    assert made[:9] == [fitting.fit(donor, fitting.seeds(), seed) for seed, donor in enumerate(DONORS[:9])]
    if "min_similarity" in settings:
        assert min(similarity(one.smiles, LEAD) for one in good) >= 0.5


def test_filters_say_why_a_molecule_does_not_fit():
    filters = Filters(FilterConfig(lead=LEAD, scaffold="c1cc([*:1])ccc1[*:2]"))
    assert filters.reasons(Molecule.parse(LEAD)[0]) == []
    assert filters.reasons(Molecule.parse("CCO")[0]) == [
        "does not keep the scaffold, or grows where it has no mark",
        "similarity 0.08 to the lead, less than 0.4",
    ]


def test_the_lead_may_be_a_drug_by_name_and_is_where_it_begins():
    fitting = Filters(FilterConfig(lead="celecoxib")).fitting
    assert [item.smiles for item in fitting.seeds()] == ["Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"]
    assert [item.smiles for item in Filters(FilterConfig(scaffold=SCAFFOLD)).fitting.seeds()] == ["c1ccccc1"]
    assert Filters(FilterConfig()).fitting is None


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"lead": "nothing"}, "neither a molecule .* nor a drug known by name"),
        ({"min_similarity": 0.5}, "min_similarity is to a lead"),
        ({"lead": LEAD, "min_similarity": 1.5}, "less than or equal to 1"),
        ({"lead": "CCO", "scaffold": SCAFFOLD}, "the lead itself would be refused: does not keep the scaffold"),
        ({"lead": LEAD, "forbid": ["[OX2H]"]}, "the lead itself would be refused: contains"),
        ({"scaffold": "c1ccccc1"}, "has no mark where it may grow"),
    ],
)
def test_what_contradicts_itself_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        FilterConfig.create(settings)
