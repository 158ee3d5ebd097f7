"""One study as a recipe: its settings are those of the study, all of them written down."""

import numpy as np
import pandas as pd
import pytest

from molvae.errors import ConfigError, RunFolderError
from molvae.experiments.study import TRAININGS, StudyRecipe
from molvae.run.folder import read_run
from molvae.run.panels import load_panels
from molvae.run.progress import silent
from molvae.run.recipe import Context

from .studies.small import SMALL


def test_settings_that_are_left_out_are_those_of_the_study():
    recipe = StudyRecipe(study="collapse", settings={"warmup_steps": 3})
    assert recipe.settings["warmup_steps"] == 3 and recipe.settings["free_bits"] == 0.5
    assert StudyRecipe.create(recipe.model_dump(mode="json")) == recipe
    with pytest.raises(ConfigError, match=r"setting 'settings': .*did you mean 'warmup_steps'"):
        StudyRecipe.create({"study": "collapse", "settings": {"warmpu_steps": 3}})
    with pytest.raises(ConfigError, match="no study 'colapse': did you mean 'collapse'"):
        StudyRecipe.create({"study": "colapse"})


def test_it_leaves_its_panels_and_the_same_again_is_the_same(tmp_path):
    recipe = StudyRecipe(study="manifold", settings=SMALL["manifold"], seed=1)
    context = Context(tmp_path / "run", "cpu", progress=silent)
    folder = recipe.execute(context).folder
    first = load_panels(folder)
    assert [panel.name for panel in first] == ["manifold", "reconstructions", "latent-scatter"]
    assert read_run(folder).settings["settings"] == recipe.settings
    again = load_panels(recipe.execute(context).folder)
    np.testing.assert_array_equal(first[0].array, again[0].array)
    with pytest.raises(RunFolderError, match="seed: 1 then, 2 now"):
        recipe.model_copy(update={"seed": 2}).execute(context)


def test_the_data_of_the_study_is_taken_when_none_is_named(tmp_path):
    folder = StudyRecipe(study="half_rings", settings=SMALL["half_rings"]).execute(
        Context(tmp_path / "run", "cpu", progress=silent)
    )
    assert load_panels(folder.folder)[0].name == "half-rings-density"


def test_a_study_that_was_stopped_goes_on_with_the_training_that_it_was_stopped_in(tmp_path):
    recipe, whole, told, again = StudyRecipe(study="collapse", settings=SMALL["collapse"]), [], [], []
    expected = load_panels(recipe.execute(Context(tmp_path / "whole", "cpu", progress=whole.append)).folder)
    assert not (tmp_path / "whole" / TRAININGS).exists()

    def stopping(event):
        told.append(event)
        if len(told) == len(whole) // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recipe.execute(Context(tmp_path / "run", "cpu", progress=stopping))
    panels = load_panels(recipe.execute(Context(tmp_path / "run", "cpu", progress=again.append)).folder)
    assert len(again) < len(whole), "what was trained is not trained again"
    for one, other in zip(panels, expected, strict=True):
        assert one.name == other.name
        pd.testing.assert_frame_equal(one.frame, other.frame)
    assert not (tmp_path / "run" / TRAININGS).exists()
