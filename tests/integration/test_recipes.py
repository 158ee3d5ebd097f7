"""Every shipped recipe is understood; an empty file is the default design run."""

from pathlib import Path

import pytest
from molvae.experiments.recipes import DesignRecipe, read_recipe

from molvae.errors import ConfigError

RECIPES = sorted((Path(__file__).parents[2] / "pipelines").rglob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipe(path):
    assert read_recipe(path).kind in (
        "design",
        "train",
        "evaluate",
        "images",
        "study",
        "benchmark",
        "ablations",
        "figure4",
    )


def test_an_empty_recipe_is_the_default_design_run(tmp_path):
    (tmp_path / "empty.toml").touch()
    recipe = read_recipe(tmp_path / "empty.toml")
    assert recipe == DesignRecipe()
    assert recipe.campaign.objective == "5*QED - SAS" and recipe.campaign.budget == 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "dream"', "kind is one of design, train"),
        ("[campaign]\nbudgte = 3", "did you mean 'budget'"),
        ('[campaign]\nobjective = "QDE"', "QED"),
        ('[campaign]\nstrategy = "magic"', "strategy"),
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


def test_a_design_recipe_runs(molvae, tmp_path):
    (tmp_path / "recipe.toml").write_text("[campaign]\nbudget = 14\nstart_size = 10\nbatch = 4\n")
    done = molvae("run", "recipe.toml", "-o", "run", "-q")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").exists()


def test_a_comparison_runs_and_goes_on(molvae, tmp_path):
    (tmp_path / "recipe.toml").write_text(
        'kind = "benchmark"\n[benchmark]\nobjectives = ["qed_sas"]\nstrategies = ["latent", "genetic"]\nseeds = [0]\n'
        "[benchmark.campaign]\nbudget = 14\nstart_size = 10\nbatch = 4\n"
    )
    done = molvae("benchmark", "recipe.toml", "-o", "run", "-q")
    assert done.returncode == 0, done.stderr
    assert "latent" in done.stdout and "genetic" in done.stdout
    assert "top-10 curve" in (tmp_path / "run" / "report.html").read_text()
    again = molvae("benchmark", "recipe.toml", "-o", "run", "-q")
    assert again.stdout == done.stdout
    refused = molvae("benchmark", "-o", "run", "-q")
    assert refused.returncode == 1 and "other settings" in refused.stderr
