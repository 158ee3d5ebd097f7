"""From a TOML file or a run folder to the recipe that its kind names; what a recipe may not be is explained."""

import pytest

from molvae.errors import ConfigError, RunFolderError
from molvae.experiments.design import DesignRecipe
from molvae.experiments.registry import KINDS, make_recipe, read_recipe, recipe_of_run
from molvae.experiments.study import StudyRecipe
from molvae.run.progress import silent
from molvae.run.recipe import Context


def test_the_kind_of_a_recipe_is_its_name_in_the_registry():
    assert {name: KINDS[name].model_fields["kind"].default for name in KINDS} == {name: name for name in KINDS}
    assert all(KINDS.descriptions[name] for name in KINDS)


def test_an_empty_recipe_is_the_default_design_run(tmp_path):
    (tmp_path / "empty.toml").touch()
    recipe = read_recipe(tmp_path / "empty.toml")
    assert recipe == DesignRecipe()
    assert recipe.campaign.objective == "5*QED - SAS" and recipe.campaign.budget == 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "dream"', "no kind of run 'dream'"),
        ('kind = "benchmrk"', "did you mean 'benchmark'"),
        ("kind = []", r"kind is one of design, train.*not \[\]"),
        ("kind = 3", "kind is one of design, train.*not 3"),
        ("[kind]\nname = 1", "kind is one of design, train"),
        ("[campaign]\nbudgte = 3", "did you mean 'budget'"),
        ('[campaign]\nobjective = "QDE"', "QED"),
        ('[campaign]\nstrategy = "magic"', "strategy"),
        ('kind = "study"', "study"),
        ('kind = "study"\nstudy = "alchemy"', "gradient_variance"),
        ('kind = "study"\nstudy = "collapse"\n[settings]\nwarmpu_steps = 3', "did you mean 'warmup_steps'"),
        ('kind = "benchmark"\n[benchmark]\nobjectives = ["qed_sass"]', "unknown property 'qed_sass'"),
        ('kind = "images"\n[train.model]\nlikelihood = "poisson"', "bernoulli"),
    ],
)
def test_a_wrong_recipe_is_explained(tmp_path, text, message):
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_recipe(tmp_path / "recipe.toml")


def test_a_run_folder_names_its_recipe(tmp_path):
    recipe = make_recipe({"kind": "study", "study": "collapse", "seed": 5})
    assert type(recipe) is StudyRecipe
    recipe.open_folder(Context(tmp_path / "run", progress=silent))
    assert recipe_of_run(tmp_path / "run") == recipe
    config = tmp_path / "run" / "config.json"
    config.write_text(config.read_text().replace('"collapse"', '"alchemy"'))
    with pytest.raises(RunFolderError, match=r"config.json cannot be used: .*no study 'alchemy'"):
        recipe_of_run(tmp_path / "run")
