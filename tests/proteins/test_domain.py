"""Proteins as the domain of a campaign."""

import copy
import random

import numpy as np
import pytest

from molvae.design.objective import Objective
from molvae.design.protocols import Illustrated
from molvae.errors import CheckpointError, ConfigError, InputError
from molvae.proteins.domain import PROTEINS, ProteinDomain, domain_of
from molvae.proteins.evolution import crossover, mutate
from molvae.proteins.filters import ProteinFilterConfig, ProteinFilters
from molvae.proteins.function import FunctionModel
from molvae.proteins.kmers import features
from molvae.proteins.sequence import Protein

from .family import family, works


def test_properties_of_known_peptides():
    glucagon = Protein("HSQGTFTSDYSKYLDSRRAQDFVQWLMNT")
    values = PROTEINS.compute(glucagon, ["length", "mass", "hydropathy", "aromaticity", "cysteines"])
    assert values["length"] == 29 and values["mass"] == pytest.approx(3.4828, abs=0.002)  # 3,482.8 Da
    assert values["hydropathy"] == pytest.approx(-28.7 / 29) and values["cysteines"] == 0
    charges = [PROTEINS.compute(Protein(text), ["charge"])["charge"] for text in ("KKKK", "GGGG", "DDDD")]
    assert charges[0] > 3.5 and abs(charges[1]) < 0.3 and charges[2] < -3.5


def test_a_formula_may_name_a_wild_type():
    formula = Objective.parse("2*similarity('mkvaydle') - length/100", domain=PROTEINS)
    values = PROTEINS.compute(Protein("MKVAYDLA"), formula.properties)
    assert formula.evaluate(values) == pytest.approx(2 * 7 / 8 - 0.08)
    with pytest.raises(ConfigError, match="no protein to be compared with"):
        Objective.parse("similarity('MK1')", domain=PROTEINS)
    with pytest.raises(ConfigError, match="unknown property 'function'"):
        Objective.parse("function", domain=PROTEINS)


def test_filters_say_why():
    config = ProteinFilterConfig.create(
        {"max_length": 12, "require": ["PxxP"], "forbid": ["NG"], "lead": "MKPAYPLE", "min_similarity": 0.6}
    )
    filters = ProteinFilters(config)
    assert filters.reasons(Protein("MKPAYPLA")) == []
    reasons = "; ".join(filters.reasons(Protein("MNGKAAAAAAAAAYDLE")))
    for part in ("17 residues", "run of more than 8", "lacks PxxP", "contains NG", "similarity"):
        assert part in reasons
    assert "glycosylation site at 3" in filters.alerts(Protein("MKNVSC"))
    for wrong, message in (
        ({"require": ["P[xP"]}, "is no motif"),
        ({"lead": "M1"}, "the lead is no protein"),
        ({"min_similarity": 0.5}, "give one"),
        ({"lead": "MKVA", "forbid": ["KV"]}, "itself would be refused"),
        ({"min_length": 9, "max_length": 3}, "above max_length"),
    ):
        with pytest.raises(ConfigError, match=message):
            ProteinFilterConfig.create(wrong)


def test_mutants_are_one_step_away_and_children_have_two_parents():
    rng = random.Random(0)
    for _ in range(50):
        child = mutate("MKVAYDLEPRNW", rng)
        assert abs(len(child) - 12) <= 1 and child != "MKVAYDLEPRNW" and Protein.parse(child)[0]
        mixed = crossover("A" * 10, "W" * 14, rng)
        assert set(mixed) == {"A", "W"} and len(mixed) in (10, 14)


def test_evolution_goes_on_from_its_state(members):
    items = [Protein(text) for text in members]
    scores = [works(text) for text in members]

    def begun():
        evolution = PROTEINS.evolution(20, seed=3)
        evolution.tell(items, scores)
        return evolution

    whole = begun()
    first, second = whole.ask(5), None
    state = whole.state()
    second = whole.ask(5)
    resumed = begun()
    resumed.load_state(state)
    assert resumed.ask(5) == second and not {*first, *second} & set(items)


def test_evolution_finds_better_sequences(members):
    evolution = PROTEINS.evolution(20, seed=0)
    evolution.tell([Protein(text) for text in members], [works(text) for text in members])
    for _ in range(20):
        asked = evolution.ask(10)
        evolution.tell(asked, [works(item.sequence) for item in asked])
    assert evolution.population[0][0] > max(map(works, members))


def test_a_breeder_gives_new_texts_with_their_features(members):
    draw = random.Random(1)
    known = set(members)
    children = PROTEINS.breeder().offspring(lambda: Protein(draw.choice(members)), 30, random.Random(0), known)
    assert len(children) == 30 and not known & {text for text, _ in children}
    assert all(np.array_equal(found, features(text)) for text, found in children)


def test_similarity_is_the_jaccard_index_of_the_features_and_positive_definite(members):
    items = [Protein(text) for text in members[:20]]
    kernel = PROTEINS.similarity(items, items)
    left, right = (set(PROTEINS.features(item).tolist()) for item in items[:2])
    assert kernel[0, 1] == pytest.approx(len(left & right) / len(left | right))
    assert np.allclose(np.diag(kernel), 1) and np.linalg.eigvalsh(kernel).min() > -1e-9
    assert PROTEINS.similarity([Protein("MK")], items).shape == (1, 20)  # too short for a triplet


def test_a_drawing_holds_residues_only():
    svg = PROTEINS.draw("MKVA", 200, 100)
    assert svg.count("<rect") == 4 and ">M</text>" in svg
    assert PROTEINS.draw("<script>", 200, 100) == ""


def test_function_is_fitted_and_fades_far_away(members):
    values = np.array([works(text) for text in members])
    model = FunctionModel.fit(members, values, "made up")
    others = family(120, seed=9)
    truth = np.array([works(text) for text in others])
    assert np.corrcoef(model(others), truth)[0, 1] > 0.6
    assert model(["WWWWWWWWWW"])[0] == pytest.approx(values.mean(), abs=0.02)
    again = FunctionModel.from_csv(model.to_csv())
    assert again.name == "made up" and np.allclose(again(others), model(others), atol=1e-6)
    with pytest.raises(InputError, match="at least ten"):
        FunctionModel.fit(members[:5], values[:5])
    with pytest.raises(CheckpointError, match="damaged"):
        FunctionModel.from_csv("sequence,weight\nmean of x,0\nM1,2\n")


def test_a_model_of_function_is_distilled_into_one_of_other_sequences(members):
    model = FunctionModel.fit(members, np.array([works(text) for text in members]), "made up")
    distilled = model.distilled([*members, *family(120, seed=9)])
    assert distilled.name == "made up" and not set(distilled.sequences) & set(members)
    others = family(120, seed=4)
    assert np.corrcoef(distilled(others), model(others))[0, 1] > 0.9
    with pytest.raises(InputError, match="at least ten"):
        model.distilled(members)


def test_the_domain_of_a_folder_knows_its_function(model_folder, tmp_path):
    domain = domain_of(model_folder)
    assert domain.default_objective == "function" and len(domain.default_start()) == 60
    assert copy.deepcopy(domain).compute(Protein("MKVAYDLE"), ["function"])  # travels to workers
    assert list(domain.files_behind(["function"])) == ["function"] and domain.files_behind(["length"]) == {}
    assert isinstance(domain, Illustrated)
    plain = domain_of(tmp_path)
    assert isinstance(plain, ProteinDomain) and "function" not in plain.properties
    with pytest.raises(InputError, match="-i"):
        plain.default_start()
