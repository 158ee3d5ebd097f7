"""Only what is known by name gets through, in the page and again in the worker."""

import json

import pytest

from molvae.app import choices, uploads
from molvae.chemistry import targets
from molvae.errors import ConfigError, MolvaeError
from molvae.experiments.design import DesignRecipe
from molvae.experiments.registry import make_recipe
from molvae.weights import PROTEINS


def test_choices_are_what_the_command_line_lists(molvae, workspace):
    def listed(what: str) -> set[str]:
        return {row["name"] for row in json.loads(molvae("list", what, "--json").stdout)}

    assert listed("models") - PROTEINS == set(choices.models(workspace))
    assert listed("strategies") == {*choices.strategies(), *choices.strategies(pareto=True)}
    assert listed("properties") >= set(choices.properties()["name"]) - {f"{name}(...)" for name in choices.FUNCTIONS}


@pytest.mark.parametrize("formula", ["5*QED - SAS", "osimertinib_mpo", "similarity('celecoxib') * element('F')"])
def test_known_names_pass(formula):
    assert choices.check_formula(formula).properties


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("modl('/etc')", "not allowed here"),
        ("model('/etc')", "not allowed here"),
        ("__import__('os')", "not allowed here"),
        ("QED.__class__", "only numbers"),
        ("GED", "unknown property"),
        ("similarity('not a molecule')", "neither a valid SMILES"),
        ("QED " * 400, "at most 1000 characters"),
    ],
)
def test_everything_else_is_refused(formula, says):
    with pytest.raises(ConfigError, match=says):
        choices.check_formula(formula)


def test_a_formula_that_reads_a_folder_is_refused_before_it_reads(monkeypatch):
    opened = []

    class Reading(targets.Target):
        reads_files = True

    monkeypatch.setitem(targets.TARGETS, "reads", Reading(opened.append, "folder", "of a folder"))
    with pytest.raises(ConfigError, match="reads is not allowed here"):
        choices.check_formula("QED + reads('/etc')")
    assert opened == [] and "reads" not in choices.targets()
    monkeypatch.setattr(choices.DOMAIN, "targets", list(targets.TARGETS))  # even if the domain let it through
    assert not any(targets.TARGETS[name].reads_files for name in choices.targets())


def recipe(**values) -> DesignRecipe:
    return DesignRecipe.create(values)


def test_recipes_that_may_run(workspace):
    start = uploads.store_text(workspace, uploads.new_session(), "CCO")
    for allowed in (recipe(), recipe(model="zinc250k-small", input=str(start))):
        assert choices.check_recipe(allowed, workspace, begun=False) is allowed


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"campaign": {"oracle": "os:system"}}, "oracle of its own"),
        ({"campaign": {"oracle": "command: rm -rf /"}}, "oracle of its own"),
        ({"campaign": {"oracle": "ask"}}, "oracle of its own"),
        ({"campaign": {"budget": 1_000_000}}, "at most 20,000"),
        ({"campaign": {"num_workers": 1000}}, "cores"),
        ({"model": "/somewhere/else"}, "outside the workspace"),
        ({"model": "../else"}, "outside the workspace"),
        ({"input": "/etc/passwd"}, "begins with an upload"),
        ({"input": "zinc250k"}, "begins with an upload"),  # it would be downloaded
        ({"kind": "train"}, "molvae resume"),
    ],
)
def test_recipes_that_may_not(workspace, values, says):
    with pytest.raises(MolvaeError, match=says):
        choices.check_recipe(make_recipe(values), workspace, begun=False)


def test_models_are_those_that_ship_or_were_trained_here(workspace):
    assert choices.model_of(workspace, "zinc250k") == "zinc250k"
    for name in ("run: nothing", "/etc", "run: ../x", ""):
        with pytest.raises(ConfigError, match="no model"):
            choices.model_of(workspace, name)
    folder = workspace.root / "trained" / "model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    record = {"format": 2, "kind": "train", "settings": {}, "facts": {}}
    (folder.parent / "config.json").write_text(json.dumps(record))
    assert choices.model_of(workspace, "run: trained") == str(folder.parent)
