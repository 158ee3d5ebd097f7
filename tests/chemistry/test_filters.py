"""Each filter refuses what it should, with its reason, and nothing else."""

import re

import pytest

from molvae.chemistry.filters import FilterConfig, Filters
from molvae.chemistry.molecule import Molecule
from molvae.errors import ConfigError

ASPIRIN, _ = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O")


def test_a_drug_passes_the_defaults():
    assert Filters().reasons(ASPIRIN) == []


@pytest.mark.parametrize(
    ("settings", "smiles", "reason"),
    [
        ({}, "C[Si](C)(C)C", "element Si"),
        ({}, "[NH3+]CC[NH3+]", r"net charge \+2"),
        ({}, "C[CH2]", "radical"),
        ({}, "[13CH4]", "isotope"),
        ({}, "CC.O", "2 fragments"),
        ({"max_heavy_atoms": 5}, "CCCCCC", "6 heavy atoms"),
        ({"max_ring_size": 6}, "C1CCCCCC1", "ring of 7"),
        ({"lipinski": True}, "C" * 40, "rule of five"),
        ({"require": ["c1ccccc1"]}, "CCO", "lacks c1ccccc1"),
        ({"forbid": ["[F,Cl,Br,I]"]}, "CCCl", "contains"),
        ({"refuse_alerts": ["BRENK"]}, "O=CC=Cc1ccccc1", "alert BRENK"),
    ],
)
def test_each_refusal_has_its_reason(settings, smiles, reason):

    reasons = Filters(FilterConfig.create(settings)).reasons(Molecule.parse(smiles)[0])
    assert any(re.search(reason, text) for text in reasons), reasons


def test_alerts_are_reported_without_refusing():
    quinone, _ = Molecule.parse("O=C1C=CC(=O)C=C1")
    assert Filters().alerts(quinone) and Filters().reasons(quinone) == []


def test_a_wrong_smarts_is_named(capfd):
    for text in ("((", "", "\udcff"):
        with pytest.raises(ConfigError, match=re.escape(f"{text!r} is not a valid SMARTS")):
            FilterConfig.create({"forbid": [text]})
    assert capfd.readouterr().err == ""  # RDKit's own log would only repeat it


def test_violations_of_the_rule_of_five_are_counted():
    assert Filters().counts(ASPIRIN) == {"lipinski_violations": 0}
    assert Filters().counts(Molecule.parse("C" * 40)[0]) == {"lipinski_violations": 2}
