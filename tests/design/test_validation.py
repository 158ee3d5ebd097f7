"""Validation: every string gets a verdict, and every refusal its reason."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.filters import FilterConfig, Filters, lipinski_violations
from molvae.chemistry.molecule import parse_smiles
from molvae.core.training_set import TrainingSet
from molvae.design.validation import Validator

RHODANINE = "O=C1NC(=S)SC1=Cc1ccccc1"  # a PAINS


@pytest.fixture(scope="module")
def validator() -> Validator:
    filters = Filters(FilterConfig.create({"forbid": ["[N+](=O)[O-]"]}))
    return Validator(MOLECULES, TrainingSet.build(["CCO", "c1ccccc1"]), filters)


def test_one_row_for_each_string_in_its_order(validator: Validator) -> None:
    strings = ["OCC", "c1ccccc1C", "C1CC", "CCO", "CC[N+](=O)[O-]", "", "CC[Po]", "C(C)(C)(C)(C)C"]
    table = validator.validate(strings)
    assert list(table) == [
        *("input", "smiles", "valid", "status", "reason", "novel", "alerts"),
        "lipinski_violations",
    ]
    assert table["input"].tolist() == strings
    assert table["smiles"].tolist()[:4] == ["CCO", "Cc1ccccc1", None, "CCO"]
    assert table["status"].tolist() == [
        *("valid", "valid", "invalid", "duplicate"),
        *("filtered", "invalid", "filtered", "invalid"),
    ]
    assert table["valid"].tolist() == [True, True, False, True, True, False, True, False]
    assert table["novel"].tolist() == [False, True, False, False, True, False, True, False]
    assert ((table["reason"] == "") == (table["status"] == "valid")).all()
    assert table["reason"][3] == "the same as row 1 of this list"
    assert "Po" in table["reason"][6]


def test_known_molecules_are_reported_and_refused_only_on_demand() -> None:
    for require_novel, status in ((False, "valid"), (True, "known")):
        table = Validator(MOLECULES, {"CCO"}, require_novel=require_novel).validate(["OCC", "CCC"])
        assert table["status"].tolist() == [status, "valid"]
        assert table["novel"].tolist() == [False, True]
    assert Validator(MOLECULES, require_novel=True).validate(["CCO"])["status"].tolist() == ["valid"]


def test_alerts_are_reported_without_refusing(validator: Validator) -> None:
    table = validator.validate([RHODANINE, "CCO"])
    assert table["status"].tolist() == ["valid", "valid"]
    assert "; " in table["alerts"][0]  # PAINS and BRENK both know it
    assert table["alerts"][1] == ""


def test_the_rule_of_five(validator: Validator) -> None:
    table = validator.validate(["CCO", "C" * 40, "C1CC"])
    assert table["lipinski_violations"].tolist() == [0, 2, pd.NA]  # too heavy and too greasy
    molecule, _ = parse_smiles("OC" * 6 + "C" * 40)
    assert molecule is not None
    assert lipinski_violations(molecule) == 2


def test_an_empty_list_has_the_same_columns(validator: Validator) -> None:
    assert validator.validate([]).dtypes.to_dict() == validator.validate(["C"]).dtypes.to_dict()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=12) | st.text("CNOc1()=#[]+-@H%2F", max_size=20), max_size=5))
def test_no_string_at_all_stops_validation(strings: list[str]) -> None:
    table = Validator(MOLECULES).validate(strings)
    assert table["input"].tolist() == strings
    assert (table["smiles"].isna() == (table["status"] == "invalid")).all()


@pytest.mark.parametrize(
    "text", ["C" * 5000, "(" * 5000, "</script>", "C\0C", "'; DROP TABLE x", "\ud800", "C" * 50 + "%%%"]
)
def test_hostile_strings_are_judged_like_any_other(validator: Validator, text: str) -> None:
    table = validator.validate([text, "CC"])
    assert table["status"].tolist()[1] == "valid"
    assert len(table["reason"][0]) < 1000
